"""
Loops of devices that remember
==============================

Two triangle sweeps in a row: the second begins with the state in which the first one ended.
Where both loops are the same, the first sweep brought the device back to where it began.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

# Preset, peak voltage [V] and time of a sweep [s].
sweeps = {
    "drift/zhuo2022-bipolar": (0.8, 1e-3),
    "linear-drift/strukov2008": (3.0, 1.0),
    "yakopcic/tiotto": (1.0, 1.0),
    "ecm/illustration": (1.0, 1.0),
}
with mj.plot.style():
    fig, axes = plt.subplots(2, 2, figsize=(9, 6))
    for ax, (preset, (peak, period)) in zip(axes.flat, sweeps.items()):
        name, values, _ = mj.presets.load(preset)
        device = mj.params.replace(mj.model(name), values)
        wave = mj.triangle_sweep(peak, 4 * peak / period, negative=peak, cycles=2)
        trace = mj.simulate(device, wave, save=period / 500, deterministic=True).check()
        v, current = np.ravel(trace.v), np.abs(np.ravel(trace.i))
        for k, (color, width) in enumerate((("#9cc3ea", 4), ("#d1495b", 1.2))):
            half = slice(500 * k, 500 * (k + 1))
            ax.semilogy(v[half], current[half], color=color, lw=width, label=f"sweep {k + 1}")
        ax.set_ylim(bottom=np.quantile(current[current > 0], 0.02))
        ax.set_title(name, fontsize=11)
        ax.set(xlabel="Voltage (V)", ylabel="|Current| (A)")
    axes[0, 0].legend()

"""
Loops of six models
===================

One triangle sweep, six devices: the shape of the loop tells what kind of device it is.
Current is drawn on a logarithmic axis, since it spans decades.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

# Preset, peak voltage [V] and time of a sweep [s].
sweeps = {
    "diffusive-1m1t1r/zhao2025-table1": (0.5, 1.0),
    "second-order/illustration": (1.0, 1.0),
    "and-ts/ostrovskii2025": (0.3, 1e-3),
    "vteam/illustration": (1.0, 1.0),
    "stanford-pku/port": (0.8, 1.0),
    "mms/knowm": (0.5, 0.1),
}
with mj.plot.style():
    fig, axes = plt.subplots(2, 3, figsize=(10, 6))
    for ax, (preset, (peak, period)) in zip(axes.flat, sweeps.items()):
        name, values, _ = mj.presets.load(preset)
        device = mj.params.replace(mj.model(name), values)
        sweep = mj.triangle_sweep(peak, 4 * peak / period, negative=peak)
        trace = mj.simulate(device, sweep, save=period / 1000, deterministic=True).check()
        mj.plot.iv(trace, ax=ax, color="#2f6fb2", width=1.4, alpha=1.0)
        current = np.abs(np.ravel(trace.i))
        ax.set_ylim(bottom=np.quantile(current[current > 0], 0.02))
        ax.set_title(name, fontsize=11)

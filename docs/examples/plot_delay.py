"""
Higher pulses switch sooner
===========================

The delay from the onset of a pulse until the device conducts falls by decades with the height of the pulse.
Below some height the channel never closes.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

values = mj.presets.load("diffusive/wang2024-pulse")[1]
device = mj.params.replace(mj.DiffusiveMemristor(), values)
heights = np.geomspace(0.3, 3.0, 14)  # V
width = 1.0  # s
pulses = [mj.Sampled([0.0, 1e-7, width], [0.0, v, v]) for v in heights]
bench = mj.Bench(series_resistance=22e3)
rows = np.geomspace(1e-5, width, 1000)  # one per cent apart
trace = mj.simulate(
    device,
    pulses,
    bench=bench,
    save=[rows] * len(pulses),
    deterministic=True,
    conditions=mj.Conditions(carry_state=False),
).check()
on = np.abs(np.asarray(trace.i)).reshape(len(pulses), -1) > 1e-6
delay = np.where(on.any(axis=1), rows[np.argmax(on, axis=1)], np.inf)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.semilogy(heights, delay, "o-", color="#3b4252")
    ax.set(xlabel="Pulse height (V)", ylabel="Delay until 1 µA (s)")

"""
A device forgets
================

A pulse closes the channel, and a small reading voltage shows how it opens again.
Each of twenty devices with the same parameters forgets at another time, since ions leave at random.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

values = mj.presets.load("diffusive/wang2024-pulse")[1]
device = mj.params.replace(mj.DiffusiveMemristor(), values)
end = 0.02  # of the pulse [s]
pulse = mj.Sampled([0, 1e-6, end, end + 1e-6, 0.06], [1.0, 1.0, 1.0, 0.05, 0.05])
bench = mj.Bench(series_resistance=22e3)
rows = end + np.geomspace(1e-5, 0.039, 120)
trace = mj.simulate(device, pulse, bench=bench, members=20, seed=0, save=rows).check()
current = np.abs(np.asarray(trace.i))

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.loglog(rows - end, current.T, color="#9aa5b1", lw=0.6)
    ax.loglog(rows - end, np.median(current, axis=0), color="#d1495b", lw=2, label="median")
    ax.set(xlabel="Time after the pulse (s)", ylabel="Current at 50 mV (A)")
    ax.legend()

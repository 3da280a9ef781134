"""
What the current limit hides
============================

A limit protects the device and hides what it would carry.
Only where the current falls below the limit does the closed channel show itself.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt

import memjax as mj

device = mj.DiffusiveMemristor()
sweep = mj.triangle_sweep(0.5, 0.5)
with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    for limit, color in ((1e-7, "#9aa5b1"), (3e-7, "#00798c"), (1e-6, "#d1495b")):
        bench = mj.Bench(compliance=limit)
        trace = mj.simulate(device, sweep, bench=bench, save=1e-3).check()
        mj.plot.iv(trace, ax=ax, color=color, width=1.5, alpha=1.0, label=f"{1e6 * limit:g} µA")
    ax.set_ylim(bottom=1e-12)
    ax.legend(title="current limit")

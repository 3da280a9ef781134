"""
Fit a device to a sweep
=======================

The measured curve is a simulated one with 10 % of read noise, so that the answer is known.
The fit finds its starting values by itself, and states how well it knows each parameter.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import fitting as ft
import memjax as mj

t = np.linspace(0, 1, 201)
drive = mj.Sampled(t, 0.6 * np.sin(2 * np.pi * t))
truth = {"r_on": 520.0, "r_off": 4600.0, "v_on": 0.28, "v_off": 0.26}
fix = {"tau": 1e-4, "x0": 0.0}
device = mj.params.replace(mj.MetastableSwitches(), truth | fix)
trace = mj.simulate(device, drive, save=t, deterministic=True).check()
noise = np.exp(0.1 * np.random.default_rng(0).normal(size=len(t)))
measured = mj.Measurement(
    t=t,
    v=drive.values,
    i=np.ravel(trace.i) * noise,
    sweep=np.zeros(len(t), int),
    at_compliance=np.zeros(len(t), bool),
    reader="",
    source={},
)
fit = ft.solve(
    ft.SweepProblem([measured], mj.MetastableSwitches(), free=list(truth), fix=fix, screened=8)
)
for row in fit.table():
    if row["free"]:
        name, value, std = row["name"], row["value"], row["std"]
        print(f"{name}: {value:.4g} +- {std:.2g} {row['unit']}, true {truth[name]:g}")
again = mj.simulate(fit.device, drive, save=t, deterministic=True).check()
with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    mj.plot.iv(measured, ax=ax, color="#9aa5b1", width=3, alpha=1.0, label="measured")
    mj.plot.iv(again, ax=ax, color="#d1495b", width=1.5, alpha=1.0, label="fitted")
    ax.set_ylim(bottom=1e-6)
    ax.legend(loc="lower right")

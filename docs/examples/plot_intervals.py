"""
How well a fit knows its parameters
===================================

The same device is fitted to sweeps with 2 and 10 % of read noise.
Intervals that should hold the truth in nine of ten cases grow with the noise.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import fitting as ft
import memjax as mj

t = np.linspace(0, 1, 201)  # as many points as in "Fit a device to a sweep": compiled once
drive = mj.Sampled(t, 0.6 * np.sin(2 * np.pi * t))
truth = {"r_on": 520.0, "r_off": 4600.0, "v_on": 0.28, "v_off": 0.26}
fix = {"tau": 1e-4, "x0": 0.0}
device = mj.params.replace(mj.MetastableSwitches(), truth | fix)
clean = np.ravel(mj.simulate(device, drive, save=t, deterministic=True).check().i)
z = np.random.default_rng(0).normal(size=len(t))
columns = dict(sweep=np.zeros(len(t), int), at_compliance=np.zeros(len(t), bool))

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    for k, (noise, color) in enumerate(((0.02, "#3b4252"), (0.1, "#d1495b"))):
        measured = mj.Measurement(
            t=t, v=drive.values, i=clean * np.exp(noise * z), reader="", source={}, **columns
        )
        fit = ft.solve(
            ft.SweepProblem(
                [measured], mj.MetastableSwitches(), free=list(truth), fix=fix, screened=8
            )
        )
        intervals = fit.intervals(0.9)
        ends = np.array([np.array(intervals[n]) / truth[n] for n in truth])
        rows = np.arange(len(truth)) + 0.2 * (k - 0.5)
        ax.hlines(rows, *ends.T, color=color, lw=3, label=f"{100 * noise:g} % of read noise")
    ax.axvline(1.0, color="#9aa5b1", lw=1)
    ax.set_yticks(range(len(truth)), labels=list(truth))
    ax.set_xlabel("90 % interval over the true value (1)")
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, 1.12), ncols=2)

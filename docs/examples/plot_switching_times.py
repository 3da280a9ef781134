"""
Distribution of switching times
===============================

The same pulse closes the channel of the same device after another time in each trial.
Lower pulses take longer, and their times scatter over more milliseconds, though over a smaller share of their mean.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

values = mj.presets.load("diffusive/wang2024-pulse")[1]
device = mj.params.replace(mj.DiffusiveMemristor(), values)
bench = mj.Bench(series_resistance=22e3)
policy = mj.Fixed(5e-6, method=mj.solver.SemiImplicitEuler(damped=True))
rows = 5e-5 * np.arange(1, 601)  # s

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    for height, color in ((0.6, "#d1495b"), (0.8, "#00798c"), (1.0, "#3b4252")):
        pulse = mj.Sampled([0.0, 1e-7, rows[-1]], [0.0, height, height])
        options = dict(bench=bench, policy=policy, members=200, seed=0, save=rows)
        trials = mj.simulate(device, pulse, **options).check()
        on = np.abs(np.asarray(trials.i)) > 1e-6
        delay = np.sort(np.where(on.any(axis=1), rows[np.argmax(on, axis=1)], np.inf))
        ax.step(1e3 * delay, np.arange(1, 201) / 200, color=color, label=f"{height:g} V")
    ax.set(xlabel="Time in the pulse (ms)", ylabel="Share of trials on (1)", ylim=(0, 1.02))
    ax.legend(title="pulse height")

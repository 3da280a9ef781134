"""
What the instrument adds
========================

Read noise is not the noise of the ions: it scatters readings, not switching.
Here one trap switches between two levels, the current has 1/f noise, and the instrument has a floor.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

device = mj.DriftMemristor()
reading = mj.Sampled([0.0, 1.0], [0.1, 0.1])  # 0.1 V for a second
rows = np.linspace(1e-3, 1.0, 1000)
trace = mj.simulate(device, reading, save=rows).check()
sources = {
    "telegraph": mj.ReadNoise(rtn=0.05, capture=0.05, emission=0.1),
    "1/f": mj.ReadNoise(flicker=1e-5, f_min=1.0, f_max=500.0),
    "floor": mj.ReadNoise(floor=1e-6),
}

with mj.plot.style():
    fig, axes = plt.subplots(len(sources), 1, figsize=(7, 5), sharex=True)
    for ax, (name, noise) in zip(axes, sources.items()):
        seen = noise.apply(trace, seed=0)
        ax.plot(rows, 1e6 * np.ravel(seen.i), color="#3b4252", lw=0.7)
        ax.set_ylabel("I (µA)")
        ax.set_title(name, loc="left", fontsize=10)
    axes[-1].set_xlabel("Time (s)")

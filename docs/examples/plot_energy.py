"""
Where the power goes
====================

The power of every element adds up to that of the source, at every instant.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax.circuit import powers

circuit = mj.model("threshold-switch-neuron")
drive = mj.Sampled([0.0, 1.2e-3], [1.0, 1.0])
trace = mj.simulate(circuit, drive, save=1e-6, deterministic=True).check()
power = powers(circuit, trace, drive)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(7, 4))
    for name, values in power.items():
        if np.any(values):
            ax.plot(1e3 * np.ravel(trace.t), 1e6 * np.asarray(values)[0], lw=1, label=name)
    ax.set(xlabel="Time (ms)", ylabel="Power (µW)", ylim=(-3, 6))
    ax.legend()

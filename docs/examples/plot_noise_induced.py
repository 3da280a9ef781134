"""
Noise makes a silent neuron fire
================================

Below its threshold the Langevin neuron rests for ever,
unless the silver particle is kicked out of its well by thermal noise.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.model("langevin-neuron")
below = mj.Sampled([0.0, 20.0], [30.0, 30.0])  # the threshold is 30.46 V
quiet = mj.simulate(neuron, below, save=1e-2, deterministic=True).check()
policy = mj.Fixed(1e-4, method=mj.solver.SemiImplicitEuler())
warm = mj.params.replace(neuron, {"memristor.d": 5e-4})  # diffusivity of the particle [1/s]
noisy = mj.simulate(warm, below, save=1e-2, seed=1, policy=policy).check()

with mj.plot.style():
    fig, axes = plt.subplots(2, 1, figsize=(7, 4), sharex=True)
    for ax, trace, title in zip(axes, (quiet, noisy), ("without noise", "with thermal noise")):
        ax.plot(np.ravel(trace.t), np.ravel(trace.state["node.v"]), color="#3b4252", lw=0.8)
        ax.set_ylabel("node (V)")
        ax.set_title(title, loc="left", fontsize=10)
    axes[-1].set_xlabel("Time (s)")

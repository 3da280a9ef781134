"""
A chain of neurons
==================

The spike of each neuron drives the next one through a transistor.
Each stage has to integrate many spikes of the one before it, so that the chain fires in order.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

chain = mj.neuron.cascade(3)
pulses = mj.PulseTrain(1.0, 1e-3, 2e-3, 205, edge=1e-6)
policy = mj.Stiff(rtol=1e-4, atol=1e-6, max_steps=1_000_000)
trace = mj.simulate(chain, pulses, save=2e-4, policy=policy, deterministic=True).check()
t = np.asarray(trace.t)

with mj.plot.style():
    fig, axes = plt.subplots(3, 1, figsize=(7, 5), sharex=True, sharey=True)
    for k, ax in enumerate(axes, start=1):
        gate = np.asarray(trace.state[f"gate_{k}.v"])[0]
        first = mj.observables.detect(t, gate, level=0.22)[0]
        ax.plot(1e3 * t, gate, color="#3b4252", lw=0.5)
        ax.axvline(1e3 * first, color="#d1495b", lw=1.5)
        ax.set_ylabel("gate (V)")
        ax.set_title(f"neuron {k}: first spike at {1e3 * first:.0f} ms", loc="left", fontsize=10)
    axes[-1].set_xlabel("Time (ms)")

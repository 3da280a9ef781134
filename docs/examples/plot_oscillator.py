"""
A switch, a resistor, a capacitor: an oscillator
================================================

A threshold switch across a capacitor discharges it when the node reaches the switching voltage.
The input sets the rate.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

circuit = mj.model("threshold-switch-neuron")
inputs = [0.5, 1.0, 2.0]  # V
drives = [mj.Sampled([0.0, 3e-3], [v, v]) for v in inputs]
trace = mj.simulate(circuit, drives, save=2e-6, deterministic=True).check()

with mj.plot.style():
    fig, axes = plt.subplots(3, 1, figsize=(7, 5), sharex=True)
    for k, (ax, v) in enumerate(zip(axes, inputs)):
        here = np.asarray(trace.sweep) == k
        t, node = np.asarray(trace.t)[here], np.asarray(trace.state["node.v"])[0, here]
        ax.plot(1e3 * t, node, color="#3b4252", lw=1)
        ax.set_ylabel("node (V)")
        ax.set_title(f"input {v:g} V", loc="left", fontsize=10)
    axes[-1].set_xlabel("Time (ms)")

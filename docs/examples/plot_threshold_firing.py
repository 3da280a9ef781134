"""
A threshold, and a time to fire
===============================

Below some input the ions leak away as fast as they come, and the neuron never fires.
Above it the time to the first spike falls steeply with the input.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.neuron.one_memristor(output_stage=False)
inputs = np.array([0.2, 0.3, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4])  # V
end = 2.0  # s
drives = [mj.Sampled([0.0, end], [v, v]) for v in inputs]
rows = [np.geomspace(1e-3, end, 2000)] * len(drives)
trace = mj.simulate(
    neuron, drives, save=rows, deterministic=True, conditions=mj.Conditions(carry_state=False)
).check()
gates = np.asarray(trace.state["gate.v"])[0].reshape(len(drives), -1)
spikes = [mj.observables.detect(rows[0], gate, level=0.2) for gate in gates]
fires = np.array([len(s) > 0 for s in spikes])
first = np.array([s[0] for s in spikes if len(s)])

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.semilogy(inputs[fires], first, "o-", color="#3b4252", label="first spike")
    silent = inputs[~fires]
    ax.semilogy(silent, np.full(len(silent), end), "x", color="#d1495b", label="silent for 2 s")
    ax.set(xlabel="Constant input (V)", ylabel="Time to fire (s)")
    ax.legend()

"""
Intrinsic plasticity
====================

Ions that a spike leaves behind as residue shorten the next integration.
The memory fades with the pause between two inputs; no rule is written into the equations.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.neuron.one_memristor(output_stage=False)
gaps = np.array([3e-3, 10e-3, 30e-3, 80e-3, 200e-3, 500e-3, 1.0])  # s
width = 20e-3  # s
pairs = [mj.PulseTrain(2.0, width, width + gap, 2, edge=1e-6) for gap in gaps]
fine = np.linspace(0.0, width, 1001)[1:]
rows = [np.concatenate([fine, width + gap + fine]) for gap in gaps]
trace = mj.simulate(
    neuron, pairs, save=rows, deterministic=True, conditions=mj.Conditions(carry_state=False)
).check()
first, second = [], []
for k, gap in enumerate(gaps):
    here = np.asarray(trace.sweep) == k
    gate = np.asarray(trace.state["gate.v"])[0, here]
    spikes = mj.observables.detect(rows[k], gate, level=1.0, rearm=0.8)
    first.append(spikes[0])
    second.append(spikes[spikes > width + gap][0] - width - gap)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.axhline(1e3 * first[0], color="#9aa5b1", label="first input")
    ax.semilogx(gaps, 1e3 * np.array(second), "o-", color="#3b4252", label="second input")
    ax.set(xlabel="Pause between inputs (s)", ylabel="Integration time (ms)", ylim=(0, None))
    ax.legend()

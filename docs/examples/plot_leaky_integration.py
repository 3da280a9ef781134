"""
Leaky integration
=================

Pulses drive ions into the gap of the neuron's memristor, and between pulses the ions leak away.
The longer the pause between two pulses, the more pulses the neuron needs until it fires.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.neuron.one_memristor(output_stage=False)  # R. Zhao et al. 2025, defaults
gaps = [0.4e-3, 1.2e-3]  # s
trains = [mj.PulseTrain(0.9, 1e-3, 1e-3 + gap, 100, edge=1e-6) for gap in gaps]
trace = mj.simulate(neuron, trains, save=5e-5, deterministic=True).check()

with mj.plot.style():
    fig, axes = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True)
    for k, gap in enumerate(gaps):
        here = np.asarray(trace.sweep) == k
        t, gate = np.asarray(trace.t)[here], np.asarray(trace.state["gate.v"])[0, here]
        first = mj.observables.detect(t, gate, level=0.2)[0]
        pulses = int(first // (1e-3 + gap)) + 1
        seen = t < first
        filament = np.asarray(trace.state["memristor.f"])[0, here]
        label = f"pause {1e3 * gap:g} ms: {pulses} pulses"
        axes[0].plot(1e3 * t[seen], filament[seen], lw=1, label=label)
        axes[1].plot(1e3 * t[t < first + 5e-3], gate[t < first + 5e-3], lw=1)
    axes[0].set_ylabel("filament (1)")
    axes[0].legend(loc="upper center")
    axes[1].set(xlabel="Time (ms)", ylabel="gate (V)")

"""
Memory of past inputs
=====================

Volatile devices forget, and before they forget, their currents tell what they saw lately.
A linear read-out of thirty readings recovers random inputs of the past; read noise takes the older ones first.
"""

import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax.learning import Design, memory_capacity

values = mj.presets.load("diffusive/wang2024-dc-symmetric")[1]
device = mj.params.replace(mj.DiffusiveMemristor(), values)
design = Design(hold=5e-3, offset=0.02, gain=0.1, gain_width=0.1, mask=0.5)
inputs = np.random.default_rng(0).uniform(size=800)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    for noise, color in ((0.0, "#3b4252"), (0.01, "#00798c"), (0.1, "#d1495b")):
        reservoir = design.reservoir(
            device, devices=10, nodes=3, reading="log-current", relative=noise, diffusion=False
        )
        states = np.asarray(reservoir.states(inputs, seed=0))[0]
        memory = memory_capacity(states, inputs, delays=12)
        label = f"{100 * noise:g} % of read noise: {memory.sum():.1f} inputs"
        ax.plot(np.arange(1, 13), memory, "o-", color=color, label=label)
    ax.set(xlabel="Delay (inputs)", ylabel="Squared correlation (1)", ylim=(0, 1.05))
    ax.legend()

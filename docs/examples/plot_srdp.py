"""
Spike rate
==========

The same synapse under two neurons that fire in turn: slow spikes leave its weight alone, faster ones
depress it, and the fastest potentiate it. No rule of learning is written in.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax import synapse

rates = np.geomspace(8.0, 46.0, 14)  # 1/s
change = synapse.srdp(synapse.diffusive_drift(), rates, pairs=5)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.axhline(0.0, color="#9aa5b1", lw=1)
    ax.semilogx(rates, 100 * change, "o-", color="#3b4252")
    ax.set(xlabel="Rate of either neuron (1/s)", ylabel="Change of the weight (%)")
    ax.set_xticks([10, 20, 30, 40], labels=["10", "20", "30", "40"])
    ax.minorticks_off()

"""
Spike timing
============

A synapse of a volatile and a remembering memristor changes its weight when two spikes come close together.
The order of the spikes decides the sign; no rule is written into the equations.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax import synapse

spike = synapse.Spike()
lags = spike.duration + 1e-4 + np.linspace(0.0, 26e-3, 8)  # spikes do not overlap
dts = np.concatenate([-lags[::-1], lags])  # post minus pre
change = synapse.stdp(synapse.diffusive_drift(), dts, pairs=5)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    mj.plot.stdp(dts, change, ax=ax)

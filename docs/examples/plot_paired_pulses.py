"""
Paired pulses
=============

The second of two pulses meets a channel that has not quite relaxed:
its response is larger soon after the first, and no larger later.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax import synapse

intervals = np.geomspace(2e-3, 0.5, 12)  # s
pairs = synapse.train(synapse.diffusive_drift(), intervals, count=2)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.axhline(1.0, color="#9aa5b1", lw=1)
    mj.plot.ppf(intervals, np.asarray(pairs.ratio)[:, 1], ax=ax)

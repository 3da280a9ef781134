"""
Potentiation and depression
===========================

Fifty pulses close metastable switches step by step, and fifty of the other sign open them.
Steps are largest where most switches are still left to move, and the width of a pulse sets their size.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax.data import PulseProtocol
from memjax.synapse import Pulsed, PulseNoise, simulate_pulses

values = {"r_on": 1 / 60e-6, "r_off": 1 / 30e-6, "tau": 2e-5, "v_off": 2.7, "x0": 0.1}
device = mj.params.replace(mj.MetastableSwitches(), values)
kinds = np.repeat([0, 1], 50)  # set, then reset

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    for width, color in ((0.5e-6, "#9aa5b1"), (1e-6, "#00798c"), (2e-6, "#d1495b")):
        protocol = PulseProtocol(voltages=(2.5, -2.7), widths=(width, width), read_voltage=0.2)
        pulsed = Pulsed.under(device, protocol)
        g = simulate_pulses(pulsed, PulseNoise.none(), kinds, cycles=3)[-1]  # settled
        ax.plot(1e6 * g, ".-", color=color, lw=1, label=f"{1e6 * width:g} µs")
    ax.axvline(50, color="#9aa5b1", lw=1, ls="--")
    ax.set(xlabel="Pulse", ylabel="Conductance (µS)")
    ax.legend(title="pulse width")

"""
Faster sweeps switch later
==========================

Ions need time to cross the gap.
The faster the voltage rises, the further it gets before the channel closes.
All rates are solved side by side in one program.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

device = mj.DiffusiveMemristor()
rates = np.geomspace(0.05, 5.0, 13)  # V/s
sweeps = [mj.triangle_sweep(2.0, r) for r in rates]
rows = [np.linspace(0, 4.0 / r, 400) for r in rates]
events = [mj.observables.switching_events(s) for s in sweeps]
trace = mj.simulate(
    device, sweeps, save=rows, output=mj.Output(events=events), deterministic=True
).check()
v_th = np.ravel(mj.observables.switching_voltage(trace))

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.loglog(rates, v_th, "o-", color="#3b4252")
    ax.set(xlabel="Sweep rate (V/s)", ylabel="Switching voltage (V)")

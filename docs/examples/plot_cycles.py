"""
Sixty cycles of one device
==========================

Ions leave the filament at random, so that a volatile memristor switches at another voltage in each cycle.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

values = mj.presets.load("diffusive/wang2024-dc-symmetric")[1]
device = mj.params.replace(mj.DiffusiveMemristor(), values)
sweep = mj.triangle_sweep(0.5, 0.5)  # V, V/s
cycles = mj.simulate(
    device, sweep, bench=mj.Bench(compliance=1e-6), members=60, seed=0, save=5e-3
).check()
v_th = [e.v_th for m in range(60) for e in mj.observables.switching(cycles.member(m))]

with mj.plot.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    mj.plot.iv(cycles, ax=left)
    left.set_ylim(bottom=1e-12)
    right.hist(1e3 * np.array(v_th), 20, color="#3b4252")
    right.set(xlabel="Switching voltage (mV)", ylabel="Cycles")

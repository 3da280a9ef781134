"""
Firing is random
================

Each neuron sees the same pulses, yet noise of its filament decides when the channel closes.
The time of the first spike therefore has a distribution, and so has every later interval.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.params.replace(
    mj.neuron.one_memristor(r_c=100e6, output_stage=False), {"memristor.sigma1": 7e-3}
)
pulses = mj.PulseTrain(1.0, 1e-3, 2e-3, 70, edge=1e-6)
policy = mj.Fixed(1e-6, method=mj.solver.SemiImplicitEuler())
rows = 5e-5 * np.arange(1, 2801)
runs = mj.simulate(neuron, pulses, members=60, seed=0, save=rows, policy=policy).check()
trains = [mj.observables.detect(runs.t, g, level=0.2) for g in runs.state["gate.v"]]

with mj.plot.style():
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.eventplot([1e3 * s for s in trains], colors="#3b4252", linelengths=0.8, linewidths=0.7)
    left.set(xlabel="Time (ms)", ylabel="Run", title="Spikes of the same neuron")
    periods = np.arange(96, 142, 4)  # two pulses each [ms]
    right.hist([1e3 * s[0] for s in trains if len(s)], periods, color="#3b4252")
    right.set(xlabel="First spike (ms)", ylabel="Runs", title="Time of the first spike")

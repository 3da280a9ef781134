"""
Refractory period
=================

After a spike the gate discharges through a resistor, and until then the neuron does not fire again.
The larger the resistance, the longer the mean interval between spikes.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.params.replace(mj.neuron.one_memristor(output_stage=False), {"memristor.sigma1": 7e-3})
resistances = np.array([50e6, 100e6, 250e6, 500e6, 1000e6])  # ohm
members = 4  # of each resistance
trace = mj.simulate(
    neuron,
    mj.PulseTrain(0.8, 1e-3, 2e-3, 200, edge=1e-6),
    members=len(resistances) * members,
    conditions=mj.Conditions(values={"r_c.r": np.repeat(resistances, members)[:, None]}),
    seed=1,
    save=5e-5 * np.arange(1, 8001),
    policy=mj.Fixed(1e-6, method=mj.solver.SemiImplicitEuler()),
).check()
trains = [mj.observables.detect(trace.t, g, level=0.2) for g in trace.state["gate.v"]]
late = [np.diff(s[s > 0.2]) for s in trains]  # the gate has charged up by then
groups = [np.concatenate(late[k * members :][:members]) for k in range(len(resistances))]
mean = np.array([g.mean() for g in groups])
error = np.array([g.std(ddof=1) / np.sqrt(len(g)) for g in groups])

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    mj.plot.refractory(resistances, mean, error, ax=ax)

"""
The derivative of a spike's time
================================

A spike is located within its time step, so that its time has an exact derivative; rows of output play no part.
The derivative agrees with secants until their own errors, of curvature or of tolerance, take over.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

neuron = mj.neuron.one_memristor(output_stage=False)
step = mj.Sampled([0.0, 0.03], [1.0, 1.0])
events = mj.observables.spike_events("gate.v", level=0.2, size=1)
policy = mj.Stiff(rtol=1e-7, atol=1e-10, max_steps=100_000)


@jax.jit
def first_spike(mu):
    changed = mj.params.replace(neuron, {"memristor.mu": mu})
    options = dict(save=np.array([0.03]), policy=policy, deterministic=True)
    trace = mj.simulate(changed, step, output=mj.Output(events=events), **options)
    return mj.observables.spike_times(trace)[0, 0]


mu = float(mj.params.get(neuron, "memristor.mu"))
_, slope = jax.jit(lambda x: jax.jvp(first_spike, (x,), (1.0,)))(mu)
moves = np.geomspace(1e-6, 0.1, 6)  # relative
secants = [(first_spike(mu * (1 + h)) - first_spike(mu * (1 - h))) / (2 * h * mu) for h in moves]
secants = np.array(secants)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.loglog(moves, np.abs(secants / slope - 1), "o-", color="#3b4252")
    ax.set(xlabel="Relative move of mu (1)", ylabel="Secant against derivative (1)")
    ax.set_title(f"derivative {1e3 * mu * slope:.2f} ms per unit of ln(mu)", fontsize=10)

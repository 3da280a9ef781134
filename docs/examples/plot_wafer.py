"""
A wafer of devices
==================

Devices drawn from a population, with correlated parameters, and the switching voltage of each.
All hundred are solved in one program.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

rng = np.random.default_rng(0)
z = rng.normal(size=(2, 200))
table = {
    "mu": 60.0 * np.exp(0.15 * z[0]),
    "gamma1": 60.0 * np.exp(0.1 * (0.6 * z[0] + 0.8 * z[1])),  # correlated with mu
}
population = mj.Population.from_values(mj.DiffusiveMemristor(), table)
values = population.sample(1, 100)

sweep = mj.triangle_sweep(0.6, 0.5)
trace = mj.simulate(
    mj.DiffusiveMemristor(),
    sweep,
    bench=mj.Bench(compliance=1e-6),
    members=100,
    conditions=mj.Conditions(values=values),
    output=mj.Output(events=mj.observables.switching_events(sweep)),
    save=np.array([2.4]),
    deterministic=True,
).check()
v_th = np.asarray(mj.observables.switching_voltage(trace)).reshape(10, 10)

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(5, 4))
    ax.grid(False)
    image = ax.imshow(1e3 * v_th, cmap="viridis")
    ax.set(xlabel="Column", ylabel="Row", title="Switching voltage")
    fig.colorbar(image, label="mV")

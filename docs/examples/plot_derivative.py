"""
A derivative through the switching
==================================

The switching voltage depends on the drift rate of the ions.
One solve with its tangent gives value and slope, and the tangent touches the curve.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

sweep = mj.triangle_sweep(0.5, 0.5)
bench = mj.Bench(compliance=1e-6)
events = mj.observables.switching_events(sweep)


def switching_voltage(mu):
    device = mj.params.replace(mj.DiffusiveMemristor(), {"mu": mu})
    trace = mj.simulate(
        device, sweep, bench=bench, output=mj.Output(events=events), save=np.array([2.0])
    )
    return mj.observables.switching_voltage(trace)[0, 0]


mus = np.linspace(45, 90, 10)
options = dict(bench=bench, output=mj.Output(events=events), save=np.array([2.0]), members=len(mus))
solves = mj.simulate(
    mj.DiffusiveMemristor(), sweep, conditions=mj.Conditions(values={"mu": mus[:, None]}), **options
).check()
curve = np.ravel(mj.observables.switching_voltage(solves))
value, slope = jax.jvp(switching_voltage, (60.0,), (1.0,))

with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.plot(mus, curve, "o", color="#3b4252", label="solves")
    ax.plot(mus, value + slope * (mus - 60.0), color="#d1495b", label="tangent at 60 /(V s)")
    ax.set(xlabel="Drift rate mu (1/(V s))", ylabel="Switching voltage (V)")
    ax.legend()

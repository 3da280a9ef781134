"""
The order of a method
=====================

Halving the time step halves the error of a method of first order, and quarters that of second order.
Both are implicit, so that a step may be longer than the fastest time scale of the device.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj
from memjax.solver import DriftImplicitEuler, SraEsdirk

device = mj.params.replace(mj.MetastableSwitches(), {"tau": 1e-2})
drive = mj.Sine(0.5, 1.0)
end = np.array([1.0])


def final_state(policy):
    trace = mj.simulate(device, drive, save=end, policy=policy, deterministic=True).check()
    return float(trace.state["x"][0, -1])


exact = final_state(mj.Stiff(rtol=1e-10, atol=1e-12, max_steps=100_000))
steps = 1.0 / 2.0 ** np.arange(6, 13)  # s
with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    for method in (DriftImplicitEuler(), SraEsdirk()):
        errors = [abs(final_state(mj.Fixed(dt, method=method)) - exact) for dt in steps]
        ax.loglog(steps, errors, "o-", label=type(method).__name__)
    ax.loglog(steps, 4e-3 * steps, ":", color="#9aa5b1", label="slopes 1 and 2")
    ax.loglog(steps, 2e-2 * steps**2, ":", color="#9aa5b1")
    ax.set(xlabel="Time step (s)", ylabel="Error of the state (1)")
    ax.legend()

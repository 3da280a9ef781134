"""
Noise that does not depend on the step
======================================

Noise of the equations grows with the square root of time, so that switching scatters alike at every small step.
The same number drawn anew in each step, as many programs do, dies out as steps become shorter.
"""

import jax

jax.config.update("jax_enable_x64", True)
import matplotlib.pyplot as plt
import numpy as np

import memjax as mj

values = mj.presets.load("diffusive/wang2024-dc-symmetric")[1]
device = mj.params.replace(mj.DiffusiveMemristor(), values)
ramp = mj.Sampled([0.0, 1.0], [0.0, 0.5])  # s, V
rows = 2e-3 * np.arange(1, 501)
steps = 2e-3 / 2.0 ** np.arange(3)  # s
sigmas = {name: float(mj.params.get(device, name)) for name in ("sigma1", "sigma2")}
cycles = 200


def scatter(dt):
    """Standard deviations of the switching voltage [V]: of noise per square root of time, and per step."""
    factor = np.repeat([1.0, np.sqrt(dt / steps[0])], cycles)[:, None]
    trace = mj.simulate(
        device,
        ramp,
        bench=mj.Bench(compliance=1e-6),
        members=2 * cycles,
        conditions=mj.Conditions(values={name: sigma * factor for name, sigma in sigmas.items()}),
        policy=mj.Fixed(dt, method=mj.solver.SemiImplicitEuler(damped=True)),
        save=rows,
    ).check()
    v_th = 0.5 * rows[np.argmax(np.abs(np.asarray(trace.i)) > 1e-8, axis=1)]
    return v_th.reshape(2, cycles).std(axis=1)


ito, per_step = np.transpose([scatter(dt) for dt in steps])
with mj.plot.style():
    fig, ax = plt.subplots(figsize=(6, 4))
    ax.semilogx(1e6 * steps, 1e3 * ito, "o-", color="#3b4252", label="noise of the equations")
    ax.semilogx(1e6 * steps, 1e3 * per_step, "o-", color="#d1495b", label="drawn in each step")
    ax.set(xlabel="Time step (µs)", ylabel="Scatter of switching (mV)", ylim=(0, None))
    ax.set_xticks(1e6 * steps, labels=[f"{1e6 * dt:g}" for dt in steps])
    ax.minorticks_off()
    ax.legend()

"""Published numbers of single devices, and ours, without noise."""

import numpy as np

import memjax as mj
from benchmarks.cases.langevin import branches
from benchmarks.cases.langevin.regimes import SADDLES
from benchmarks.cases.published.numbers import Number, number
from memjax.observables import detect

TIGHT = mj.Stiff(rtol=1e-6, atol=1e-9)

SPICE = "TongWang-USC/Memristor-Model, its test bench"
DELAYS = {0.6: "5.60", 0.7: "2.58", 0.8: "1.45", 0.9: "0.91", 1.0: "0.88", 1.2: "0.88"}
"""Time [s] from a step [V] until the channel has closed, by other code with steps of 0.1 ms."""

OFF = 15.0
"""End of a step of 1 V [s], by when the on state stands: its slowest rate is 0.77/s."""

RETURN = {1e-3: "9.0e4", 1e-2: "2.3e6", 0.05: "5.2e7", 0.5: "1.9e8", 2.0: "1.0e9", 5.0: "4.3e9"}
"""Resistance [ohm] at 50 mV, by the time [s] after 1 V."""

STEP = 1e-4
"""The step of the other code [s]: when the drive changes, its time is known to that."""

CAP = 1e-3
"""The last 1e-3 of the channel takes that long [s], at the published largest rate of growth of 1/s."""

DRIFT = "TongWang-USC/Memristor-Model, drift device"
FORGETS = {4e-3: "642", 6e-3: "1275", 1e-2: "1659"}
"""Resistance [ohm] by the time [s] since a pulse of 50 us at 2 V began."""

WANG = "yanglab2021/DiffusiveMemristor, symmetric device, sigma = 0, small steps, 9 ms a point"
RECIPES = "independent code on a reconstruction of the Langevin circuit, in its own units"


def spice() -> list[Number]:
    """The SPICE form: delays of steps, the on state, the way back to a high resistance."""
    steps = [mj.Sampled(np.array([0.0, OFF]), np.full(2, v), "staircase") for v in DELAYS]
    steps += [mj.Sampled(np.array([0.0, OFF]), np.array([1.0, 0.05]), "staircase")]
    rows = [np.linspace(1e-3, 6.0, 6000)] * len(DELAYS)
    rows += [np.concatenate([[OFF - 1e-3], OFF + np.ravel([[t, t + STEP] for t in RETURN])])]
    trace = mj.simulate(
        mj.DiffusiveSpice(),
        steps,
        bench=mj.Bench(50.0, 1e7, 1e-6),
        save=rows,
        policy=TIGHT,
        deterministic=True,
    ).check()
    f, r = (np.asarray(trace.state[name])[0] for name in "fr")
    ohms = np.asarray(trace.v_device / trace.i_device)[0]
    numbers = []
    for k, (v, text) in enumerate(DELAYS.items()):
        x = (f + r)[np.asarray(trace.sweep) == k]
        delay = float(detect(rows[k], x, level=0.999)[0])
        numbers.append(number(f"delay of a step of {v:g} V", "s", text, delay, SPICE, STEP + CAP))
    last = np.asarray(trace.sweep) == len(DELAYS)
    on = (("filament", "0.5455", f), ("residue", "0.4546", r))
    numbers += [number(f"on state, {n}", "1", s, float(x[last][0]), SPICE, 1e-4) for n, s, x in on]
    for (t, text), (value, later) in zip(RETURN.items(), ohms[last][1:].reshape(-1, 2)):
        name = f"resistance {t:g} s after 1 V"
        numbers.append(number(name, "ohm", text, float(value), SPICE, float(abs(later - value))))
    return numbers


def drift() -> list[Number]:
    """The drift memristor: on and off, and how the set state goes."""
    pulse = lambda v: mj.Sampled(np.array([0.0, 50e-6]), np.array([v, 0.0]), "staircase")  # noqa: E731
    both = mj.Sampled(
        np.array([0.0, 50e-6, 152e-6, 202e-6]), np.array([2.0, 0, -2.0, 0]), "staircase"
    )
    rows = [np.array([1e-6 + 50e-6, *FORGETS]), np.array([203e-6])]
    trace = mj.simulate(mj.DriftMemristor(), [pulse(2.0), both], save=rows, policy=TIGHT).check()
    h, s = (np.asarray(trace.state[name])[0] for name in "hs")
    ohms = _drift_ohms(h, s)
    numbers = [number("resistance after +2 V, 50 us", "ohm", "470", ohms[0], DRIFT)]
    numbers.append(number("resistance after -2 V, 50 us", "ohm", "1.70e3", ohms[-1], DRIFT))
    for (t, text), value in zip(FORGETS.items(), ohms[1:-1]):
        name = f"resistance {t:g} s after +2 V began"
        numbers.append(number(name, "ohm", text, value, DRIFT, 2.0))  # widths of the latch
    return numbers


def _drift_ohms(h: np.ndarray, s: np.ndarray) -> list[float]:
    import jax
    import jax.numpy as jnp

    device, env, v = mj.DriftMemristor(), mj.Environment(), jnp.asarray(1e-2)
    current = jax.vmap(lambda h, s: device.current(0.0, {"h": h, "s": s}, v, env))
    return [float(x) for x in 1e-2 / np.asarray(current(jnp.asarray(h), jnp.asarray(s)))]


def threshold() -> list[Number]:
    """The noise-free threshold of the diffusive memristor, under the published staircase."""
    point = 9e-3
    trace = mj.simulate(
        mj.DiffusiveMemristor(),
        mj.staircase(np.linspace(0, 0.5, 201), point),
        save=(np.arange(201) + 1) * point,
        bench=mj.Bench(compliance=1e-6),
    ).check()
    v_th = mj.observables.switching(trace.member(0))[0].v_th
    if v_th is None:
        raise ArithmeticError("the published staircase does not switch the diffusive memristor")
    # Read at a point of the staircase, 2.5 mV apart, by both.
    return [number("threshold, rising staircase", "V", "0.2475", v_th, WANG, 2.5e-3)]


def folds() -> list[Number]:
    """Source voltages at which the high-resistance state of the Langevin circuit ends."""
    return [
        number(f"fold, R_ext = {r:g}", "1", f"{v:.2f}", branches.saddle_node(r), RECIPES)
        for r, v in SADDLES.items()
    ]

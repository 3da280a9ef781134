"""Every model at extremes: femtoseconds, years, no drive, a compliance below its leakage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import StimulusError

FEMTOSECOND, YEARS = 1e-15, 1e8
LEAKAGE = 1e-15
"""Compliance below what models conduct at 0.25 V [A]."""

KINDS = ("diffusive", "vteam", "threshold-switch")
"""Models in every run; the others, of which each takes a compilation of its own, are with the studies."""

NAMES = [
    pytest.param(n, marks=[] if n in KINDS else [pytest.mark.study]) for n in mj.device_names()
]


def _drive(times, volts) -> mj.Sampled:
    return mj.Sampled(np.asarray(times, float), np.asarray(volts, float))


DRIVES = {
    "femtosecond": _drive(FEMTOSECOND * np.array([0, 0.1, 1, 1.1, 2]), [0, 1, 1, 0, 0]),
    "no drive": _drive([0, 0.25, 0.5, 0.75, 1], np.zeros(5)),
    "years": _drive([0, 1e-6, 1e-3, 1.001e-3, YEARS], [0, 1, 1, 0, 0]),
    "leakage": _drive([0, 0.25, 0.5, 0.75, 1], [0, 0.5, 0, -0.5, 0]),
}
ROWS = [np.asarray(d.times[-1] * np.arange(1, 9) / 8) for d in DRIVES.values()]


def _solve(name: str) -> mj.Trace:
    """All extremes as sweeps of one program, a sweep of which has the small compliance."""
    limits = np.array([[1.0, 1.0, 1.0, LEAKAGE]])
    return mj.simulate(
        mj.model(name),
        list(DRIVES.values()),
        save=ROWS,
        output=mj.Output(labels=range(len(DRIVES)), on_failure="raise"),
        bench=mj.Bench(compliance=1.0, compliance_negative=1.0),
        conditions=mj.Conditions(
            values={"compliance": limits, "compliance_negative": limits}, carry_state=False
        ),
        deterministic=True,
    )


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_extremes_have_the_right_answer(name):
    device, env = mj.device_class(name)(), mj.Environment()
    trace = _solve(name)
    sweep = {kind: trace.sweep == k for k, kind in enumerate(DRIVES)}
    rate = jax.jit(lambda s, v: (device.drift(0.0, s, v, env), device.current(0.0, s, v, env)))
    rest = device.initial(env)
    for spec in (s for s in device.states if s.scale != 1):
        low, high = spec.bounds
        x = np.asarray(trace.state[spec.name][0])
        slack = 8 * np.finfo(float).eps * max(spec.scale, np.max(np.abs(x)))
        assert np.all((x >= low - slack) & (x <= high + slack)), spec.name
    # A femtosecond: states move by less than twice their rate at the start.
    at_rest, pulsed = rate(rest, 0.0), rate(rest, 1.0)
    for spec in device.states:
        x = np.asarray(trace.state[spec.name][0][sweep["femtosecond"]])
        speed = max(np.max(np.abs(np.asarray(r[0][spec.name]))) for r in (at_rest, pulsed))
        moved = np.max(np.abs(x - np.asarray(rest[spec.name])))
        assert moved <= 2 * speed * 2 * FEMTOSECOND + 1e-12 * spec.scale, spec.name
    top = sweep["femtosecond"] & np.asarray(trace.v[0] == 1)
    states = {n: x[0][top] for n, x in trace.state.items()}
    conducted = jax.vmap(lambda s, v: rate(s, v)[1])(states, trace.v_device[0][top])
    np.testing.assert_allclose(trace.i[0][top], conducted, rtol=1e-6)
    # Without a drive no current flows.
    assert np.all(np.asarray(trace.i[0])[np.asarray(trace.v[0]) == 0] == 0)
    # Years: a relaxation slows down, so that at its last rate as much time again brings no more than it brought.
    last = {n: x[0][sweep["years"]][-1] for n, x in trace.state.items()}
    remaining = rate(last, 0.0)[0]
    for spec in device.states:
        x = np.asarray(trace.state[spec.name][0][sweep["years"]])
        brought = np.max(np.abs(x[-1] - np.asarray(rest[spec.name])))
        left = YEARS * np.max(np.abs(np.asarray(remaining[spec.name])))
        assert left <= brought + 1e-3 * spec.scale, spec.name
    # The compliance holds where the leakage is above it.
    v, i = (np.asarray(x[0][sweep["leakage"]]) for x in (trace.v, trace.i))
    leak = np.array([abs(float(rate(rest, x)[1])) for x in v])
    assert np.all(np.abs(i) <= LEAKAGE * (1 + 1e-6))
    np.testing.assert_allclose(np.abs(i)[leak > 10 * LEAKAGE], LEAKAGE, rtol=1e-6)
    assert np.all(i * v >= 0)


def test_a_stimulus_of_one_row_is_refused():
    with pytest.raises(StimulusError, match="a stimulus of 0 s; in simulate"):
        mj.simulate(mj.Vteam(), _drive([0.0], [0.5]))


def test_two_equal_times_are_refused():
    with pytest.raises(StimulusError, match="do not increase"):
        _drive([0.0, 1.0, 1.0, 2.0], [0.0, 0.0, 0.5, 0.5])


ABSURD = (1.0, 100.0, 1e3, 1e4, -1.0, -100.0, -1e3, -1e4)
"""Voltages [V]; at 100 V and more some rates are beyond 1e10 of a state's range in a second."""


SCALED = [n for n in mj.device_names() if any(s.scale != 1 for s in mj.model(n).states)]
"""Models with states that a solver scales, as those in metres: they come back from an edge with a rounding."""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SCALED)
def test_no_rounding_decides_to_which_edge_a_state_goes(name, dtype):
    """An explicit step from an edge ends where one ends from a rounding to either side of it."""
    device, env, zero = mj.device_class(name)(), mj.Environment(), jnp.zeros((), dtype)
    device = jax.tree.map(lambda x: jnp.asarray(x, dtype), device)
    rest = {n: jnp.asarray(x, dtype) for n, x in device.initial(env).items()}

    @jax.jit
    @jax.vmap
    def step(state, v):
        rates = device.drift(zero, state, v, env)
        return device.project({n: state[n] + dtype(1e-4) * rates[n] for n in state})

    for spec in (s for s in device.states if s.scale != 1):
        low, high = (
            device.project(rest | {spec.name: jnp.asarray(x, dtype)})[spec.name]
            for x in (max(spec.bounds[0], -1e3 * spec.scale), min(spec.bounds[1], 1e3 * spec.scale))
        )
        for edge in np.asarray([low, high]):
            places = [np.nextafter(edge, dtype(-np.inf)), edge, np.nextafter(edge, dtype(np.inf))]
            x, v = np.meshgrid(np.array(places, dtype), np.array(ABSURD, dtype))
            states = {n: jnp.broadcast_to(y, (x.size, *y.shape)) for n, y in rest.items()}
            ends = step(states | {spec.name: jnp.ravel(x)}, jnp.ravel(v))[spec.name]
            apart = np.ptp(np.asarray(ends).reshape(x.shape), axis=1)
            assert np.all(apart <= 1e-3 * (high - low)), (spec.name, edge, apart)

"""Two-state switches event by event and as Langevin equation, against the law of independent switches."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import memjax as mj
from tests.helpers import z_score

KT = 8.617333262e-5 * 300.0
N, STEP, END, V = 400, 0.4, 0.9, 0.12
ROWS = np.array([STEP, 0.6, END])
DRIVE = mj.Sampled(np.array([0.0, STEP, END]), np.array([0.0, V, V]), kind="staircase")
MEMBERS = {"events": 250, "langevin": 3000}
FREE = {"v_a": 0.04, "v_off": -0.06, "on0": 0.1, "factor": 0.0, "tau": 0.2}
# Too large to be heated, and hardly conducting: the switches do not feel each other.
FREE |= {"c_th": 1e-3, "g_step": 1e-12, "g_par": 1e-12}
VOLATILE = FREE | {"factor": 8.0}
"""Rates that change in time, alike for all switches: the volatility follows the voltage alone."""


def _device(form, values, n=N):
    return mj.params.replace(mj.EventSwitches(), values | {"n": n, "form": form})


def _counts(form, values, n=N):
    trace = mj.simulate(
        _device(form, values, n),
        DRIVE,
        members=MEMBERS[form],
        save=ROWS,
        seed=11,
        policy=mj.Stiff(),
    )
    return n * np.asarray(trace.check().state["on"])


@functools.cache
def counts(form, factor):
    """How many switches are on, by form and by how much the voltage changes the rates in time."""
    return _counts(form, FREE | {"factor": factor})


FACTORS = pytest.mark.parametrize(
    "factor", [pytest.param(0.0, marks=pytest.mark.study), 8.0], ids=["constant", "volatile"]
)


def _chances(factor):
    """Probabilities to be on at the rows, of a switch that was off and of one that was on at 0 s."""

    def rates(t, y):
        v, phi = (V if t > STEP else 0.0), y[2]
        barrier = [max(0.04 - s * (v - 0.06) / 2, 0.0) for s in (1, -1)]
        up, down = np.exp(-np.array(barrier) / (KT * phi))
        switches = [up * (1 - p) - down * p for p in y[:2]]
        return [*switches, (factor * abs(v) - (phi - 1)) / 0.2]

    y, found = np.array([0.0, 1.0, 1.0]), []
    for a, b in zip((0.0, *ROWS[:-1]), ROWS, strict=True):
        y = solve_ivp(rates, (a + 1e-12, b), y, rtol=1e-9, atol=1e-12).y[:, -1]
        found.append(y[:2])
    return np.array(found)


def _moments(factor, n=N, on=0.1):
    """Mean, variance and fourth central moment: a share of the switches on at first, each by itself."""
    share = n * np.array([1 - on, on])
    p = _chances(factor)
    variance = (share * p * (1 - p)).sum(axis=1)
    fourth = (share * p * (1 - p) * (1 - 6 * p * (1 - p))).sum(axis=1) + 3 * variance**2
    return p @ share, variance, fourth


@pytest.mark.study
@FACTORS
@pytest.mark.parametrize("form", ["events", pytest.param("langevin", marks=pytest.mark.study)])
def test_many_switches_have_the_mean_and_variance_of_independent_ones(form, factor):
    n, (mean, variance, fourth) = counts(form, factor), _moments(factor)
    for k in range(len(ROWS)):
        assert abs(z_score(n[:, k], mean[k], expected_sd=variance[k] ** 0.5)) < 4
        squares, sd = (n[:, k] - mean[k]) ** 2, (fourth[k] - variance[k] ** 2) ** 0.5
        assert abs(z_score(squares, variance[k], expected_sd=sd)) < 4


@pytest.mark.study
@FACTORS
def test_events_and_their_langevin_equation_agree_where_switches_are_many(factor):
    a, b = (counts(form, factor) for form in MEMBERS)
    square = lambda x: (x - x.mean(axis=0)) ** 2  # noqa: E731
    for x, y in ((a, b), (square(a), square(b))):
        error = np.sqrt(x.var(axis=0) / len(x) + y.var(axis=0) / len(y))
        assert np.all(np.abs(x.mean(axis=0) - y.mean(axis=0)) < 4 * error)


def test_volatility_changes_what_is_compared():
    # The law of one case, taken for the other's, would fail at |z| = 4 with as much to spare.
    constant, volatile = _moments(0.0), _moments(8.0)
    gap = np.abs(constant[0] - volatile[0])[1:] / np.sqrt(constant[1][1:] / MEMBERS["events"])
    assert np.max(gap) > 8


@pytest.mark.slow
def test_events_move_whole_switches():
    n = counts("events", 8.0)
    np.testing.assert_allclose(n, np.round(n), atol=1e-9)
    assert n.min() >= 0
    assert n.max() <= N


@pytest.mark.study
def test_the_langevin_equation_of_few_switches_is_another_process():
    # With none on at first and less than one at rest, noise is reflected at 0: it lifts the mean.
    n = _counts("langevin", FREE | {"on0": 0.0}, 4)
    mean, variance, _ = _moments(0.0, 4, on=0.0)
    assert n.min() >= 0
    assert z_score(n[:, 0], mean[0], expected_sd=variance[0] ** 0.5) > 4


def test_intensities_stay_below_their_bounds_and_vanish_where_no_switch_is_left():
    device, env = _device("events", VOLATILE | {"v_a": 0.01}), mj.Environment()
    for on in (0.0, 0.3, 1.0):
        for v in (-1.0, 0.0, 1.0):
            state = dict(on=on, phi=2.0, temperature=400.0)
            state = {k: jnp.asarray(x) for k, x in state.items()}
            jumps = device.jumps(0.0, state, jnp.asarray(v), env)
            assert all(0 <= j.intensity <= j.bound for j in jumps.values())
            none_left = "on" if on == 1.0 else "off"
            assert (float(jumps[none_left].intensity) == 0) == (on in (0.0, 1.0))

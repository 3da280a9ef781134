"""Selectors that are devices, in time: against an independent solve of the same equations, and in writing."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import memjax as mj
from tests.helpers import fitted_order

from .conftest import DEVICE, RESISTANCES, SHAPE, WIRES, X
from .nodal import array_voltages

pytestmark = pytest.mark.slow

SELECTOR = mj.Vteam(conduction="exponential", r_on=1.5e4, r_off=1.5e6)
S = np.random.default_rng(1).uniform(0.3, 0.7, SHAPE)
V = np.array([-1.0, 0.2, 0.9, 0.0])
TIME = 4e-5


@pytest.fixture(scope="module")
def array():
    return mj.Crossbar(
        cells=DEVICE, states={"x": X}, selector=SELECTOR, selector_states={"x": S}, wires=WIRES
    )


def _rate(_, flat):
    """Rates of both by the published law, written anew, at voltages that SciPy solves the node equations for."""
    states = flat.reshape(2, *SHAPE)
    r = np.array([1e4, 1.5e4])[:, None, None] * 100.0 ** np.clip(states, 0, 1)
    g = 1 / r.sum(axis=0)
    word, bit = array_voltages(g, V, **RESISTANCES)
    v = g * (word - bit) * r
    up, down = (1e3 * np.maximum(v / limit - 1, 0) ** 3 for limit in (0.3, -0.3))
    return (up - down).ravel()


def test_states_of_both_converge_to_those_of_the_equations_in_first_order(array):
    exact = solve_ivp(_rate, (0, TIME), np.stack([X, S]).ravel(), rtol=1e-9, atol=1e-11)
    end = exact.y[:, -1].reshape(2, *SHAPE)
    errors, parts = [], (1, 2, 4)
    for n in parts:  # runs of more steps are several calls of one compiled program
        now = array
        for _ in range(n):
            now = mj.crossbar.transient(now, np.tile(V, (8, 1)), dt=TIME / n / 8).array
        states = np.stack([now.states["x"], now.selector_states["x"]])
        errors.append(np.abs(states - end).max())
    assert np.abs(end[0] - X).max() > 0.01
    assert np.abs(end[1] - S).max() > 0.01
    assert fitted_order([1 / n for n in parts], errors) == pytest.approx(1, abs=0.1)


def test_writing_goes_on_with_the_selectors_where_they_were(array):
    options = {
        "pulses": mj.crossbar.Pulses((-0.9, 0.9), widths=2e-5, substeps=2),
        "tolerance": 1e-9,
    }
    targets = np.full(SHAPE, 1e-5)
    whole = mj.crossbar.program(array, targets, rounds=2, **options)
    half = mj.crossbar.program(array, targets, rounds=1, **options)
    again = mj.crossbar.program(array, targets, rounds=2, start=half, **options)
    assert np.abs(np.asarray(whole.array.selector_states["x"]) - S).max() > 1e-3
    for name in ("states", "selector_states"):
        np.testing.assert_array_equal(
            getattr(again.array, name)["x"], getattr(whole.array, name)["x"]
        )

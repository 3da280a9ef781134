"""What is read off cycles of a device that keeps its state."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.prepare import prepare
from fitting.sweeps.set_reset import CycleReading, cycles_of

UP = np.concatenate([np.linspace(0, 1, 101), np.linspace(0.99, 0, 100)])
V = np.concatenate([UP, -UP])
NONE = (np.inf, np.inf)


def cycle(v_set=0.6, v_reset=0.7, r_on=1e3, r_off=1e5, r_after=None):
    """Current of a device that sets at positive and resets at negative voltage, at once."""
    g = np.full(len(V), 1 / r_off)
    on = np.flatnonzero(v_set - 1e-9 <= V)[0]
    off = np.flatnonzero(-v_reset + 1e-9 >= V)[0]
    g[on:off], g[off:] = 1 / r_on, 1 / (r_off if r_after is None else r_after)
    return g * V


def test_voltages_and_resistances_are_those_of_the_cycle():
    cycles = np.stack([cycle(), cycle(v_set=0.5, r_on=2e3), cycle(v_reset=0.9, r_off=3e5)])
    reading = CycleReading(V, cycles, NONE)
    assert reading.names == ("v_set", "v_reset", "r_on", "r_off")
    assert reading.closed
    values = reading(cycles)
    # Voltages are read on levels a hundredth of the largest one apart, between two of its steps.
    want = np.array([[0.6, 0.7], [0.5, 0.7], [0.6, 0.9]])
    np.testing.assert_allclose(values[:, :2], want, atol=0.021)
    np.testing.assert_allclose(values[:, 2:], [[1e3, 1e5], [2e3, 1e5], [1e3, 3e5]])


def test_the_off_resistance_is_that_before_the_set():
    cycles = np.stack([cycle(r_off=1e5, r_after=4e5)] * 3)
    np.testing.assert_allclose(CycleReading(V, cycles, NONE)(cycles)[:, 3], 1e5)


def test_a_cycle_that_does_not_set_has_a_voltage_beyond_the_largest():
    reading = CycleReading(V, np.stack([cycle()] * 3), NONE)
    never = V / 1e5
    v_set, v_reset = reading(never)[:2]
    assert v_set == pytest.approx(1.01)
    assert v_reset == pytest.approx(1.01)


def test_a_cycle_that_does_not_set_has_no_on_resistance():
    """The way out of its reset shows the state that was never left."""
    reading = CycleReading(V, np.stack([cycle()] * 3), NONE)
    assert reading.begins == "set"
    v_set, _, r_on, r_off = reading(V / 1e5)
    assert v_set == pytest.approx(1.01)
    assert np.isnan(r_on)
    assert r_off == pytest.approx(1e5)


def test_points_at_the_limit_are_no_resistance():
    cycles = np.clip(np.stack([cycle()] * 3), -1.0, 1e-4)
    reading = CycleReading(V, cycles, (1e-4, np.inf))
    np.testing.assert_allclose(reading(cycles)[:, 2], 1e3)  # of the way out of the reset
    alone = cycles[:, : len(UP)]
    alone_reading = CycleReading(UP, alone, (1e-4, np.inf))
    assert not alone_reading.closed
    assert alone_reading.names == ("v_set", "r_on", "r_off")
    assert np.all(np.isnan(alone_reading(alone)[:, 1]))  # all low voltages are at the limit


def test_without_a_loop_nothing_is_read():
    reading = CycleReading(V, np.stack([V / 1e5] * 3), NONE)
    assert reading.names == ()
    assert reading(V[None] / 1e5).shape == (1, 0)


@pytest.mark.parametrize("device", [mj.HybridDevice(), mj.Vteam()])
def test_sweeps_that_were_fitted_one_after_the_other_are_cycles_again(device):
    size = len(V)
    data = mj.Measurement(
        v=np.tile(V, 4), i=np.concatenate([cycle(v_set=x) for x in (0.5, 0.6, 0.6, 0.7)]), t=None,
        sweep=np.repeat(np.arange(4), size), at_compliance=np.zeros(4 * size, bool), reader="", source={},
    )  # fmt: skip
    common = dict(env=None, free=["x0"], fix=None, seed=0, screened=2)
    prepared = prepare([data], device, bench=None, point_time=0.01, **common)
    joined = isinstance(device, mj.HybridDevice)
    assert [w.n_sweeps for w in prepared.waves] == [1 if joined else 4]
    reading, simulation = cycles_of(
        prepared.waves, prepared.problem, count=16, measurements=[data], point_time=0.01
    )
    assert reading.cycles.shape == (4, size)
    assert simulation.carried
    np.testing.assert_allclose(reading(reading.cycles)[:, 0], [0.5, 0.6, 0.6, 0.7], atol=0.021)

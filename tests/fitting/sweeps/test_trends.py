"""Quantities of every cycle, and whether they drift."""

import numpy as np
import pytest

from fitting.sweeps.trends import _series, keeps_state, trends, values_of
from tests.fits import measured_loops, threshold_loop


def test_a_voltage_that_rises_with_every_cycle_is_said_to_rise():
    m = measured_loops(*(threshold_loop(0.275 + 0.05 * k, 0.2) for k in range(10)))
    assert not keeps_state(m)
    found = trends(m)
    (switching,) = [s for s in found if s.name == "switching voltage"]
    assert str(switching).startswith("rises (tau = +1.00")
    np.testing.assert_allclose(values_of(found, "switching voltage"), 0.3 + 0.05 * np.arange(10))


@pytest.mark.parametrize("decades", [0.0, 1.0, 2.0])
def test_a_device_that_keeps_its_state_sets_and_resets_however_it_rectifies(decades):
    """Of 3 decades between its states: on at negative voltage it may conduct as at positive voltage nearly off."""
    up = np.concatenate([np.arange(21), np.arange(19, -1, -1)]) / 20
    is_out = np.arange(41) <= 20
    on = np.where(is_out, up >= 0.6, True)
    plus = up, np.maximum(up, 1e-3) * np.where(on, 1e-4, 1e-7)
    minus = -up, -np.maximum(up, 1e-3) * np.where(on, 1e-7, 1e-4) * 10.0**-decades
    loop = tuple(np.concatenate(x) for x in zip(plus, minus, strict=True))
    m = measured_loops(loop, loop, loop)
    assert keeps_state(m)
    found = trends(m)
    np.testing.assert_allclose(values_of(found, "set voltage"), 0.6, atol=0.05)
    np.testing.assert_allclose(values_of(found, "reset voltage"), 0.6, atol=0.05)


def test_equal_or_few_values_have_no_trend():
    same = _series("v", "V", 1, [(k, 1.0) for k in range(20)])
    few = _series("v", "V", 1, [(k, float(k)) for k in range(5)])
    for s in (same, few):
        assert (s.tau, s.p) == (None, None)
        assert str(s) == "too few values for a trend, or all alike"
    rng = np.random.default_rng(0)
    noise = _series("v", "V", 1, [(k, x) for k, x in enumerate(rng.normal(size=30))])
    assert str(noise).startswith("no trend")

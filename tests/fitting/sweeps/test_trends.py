"""Quantities of every cycle, and whether they drift."""

import numpy as np

from fitting.sweeps.trends import _series, keeps_state, of_excursions, trends, values_of
from tests.fits import measured_loops, threshold_loop


def test_a_voltage_that_rises_with_every_cycle_is_said_to_rise():
    m = measured_loops(*(threshold_loop(0.275 + 0.05 * k, 0.2) for k in range(10)))
    assert not keeps_state(of_excursions(m))
    found = trends(m)
    (switching,) = [s for s in found if s.name == "switching voltage"]
    assert str(switching).startswith("rises (tau = +1.00")
    np.testing.assert_allclose(values_of(found, "switching voltage"), 0.3 + 0.05 * np.arange(10))


def test_equal_or_few_values_have_no_trend():
    same = _series("v", "V", 1, [(k, 1.0) for k in range(20)])
    few = _series("v", "V", 1, [(k, float(k)) for k in range(5)])
    for s in (same, few):
        assert (s.tau, s.p) == (None, None)
        assert str(s) == "too few values for a trend, or all alike"
    rng = np.random.default_rng(0)
    noise = _series("v", "V", 1, [(k, x) for k, x in enumerate(rng.normal(size=30))])
    assert str(noise).startswith("no trend")

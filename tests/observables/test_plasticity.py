"""Paired pulses, rate and timing dependence, and retention, against closed forms."""

import inspect
import math

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.observables import (
    paired_pulse_ratio,
    ppr_curve,
    responses,
    retention,
    srdp,
    stdp_window,
    weight_change,
)
from tests.helpers import z_score


def test_ratio_and_change_of_numbers_are_numbers():
    assert paired_pulse_ratio(2e-6, 3e-6) == pytest.approx(1.5)
    assert isinstance(weight_change(2e-6, 3e-6), float)
    assert weight_change(-2e-6, -3e-6) == pytest.approx(0.5)


def test_ratio_and_change_of_arrays_are_arrays():
    first, second = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    np.testing.assert_allclose(paired_pulse_ratio(first, second), [3.0, 0.5])
    np.testing.assert_allclose(weight_change(first, second), [2.0, -0.5])


@pytest.mark.parametrize("bad", [0.0, math.nan, math.inf])
def test_a_first_response_of_zero_or_none_is_refused(bad):
    for call in (paired_pulse_ratio, weight_change):
        with pytest.raises(BoundsError, match="finite numbers other than 0"):
            call(bad, 1.0)
        with pytest.raises(BoundsError, match="finite numbers other than 0"):
            call(np.array([1.0, bad]), np.array([1.0, 1.0]))


T = np.array([0.0, 1.0, 1.5, 4.0, 5.0])
I = np.array([0.0, 2.0, 2.0, -3.0, -3.0])


def test_a_mean_is_the_integral_of_the_lines_over_the_window():
    found = responses(T, I, windows=[(0.0, 1.0), (0.5, 1.5), (1.5, 4.0), (4.2, 4.4)])
    np.testing.assert_allclose(found, [1.0, 0.5 * 1.5 + 0.5 * 2.0, -0.5, -3.0])


def test_a_peak_is_the_value_furthest_from_zero_with_its_sign():
    found = responses(T, I, windows=[(0.0, 0.5), (0.5, 1.5), (1.0, 5.0)], kind="peak")
    np.testing.assert_allclose(found, [1.0, 2.0, -3.0])


@pytest.mark.integration
def test_responses_of_members_are_those_of_each():
    both = responses(T, np.stack([I, 2 * I]), windows=[(0.5, 4.5)], kind="mean")
    assert both.shape == (2, 1)
    np.testing.assert_allclose(both[1], 2 * responses(T, I, windows=[(0.5, 4.5)]))
    assert responses(T, I, windows=[]).shape == (0,)


@pytest.mark.parametrize("window", [(-1.0, 2.0), (2.0, 6.0), (2.0, 2.0), (math.nan, 2.0)])
def test_a_window_outside_the_trace_is_refused(window):
    with pytest.raises(BoundsError, match=r"window.*allowed: 0 to 5 s"):
        responses(T, I, windows=[window])


def test_facilitation_turns_into_depression_where_the_ratio_passes_one():
    x = np.array([0.1, 0.2, 0.4, 0.8])
    found = ppr_curve(x[::-1].copy(), np.array([1.4, 1.1, 0.9, 0.8])[::-1].copy())
    np.testing.assert_allclose(found.to_depression, [0.3])
    assert found.to_facilitation.size == 0
    logarithmic = ppr_curve(x, np.array([1.4, 1.1, 0.9, 0.8]), log=True)
    np.testing.assert_allclose(logarithmic.to_depression, [math.sqrt(0.08)])


def test_a_curve_that_returns_has_both_crossings_and_one_that_stays_has_none():
    found = ppr_curve(np.arange(4.0), np.array([0.5, 1.5, 1.5, 0.5]))
    np.testing.assert_allclose(found.to_facilitation, [0.5])
    np.testing.assert_allclose(found.to_depression, [2.5])
    none = ppr_curve(np.arange(3.0), np.array([1.5, 1.0, 1.5]))
    assert none.to_depression.size == none.to_facilitation.size == 0


def test_a_stretch_at_one_is_crossed_in_its_middle():
    found = ppr_curve(np.arange(5.0), np.array([2.0, 1.0, 1.0, 1.0, 0.5]))
    np.testing.assert_allclose(found.to_depression, [2.0])


def test_the_threshold_rate_is_interpolated():
    rates = np.array([1.0, 10.0, 100.0])
    change = np.array([-0.1, -0.1, 0.2])
    assert srdp(rates, change) == pytest.approx(40.0)
    assert srdp(rates, change, log=True) == pytest.approx(10 ** (4 / 3))
    assert srdp(rates, -change) == pytest.approx(40.0)


def test_rates_without_one_threshold_are_refused():
    with pytest.raises(BoundsError, match=r"never flips.*rates from 1 to 3"):
        srdp(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]))
    with pytest.raises(BoundsError, match=r"flips at \[1\.5 2\.5\].*average"):
        srdp(np.array([1.0, 2.0, 3.0]), np.array([-0.1, 0.1, -0.1]))
    with pytest.raises(BoundsError, match="at least 2 points"):
        srdp(np.array([1.0]), np.array([-0.1]))
    with pytest.raises(BoundsError, match="logarithmic"):
        srdp(np.array([0.0, 2.0]), np.array([-0.1, 0.1]), log=True)


def _window(dt):
    """Potentiation 0.8 of 20 ms, depression -0.4 of 35 ms."""
    return np.where(dt > 0, 0.8 * np.exp(-dt / 0.02), -0.4 * np.exp(dt / 0.035))


DT = np.concatenate([-np.geomspace(1e-3, 0.3, 40), np.geomspace(1e-3, 0.3, 40)])


def test_a_window_of_exponentials_gives_their_amplitudes_and_times():
    found = stdp_window(DT, _window(DT))
    for side, amplitude, tau in (
        (found.positive, 0.8, 0.02),
        (found.negative, -0.4, 0.035),
    ):
        assert side.amplitude == pytest.approx(amplitude, rel=1e-8)
        assert side.tau == pytest.approx(tau, rel=1e-8)
        assert side.tau_se < 1e-6 * tau
        assert side.points == 40


def test_the_width_without_a_model_is_the_time_of_an_exponential():
    dt = np.linspace(1e-4, 0.4, 4000)
    side = stdp_window(dt, _window(dt)).positive
    assert side.width == pytest.approx(0.02, rel=1e-4)  # trapezoids: (h / tau)^2 / 12 = 2e-6
    square = stdp_window(dt, np.where(dt < 0.1, 0.3, 0.0)).positive
    assert square.width == pytest.approx(0.1, rel=2e-3)


def test_repeats_at_one_time_are_averaged_for_the_width():
    dt = np.array([0.01, 0.02, 0.02, 0.03])
    side = stdp_window(dt, np.array([1.0, 0.2, 0.4, 0.1])).positive
    assert side.width == pytest.approx(0.01 * (0.5 + 0.3 + 0.05))


def test_results_scale_with_the_units_of_time_and_weight():
    ms = stdp_window(1e3 * DT, 1e-9 * _window(DT)).positive
    assert (ms.amplitude, ms.tau) == (pytest.approx(8e-10), pytest.approx(20.0))


def test_errors_of_a_fit_are_the_spread_of_many():
    rng = np.random.default_rng(0)
    dt = np.linspace(2e-3, 0.1, 30)
    found = [
        stdp_window(dt, _window(dt) + rng.normal(0, 0.01, dt.size)).positive for _ in range(150)
    ]
    for name, exact in (("amplitude", 0.8), ("tau", 0.02)):
        values = [getattr(f, name) for f in found]
        typical = np.sqrt(np.mean([getattr(f, f"{name}_se") ** 2 for f in found]))
        assert typical == pytest.approx(np.std(values, ddof=1), rel=0.2)  # its own error: 6 %
        assert abs(z_score(values, exact)) < 4


def test_a_window_of_one_side_says_nothing_of_the_other():
    found = stdp_window(np.array([-0.01, 0.0, 0.01, 0.02]), np.array([-1.0, 9.0, 2.0, 1.0]))
    assert found.negative is None
    side = found.positive
    assert side.tau == pytest.approx(0.01 / math.log(2))
    assert side.amplitude == pytest.approx(4.0)
    assert math.isnan(side.tau_se)


def test_points_without_a_decay_have_no_error_that_could_be_believed():
    dt = np.linspace(0.01, 0.1, 10)
    side = stdp_window(dt, np.ones(10)).positive
    assert side.tau > 0.9 * 100 * 0.1
    assert math.isnan(side.tau_se)
    nothing = stdp_window(dt, np.zeros(10)).positive
    assert nothing.amplitude == 0.0
    assert math.isnan(nothing.width)


def test_columns_that_do_not_belong_together_are_refused():
    with pytest.raises(BoundsError, match="stdp_window"):
        inspect.unwrap(stdp_window)(np.zeros(3), np.zeros(2))
    with pytest.raises(BoundsError, match="not finite"):
        stdp_window(np.array([1.0, 2.0]), np.array([1.0, math.nan]))


def test_what_is_kept_is_counted_from_the_first_row_over_the_baseline():
    t = np.linspace(5.0, 15.0, 1001)
    w = 2e-6 + 8e-6 * np.exp(-(t - 5.0) / 3.0)
    found = retention(t, w, at=np.array([0.0, 3.0, 10.0]), baseline=2e-6)
    np.testing.assert_allclose(found.share, np.exp([0.0, -1.0, -10 / 3]), rtol=1e-5)
    np.testing.assert_allclose(found.loss + found.share, 1.0)
    assert retention(t, w, at=3.0).share == pytest.approx((2 + 8 / math.e) / 10, rel=1e-5)


def test_retention_of_members_is_that_of_each():
    t = np.array([0.0, 1.0, 3.0])
    found = retention(t, np.array([[4.0, 2.0, 0.0], [1.0, 1.0, 1.0]]), at=np.array([0.5, 2.0]))
    np.testing.assert_allclose(found.share, [[0.75, 0.25], [1.0, 1.0]])


def test_times_outside_the_trace_and_a_weight_at_its_baseline_are_refused():
    t = np.array([0.0, 1.0])
    with pytest.raises(BoundsError, match="allowed: 0 to 1 s"):
        retention(t, np.array([1.0, 0.5]), at=2.0)
    with pytest.raises(BoundsError, match="other than 0"):
        retention(t, np.array([1.0, 0.5]), at=0.5, baseline=1.0)

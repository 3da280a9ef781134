"""Spikes, intervals, probabilities, refractory periods and drifts, on trains made by hand and random ones."""

import inspect
import math

import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.observables import (
    SpikeTrain,
    detect,
    detect_all,
    drift,
    firing_probability,
    in_window,
    integration_times,
    isi_statistics,
    jackknife,
    latency,
    refractory_period,
    threshold_drift,
    wilson,
)
from tests.helpers import z_score

T = np.arange(9.0)
X = np.array([0.0, 3.0, 6.0, 2.5, 7.0, 1.9, 2.1, 8.0, 8.0])


def test_a_spike_is_timed_on_the_line_between_the_rows():
    np.testing.assert_allclose(detect(T, X, level=5.0), [1 + 2 / 3, 3 + 2.5 / 4.5, 6 + 2.9 / 5.9])


def test_a_spike_needs_the_signal_to_have_been_below_the_rearming_level():
    np.testing.assert_allclose(detect(T, X, level=5.0, rearm=2.0), [1 + 2 / 3, 6 + 2.9 / 5.9])


def test_rows_at_unequal_distances_are_told_apart():
    t = np.array([0.0, 1.0, 5.0, 5.1, 9.0])
    found = detect(t, np.array([0.0, 0.0, 4.0, 0.0, 1.0]), level=0.5)
    np.testing.assert_allclose(found, [1.5, 5.1 + 3.9 / 2])


def test_chatter_about_the_level_is_one_spike_with_hysteresis_and_many_without():
    t = np.linspace(0, 10, 20_001)
    x = np.sin(2 * np.pi * t) + np.random.default_rng(0).normal(0, 0.02, t.size)
    clean = np.arange(10) + 1 / 12
    found = detect(t, x, level=0.5, rearm=0.2)
    np.testing.assert_allclose(found, clean, atol=5 * 0.02 / (2 * np.pi * math.cos(math.pi / 6)))
    assert found.size == 10
    assert detect(t, x, level=0.5).size > 50


def test_the_time_of_a_crossing_is_of_second_order_in_the_distance_of_rows():
    exact = math.asin(0.3)
    for n in (7, 20, 70, 200, 700):
        t = np.linspace(0, 1, n + 1)
        bound = math.tan(exact + 1 / n) / (8 * n**2)  # h^2 / 8 of |x'' / x'|
        assert abs(detect(t, np.sin(t), level=0.3)[0] - exact) < bound


def test_spikes_that_fall_are_those_of_the_mirrored_signal():
    np.testing.assert_array_equal(
        detect(T, -X, level=-5.0, rearm=-2.0, sign=-1), detect(T, X, level=5.0, rearm=2.0)
    )


def test_a_trace_that_starts_above_has_no_spike_before_it_is_rearmed():
    assert detect(T[:4], np.array([9.0, 8.0, 9.0, 1.0]), level=5.0).size == 0
    found = detect(T[:5], np.array([9.0, 3.0, 9.0, 1.0, 9.0]), level=5.0, rearm=2.0)
    np.testing.assert_allclose(found, [3.5])


def test_touching_the_level_is_no_spike_and_passing_through_a_row_at_it_is_one():
    assert detect(T[:3], np.array([0.0, 5.0, 0.0]), level=5.0).size == 0
    np.testing.assert_array_equal(detect(T[:4], np.array([0.0, 5.0, 6.0, 5.0]), level=5.0), [1.0])


def test_a_trace_without_a_spike_and_an_empty_one_have_none():
    assert detect(T, np.zeros(9), level=5.0).size == 0
    assert detect(np.zeros(0), np.zeros(0), level=5.0).size == 0
    assert detect_all(T, np.zeros((0, 9)), level=5.0) == []


def test_all_members_are_read_as_each_by_itself():
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.normal(size=(5, 400)), axis=1)
    x[2] = 0.0
    t = np.cumsum(rng.uniform(0.5, 1.5, 400))
    found = detect_all(t, x, level=1.0, rearm=-0.5)
    assert len(found) == 5
    assert sum(map(len, found)) > 10
    for train, row in zip(found, x, strict=True):
        np.testing.assert_array_equal(train, detect(t, row, level=1.0, rearm=-0.5))


def test_a_member_that_starts_above_has_no_spike_after_one_that_ended_below():
    x = np.array([[9.0, 9.0, 0.0], [9.0, 9.0, 9.0]])
    assert [train.size for train in detect_all(T[:3], x, level=5.0)] == [0, 0]


def test_simulated_rows_are_read_as_measured_ones():
    np.testing.assert_array_equal(
        detect(jnp.asarray(T), jnp.asarray(X), level=5.0), detect(T, X, level=5.0)
    )


@pytest.mark.parametrize(
    ("t", "x", "message"),
    [
        (T, np.where(T == 4, np.nan, X), "signal = nan at row 4.*finite"),
        (T, np.where(T == 4, np.inf, X), "signal = inf at row 4"),
        (np.where(T == 4, np.nan, T), X, "t = nan at row 4"),
        (np.where(T == 4, 3.0, T), X, "t goes from 3 to 3 s at row 4.*one sweep"),
        (T[::-1].copy(), X, "t goes from 8 to 7 s at row 1"),
    ],
)
def test_a_trace_that_is_none_is_refused(t, x, message):
    with pytest.raises(BoundsError, match=message):
        detect(t, x, level=5.0)


@pytest.mark.parametrize(
    ("level", "rearm", "sign", "message"),
    [
        (5.0, 6.0, 1, "rearm = 6 for level = 5; allowed: rearm at or below level"),
        (5.0, 4.0, -1, "at or above level"),
        (math.nan, None, 1, "level = nan"),
        (5.0, None, 0, "sign = 0"),
    ],
)
def test_levels_the_wrong_way_round_are_refused(level, rearm, sign, message):
    with pytest.raises(BoundsError, match=message):
        detect(T, X, level=level, rearm=rearm, sign=sign)


TRAIN = SpikeTrain(times=np.array([1.0, 2.0, 4.0]), start=0.5, stop=5.5)


def test_a_train_gives_count_rate_intervals_and_their_variation():
    assert (TRAIN.count, TRAIN.rate) == (3, 0.6)
    np.testing.assert_array_equal(TRAIN.isi, [1.0, 2.0])
    assert TRAIN.cv == pytest.approx(0.5 / 1.5)


def test_a_train_of_one_spike_or_none_has_no_variation():
    one = SpikeTrain(times=np.array([1.0]), start=0.0, stop=2.0)
    none = SpikeTrain(times=np.zeros(0), start=0.0, stop=2.0)
    assert (one.count, one.isi.size, none.rate) == (1, 0, 0.0)
    assert math.isnan(one.cv)
    assert math.isnan(none.latency())


def test_the_latency_counts_from_the_start_or_from_a_given_time():
    assert TRAIN.latency() == 0.5
    assert TRAIN.latency(2.0) == 0.0
    assert TRAIN.latency(2.5) == 1.5
    assert math.isnan(TRAIN.latency(4.5))


def test_adjoining_windows_share_no_spike():
    parts = TRAIN.within(0.5, 2.0), TRAIN.within(2.0, 5.5)
    assert [p.count for p in parts] == [1, 2]
    assert (parts[0].start, parts[0].stop) == (0.5, 2.0)


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [(0.0, 2.0, "allowed: within 0.5 to 5.5 s"), (3.0, 3.0, "allowed: start < stop")],
)
def test_a_window_in_which_nobody_watched_is_refused(start, stop, message):
    for call in (
        TRAIN.within,
        lambda a, b: isi_statistics([TRAIN], start=a, stop=b),
        lambda a, b: firing_probability([TRAIN], start=a, stop=b),
    ):
        with pytest.raises(BoundsError, match=message):
            call(start, stop)


@pytest.mark.parametrize("times", [[2.0, 1.0], [1.0, 1.0], [1.0, math.inf], [0.0, 1.0]])
def test_times_that_make_no_train_are_refused(times):
    with pytest.raises(BoundsError, match="spike"):
        SpikeTrain(times=np.array(times), start=0.5, stop=3.0)


def _renewals(rng, members, length, *, shape):
    """Trains of independent gamma intervals of mean 1 and CV 1 / sqrt(shape)."""
    lengths = rng.gamma(shape, 1 / shape, (members, int(length * 2 + 60)))
    return [s[s < length] for s in np.cumsum(lengths, axis=1)]


def test_a_poisson_train_has_its_rate_and_a_variation_of_one():
    trains = _renewals(np.random.default_rng(0), 400, 60.0, shape=1.0)
    rates = [SpikeTrain(times=s, start=0.0, stop=60.0).rate for s in trains]
    assert abs(z_score(rates, 1.0, expected_sd=math.sqrt(1 / 60))) < 4
    found = isi_statistics(trains, start=0.0, stop=40.0)
    assert abs(found.mean - 1) < 4 * found.mean_se
    assert abs(found.cv - 1) < 4 * found.cv_se
    n = found.count
    assert found.mean_se == pytest.approx(1 / math.sqrt(n), rel=0.2)
    assert found.cv_se == pytest.approx(1 / math.sqrt(n), rel=0.25)  # delta method: 8/4 + 1 - 2 = 1
    assert found.unfinished == 0


def test_the_jackknife_agrees_with_the_spread_of_many_ensembles():
    rng = np.random.default_rng(2)
    found = [
        isi_statistics(_renewals(rng, 40, 30.0, shape=2.0), start=0.0, stop=20.0)
        for _ in range(200)
    ]
    for name in ("mean", "cv"):
        spread = np.std([getattr(f, name) for f in found], ddof=1)  # its own error: 5 %
        typical = np.sqrt(np.mean([getattr(f, f"{name}_se") ** 2 for f in found]))
        assert typical == pytest.approx(spread, rel=0.2)


def test_intervals_that_begin_in_a_window_are_unbiased_and_those_inside_are_too_short():
    trains = _renewals(np.random.default_rng(3), 2000, 20.0, shape=2.0)
    begun = isi_statistics(trains, start=5.0, stop=8.0)
    inside = isi_statistics(trains, start=5.0, stop=8.0, convention="inside")
    assert abs(begun.mean - 1) < 4 * begun.mean_se
    assert abs(begun.cv - math.sqrt(0.5)) < 4 * begun.cv_se
    assert (inside.mean - 1) / inside.mean_se < -10
    assert inside.unfinished == begun.count - inside.count > 1000


def test_both_conventions_count_as_they_say():
    trains = [np.array([1.0, 2.0, 4.0, 9.0]), np.array([0.5, 3.0, 4.5])]
    begun = isi_statistics(trains, start=0.9, stop=5.0)
    assert (begun.count, begun.unfinished) == (4, 1)  # 1, 2, 5 and 1.5
    assert begun.mean == pytest.approx(9.5 / 4)
    inside = isi_statistics(trains, start=0.9, stop=5.0, convention="inside")
    assert (inside.count, inside.unfinished) == (3, 2)
    assert inside.mean == pytest.approx(1.5)
    assert inside.cv == pytest.approx(np.std([1.0, 2.0, 1.5]) / 1.5)


def test_a_regular_train_has_no_variation_however_short_its_intervals():
    found = isi_statistics([1.0 + 1e-9 * np.arange(100), np.zeros(0)], start=0.0, stop=2.0)
    assert found.mean == pytest.approx(1e-9, rel=1e-6)
    assert found.cv < 1e-6  # rounding of the times: 2e-16 of 1e-9


def test_no_spikes_and_one_member_give_no_figure_and_no_error():
    for nothing in ([np.zeros(0)] * 3, []):
        found = isi_statistics(nothing, start=0.0, stop=5.0)
        assert (found.count, found.unfinished) == (0, 0)
        assert math.isnan(found.mean)
        assert math.isnan(found.cv)
    single = isi_statistics([np.array([1.0, 2.0, 4.0])], start=0.0, stop=5.0)
    assert single.mean == 1.5
    assert math.isnan(single.mean_se)


def test_another_convention_is_refused():
    with pytest.raises(BoundsError, match="convention = 'outside'"):
        inspect.unwrap(isi_statistics)([TRAIN], start=1.0, stop=2.0, convention="outside")


def test_the_jackknife_of_a_mean_is_its_standard_error():
    x = np.random.default_rng(1).normal(size=50)
    left_out = (x.sum() - x) / 49
    assert jackknife(left_out) == pytest.approx(x.std(ddof=1) / math.sqrt(50), rel=1e-10)


def test_a_probability_counts_trials_with_a_spike_in_the_window():
    trains = [np.array([1.0, 2.0]), np.array([5.0]), np.zeros(0), np.array([3.0])]
    found = firing_probability(trains, start=1.0, stop=3.0)
    assert (found.value, found.successes, found.trials) == (0.25, 1, 4)


def test_the_ends_of_a_wilson_interval_solve_its_equation():
    for k, n, confidence, z in ((3, 20, 0.95, 1.959963984540054), (15, 20, 0.99, 2.575829303549)):
        found = wilson(k, n, confidence=confidence)
        for end in (found.low, found.high):
            assert (end - k / n) ** 2 == pytest.approx(z**2 * end * (1 - end) / n, rel=1e-9)


def test_an_interval_never_leaves_zero_to_one_and_is_never_empty():
    assert (wilson(0, 10).low, wilson(10, 10).high) == (0.0, 1.0)
    assert wilson(0, 10).high == pytest.approx(1 - wilson(10, 10).low)
    assert wilson(0, 10).high > 0.2


def test_a_wilson_interval_holds_its_confidence():
    rng, p, n = np.random.default_rng(4), 0.08, 40
    inside = []
    for k in rng.binomial(n, p, 4000):
        found = wilson(int(k), n)
        inside.append(found.low <= p <= found.high)
    assert 0.93 < np.mean(inside) < 0.99  # discrete: 0.95 is met on average over p


@pytest.mark.parametrize(
    ("k", "n", "confidence", "message"),
    [(0, 0, 0.9, "of 0 trials"), (3, 2, 0.9, "3 successes"), (1, 2, 1.0, "confidence = 1")],
)
def test_proportions_that_are_none_are_refused(k, n, confidence, message):
    with pytest.raises(BoundsError, match=message):
        wilson(k, n, confidence=confidence)


def test_latencies_are_nan_where_no_spike_came():
    found = latency([TRAIN, np.array([0.5]), np.array([1.5])], after=1.5)
    np.testing.assert_array_equal(found, [0.5, np.nan, 0.0])


def test_the_refractory_period_is_the_shortest_interval_or_a_quantile():
    dead, rng = 0.3, np.random.default_rng(5)
    trains = [np.cumsum(dead + rng.exponential(0.05, 500)) for _ in range(4)]
    shortest = refractory_period(trains)
    assert dead <= shortest < dead + 20 * 0.05 / 2000
    assert refractory_period(trains, quantile=0.5) == pytest.approx(
        dead + 0.05 * math.log(2), abs=4 * 0.05 / math.sqrt(2000)
    )
    assert math.isnan(refractory_period([np.array([1.0])]))
    with pytest.raises(BoundsError, match=r"quantile = 1\.5"):
        refractory_period(trains, quantile=1.5)


def test_a_drift_is_the_slope_within_trains_whatever_lies_between_them():
    values = [5.0 - 0.2 * np.arange(4), 9.0 - 0.2 * np.arange(7), np.array([3.0])]
    found = drift(values)
    assert found.slope == pytest.approx(-0.2)
    assert found.slope_se == pytest.approx(0.0, abs=1e-14)
    assert (found.count, found.trains) == (11, 2)


def test_a_missing_threshold_keeps_its_number():
    assert drift([np.array([1.0, np.nan, 3.0])]).slope == 1.0


def test_the_error_of_a_drift_is_its_spread():
    rng = np.random.default_rng(6)
    found = [
        drift([a + 0.1 * np.arange(12) + rng.normal(0, 0.3, 12) for a in (0.0, 5.0)])
        for _ in range(400)
    ]
    slopes = [f.slope for f in found]
    assert abs(z_score(slopes, 0.1)) < 4
    typical = np.sqrt(np.mean([f.slope_se**2 for f in found]))
    assert typical == pytest.approx(np.std(slopes), rel=0.15)  # its own error: 3.5 %


def test_too_few_thresholds_give_no_drift():
    assert math.isnan(drift([np.array([1.0]), np.zeros(0)]).slope)
    two = drift([np.array([1.0, 2.0])])
    assert two.slope == 1.0
    assert math.isnan(two.slope_se)


def test_the_threshold_of_a_spike_is_the_drive_at_its_time():
    t = np.linspace(0, 10, 11)
    triangle = np.abs((t + 2.5) % 5 - 2.5)
    trains = [np.array([1.5, 6.25]), np.array([2.0, 6.5])]
    assert threshold_drift(t, triangle, trains).slope == pytest.approx(-0.375)
    each = np.stack([triangle, 2 * triangle])
    assert threshold_drift(t, each, trains).slope == pytest.approx((-0.25 - 1.0) / 2)


def test_a_spike_outside_the_drive_is_refused():
    with pytest.raises(BoundsError, match=r"spikes from 1 to 4 s.*within the trace, 0 to 3 s"):
        threshold_drift(T[:4], X[:4], [TRAIN])
    with pytest.raises(BoundsError, match="for 1 trains"):
        threshold_drift(T, np.stack([X, X]), [TRAIN])


def test_integration_times_run_from_each_onset_to_the_first_spike_before_the_next():
    found = integration_times(
        np.array([1.0, 1.5, 7.0, 12.0]), onsets=np.array([0.5, 2.0, 6.0, 9.0])
    )
    np.testing.assert_array_equal(found, [0.5, np.nan, 1.0, 3.0])
    with pytest.raises(BoundsError, match="onsets"):
        integration_times(TRAIN, onsets=np.array([1.0, 1.0]))


def test_windows_are_half_open():
    np.testing.assert_array_equal(in_window(np.arange(4.0), 1.0, 3.0), [False, True, True, False])

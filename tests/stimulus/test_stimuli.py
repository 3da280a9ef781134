"""Stimuli: values, corners, sums, errors."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import StimulusError
from memjax.simulate import value_before


def _at(stimulus, *times):
    return np.asarray([float(stimulus(jnp.asarray(float(t)))) for t in times])


def test_a_triangle_sweep_goes_through_its_corners():
    sweep = mj.triangle_sweep(0.5, 0.25, negative=0.25)
    np.testing.assert_allclose(sweep.breakpoints(), [0, 2, 4, 5, 6])
    np.testing.assert_allclose(
        _at(sweep, 0, 1, 2, 3, 4, 5, 6, 7), [0, 0.25, 0.5, 0.25, 0, -0.25, 0, 0]
    )
    assert sweep.duration == 6.0


def test_a_triangle_sweep_may_start_to_the_negative_side_and_repeat():
    sweep = mj.triangle_sweep(-0.5, 0.5, negative=1.0, cycles=2)
    np.testing.assert_allclose(_at(sweep, 1, 2, 4, 6, 7), [-0.5, 0, 1, 0, -0.5])
    assert sweep.duration == 12.0


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (dict(amplitude=0.0, rate=1.0), "an amplitude of 0"),
        (dict(amplitude=1.0, rate=0.0), "rate = 0 .*> 0"),
        (dict(amplitude=1.0, rate=1.0, cycles=0), "cycles = 0.*>= 1"),
    ],
)
def test_a_triangle_without_height_rate_or_cycles_is_refused(bad, message):
    with pytest.raises(StimulusError, match=message):
        mj.triangle_sweep(**bad)


def test_a_staircase_holds_each_value_from_its_time_on():
    stairs = mj.staircase([1.0, 2.0, 3.0], 0.1)
    times = 0.1 * np.arange(3)
    np.testing.assert_array_equal(_at(stairs, *times), [1, 2, 3])
    np.testing.assert_array_equal(_at(stairs, 0.05, 0.15, 5.0), [1, 2, 3])
    ends = [float(value_before(stairs, jnp.asarray(t))) for t in 0.1 * (np.arange(3) + 1)]
    assert ends == [1, 2, 3]


def test_straight_lines_meet_the_samples_exactly():
    rng = np.random.default_rng(0)
    times, values = np.cumsum(rng.uniform(0.1, 1, 50)), rng.standard_normal(50)
    line = mj.Sampled(times, values)
    np.testing.assert_array_equal(_at(line, *times), values)
    np.testing.assert_allclose(
        _at(line, *(times[1:] + times[:-1]) / 2), (values[1:] + values[:-1]) / 2, atol=1e-12
    )
    np.testing.assert_array_equal(_at(line, 0, 1e9), values[[0, -1]])


@pytest.mark.parametrize(
    ("times", "values", "kind", "message"),
    [
        ([], [], "linear", "differ in length"),
        ([0.0, 0.0], [1.0, 2.0], "linear", "do not increase"),
        ([0.0, np.nan], [1.0, 2.0], "linear", "do not increase"),
        ([0.0, np.inf], [1.0, 2.0], "linear", "do not increase"),
        ([0.0, 1.0], [1.0, np.nan], "linear", "no numbers"),
        ([0.0, 1.0], [1.0, 2.0], "cubic", "allowed: linear, staircase"),
    ],
)
def test_samples_that_are_no_waveform_are_refused(times, values, kind, message):
    with pytest.raises(StimulusError, match=message):
        mj.Sampled(np.array(times), np.array(values), kind)


@pytest.mark.parametrize("point_time", [0.0, -1.0, np.nan])
def test_a_point_time_that_is_not_positive_is_refused(point_time):
    with pytest.raises(StimulusError, match="point time"):
        mj.staircase([1.0, 2.0], point_time)


def test_a_pulse_has_edges_between_base_and_amplitude():
    train = mj.PulseTrain(1.0, 2.0, 10.0, count=2, delay=1.0, edge=0.5, base=0.1)
    times = [0, 1, 1.25, 1.5, 3, 3.25, 3.5, 9, 11, 11.5, 13.5, 30]
    values = [0.1, 0.1, 0.55, 1, 1, 0.55, 0.1, 0.1, 0.1, 1, 0.1, 0.1]
    np.testing.assert_allclose(_at(train, *times), values, atol=1e-12)
    np.testing.assert_allclose(train.breakpoints(), [1, 1.5, 3, 3.5, 11, 11.5, 13, 13.5])
    assert train.duration == 21.0


def test_a_pulse_train_is_linear_between_its_corners():
    train = mj.PulseTrain(1.0, 2.0, 3.0, count=3, delay=0.5, edge=0.25)
    corners = np.concatenate([[0.0], train.breakpoints(), [train.duration]])
    for a, b in itertools.pairwise(corners):
        inner = a + (b - a) * np.array([0.25, 0.5, 0.75])
        low, middle, high = _at(train, *inner)
        assert middle == pytest.approx((low + high) / 2, abs=1e-12)


def test_pulses_back_to_back_keep_their_height():
    train = mj.PulseTrain(1.0, 0.9, 1.0, count=3, edge=0.1)
    np.testing.assert_allclose(_at(train, 0.5, 1.0, 1.1, 1.5, 2.95), [1, 0, 1, 1, 0.5], atol=1e-9)


@pytest.mark.parametrize(
    "bad",
    [
        dict(width=0.0),
        dict(period=0.5),
        dict(count=0),
        dict(edge=0.0),
        dict(edge=2.0),
        dict(delay=-1.0),
        dict(after=-1.0),
        dict(width=np.nan),
    ],
)
def test_pulses_that_cannot_be_are_refused(bad):
    with pytest.raises(StimulusError, match="in PulseTrain; allowed: "):
        mj.PulseTrain(**(dict(amplitude=1.0, width=1.0, period=2.0, edge=1e-3) | bad))


def test_a_sine_has_offset_amplitude_and_frequency():
    sine = mj.Sine(2.0, 4.0, cycles=3.0, offset=1.0)
    np.testing.assert_allclose(_at(sine, 0, 1 / 16, 3 / 16), [1, 3, -1], atol=1e-12)
    assert sine.duration == 0.75
    assert len(sine.breakpoints()) == 0
    with pytest.raises(
        StimulusError, match="frequency = 0 Hz; in Sine; allowed: a finite number > 0 Hz"
    ):
        mj.Sine(1.0, 0.0)


def test_stimuli_add_and_scale():
    a = mj.triangle_sweep(1.0, 1.0)
    b = mj.PulseTrain(0.5, 1.0, 5.0, edge=0.1)
    both = a + 2.0 * b
    times = [0.3, 0.55, 1.05, 1.7, 4.0]
    np.testing.assert_allclose(_at(both, *times), _at(a, *times) + 2 * _at(b, *times), atol=1e-12)
    assert set(both.breakpoints()) == set(a.breakpoints()) | set(b.breakpoints())
    assert both.duration == 5.0
    with pytest.raises(StimulusError, match="a sum of current and voltage"):
        a + mj.Sine(1.0, 1.0, quantity="current")


def test_stimuli_are_differentiable_with_respect_to_what_they_are_made_of():
    at = jnp.asarray(0.5)
    height = jax.grad(lambda a: mj.PulseTrain(a, 1.0, 2.0)(at))(jnp.asarray(3.0))
    value = jax.grad(lambda v: mj.Sampled(jnp.array([0.0, 1.0]), v)(at))(jnp.array([1.0, 2.0]))
    assert float(height) == 1.0
    np.testing.assert_allclose(value, [0.5, 0.5])


def test_stimuli_are_batched_by_vmap():
    made = lambda a: mj.Sine(a, 1.0)(jnp.asarray(0.25))  # noqa: E731
    np.testing.assert_allclose(jax.vmap(made)(jnp.array([1.0, 2.0])), [1, 2])


@pytest.mark.integration
def test_times_at_which_a_drive_changes_its_sign_are_known():
    ramp = mj.Sampled(np.array([0.0, 1.0, 4.0, 5.0, 6.0]), np.array([0.0, 1.0, -2.0, -1.0, -0.5]))
    np.testing.assert_allclose(ramp.zeros(), [np.inf, 2.0, np.inf, np.inf], rtol=1e-5)
    np.testing.assert_allclose((-3 * ramp).zeros(), ramp.zeros())
    steps = mj.staircase([1.0, -1.0, 1.0], 0.5)  # it jumps: no moment at 0
    assert np.all(np.isinf(steps.zeros()))
    sine = mj.Sine(2.0, 10.0, cycles=1.5, offset=1.0)
    at = np.asarray(sine.zeros())[:6]
    np.testing.assert_allclose(_at(sine, *at), 0, atol=1e-12)
    np.testing.assert_allclose(at[:2], [7 / 120, 11 / 120], rtol=1e-9)
    assert np.all(np.isinf(mj.Sine(1.0, 10.0, offset=2.0).zeros()))
    both = mj.Drives({"a": ramp, "b": sine})
    assert len(both.zeros()) == len(ramp.zeros()) + len(sine.zeros())

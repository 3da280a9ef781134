"""Differentiable read-outs against exact ones, the hard detection, and finite differences."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.observables import crossing_times, detect, soft_count

T = np.linspace(0, 3, 3001)


def _signal(t, amplitude, phase):
    return amplitude * jnp.sin(2 * jnp.pi * t + phase)


@pytest.mark.integration
def test_full_rises_count_one_each_whatever_the_rows():
    for rows in (61, 601, 6001):
        t = np.linspace(0, 3, rows)
        x = jnp.asarray(-np.cos(2 * np.pi * t))
        edge = 2 / (1 + math.exp(1 / 0.05))  # what the sigmoid leaves at the extremes
        assert float(soft_count(x, level=0.0, width=0.05)) == pytest.approx(3 * (1 - edge))


def test_a_rise_counts_the_sigmoid_at_its_end_less_that_at_its_beginning():
    x = jnp.array([0.0, 0.2, 0.7, 0.1, 0.4])
    s = lambda v: 1 / (1 + math.exp(-(v - 0.5) / 0.1))  # noqa: E731
    expected = s(0.7) - s(0.0) + s(0.4) - s(0.1)
    assert float(soft_count(x, level=0.5, width=0.1)) == pytest.approx(expected)


def test_falls_and_rest_count_nothing():
    assert float(soft_count(jnp.array([3.0, 2.0, 2.0, -4.0]), level=0.0, width=0.1)) == 0.0


@pytest.mark.integration
def test_the_derivative_of_the_count_is_that_of_finite_differences():
    def count(amplitude):
        return soft_count(_signal(jnp.asarray(T), amplitude, 0.2), level=0.6, width=0.1)

    h = 1e-5
    slope = (float(count(0.7 + h)) - float(count(0.7 - h))) / (2 * h)
    assert slope > 1
    assert float(jax.grad(count)(0.7)) == pytest.approx(slope, rel=1e-7)


def test_the_derivative_depends_on_extremes_only():
    x = jnp.asarray(np.concatenate([np.linspace(0, 1, 11), np.linspace(0.9, 0, 10)]))
    slopes = np.asarray(jax.grad(lambda x: soft_count(x, level=0.9, width=0.1))(x))
    s = 1 / (1 + math.exp(-1.0))
    assert slopes[10] == pytest.approx(s * (1 - s) / 0.1)
    np.testing.assert_allclose(slopes[1:10], 0, atol=1e-14)
    np.testing.assert_array_equal(slopes[11:], 0)


def test_the_derivative_of_complete_rises_vanishes_with_the_width():
    count = lambda a, w: soft_count(_signal(jnp.asarray(T), a, 0.2), level=0.6, width=w)  # noqa: E731
    slopes = [abs(float(jax.grad(count)(0.7, w))) for w in (0.03, 0.01, 0.003)]
    assert slopes[0] > 50 * slopes[1] > 0
    assert slopes[2] < 1e-10


def test_the_count_is_batched_over_leading_axes():
    x = np.random.default_rng(0).normal(size=(2, 3, 50))
    found = soft_count(jnp.asarray(x), level=0.1, width=0.2)
    assert found.shape == (2, 3)
    assert float(found[1, 2]) == pytest.approx(
        float(soft_count(jnp.asarray(x[1, 2]), level=0.1, width=0.2))
    )


def test_a_width_that_is_not_positive_is_refused():
    with pytest.raises(BoundsError, match="width = 0"):
        soft_count(jnp.zeros(3), level=0.0, width=0.0)


@pytest.mark.integration
@pytest.mark.parametrize("rearm", [None, -0.4])
def test_times_are_those_that_detection_finds(rearm):
    rng = np.random.default_rng(1)
    t = np.cumsum(rng.uniform(0.5, 1.5, 400))
    call = jax.jit(lambda t, x: crossing_times(t, x, level=0.3, size=60, rearm=rearm))
    for _ in range(10):
        x = np.cumsum(rng.normal(size=400)) * 0.3
        hard = detect(t, x, level=0.3, rearm=rearm)
        found = call(t, x)
        assert int(found.count) == hard.size
        np.testing.assert_allclose(np.asarray(found.times)[: hard.size], hard, rtol=1e-14)
        assert np.all(np.isinf(np.asarray(found.times)[hard.size :]))


def test_more_spikes_than_room_are_counted():
    x = np.sin(2 * np.pi * T)
    found = jax.jit(lambda t, x: crossing_times(t, x, level=0.5, size=2))(T, x)
    assert int(found.count) == 3
    np.testing.assert_allclose(found.times, [1 / 12, 13 / 12], atol=1e-6)


@pytest.mark.slow
def test_no_spike_gives_infinite_times_and_derivatives_of_zero():
    def total(x):
        times = crossing_times(jnp.asarray(T), x, level=2.0, size=3).times
        return jnp.sum(jnp.where(jnp.isfinite(times), times, 0.0))

    flat = jnp.ones(T.size)
    found = crossing_times(jnp.asarray(T), flat, level=2.0, size=3)
    assert int(found.count) == 0
    assert np.all(np.isinf(np.asarray(found.times)))
    np.testing.assert_array_equal(jax.jit(jax.grad(total))(flat), 0.0)


@jax.jit
def _second(phase, amplitude, level, t):
    """Time of the second rise through the level; exactly 1 + (asin(level / amplitude) - phase) / 2 pi."""
    found = crossing_times(t, _signal(t, amplitude, phase), level=level, size=4)
    return found.times[1]


@pytest.mark.integration
def test_derivatives_of_a_time_are_the_exact_ones_to_first_order_in_the_distance_of_rows():
    phase, amplitude, level = 0.2, 0.9, 0.5
    exact_time = 1 + (math.asin(level / amplitude) - phase) / (2 * math.pi)
    root = math.sqrt(amplitude**2 - level**2)
    exact = np.array([-1.0, -level / (amplitude * root), 1 / root]) / (2 * math.pi)
    bend = 2 * math.pi * level / root  # |x'' / x'| there
    call = jax.jit(jax.value_and_grad(_second, argnums=(0, 1, 2)))
    for rows in (101, 1601):
        t, h = jnp.asarray(np.linspace(0, 3, rows)), 3 / (rows - 1)
        time, slopes = call(phase, amplitude, level, t)
        assert abs(float(time) - exact_time) < 1.2 * h**2 / 8 * bend
        assert np.all(abs(np.array(slopes) - exact) < 1.2 * h / 2 * bend * abs(exact))


@pytest.mark.integration
def test_derivatives_of_a_time_are_those_of_finite_differences_at_any_rows():
    t, h = jnp.asarray(np.linspace(0, 3, 58)), 1e-6
    at = [0.2, 0.9, 0.5]
    slopes = jax.jit(jax.grad(_second, argnums=(0, 1, 2)))(*at, t)
    for k in range(3):
        up, down = (list(at), list(at))
        up[k], down[k] = at[k] + h, at[k] - h
        finite = (float(_second(*up, t)) - float(_second(*down, t))) / (2 * h)
        assert float(slopes[k]) == pytest.approx(finite, rel=1e-7)


def test_times_are_traced_and_batched():
    call = jax.jit(
        jax.vmap(lambda p: crossing_times(jnp.asarray(T), _signal(T, 1.0, p), level=0.5, size=4))
    )
    phases = jnp.array([0.0, 0.3, 3.0])
    found = call(phases)
    assert found.times.shape == (3, 4)
    np.testing.assert_array_equal(found.count, [3, 3, 3])
    for row, phase in zip(np.asarray(found.times), np.asarray(phases), strict=True):
        first = (math.asin(0.5) - phase) / (2 * math.pi) % 1
        np.testing.assert_allclose(row[:3], first + np.arange(3), atol=1e-6)


@pytest.mark.integration
def test_single_precision_stays_single():
    t, x = (jnp.asarray(a, jnp.float32) for a in (T, np.sin(2 * np.pi * T)))
    found = crossing_times(t, x, level=0.5, size=3)
    assert found.times.dtype == jnp.float32
    assert soft_count(x, level=0.5, width=0.1).dtype == jnp.float32
    np.testing.assert_allclose(found.times, 1 / 12 + np.arange(3), rtol=2e-5)


def test_no_room_and_too_few_rows_are_refused():
    with pytest.raises(BoundsError, match="size = 0"):
        crossing_times(jnp.zeros(3), jnp.zeros(3), level=0.0, size=0)
    with pytest.raises(BoundsError, match="1 rows"):
        crossing_times(jnp.zeros(1), jnp.zeros(1), level=0.0, size=2)

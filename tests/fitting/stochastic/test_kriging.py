"""Response surfaces: what noise scatters about, slopes, and coordinates that do not matter."""

import numpy as np
import pytest

from fitting.stochastic.kriging import Shape, Surface, Surfaces

NOISE = 0.3
POINTS = 150


def _true(z):
    """A curved function of two coordinates, twice."""
    return np.stack([z[:, 0] + z[:, 0] * z[:, 1], np.exp(0.5 * z[:, 1])], axis=1)


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).normal(size=(POINTS, 2))


@pytest.fixture(scope="module")
def surface(points):
    noise = np.random.default_rng(1).normal(size=(POINTS, 2))
    return Surface(points, _true(points) + NOISE * noise, weight=np.ones(POINTS))


def test_a_surface_is_nearer_to_the_truth_than_the_values_that_made_it(surface):
    inside = 0.7 * np.random.default_rng(2).normal(size=(400, 2))
    away = np.sqrt(np.mean((surface(inside)[0] - _true(inside)) ** 2))
    # Ten polynomial terms (up to the third order) would leave NOISE sqrt(10 / POINTS) = 0.26 NOISE.
    assert away < 0.5 * NOISE


def test_slopes_are_those_of_the_values(surface):
    z, step = np.array([[0.3, -0.4]]), 1e-3
    for k in range(2):
        move = step * np.eye(2)[k]
        secant = (surface(z + move)[0] - surface(z - move)[0]) / (2 * step)
        np.testing.assert_allclose(surface(z)[1][..., k], secant, rtol=0, atol=step**2)


def test_points_of_little_weight_count_little(points):
    values = _true(points)
    spoilt = values + 10.0 * (np.arange(POINTS) % 3 == 0)[:, None]
    weight = np.where(np.arange(POINTS) % 3 == 0, 1e-6, 1.0)
    surface = Surface(points, spoilt, weight=weight)
    z = np.array([[0.2, 0.1]])
    np.testing.assert_allclose(surface(z)[0], _true(z), atol=0.1)


def test_each_group_has_the_coordinates_that_move_it(points):
    values = [_true(points)[:, :1], points[:, 1:] ** 2]
    acting = [np.array([True, True]), np.array([False, True])]
    both = Surfaces(points, values, weight=np.ones(POINTS), acting=acting)
    found, slopes = both(points[:5])
    assert found.shape == (5, 2)
    assert slopes.shape == (5, 2, 2)
    assert np.all(slopes[:, 1, 0] == 0)
    assert len(both.shapes) == 2


@pytest.mark.integration
def test_a_plane_is_known_as_its_repeats_scatter_and_a_surface_not_where_no_points_are(points):
    z, rng = np.array([[0.3, -0.2], [4.0, 4.0]]), np.random.default_rng(4)
    plain = [
        Surface(points, x, weight=np.ones(POINTS), shape=Shape(length=1.0, signal=1e-9))
        for x in rng.normal(size=(400, POINTS, 1))
    ]
    scatter = np.std([s(z)[0][:, 0] for s in plain], axis=0)
    # A standard deviation of 400 repeats is known to 1 in 28: four standard errors.
    np.testing.assert_allclose(scatter, plain[0].deviation(z), rtol=4 / 28)
    acting = [np.array([True, True]), np.array([False, True])]
    both = Surfaces(
        points, [_true(points), points[:, 1:]], weight=np.ones(POINTS), acting=acting,
        shapes=[Shape(length=1.0, signal=9.0)] * 2,
    )  # fmt: skip
    far, step = np.array([[20.0, 20.0]]), 1e-4
    over, slope = both.beyond(np.concatenate([points[:4], far]))
    assert np.all(over[:4] == 0)
    assert np.all(over[4] > 1)
    assert np.all(slope[:4] == 0)
    for k, e in enumerate(step * np.eye(2)):
        secant = (both.beyond(far + e)[0] - both.beyond(far - e)[0])[0] / (2 * step)
        np.testing.assert_allclose(slope[4, :, k], secant, rtol=1e-5, atol=1e-8)


def test_what_nothing_moves_is_a_constant(points):
    surface = Surface(points, np.full((POINTS, 2), 0.7), weight=np.ones(POINTS))
    value, slope = surface(points[:4])
    np.testing.assert_allclose(value, 0.7, rtol=1e-9)
    np.testing.assert_allclose(slope, 0.0, atol=1e-9)

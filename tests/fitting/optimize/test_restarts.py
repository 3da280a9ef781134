"""Searches begun again beside an optimum."""

import numpy as np
import pytest

from fitting.optimize.levenberg_marquardt import LONGEST, Progress, levenberg_marquardt
from fitting.optimize.restarts import draw_beside, is_smooth, search_beside


def test_draws_scatter_as_the_jacobian_says_and_move_no_further_than_a_search():
    rng = np.random.default_rng(0)
    z, jacobian = np.array([1.0, -2.0]), np.array([[30.0, 5.0], [0.0, 10.0], [4.0, 0.0]])
    count = 4000
    moves = draw_beside(z, jacobian, count=count, rng=rng) - z
    expected = np.linalg.inv(jacobian.T @ jacobian)
    # Each product has a variance of at most two squares of its standard deviations.
    error = np.sqrt(4 / count * np.outer(np.diag(expected), np.diag(expected)))
    for some in (moves[::2], moves[1::2] / 3):  # every other one further out
        assert np.all(np.abs(some.T @ some / len(some) - expected) < 4 * error)
    far = draw_beside(z, 1e-3 * jacobian, count=8, rng=rng) - z
    np.testing.assert_allclose(np.max(np.abs(far), axis=1), LONGEST)


def _kinked(z):
    """A parabola in two coordinates, along the first of which the loss is least at every kink of a saw."""
    a = 10 * z[:, 0]
    saw = a - np.round(a)
    r = np.stack([0.5 * z[:, 0] + 1, 0.5 * np.abs(saw), z[:, 1]], axis=1)
    slopes = np.zeros((len(z), 3, 2))
    slopes[:, 0, 0], slopes[:, 1, 0], slopes[:, 2, 1] = 0.5, 5 * np.sign(saw), 1.0
    return r, slopes, np.all(np.isfinite(z), axis=1)


def test_a_search_that_ended_at_a_kink_goes_on_from_beside_it():
    first = levenberg_marquardt(_kinked, np.array([[-0.98, 0.3]]))
    assert first.cost[0] > 0.1  # at the next kink, where the best one has no cost

    def search(starts, **options):
        return levenberg_marquardt(_kinked, starts, **options)

    at = first.z[0], first.residuals[0], first.jacobian[0]
    z, r, _ = search_beside(search, *at, count=8, seed=0)
    assert 0.5 * r @ r < 0.1 * first.cost[0]
    np.testing.assert_allclose(_kinked(z[None])[0][0], r)


def test_an_optimum_is_smooth_where_the_slope_vanishes():
    jacobian = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    # Two residuals are left to chance: their standard deviation is 2, and a step of 0.1 a twentieth of it.
    assert is_smooth(np.array([0.0, 0.09, 2.0, 2.0]), jacobian)
    assert not is_smooth(np.array([0.0, 0.11, 2.0, 2.0]), jacobian)


@pytest.mark.parametrize(("gain", "rounds"), [(0.0, 2), (5e-4, 2), (0.01, 8)])
def test_rounds_end_where_they_gain_nothing_or_after_eight(gain, rounds):
    r, jacobian = np.array([1.0, 1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    calls = []

    def search(starts, *, ending):
        known = 0.5 * r @ r * (1 - gain) ** len(calls)
        calls.append(ending.halving)
        np.testing.assert_allclose(ending.back, [0.999 * known, 1.001 * known])
        lower = r * np.sqrt((1 - gain) ** len(calls))
        done = Progress(starts, np.full(len(starts), 0.5 * lower @ lower))
        done.residuals = np.repeat(lower[None], len(starts), axis=0)
        done.jacobian = np.repeat(jacobian[None], len(starts), axis=0)
        return done

    about = {"count": 4, "seed": 0}
    _, ended, _ = search_beside(search, np.zeros(2), r, jacobian, **about)
    assert len(calls) == rounds
    np.testing.assert_allclose(ended @ ended, r @ r * (1 - gain) ** rounds)
    calls.clear()
    search_beside(search, np.zeros(2), r, jacobian, **about, quiet=1)
    assert len(calls) == (8 if gain > 1e-3 else 1)

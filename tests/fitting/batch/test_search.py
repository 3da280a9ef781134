"""Steps to the optimum of problems side by side, and the order of their starts."""

import numpy as np

from fitting.batch.search import _newton, _ranking, settle


def _linear(seed: int):
    """Slopes, data and optima of three linear problems of two coordinates."""
    rng = np.random.default_rng(seed)
    slopes, best = rng.normal(size=(3, 8, 2)), rng.normal(size=(3, 2))
    data = np.einsum("kri,ki->kr", slopes, best) + 0.1 * rng.normal(size=(3, 8))
    exact = [np.linalg.lstsq(j, d, rcond=None)[0] for j, d in zip(slopes, data, strict=True)]
    return slopes, data, np.array(exact)


def test_a_newton_step_ends_at_the_optimum_of_a_linear_problem():
    slopes, data, exact = _linear(0)
    step, size = _newton(-data, slopes)
    np.testing.assert_allclose(step, exact, atol=1e-12)
    # Its length in standard deviations: the root of the fall of the sum of squares.
    left = np.sum((np.einsum("kri,ki->kr", slopes, exact) - data) ** 2, axis=1)
    np.testing.assert_allclose(size**2, np.sum(data**2, axis=1) - left, rtol=1e-9)


def test_points_settle_where_slopes_are_sound_and_others_stay():
    slopes, data, exact = _linear(1)
    z = exact + 0.3
    residuals = lambda points, which: (  # noqa: E731
        np.einsum("kri,ki->kr", slopes[which], points) - data[which],
        np.ones(len(which), bool),
    )
    r, _ = residuals(z, np.arange(3))
    begin = z.copy()
    settled = settle(residuals, z, r, slopes.copy(), np.array([True, False, True]))
    assert settled.tolist() == [True, False, True]
    np.testing.assert_allclose(z[[0, 2]], exact[[0, 2]], atol=1e-9)
    np.testing.assert_array_equal(z[1], begin[1])


def test_the_guess_is_among_the_first_of_several_starts():
    cost = np.array([[5.0, 1.0, 2.0, 3.0], [0.5, 1.0, 2.0, 3.0]])
    order = _ranking(cost, 2)
    assert order[:, :2].tolist() == [[1, 0], [0, 1]]
    assert sorted(order[0]) == [0, 1, 2, 3]

"""The search, on problems with known answers."""

import numpy as np
import pytest

from fitting.optimize.levenberg_marquardt import (
    PROXIMAL,
    Ending,
    Progress,
    _steps,
    crossover,
    levenberg_marquardt,
    screen,
)


def _rosenbrock(z):
    """Residuals, Jacobians and success of Rosenbrock's function; fails left of x = -3."""
    x, y = z.T
    r = np.stack([10 * (y - x**2), 1 - x], axis=1)
    zero = np.zeros_like(x)
    jac = np.stack([np.stack([-20 * x, zero + 10], 1), np.stack([zero - 1, zero], 1)], axis=1)
    return r, jac, x > -3


def test_every_start_reaches_the_minimum_and_agrees_with_scipy():
    from scipy.optimize import least_squares

    z = np.random.default_rng(0).uniform(-2, 2, (8, 2))
    done = levenberg_marquardt(_rosenbrock, z, iterations=200, tolerance=1e-12)
    theirs = least_squares(lambda p: _rosenbrock(p[None])[0][0], [-1.2, 1.0]).x
    np.testing.assert_allclose(done.z[done.best], theirs, atol=1e-6)
    assert np.all(done.cost < 1e-6)


def test_a_failed_solve_is_counted_and_never_wins():
    z = np.array([[-5.0, 0.0], [0.5, 0.5]])
    done = levenberg_marquardt(_rosenbrock, z, iterations=50)
    assert done.best == 1
    assert np.isinf(done.cost[0])
    assert done.failed > 0


def test_a_derivative_whose_square_is_no_number_moves_nothing():
    def steep(z):
        r, jac, ok = _rosenbrock(z)
        return r, np.where(z[:, :1, None] < 0, 1e200, jac), ok

    z = np.array([[-0.5, 0.0], [0.5, 0.5]])
    done = levenberg_marquardt(steep, z, iterations=200, tolerance=1e-12)
    np.testing.assert_allclose(done.z, [z[0], [1.0, 1.0]], atol=1e-6)


def test_exploded_derivatives_beside_others_leave_a_step():
    """Of a device that runs away: two coordinates of 1e58 beside ten of order one, which rounding loses among them."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        jac = rng.normal(size=(1, 1, 12))
        jac[..., -2:] *= 1e58
        for damping in (1e-9, 1e-2, 1.0, 100.0):
            step, predicted_reduction, left = _steps(
                np.ones((1, 1)), jac, np.array([True]), np.array([damping]), 0.0
            )
            assert np.all(np.isfinite(step))
            assert 0 <= predicted_reduction[0] <= left[0] * (1 + 1e-9)


def test_a_coordinate_that_is_hardly_known_does_not_keep_a_search_from_the_end_of_a_valley():
    """Two coordinates known by their sum; a third whose effect is least, and its derivative zero, near the optimum."""
    rng, t = np.random.default_rng(0), np.linspace(-1, 1, 200)
    plane, data = np.stack([np.ones(200), 1 + 0.01 * t], axis=1), 0.03 * rng.normal(size=200)
    shape = 0.03 * np.cos(9 * t)

    def evaluate(z):
        r = z[:, :2] @ plane.T - data + np.sin(z[:, 2:]) ** 2 * shape
        both = np.broadcast_to(plane, (len(z), *plane.shape))
        third = np.sin(2 * z[:, 2:]) * shape
        return r, np.concatenate([both, third[..., None]], axis=2), np.ones(len(z), bool)

    def decrement(proximal):
        """Twice what Newton's step would gain along the valley [variances of a residual]."""
        start = np.array([[3.0, -3.0, 0.3]])
        done = levenberg_marquardt(
            evaluate, start, iterations=25, tolerance=1e-12, proximal=proximal
        )
        r, jacobian, _ = (x[0] for x in evaluate(done.z))
        known = np.linalg.qr(jacobian[:, :2])[0]
        return np.sum((known.T @ r) ** 2) / np.mean(r**2)

    assert decrement(PROXIMAL) < 0.1  # a third of a standard deviation from the optimum
    assert decrement(0.0) > 10


def test_an_interrupt_leaves_the_best_so_far_in_the_progress():
    calls = []

    def interrupted(z):
        calls.append(1)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return _rosenbrock(z)

    z = np.array([[-1.2, 1.0]])
    progress = Progress(z.copy(), np.array([np.inf]))
    with pytest.raises(KeyboardInterrupt):
        levenberg_marquardt(interrupted, z, progress=progress)
    assert progress.iterations == 4
    assert progress.cost[0] < 0.5 * np.sum(_rosenbrock(z)[0] ** 2)


def test_screening_keeps_the_best_and_the_first():
    z = np.random.default_rng(1).uniform(-2, 2, (50, 2))
    kept = screen(_rosenbrock, z, keep=8)
    cost = 0.5 * np.sum(_rosenbrock(z)[0] ** 2, axis=1)
    np.testing.assert_array_equal(kept[:7], z[np.argsort(cost)[:7]])
    assert any(np.array_equal(k, z[0]) for k in kept)


def test_recombined_starts_begin_with_the_best_and_take_coordinates_of_others():
    z = np.arange(12.0).reshape(4, 3)
    new = crossover(z, np.array([3.0, 1.0, 2.0, np.inf]), count=9, seed=0)
    np.testing.assert_array_equal(new[0], z[1])
    assert not np.isin(new[2::2], z[3]).any()
    assert new.shape == (9, 3)


def test_a_search_that_has_come_back_to_what_is_known_ends_where_the_worse_half_does():
    """Rosenbrock's valley: its least cost is 0, and far from the starts' after four iterations."""

    def evaluate(z):
        x, y = z.T
        r = np.stack([10 * (y - x**2), 1 - x], axis=1)
        rows = [[-20 * x, 0 * x + 10], [0 * x - 1, 0 * x]]
        return r, np.moveaxis(np.array(rows), 2, 0), np.ones(len(z), bool)

    z = np.array([[-1.2, 1.0], [-1.0, 2.0], [2.0, -1.0], [0.0, 3.0]])
    whole = levenberg_marquardt(evaluate, z, ending=Ending(halving=4))
    known = whole.history[3]
    assert whole.iterations > 4
    near = levenberg_marquardt(
        evaluate, z, ending=Ending(halving=4, back=(0.999 * known, 1.001 * known))
    )
    assert near.iterations == 4
    np.testing.assert_allclose(np.min(near.cost), known)
    far = levenberg_marquardt(evaluate, z, ending=Ending(halving=4, back=(2 * known, 3 * known)))
    assert far.history == whole.history

"""The linear read-out."""

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.learning import fit_ridge


def test_without_noise_it_finds_the_line():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)) * [1, 1e-6, 1e3, 1, 1]
    y = x @ [1.0, 2e6, 3e-3, 0.0, -1.0] + 0.7
    np.testing.assert_allclose(fit_ridge(x, y)(x)[:, 0], y, atol=1e-6)


def test_at_a_known_penalty_it_is_ridge_regression():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)), rng.normal(size=(60, 2))
    x = (x - x.mean(0)) / x.std(0)
    ridge = fit_ridge(x, y, penalties=[0.3])
    wanted = np.linalg.solve(x.T @ x + 0.3 * 60 * np.eye(4), x.T @ (y - y.mean(0)))
    np.testing.assert_allclose(ridge.weights, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ridge.offset, y.mean(0), atol=1e-12)


def test_noise_asks_for_a_penalty():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 40)), rng.normal(size=60)
    assert fit_ridge(x, y).penalty >= 0.1


def test_a_state_that_never_changes_has_no_say():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=(50, 2)), np.full((50, 1), 1e-9)], axis=1)
    ridge = fit_ridge(x, x[:, 0])
    assert np.all(ridge.weights[2] == 0)
    np.testing.assert_allclose(ridge(x)[:, 0], x[:, 0], atol=1e-6)


def test_states_that_are_no_numbers_are_refused():
    with pytest.raises(BoundsError, match="10 states and 9 targets"):
        fit_ridge(np.zeros((10, 1)), np.zeros(9))
    with pytest.raises(BoundsError, match="all finite"):
        fit_ridge(np.full((10, 1), np.nan), np.zeros(10))

"""Spread between cycles and read noise: moments, and what each number depends on."""

import jax.numpy as jnp
import numpy as np
import pytest

from memjax.errors import ModelError
from memjax.noise import cycle_factors, instrument_noise

N = 4000


@pytest.mark.integration
def test_cycle_factors_are_log_normal_and_independent():
    drawn = cycle_factors(0, {"mu": 0.2, "gamma1": 0.5}, members=N, sweeps=2)
    z = {n: np.log(x) / s for (n, x), s in zip(drawn.items(), (0.2, 0.5))}
    columns = np.concatenate([z["mu"], z["gamma1"]], axis=1)
    # Five standard errors of mean, variance and correlation.
    assert np.all(np.abs(columns.mean(axis=0)) < 5 / np.sqrt(N))
    assert np.all(np.abs(columns.var(axis=0) - 1) < 5 * np.sqrt(2 / N))
    assert np.all(np.abs(np.corrcoef(columns.T) - np.eye(4)) < 5 / np.sqrt(N))


@pytest.mark.slow
def test_cycle_factors_depend_on_member_sweep_and_name_only():
    few = cycle_factors(5, {"mu": 0.2}, members=2, sweeps=3)
    many = cycle_factors(5, {"beta": 0.1, "mu": 0.2}, members=7, sweeps=4)
    assert np.array_equal(few["mu"], many["mu"][:2, :3])
    assert not np.any(cycle_factors(6, {"mu": 0.2}, members=2, sweeps=3)["mu"] == few["mu"])


def _read(i, seed=0, **options):
    rows = i.shape[1]
    where = dict(sweep=np.zeros(rows, int), row=np.arange(rows))
    return np.asarray(instrument_noise(seed, jnp.asarray(i), **where | options))


@pytest.mark.integration
def test_read_noise_has_the_stated_moments():
    i = np.tile([[1e-6], [-1e-6], [0.0]], N)
    seen = _read(i, relative=0.1, floor=1e-12)
    z = np.concatenate([np.log(seen[:2] / i[:2]) / 0.1, seen[2:] / 1e-12])
    assert np.all(np.abs(z.mean(axis=1)) < 5 / np.sqrt(N))
    assert np.all(np.abs(z.var(axis=1) - 1) < 5 * np.sqrt(2 / N))


@pytest.mark.slow
def test_read_noise_depends_on_member_sweep_and_row_only():
    i = np.full((3, 40), 1e-6)
    sweep, row = np.repeat([0, 1], 20), np.tile(np.arange(20), 2)
    whole = _read(i, sweep=sweep, row=row, relative=0.1, floor=0.0)
    part = _read(i[:2, 20:25], sweep=sweep[20:25], row=row[20:25], relative=0.1, floor=0.0)
    assert np.array_equal(whole[:2, 20:25], part)
    assert len(np.unique(whole)) == whole.size


def test_a_reading_at_the_limit_is_exact():
    i = np.array([[0.98e-6, -0.991e-6, 1e-6]])
    seen = _read(i, relative=0.1, floor=1e-9, limit=1e-6)
    assert (seen == i).tolist() == [[False, True, True]]


def test_factors_have_the_correlations_that_are_asked_for():
    sigma = {"a": 0.1, "b": 0.3, "c": 0.2}
    matrix = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, -0.4], [0.0, -0.4, 1.0]])
    drawn = cycle_factors(0, sigma, members=100, sweeps=40, correlation=matrix)
    logs = np.stack([np.log(np.asarray(drawn[n])).ravel() for n in sigma])
    # The error of a correlation r of n values is (1 - r^2) / sqrt(n).
    assert np.all(np.abs(np.corrcoef(logs) - matrix) <= 4 * (1 - matrix**2) / np.sqrt(4000) + 1e-6)
    np.testing.assert_allclose(logs.std(axis=1), [*sigma.values()], rtol=4 / np.sqrt(8000))
    part = cycle_factors(0, sigma, members=3, sweeps=40, correlation=matrix, first=7)
    np.testing.assert_array_equal(part["c"], drawn["c"][7:10])
    alone = cycle_factors(0, sigma, members=100, sweeps=40)
    # The first one has no one before it; the root adds 1e-12 to the diagonal.
    np.testing.assert_allclose(alone["a"], drawn["a"], rtol=1e-11)


def test_a_device_that_is_fully_correlated_has_one_number():
    drawn = cycle_factors(0, {"a": 0.1, "b": 0.1}, members=4, sweeps=2, correlation=np.ones((2, 2)))
    np.testing.assert_allclose(np.log(drawn["a"]), np.log(drawn["b"]), atol=1e-6)


@pytest.mark.parametrize(
    "matrix", [np.eye(3), [[1, 2], [2, 1]], [[1, 0.5], [0.4, 1]], [[2, 0], [0, 2]]]
)
def test_what_are_no_correlations_is_refused(matrix):
    with pytest.raises(ModelError, match="a symmetric matrix of 2 rows"):
        cycle_factors(
            0, {"a": 0.1, "b": 0.1}, members=1, sweeps=1, correlation=np.array(matrix, float)
        )

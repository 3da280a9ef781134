"""Densities of posteriors, and their gradients by forward mode."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fitting.inference.posterior import (
    LeastSquares,
    SyntheticLikelihood,
    forward,
    in_forward_mode,
)


@pytest.mark.integration
def test_synthetic_likelihood_is_that_of_normal_features():
    """Against scipy, with the features' covariance and an error of their mean of C/m."""
    rng = np.random.default_rng(4)
    root = np.array([[0.5, 0.0], [0.3, 0.4]])
    noise, measured = rng.normal(size=(60, 2)), rng.normal(size=(40, 2)) + 1.0
    drawn = jnp.asarray(noise @ root.T)
    features = lambda z: z[0] + jnp.exp(z[1]) * drawn  # noqa: E731
    target = SyntheticLikelihood(features, jnp.asarray(measured), jnp.zeros(2), jnp.asarray(5.0))

    def exact(z):
        found = np.asarray(features(z))
        c, n, m = np.cov(found.T), len(measured), len(found)
        whole = np.kron(np.eye(n), c) + np.kron(np.ones((n, n)), c) / m
        mean = np.tile(found.mean(axis=0), n)
        like = stats.multivariate_normal(mean, whole).logpdf(measured.ravel())
        return like - 0.5 * np.sum((np.asarray(z) / 5) ** 2)

    one, two = jnp.array([1.0, 0.5]), jnp.array([0.7, 0.2])
    difference = float(target.log_density(one) - target.log_density(two))
    assert difference == pytest.approx(exact(one) - exact(two), rel=1e-9)


def test_the_gradient_is_that_of_forward_mode_and_a_failed_solve_is_refused():
    f = lambda z: jnp.sum(jnp.sin(z) * jnp.array([1.0, 2.0]))  # noqa: E731
    z = jnp.array([0.3, 0.7])
    value, slope = jax.value_and_grad(lambda x: forward(partial(in_forward_mode, f), x))(z)
    assert value == f(z)
    np.testing.assert_allclose(slope, np.cos(z) * np.array([1.0, 2.0]))
    log = partial(in_forward_mode, lambda y: jnp.log(y[0]))
    value, slope = jax.value_and_grad(lambda x: forward(log, x))(-z)
    assert value < -1e14
    assert np.all(np.asarray(slope) == 0)


class Powers(eqx.Module):
    """Residuals z^2 - 1 and z - 2 of a coordinate, whose Jacobian is given or not."""

    def data_residuals(self, z):
        """Residuals and success."""
        return jnp.concatenate([z**2 - 1, z - 2]), jnp.all(z > 0)


class Linearised(Powers):
    """The same with a Jacobian of its own."""

    def data_linearised(self, z):
        """Residuals, their Jacobian and success."""
        r, ok = self.data_residuals(z)
        return r, jnp.concatenate([jnp.diag(2 * z), jnp.eye(len(z))]), ok


def test_a_jacobian_of_the_problem_takes_the_place_of_forward_mode():
    about = jnp.array([0.5, 0.1]), jnp.asarray(3.0), jnp.asarray(0.7)
    plain, given = (LeastSquares(p, *about) for p in (Powers(), Linearised()))
    for z in (jnp.array([0.3, 1.7]), jnp.array([2.0, 0.1])):
        for a, b in zip(plain.with_slope(z), given.with_slope(z), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    assert given.with_slope(jnp.array([-1.0, 1.0]))[0] == -jnp.inf

"""Posterior densities over unconstrained coordinates, with gradients in forward mode.

Notes
-----
Through the adaptive stiff solve gradients are taken in forward mode: a derivative by a handful of parameters costs
little more than the solve itself, while reverse mode has to keep every step. A density therefore comes with its
forward-mode gradient, and looks to `jax.grad` like one that is linear about its argument.

References
----------
.. [1] S. N. Wood, Nature 466, 1102 (2010), doi:10.1038/nature09319 (synthetic likelihood)
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

NOWHERE = -1e15
"""Logarithm of the density where no solve ends: a proposal there is a divergence, and is refused."""


class AbstractTarget(eqx.Module):
    """A posterior density over unconstrained coordinates."""

    @abc.abstractmethod
    def log_density(self, z: Float[Array, " free"]) -> Float[Array, ""]:
        """Logarithm of the density but for a constant; differentiable in forward mode."""

    def with_slope(
        self, z: Float[Array, " free"]
    ) -> tuple[Float[Array, ""], Float[Array, " free"]]:
        """Logarithm of the density, and its derivatives."""
        return in_forward_mode(self.log_density, z)


def in_forward_mode(f: Callable, z: Float[Array, " free"]) -> tuple[Array, Array]:
    """A function's value and derivatives."""
    twice = lambda p: (value := f(p), value)  # noqa: E731
    slope, value = jax.jacfwd(twice, has_aux=True)(z)
    return value, slope


def forward(with_slope: Callable, z: Float[Array, " free"]) -> Float[Array, ""]:
    """A value, whose reverse-mode derivative is the slope that comes with it; both finite or refused."""
    # value + (z - here) slope, all else constant: jax.grad of it is the slope, and costs no backward solve.
    here = lax.stop_gradient(z)
    value, slope = with_slope(here)
    fine = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
    slope = lax.stop_gradient(jnp.where(fine, slope, 0.0))
    value = lax.stop_gradient(jnp.where(fine, value, NOWHERE))
    return value + jnp.sum((z - here) * slope)


class LeastSquares(AbstractTarget):
    """Normal errors of the data, and a normal prior of the coordinates.

    Parameters
    ----------
    problem : Any
        With `data_residuals`, or `residuals`, at coordinates: residuals [sigma] and success; or with `data_linearised`,
        which gives their Jacobian between these.
    center : Float[Array, "free"]
        Centre of the prior.
    width : Float[Array, ""]
        Its standard deviation; infinite without a prior.
    variance : Float[Array, ""]
        Variance of the residuals [sigma^2].
    """

    problem: Any
    center: Float[Array, " free"]
    width: Float[Array, ""]
    variance: Float[Array, ""]

    def log_density(self, z):
        of = getattr(self.problem, "data_residuals", None) or self.problem.residuals
        r, ok = of(z)
        return self._of_residuals(r, ok, z)

    def with_slope(self, z):
        """See `AbstractTarget`; by the Jacobian of a problem that has its own."""
        linearised = getattr(self.problem, "data_linearised", None)
        if linearised is None:
            return in_forward_mode(self.log_density, z)
        r, jacobian, ok = linearised(z)
        # The derivative of -(r'r / variance + |z - center|^2 / width^2) / 2.
        slope = -(r @ jacobian / self.variance + (z - self.center) / self.width**2)
        return self._of_residuals(r, ok, z), slope

    def _of_residuals(self, r: Array, ok: Array, z: Array) -> Array:
        """Logarithm of the density, from residuals and success."""
        distance = (z - self.center) / self.width
        value = -0.5 * (jnp.sum(r**2) / self.variance + jnp.sum(distance**2))
        return jnp.where(ok, value, -jnp.inf)


class SyntheticLikelihood(AbstractTarget):
    """Features of noisy data as normal numbers, whose mean and covariance are those of simulations.

    Parameters
    ----------
    features : callable
        ``features(z) -> Float[Array, "simulations features"]`` of one simulation a row, at unconstrained
        coordinates. Its random numbers are the same at each call, and it is differentiable along its
        paths; many more simulations than features, and than measured rows.
    measured : Float[Array, "rows features"]
        The same of each measured cycle, device or train.
    center : Float[Array, "free"]
        Centre of the prior.
    width : Float[Array, ""]
        Its standard deviation.

    Notes
    -----
    A finite number m of simulations leaves an error of the mean, which adds a share n/m of the n
    measured rows' to its variance: the covariance of their mean is C (1/n + 1/m) (Wood 2010).
    """

    features: Callable
    measured: Float[Array, "rows features"]
    center: Float[Array, " free"]
    width: Float[Array, ""]

    def log_density(self, z):
        rows = self.features(z)
        (m, _), n = rows.shape, self.measured.shape[0]
        mean, target = jnp.mean(rows, axis=0), jnp.mean(self.measured, axis=0)
        deviations = rows - mean[None]
        root = jnp.linalg.cholesky(deviations.T @ deviations / (m - 1))
        half = lambda x: jax.scipy.linalg.solve_triangular(root, x.T, lower=True)  # noqa: E731
        # The sum of squares about the simulated mean splits: rows about their own mean, and that mean about it, which
        # is known no better than both samples tell.
        within = jnp.sum(half(self.measured - target[None]) ** 2)
        between = jnp.sum(half((target - mean)[None]) ** 2) / (1 / n + 1 / m)
        # The last term is half the logarithm of the determinant of C, once for each row.
        value = -0.5 * (within + between) - n * jnp.sum(jnp.log(jnp.diag(root)))
        return value - 0.5 * jnp.sum(((z - self.center) / self.width) ** 2)

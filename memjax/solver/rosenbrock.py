"""RODAS3: an L-stable Rosenbrock method for stiff ordinary differential equations, as kernel and diffrax solver."""

from collections.abc import Callable
from typing import ClassVar

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from diffrax import ThirdOrderHermitePolynomialInterpolation
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .kernel import length, unchanged
from .linear import factor
from .newton import linearised

Field = Callable[[Float[Array, ""], Float[Array, " n"]], Float[Array, " n"]]


def rodas3_step(
    f: Field, t: Float[Array, ""], y: Float[Array, " n"], *, h: Float[Array, ""]
) -> tuple[Float[Array, " n"], Float[Array, " n"], Float[Array, " n"]]:
    """One step of RODAS3.

    Parameters
    ----------
    f : callable
        Right-hand side ``f(t, y)``.
    t, y
        Start of the step.
    h : Float[Array, ""]
        Step [s].

    Returns
    -------
    y1 : Float[Array, "n"]
        Third-order solution at t + h.
    error : Float[Array, "n"]
        Difference from the embedded second-order solution; both are stiffly accurate, so that it
        does not see transients that are over.
    rate : Float[Array, "n"]
        ``f(t, y)``.

    Notes
    -----
    One Jacobian (forward mode, by time and state at once), one elimination, two more evaluations;
    gamma = 1/2.

    References
    ----------
    .. [1] A. Sandu et al., Atmos. Environ. 31, 3459 (1997), doi:10.1016/S1352-2310(97)83212-8
    """
    # By time and state at once: how far beyond t, and y.
    here = jnp.concatenate([jnp.zeros_like(y, shape=1), y])
    rate, columns = linearised(lambda z: f(t + z[0].astype(t.dtype), z[1:]), here)
    slope, jacobian = columns[:, 0], columns[:, 1:]
    solve = factor(2.0 / h * jnp.eye(y.shape[0], dtype=y.dtype) - jacobian)
    k1 = solve(rate + 0.5 * h * slope)
    k2 = solve(rate + 4.0 / h * k1 + 1.5 * h * slope)
    k3 = solve(f(t + h, y + 2.0 * k1) + (k1 - k2) / h)
    embedded = y + 2.0 * k1 + k3
    k4 = solve(f(t + h, embedded) + (k1 - k2 - (8.0 / 3.0) * k3) / h)
    return embedded + k4, k4, rate


class Rodas3(dfx.AbstractAdaptiveSolver):
    """RODAS3 as a diffrax solver: third order, L-stable, for adaptive steps.

    Parameters
    ----------
    project : callable, optional
        Maps a state to the nearest one of the domain, after the step and outside the error
        estimate.

    References
    ----------
    .. [1] A. Sandu et al., Atmos. Environ. 31, 3459 (1997), doi:10.1016/S1352-2310(97)83212-8
    """

    project: Callable = eqx.field(static=True, default=unchanged)

    term_structure: ClassVar = dfx.AbstractTerm
    interpolation_cls: ClassVar = ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms):
        """Order for step control."""
        del terms
        return 3

    def error_order(self, terms):
        """Order of the error estimate."""
        del terms
        return 3.0

    def init(self, terms, t0, t1, y0, args):
        """No solver state."""
        del terms, t0, t1, y0, args

    def func(self, terms, t0, y0, args):
        """The vector field."""
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from t0 to t1; see `rodas3_step`."""
        del solver_state, made_jump
        flat, unravel = ravel_pytree(y0)
        f = lambda t, y: ravel_pytree(terms.vf(t, unravel(y), args))[0]  # noqa: E731
        h = length(t0, t1)
        end, error, rate = rodas3_step(f, jnp.asarray(t0), flat, h=h)
        y1 = self.project(args, unravel(end))
        ends = unravel(rate), terms.vf(t1, y1, args)
        k = jax.tree.map(lambda a, b: h * jnp.stack([a, b]), *ends)
        return y1, unravel(error), dict(y0=y0, y1=y1, k=k), None, dfx.RESULTS.successful

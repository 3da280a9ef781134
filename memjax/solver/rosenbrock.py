"""RODAS3: an L-stable Rosenbrock method for stiff ordinary differential equations, as kernel and diffrax solver."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from diffrax import ThirdOrderHermitePolynomialInterpolation
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .kernel import identity, length
from .linear import factor
from .newton import value_and_jacobian

Field = Callable[[Float[Array, ""], Float[Array, " n"]], Float[Array, " n"]]


class Rodas3Step(NamedTuple):
    r"""Result of a step of RODAS3.

    Parameters
    ----------
    y : Float[Array, "n"]
        Third-order solution at its end.
    error : Float[Array, "n"]
        Difference from the embedded second-order solution; both are stiffly accurate, so that transients which have
        decayed do not contribute.
    start : Float[Array, "n"]
        h times the slope of the solution at its start, for interpolation.
    increment : callable
        Function that gives h times the slope at the end, out of f and its time derivative there.
    midpoint_error : callable
        Error of the cubic interpolant at the middle of the step, from its defect there: no stage is evaluated at the
        middle, where a fast mode may be far from its quasi-equilibrium.

    Notes
    -----
    The slope is not f: in a mode of rate :math:`\lambda` that amplifies the error of y to
    :math:`|\lambda h|` times its size. With :math:`S = (I - hJ/2)^{-1}`

    .. math::

        h y' = S(3 - 3S + S^2)\,h f + \tfrac12 S(1 - S)^2\,h^2\,\partial f/\partial t,

    which is h f up to fourth order where h J is small, and, for a fast mode, h times the slope of the
    quasi-equilibrium that the mode follows.
    """

    y: Float[Array, " n"]
    error: Float[Array, " n"]
    start: Float[Array, " n"]
    increment: Callable
    midpoint_error: Callable


def rodas3_step(
    f: Field, t: Float[Array, ""], y: Float[Array, " n"], *, h: Float[Array, ""]
) -> "Rodas3Step":
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
    Rodas3Step

    Notes
    -----
    One Jacobian (forward mode, by time and state at once), one elimination, two more evaluations;
    gamma = 1/2.

    References
    ----------
    .. [1] A. Sandu et al., Atmos. Environ. 31, 3459 (1997), doi:10.1016/S1352-2310(97)83212-8
    """
    # Time enters as an offset from t: one Jacobian gives the derivatives by time and by state.
    point = jnp.concatenate([jnp.zeros_like(y, shape=1), y])
    rate, columns = value_and_jacobian(lambda z: f(t + z[0].astype(t.dtype), z[1:]), point)
    slope, jacobian = columns[:, 0], columns[:, 1:]
    # Divided by h gamma, as in Hairer and Wanner IV.7: no product with J in the stages, k is a
    # change of y.
    solve = factor(2.0 / h * jnp.eye(y.shape[0], dtype=y.dtype) - jacobian)
    # Coefficients of f_t are the sums of gamma: 1/2 and 3/2 in the first two stages, 0 in the
    # others.
    k1 = solve(rate + 0.5 * h * slope)
    k2 = solve(rate + 4.0 / h * k1 + 1.5 * h * slope)
    k3 = solve(f(t + h, y + 2.0 * k1) + (k1 - k2) / h)
    # The last stage is the error itself: y1 = embedded + k4, as the method is stiffly accurate.
    embedded = y + 2.0 * k1 + k3
    k4 = solve(f(t + h, embedded) + (k1 - k2 - (8.0 / 3.0) * k3) / h)

    def apply(v):
        return 2.0 / h * solve(v)

    # S(3 - 3S + S^2) h f + S(1 - S)^2 h^2 f_t / 2 by three solves, see the notes of `Rodas3Step`.
    def increment(rate, slope):
        a, b = h * rate, 0.5 * h**2 * slope
        return apply(3 * a + b - apply(3 * a + 2 * b - apply(a + b)))

    # Cubic Hermite at the middle, and h times its slope there; the defect, taken through S / 2, is
    # the error in y.
    def midpoint_error(f, middle, y0, y1, slopes):
        y_middle = 0.5 * (y0 + y1) + (slopes[0] - slopes[1]) / 8
        h_slope = 1.5 * (y1 - y0) - 0.25 * (slopes[0] + slopes[1])
        return 0.5 * apply(h * f(middle, y_middle) - h_slope)

    return Rodas3Step(embedded + k4, k4, increment(rate, slope), increment, midpoint_error)


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

    project: Callable = eqx.field(static=True, default=identity)

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

        def f(t, y):
            return ravel_pytree(terms.vf(t, unravel(y), args))[0]

        def project(y):
            return ravel_pytree(self.project(args, unravel(y)))[0]

        y1, error, slopes = rodas3_interval(f, project, jnp.asarray(t0), jnp.asarray(t1), flat)
        k = jax.tree.map(lambda a, b: jnp.stack([a, b]), *map(unravel, slopes))
        y1 = unravel(y1)
        return y1, unravel(error), dict(y0=y0, y1=y1, k=k), None, dfx.RESULTS.successful


def rodas3_interval(
    f: Field, project: Callable, t0: Float[Array, ""], t1: Float[Array, ""], y0: Float[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, " n"], tuple[Float[Array, " n"], Float[Array, " n"]]]:
    """A step between two times, its error, and step times slope of the solution at its ends.

    Parameters
    ----------
    f : callable
        Right-hand side ``f(t, y)``.
    project : callable
        Nearest state of the domain.
    t0, t1, y0
        Times [s], and the state at the first one.

    Returns
    -------
    y1 : Float[Array, "n"]
        State at `t1`, in the domain.
    error : Float[Array, "n"]
        The larger of the errors of the step and of the cubic between its ends.
    slopes : tuple of two Float[Array, "n"]
        For that cubic.
    """
    h = length(t0, t1)
    step = rodas3_step(f, t0, y0, h=h)
    y1 = project(step.y)
    rate, slope = jax.jvp(lambda t: f(t, y1), (t1,), (jnp.ones_like(t1),))
    slopes = step.start, step.increment(rate, slope)
    middle = step.midpoint_error(f, t1 - 0.5 * h, y0, step.y, slopes)
    return y1, jnp.maximum(jnp.abs(step.error), jnp.abs(middle)), slopes

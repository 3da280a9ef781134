"""Implicit stages of a step by Newton's method, with the derivative of the root."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from .linear import factor, orientation

_FULL_STEPS = 8
"""Newton iterations with full steps. After them a step that reverses the one before is half as long at most, and
iterates are confined to the domain even with `confine_late`."""

_GROWTH = 1.5
"""Factor by which the longest step grows again. Below 2: two steps back and one forth still shrink it."""

Vector = Float[Array, " n"]
Field = Callable[[Vector], Vector]


def value_and_jacobian(f: Callable, y: Vector) -> tuple[Float[Array, " m"], Float[Array, "m n"]]:
    """Value and Jacobian of a function, by forward mode, traced once."""
    basis = jnp.eye(y.shape[0], dtype=y.dtype)
    return jax.vmap(lambda v: jax.jvp(f, (y,), (v,)), out_axes=(None, -1))(basis)


class Stage(NamedTuple):
    """Solution of y = base + h f(y).

    Parameters
    ----------
    y : Float[Array, "n"]
        The root.
    converged : Bool[Array, ""]
        Whether the iteration converged to sqrt(eps).
    matrix : Float[Array, "n n"]
        I - h J at the root.
    positive_det : Bool[Array, ""]
        Whether the determinant of I - h J is positive: no growth at a rate above 1/h.
    """

    y: Vector
    converged: Bool[Array, ""]
    matrix: Float[Array, "n n"]
    positive_det: Bool[Array, ""]

    def filter(self, error: Vector, times: int = 1) -> Vector:
        """Apply (I - h J)^-1 to an error estimate `times` times, which damps its components along fast modes."""
        solve = factor(self.matrix)
        for _ in range(times):
            error = solve(error)
        return error


def _newton(f, confine, base, guess, h, *, cap: int, tol: float, turn: bool, confine_late: bool):
    """The root, without derivatives, and whether the iteration converged."""
    base, guess, h = lax.stop_gradient((base, guess, h))
    # What the drift closes over becomes an argument: no derivative reaches the loop through it.
    pure, consts = jax.closure_convert(f, base)
    keep, keep_consts = jax.closure_convert(confine, base, base)
    consts, keep_consts = lax.stop_gradient((consts, keep_consts))

    def drift(y):
        return pure(y, *consts)

    eye = jnp.eye(base.shape[0], dtype=base.dtype)

    def iterate(carry):
        y, last, longest, _, n = carry
        rate, jacobian = value_and_jacobian(drift, y)
        matrix = eye - h * jacobian
        # Newton on G(y) = y - base - h f(y), whose derivative is I - h J.
        step = factor(matrix)(y - base - h * rate)
        # Where det < 0 the nearest root repels the flow: the reversed step leaves it, as the flow
        # does.
        if turn:
            step = jnp.where(orientation(matrix) < 0, -step, step)
        # Across a kink of f, full Newton steps may oscillate between points without end. From here on a step that turns
        # back is half as long as the one before at most, and those that follow in its direction grow slowly.
        reversal = (n >= _FULL_STEPS) & (jnp.vdot(step, last) < 0)
        longest = jnp.where(reversal, 0.5 * jnp.max(jnp.abs(last)), _GROWTH * longest)
        size = jnp.max(jnp.abs(step))
        short = jnp.where(size > longest, step * (longest / size), step)

        def move(step):
            new = keep(y - step, base, *keep_consts)
            return jnp.where(n < _FULL_STEPS, y - step, new) if confine_late else new

        # The whole step tells how far the root is, not one that was cut.
        # States are scaled to order one: 1 + |y| makes it relative for large ones and absolute for small ones.
        change = jnp.max(jnp.abs(move(step) - y) / (1.0 + jnp.abs(y)))
        return move(short), short, longest, change, n + 1

    # No step is too long before one has turned back.
    infinite = jnp.full((), jnp.inf, base.dtype)
    start = guess if confine_late else keep(guess, base, *keep_consts)
    begin = (start, jnp.zeros_like(base), infinite, infinite, jnp.asarray(0))

    def unfinished(c):
        return ~(c[3] <= tol) & (c[4] < cap)

    y, _, _, change, _ = lax.while_loop(unfinished, iterate, begin)
    return y, change <= tol


def implicit_stage(
    f: Field,
    base: Vector,
    *,
    h: Float[Array, ""],
    guess: Vector,
    confine: Callable[[Vector, Vector], Vector] = lambda y, before: y,
    cap: int = 40,
    turn: bool = False,
    confine_late: bool = False,
) -> Stage:
    """Solve y = base + h f(y).

    Parameters
    ----------
    f : callable
        Drift as a function of the state.
    base : Float[Array, "n"]
        The part of the state that does not depend on the stage.
    h : Float[Array, ""]
        Step times the coefficient of the stage [s].
    guess : Float[Array, "n"]
        Where Newton's iteration starts.
    confine : callable
        ``confine(iterate, base)`` keeps iterates where the root can lie.
    cap : int
        Largest number of iterations.
    turn : bool
        Whether to reverse Newton steps where the solution grows at a rate above 1/h, so that the nearest root lies
        against the flow (negative determinant of I - h J).
    confine_late : bool
        Whether iterates are confined only after eight iterations without convergence: the noise of a step may put the
        root outside of the domain.

    Returns
    -------
    Stage
        Its root carries the implicit derivative, in forward and reverse mode: one more Newton step is differentiated,
        the iterations are not.
    """
    # Newton converges quadratically: an iterate that moved by sqrt(eps) is at the root to eps.
    tol = float(jnp.finfo(base.dtype).eps) ** 0.5
    root, converged = _newton(
        f, confine, base, guess, h, cap=cap, tol=tol, turn=turn, confine_late=confine_late
    )
    rate, jacobian = value_and_jacobian(f, root)
    # Implicit function theorem: one Newton step at the root carries dy/dtheta; the residual is 0
    # there, so that the derivative of the matrix does not matter.
    matrix = jnp.eye(base.shape[0], dtype=base.dtype) - h * lax.stop_gradient(jacobian)
    solve = factor(matrix)
    y = root - solve(root - base - h * rate)
    return Stage(y, converged, matrix, orientation(matrix) > 0)

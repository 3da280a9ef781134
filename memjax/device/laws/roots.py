"""What is defined implicitly, a current or an operating point: a bracketed root, differentiated implicitly."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

ROOT, RESIDUAL = "root_between", "residual"
"""Scopes of a root, and within its loop of the comparison of a function with 0."""


def root_between(
    f: Callable[[Float[Array, ""]], Float[Array, ""]],
    low: Float[Array, ""],
    high: Float[Array, ""],
) -> Float[Array, ""]:
    """Root of an increasing function between two bounds.

    Parameters
    ----------
    f : callable
        Function of one number, below 0 at `low` and above 0 at `high`; it may close over what
        derivatives are asked for.
    low, high : Float[Array, ""]
        The bounds.

    Returns
    -------
    Float[Array, ""]
        The root, or a bound where there is none: Newton's method from the middle, with bisection where a step does not
        halve the one before.

    Notes
    -----
    Its derivative is that of one more Newton step whose slope is held fixed: the implicit function theorem, forward and
    in reverse. It is 0 at a bound, and where the function is flat, to rounding. Second derivatives are those of
    `increasing_root`.
    """
    # The scope tells an export, which takes the equation and leaves its solution to a simulator.
    with jax.named_scope(ROOT):
        return _root_between(f, low, high)


def _root_between(f: Callable, low: Float[Array, ""], high: Float[Array, ""]) -> Float[Array, ""]:
    """See `root_between`."""
    # What the function closes over becomes arguments, so that no loop carries their derivatives.
    pure, consts = jax.closure_convert(f, low)
    low, high, constants = lax.stop_gradient((low, high, consts))
    unknown = lambda y: pure(y, *constants)  # noqa: E731
    x = _safe_newton(unknown, 0.5 * (low + high), low, high)
    slope = jax.jvp(unknown, (x,), (jnp.ones_like(x),))[1]
    turns = (slope > 0) & (x > low) & (x < high)
    q = jnp.where(turns, pure(x, *consts) / jnp.where(turns, slope, 1.0), 0.0)
    # Of q only the derivative: its value is rounding, which a small slope would enlarge.
    return x - (q - lax.stop_gradient(q))


_DOUBLINGS = 60
_ITERATIONS = 100
"""Bounds of loops that end by themselves: a bracket of 1 V reaches 1e18 V, and bisection alone its last digit."""

_NARROWEST = 1e-3
"""Width from which a bracket is doubled where its ends coincide [V]."""


def increasing_root(
    f: Callable[[Float[Array, ""]], Float[Array, ""]],
    low: Float[Array, ""],
    high: Float[Array, ""],
    *,
    start: Float[Array, ""] | None = None,
) -> Float[Array, ""]:
    """Root of an increasing function between two bounds, to rounding.

    Parameters
    ----------
    f : callable
        Function of one number, not above 0 at `low` and not below 0 at `high`; it may close over what derivatives
        are asked for.
    low, high : Float[Array, ""]
        The bounds; derivatives do not see them.
    start : Float[Array, ""], optional
        Where Newton's method begins, between the bounds; by default half-way.

    Returns
    -------
    Float[Array, ""]
        The root, or a bound where there is none: Newton's method, with bisection where a step does not halve the one
        before.

    Notes
    -----
    First and second derivatives are those of the implicit function theorem, forward and in reverse: they are those of
    the expansion of the inverse function about the root, x - q - f''/(2f') q^2 with q = f/f'. (A Rosenbrock step takes
    first derivatives, and what is fitted through it second ones.) Where the function is flat the root does not move.
    """
    pure, consts = jax.closure_convert(f, low)
    start = 0.5 * (low + high) if start is None else start
    low, high, start, constants = lax.stop_gradient((low, high, start, consts))
    x = _safe_newton(lambda y: pure(y, *constants), start, low, high)
    unit = jnp.ones_like(x)

    def slope_of(y):
        return jax.jvp(lambda z: pure(z, *constants), (y,), (unit,))[1]

    bend = jax.jvp(slope_of, (x,), (unit,))[1]  # only third derivatives would see it move
    value, slope = jax.jvp(lambda z: pure(z, *consts), (x,), (unit,))
    rises = slope > 0
    slope = jnp.where(rises, slope, 1.0)
    q = jnp.where(rises, value / slope, 0.0)
    bend = bend / lax.stop_gradient(slope)
    return x - q - 0.5 * jnp.where(jnp.isfinite(bend), bend, 0.0) * q**2


def grow_bracket(
    f: Callable[[Float[Array, ""]], Float[Array, ""]],
    low: Float[Array, ""],
    high: Float[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Lower and upper end of a bracket around the root of an increasing function, for `increasing_root`.

    Parameters
    ----------
    f : callable
        Function of one number.
    low, high : Float[Array, ""]
        Where the search starts, ``low <= high``: the bracket is moved on and doubled, to the side to which the root
        lies, until it holds it, sixty times at most.
    """
    pure, consts = jax.closure_convert(f, low)
    low, high, consts = lax.stop_gradient((low, high, consts))

    def sides(a, b):
        return pure(a, *consts) > 0, pure(b, *consts) < 0

    def move(carry):
        a, b, (root_below, root_above), n = carry
        width = 2 * jnp.maximum(b - a, _NARROWEST)
        a, b = (
            jnp.where(root_below, a - width, jnp.where(root_above, b, a)),
            jnp.where(root_below, a, jnp.where(root_above, b + width, b)),
        )
        return a, b, sides(a, b), n + 1

    begin = low, high, sides(low, high), jnp.asarray(0)

    def outside(c):
        return (c[2][0] | c[2][1]) & (c[3] < _DOUBLINGS)

    return lax.while_loop(outside, move, begin)[:2]


def _safe_newton(
    f: Callable, start: Float[Array, ""], a: Float[Array, ""], b: Float[Array, ""]
) -> Float[Array, ""]:
    """Root of an increasing function between two bounds, without derivatives."""
    eps = jnp.finfo(a.dtype).eps

    def improve(carry):
        x, a, b, last_step, _, n = carry
        value, slope = jax.jvp(f, (x,), (jnp.ones_like(x),))
        # The scope tells an export what is to be 0.
        with jax.named_scope(RESIDUAL):
            root_above = value < 0
        a, b = jnp.where(root_above, x, a), jnp.where(value > 0, x, b)
        step = -value / jnp.where(slope > 0, slope, 1.0)
        candidate = jnp.clip(x + step, a, b)
        # A step of Newton's this small leaves its square, which is below rounding, if the function does not bend
        # within it, as that of a source does at its limit: a first step does not say. In float32 it is one unit in
        # the last place: the barrier of `jart-vcm` bends within 1e-6.
        small = jnp.abs(step) <= min(0.01 * np.sqrt(eps), 1e-7) * jnp.abs(candidate)
        # One that ends at the bracket is no longer than the way there: where there is no root, it is the last.
        newton = (slope > 0) & (small | (2 * jnp.abs(candidate - x) <= jnp.abs(last_step)))
        new = jnp.where(newton, candidate, 0.5 * (a + b))
        converged = newton & small & (n > 0)
        converged |= (b - a <= 2 * eps * jnp.abs(new)) | (value == 0)
        converged |= jnp.isnan(
            value
        )  # lanes that have ended wait for the others with states that are no numbers
        return jnp.where(value == 0, x, new), a, b, new - x, converged, n + 1

    begin = start, a, b, 2 * (b - a), jnp.asarray(False), jnp.asarray(0)

    def unfinished(c):
        return ~c[4] & (c[5] < _ITERATIONS)

    return lax.while_loop(unfinished, improve, begin)[0]

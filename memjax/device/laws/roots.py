"""What is defined implicitly, a current or an operating point: a bracketed root, differentiated implicitly."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

_HALVINGS = 26
"""Brings a bracket of 60 below 1e-6, from where Newton's steps are quadratic."""

_STEPS = 3


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
        The root, or a bound where there is none: bisection, then Newton's method inside the last
        bracket. A fixed number of operations, so that it runs under `jax.vmap`.

    Notes
    -----
    Its derivative is that of one more Newton step whose slope is held fixed, at what the last one had
    (1e-12 away at most): the implicit function theorem, forward and in reverse. Where the function
    is flat, to rounding, neither moves.
    """
    # The scope tells an export, which takes the equation and leaves its solution to a simulator.
    with jax.named_scope("root_between"):
        return _root_between(f, low, high)


def _root_between(f: Callable, low: Float[Array, ""], high: Float[Array, ""]) -> Float[Array, ""]:
    """See `root_between`."""
    # What the function closes over becomes arguments, so that no loop carries their derivatives.
    pure, consts = jax.closure_convert(f, low)
    constants = lax.stop_gradient(consts)
    low, high = lax.stop_gradient((low, high))
    with_slope = jax.value_and_grad(pure)

    def halve(_, ends):
        a, b = ends
        middle = 0.5 * (a + b)
        is_below = pure(middle, *constants) < 0
        return jnp.where(is_below, middle, a), jnp.where(is_below, b, middle)

    def step(value, slope):
        rises = slope > 0
        return jnp.where(rises, value / jnp.where(rises, slope, 1.0), 0.0)

    a, b = lax.fori_loop(0, _HALVINGS, halve, (low, high))

    def improve(_, ends):
        value, slope = with_slope(ends[0], *constants)
        return jnp.clip(ends[0] - step(value, slope), a, b), slope

    x, slope = lax.fori_loop(0, _STEPS, improve, (0.5 * (a + b), jnp.zeros_like(a)))
    q = step(pure(x, *consts), slope)
    # The derivative is that of q; the value stays in the bracket, which a step beside a steep rise would leave.
    value = lax.stop_gradient(jnp.clip(q, x - b, x - a))
    return jnp.clip(x - (value + (q - lax.stop_gradient(q))), low, high)


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
        a, b = jnp.where(value < 0, x, a), jnp.where(value > 0, x, b)
        step = -value / jnp.where(slope > 0, slope, 1.0)
        candidate = jnp.clip(x + step, a, b)
        # A step of Newton's this small leaves its square, which is below rounding, if the function does not bend
        # within it, as that of a source does at its limit: a first step does not say.
        small = jnp.abs(step) <= 0.01 * jnp.sqrt(eps) * jnp.abs(candidate)
        newton = (slope > 0) & (small | (2 * jnp.abs(step) <= jnp.abs(last_step)))
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

"""Currents that are defined implicitly: a bracketed root, differentiated implicitly."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

_HALVINGS = 26
"""Brings a bracket of 60 below 1e-6, from where Newton's steps are quadratic."""

_STEPS = 3


def bracketed(
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
    # What the function closes over becomes arguments, so that no loop carries their derivatives.
    pure, consts = jax.closure_convert(f, low)
    still = lax.stop_gradient(consts)
    low, high = lax.stop_gradient((low, high))
    with_slope = jax.value_and_grad(pure)

    def halve(_, ends):
        a, b = ends
        middle = 0.5 * (a + b)
        below = pure(middle, *still) < 0
        return jnp.where(below, middle, a), jnp.where(below, b, middle)

    def step(value, slope):
        rises = slope > 0
        return jnp.where(rises, value / jnp.where(rises, slope, 1.0), 0.0)

    a, b = lax.fori_loop(0, _HALVINGS, halve, (low, high))

    def improve(_, found):
        value, slope = with_slope(found[0], *still)
        return jnp.clip(found[0] - step(value, slope), a, b), slope

    x, slope = lax.fori_loop(0, _STEPS, improve, (0.5 * (a + b), jnp.zeros_like(a)))
    return jnp.clip(x - step(pure(x, *consts), slope), low, high)

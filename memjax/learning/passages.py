"""Brownian paths between two ends: when they first touch 0, and how long they are below it."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

_TINY = 1e-30


def first_passage(
    start: Float[Array, "..."],
    end: Float[Array, "..."],
    variance: Float[Array, "..."],
    straight: Float[Array, "..."],
    normal: Float[Array, "..."],
    uniform: Float[Array, "..."],
) -> tuple[Bool[Array, "..."], Float[Array, "..."]]:
    r"""Whether a path touches 0, and at which share of its time for the first time.

    Parameters
    ----------
    start, end : Float[Array, "..."]
        Of the path; `start` is not 0.
    variance : Float[Array, "..."]
        Of the end given the start.
    straight : Float[Array, "..."]
        Share of the time at which it touches 0 without noise: ``|start| / (|start| + |end|)`` for a straight path.
    normal, uniform : Float[Array, "..."]
        Independent random numbers.

    Returns
    -------
    tuple of Bool[Array, "..."] and Float[Array, "..."]
        Whether the path touches 0, and the share of its time before [1].

    Notes
    -----
    A path that ends on the side on which it began has touched 0 with the probability :math:`e^{-2|ab|/s^2}`. With
    :math:`\tau = t/(1 - t)` a bridge is a Brownian motion with drift, whose first passage is inverse Gaussian [1]_;
    after a touch the path may be mirrored, so that its end's sign does not matter.

    References
    ----------
    .. [1] J. Michael, W. Schucany, R. Haas, Am. Stat. 30, 88 (1976), doi:10.1080/00031305.1976.10479147
    """
    crosses = jnp.not_equal(start > 0, end > 0)
    product = jnp.abs(start * end)
    chance = jnp.exp(-2 * product / jnp.where(variance > 0, variance, 1.0))
    touches = jnp.logical_not(crosses) & (variance > 0) & (uniform < chance)
    # Given that it was below the chance, the number over the chance is uniform again.
    again = jnp.where(touches, uniform / jnp.where(touches, chance, 1.0), uniform)
    hits = crosses | touches
    noisy = hits & (variance > 0)
    # Bounded: a path that ends within a thousandth of its standard deviation has touched at its beginning or its end.
    q = normal**2 * variance / (2 * product + 1e-3 * variance + _TINY) + 1e-12
    q = jnp.where(noisy, q, 1.0)
    # The lesser root of the inverse Gaussian's quadratic, without the difference of nearly equal numbers.
    root = 1 / (1 + q + jnp.sqrt(q * (2 + q)))
    # Of the two roots, which are reciprocal, the lesser one with the probability 1 / (1 + root).
    factor = jnp.where(noisy, jnp.where(again * (1 + root) <= 1, root, 1 / root), 1.0)
    # From tau = t / (1 - t) back to t.
    return hits, straight * factor / (straight * factor + (1 - straight))


def time_below(
    end: Float[Array, "..."],
    variance: Float[Array, "..."],
    slow: Float[Array, "..."],
    normal: Float[Array, "..."],
    uniform: Float[Array, "..."],
) -> Float[Array, "..."]:
    r"""Share of its time that a path which begins in 0 is below 0.

    Parameters
    ----------
    end, variance : Float[Array, "..."]
        See `first_passage`.
    slow : Float[Array, "..."]
        Mean rate of the variance over that at the beginning; 1 for a Brownian motion.
    normal, uniform : Float[Array, "..."]
        Independent random numbers.

    Returns
    -------
    Float[Array, "..."]
        Share of the time [1], between 0 and 1.

    Notes
    -----
    The last 0 of a bridge to b is at :math:`s^2n^2/(b^2 + s^2n^2)` with n normal. Until then the time below 0 is
    uniform (P. Levy), and afterwards the path stays on the side of its end.
    """
    square = variance * normal**2
    turn = square / (end**2 + square + _TINY) * jnp.minimum(slow, 1.0)
    return turn * uniform + jnp.where(end < 0, 1 - turn, 0.0)

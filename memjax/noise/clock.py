"""Candidate times for jumps: a Poisson clock that is faster than any of them, from counters."""

import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .counter import bits, open_uniform
from .path import Words

_TIMES, _MARKS = 0x7C1C0C4B, 0x3A6B5D21
"""Tags that keep the counters of a clock apart from those of paths."""


class Clock(eqx.Module):
    """Candidate times of jumps and the numbers that decide which become one.

    Parameters
    ----------
    rate : Float[Array, ""]
        Rate of candidates [1/s], not below the sum of all intensities.
    times : Float[Array, "candidates"]
        Ascending times [s].
    marks : Float[Array, "candidates"]
        Uniform numbers in (0, 1): a candidate is a jump of intensity l where its mark is below l / rate.

    Notes
    -----
    Thinning is exact: candidates do not know the state, and none is left out.

    References
    ----------
    .. [1] P. Lewis, G. Shedler, Nav. Res. Logist. Q. 26, 403 (1979), doi:10.1002/nav.3800260304
    """

    rate: Float[Array, ""]
    times: Float[Array, " candidates"]
    marks: Float[Array, " candidates"]


def capacity(expected: float) -> int:
    """Number of candidates to allocate where so many are expected: too small with a probability below 1e-14."""
    # Eight standard deviations of a Poisson count, and room where the count is small and skewed.
    count = expected + 8 * math.sqrt(expected) + 16
    return 2 ** math.ceil(math.log2(count))  # few sizes are compiled


def clock(key: Words, *, rate: Float[Array, ""], size: int) -> Clock:
    """The clock of one device.

    Parameters
    ----------
    key : tuple of two UInt32[Array, ""]
        Key of the device, see `memjax.noise.words`.
    rate : Float[Array, ""]
        Rate of candidates [1/s].
    size : int
        Number of candidates, see `capacity`.

    Returns
    -------
    Clock
        Ascending candidate times [s] and their marks, `size` of each.
    """
    k = jnp.arange(size, dtype=jnp.uint32)

    def draw(tag):
        return open_uniform(bits(*key, k, jnp.uint32(tag)), rate.dtype)

    # Intervals of a Poisson process are exponential: -log u / rate.
    return Clock(rate, jnp.cumsum(-jnp.log(draw(_TIMES))) / rate, draw(_MARKS))

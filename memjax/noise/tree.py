"""Brownian paths on dyadic trees: any interval of a tree from one row of counters, with its space-time area."""

import math
from typing import ClassVar

import diffrax as dfx
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..errors import PolicyError
from .counter import bits, normal
from .path import Words, as_words


def depth(dtype) -> int:
    """Levels of a tree: its finest step is 2^-depth of its span, exact in times of this type."""
    return 40 if jnp.dtype(dtype) == jnp.float64 else 20


def index_type(dtype):
    """Integers that count the finest steps of a tree with times of this type."""
    return jnp.int64 if jnp.dtype(dtype) == jnp.float64 else jnp.int32


def interval(
    t0: Float[Array, ""], t1: Float[Array, ""], start: Float[Array, ""], span: Float[Array, ""]
) -> tuple[Int[Array, ""], Int[Array, ""], Bool[Array, ""]]:
    """Start and size of an interval of a tree in its finest steps, and whether it is one at all.

    The size follows from the length and the start from the size: times far from 0 are rounded more
    coarsely than the finest steps.
    """
    h, kind = t1 - t0, index_type(t0.dtype)
    deepest, level = depth(t0.dtype), jnp.round(jnp.log2(span / jnp.where(h > 0, h, jnp.inf)))
    on_level = (level >= 0) & (level <= deepest)
    level = jnp.where(on_level, level, 0).astype(kind)
    parts = (jnp.ones((), kind) << level).astype(h.dtype)  # XLA's exp2 is not exact
    # Rounded to the grid of its own level, which is coarser than the error of t0 - start.
    number = jnp.round((t0 - start) / span * parts)
    slack = 1e-6 * h + 8 * jnp.finfo(h.dtype).eps * jnp.abs(t1)

    def close(a, b):
        return jnp.abs(a - b) <= slack

    valid = on_level & close(span / parts, h) & close(start + span * (number / parts), t0)
    size = jnp.ones((), kind) << (deepest - level)
    return jnp.where(valid, number, 0).astype(kind) * size, size, valid


class DyadicPath(dfx.AbstractBrownianPath):
    r"""Brownian path on dyadic trees, consistent in whatever order its intervals are visited, as a diffrax control.

    Parameters
    ----------
    key : Key[Array, ""] or tuple of two UInt32[Array, ""]
        See `device_key`, or its words.
    bounds : Float[Array, "trees+1"]
        Ascending times [s] between which each tree stands; between equal neighbours there is none.
    channels : int
        Number of noise channels.

    Notes
    -----
    White noise on the span of a tree is expanded in the orthonormal multiwavelets of order 2: a
    constant and a straight line for the span, and for each interval of each level two functions that
    are straight on either half and orthogonal to all straight lines, with independent normal
    coefficients. An interval of the tree sees the functions of the intervals above it as straight
    lines, so that its increment :math:`W` and space-time area :math:`H` are sums over levels. They are
    exact in distribution, jointly and over any set of intervals, and come from one row of counters
    at once, where a virtual Brownian tree descends level by level. Differentiable in forward and
    reverse mode.

    An interval that is none of the tree gives NaN, as does one across a bound, and an empty one 0: see
    `memjax.solver.DyadicController`.

    References
    ----------
    .. [1] B. Alpert, SIAM J. Math. Anal. 24, 246 (1993), doi:10.1137/0524016 (multiwavelets)
    .. [2] A. Jelincic, J. Foster, P. Kidger, Single-seed generation of Brownian paths and integrals
       for adaptive and high order SDE solvers, arXiv:2405.06464 (virtual Brownian tree)
    """

    key: Words = eqx.field(converter=as_words)
    bounds: Float[Array, " bounds"]
    channels: int = eqx.field(static=True)

    levy_area: ClassVar = dfx.SpaceTimeLevyArea

    @property
    def t0(self):
        """Start of the first tree [s]."""
        return self.bounds[0]

    @property
    def t1(self):
        """End of the last tree [s]."""
        return self.bounds[-1]

    def evaluate(self, t0, t1=None, left: bool = True, use_levy: bool = False):
        """Increment over an interval of a tree, with its space-time area where `use_levy`."""
        if t1 is None:
            raise PolicyError(
                "a dyadic path has increments only",
                where="DyadicPath.evaluate",
                allowed="evaluate(t0, t1) over one interval of a tree",
            )
        t0, t1 = jnp.asarray(t0), jnp.asarray(t1)
        tree = jnp.searchsorted(self.bounds, t0, side="right") - 1
        tree = jnp.clip(tree, 0, len(self.bounds) - 2)
        start, span = self.bounds[tree], self.bounds[tree + 1] - self.bounds[tree]
        p, size, valid = interval(t0, t1, start, span)
        value, slope = _values_and_slopes(p, p + size, span)
        z = _coefficients(self.key, tree, p, size, self.channels, span.dtype)
        h = span * (size.astype(span.dtype) * 2.0 ** -depth(span.dtype))
        h = jnp.where(valid, h, jnp.where(t0 == t1, 0.0, jnp.nan))
        # Integral of white noise whose expansion is a straight line here: its middle value times h.
        w = h * jnp.sum(z * value, axis=(1, 2))
        # H = mean of the path above its chord: of noise with slope s it is -s h^2 / 12.
        area = -(h**2) / 12 * jnp.sum(z * slope, axis=(1, 2))
        return dfx.SpaceTimeLevyArea(dt=h, W=w, H=area) if use_levy else w


def _coefficients(key: Words, tree, p, size, channels: int, dtype) -> Float[Array, "channels n 2"]:
    """Coefficients of the span and of the interval of each level above one that starts at `p`; 0 at and below it."""
    deepest = depth(dtype)
    # -1: the span as a whole, whose functions are a constant and a line
    level = jnp.arange(-1, deepest)
    shift = (deepest - jnp.maximum(level, 0)).astype(p.dtype)
    node = jnp.where(level < 0, 0, p >> shift)
    coarser = (level < 0) | ((jnp.ones_like(p) << shift) > size)
    # In two shifts: one by all bits of an integer of 32 is not defined.
    low, high = node.astype(jnp.uint32), (node >> 16 >> 16).astype(jnp.uint32)
    coefficient = jnp.arange(2 * channels, dtype=jnp.uint32).reshape(channels, 1, 2)
    # Distinct coefficients need distinct counters: the lowest byte is the coefficient, the next the level.
    level_word = ((level + 1).astype(jnp.uint32) | (high << 8))[None, :, None] << 8
    shape = (channels, deepest + 1, 2)
    counters = (tree.astype(jnp.uint32), low[None, :, None], level_word | coefficient)
    word = bits(*key, *(jnp.broadcast_to(c, shape) for c in counters))
    return jnp.where(coarser[None, :, None], normal(word, dtype), jnp.zeros((), dtype))


def _values_and_slopes(p, q, span) -> tuple[Float[Array, "1 n 2"], Float[Array, "1 n 2"]]:
    """Value at the middle, and slope, of the functions of the span and of each level on an interval inside one half."""
    dtype, deepest = span.dtype, depth(span.dtype)
    level = jnp.arange(deepest)
    width = jnp.ones_like(p) << (deepest - level).astype(p.dtype)
    # Twice the middle of the interval of each level that holds p, since a middle may be no whole number.
    centre = (p & -width) * 2 + width
    # -1 to 1 across the interval of a level
    x = (p + q - centre).astype(dtype) / width.astype(dtype)
    side = jnp.where(x < 0, -1.0, 1.0).astype(dtype)
    length = span * 2.0 ** -level.astype(dtype)
    # Alpert's functions of order 2 on [-1, 1]: orthonormal, orthogonal to 1 and x, odd or even
    # about 0.
    even, odd = math.sqrt(1.5) * (2 * jnp.abs(x) - 1), math.sqrt(0.5) * (3 * x - 2 * side)
    rise = jnp.stack([2 * math.sqrt(1.5) * side, jnp.full_like(x, 3 * math.sqrt(0.5))], axis=1)
    # dx/dt = 2 / length: orthonormal in time they are larger by its square root.
    size = jnp.sqrt(2 / length)[:, None]
    position = (p + q).astype(dtype) * 2.0**-deepest - 1
    # Constant and line of the span: 1 and sqrt(3) x, over sqrt(span); there dx/dt = 2 / span.
    root, flat = 1 / jnp.sqrt(span), jnp.zeros_like(position)
    value = jnp.stack([root, math.sqrt(3.0) * root * position])
    slope = jnp.stack([flat, math.sqrt(12.0) * root / span])
    values = jnp.concatenate([value[None], size * jnp.stack([even, odd], axis=1)])
    slopes = jnp.concatenate([slope[None], 2 * size / length[:, None] * rise])
    return values[None], slopes[None]

"""Adaptive step sizes on dyadic trees, on which a path stays Brownian although steps are rejected."""

from collections.abc import Callable

import diffrax as dfx
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optimistix as optx
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from ..noise.tree import depth, index_type

# Usual bounds of step control, before the step becomes a power of two of its tree.
_SAFETY, _SHRINK, _GROW = 0.9, 0.1, 8.0


def whole_state(y):
    """Return the whole state: all of it has to meet the tolerance."""
    return y


class _Interval(eqx.Module):
    """The step under way: the number of its tree, its start and its length in finest steps of that tree."""

    tree: Int[Array, ""]
    start: Int[Array, ""]
    size: Int[Array, ""]


class DyadicController(dfx.AbstractAdaptiveStepSizeController):
    """Adaptive steps that are intervals of the dyadic trees between given times.

    Parameters
    ----------
    rtol, atol : float
        Tolerance of a step relative to the state, and absolute.
    bounds : Float[Array, "trees+1"]
        Ascending times [s] from start to end of the solve on which steps land: corners of the drive,
        rows of output, candidates for jumps. Equal neighbours are skipped.
    norm : callable
        Of the error over its tolerance.
    part : callable
        The part of a state that has to be within its tolerance.

    Notes
    -----
    A step is an interval [k, k + 1] 2^-n of the time between two bounds. A rejected step is halved, and a later step
    ends where it ended, because two intervals of the tree are nested or disjoint. An increment that was drawn is
    therefore never discarded; to discard those of rejected steps would bias the accepted paths. Parameters of the
    system act on the times of steps only through the choice among intervals, so that derivatives along a path are
    exact for a given sequence of steps. A step ends just before a bound and the next one starts on it, so that each
    sees its own side of a jump of the drive.

    References
    ----------
    .. [1] J. Gaines, T. Lyons, SIAM J. Appl. Math. 57, 1455 (1997), doi:10.1137/S0036139995286515
    .. [2] J. Foster, A. Jelincic, On the convergence of adaptive approximations for stochastic
       differential equations, arXiv:2311.14201
    """

    rtol: float
    atol: float
    bounds: Float[Array, " bounds"]
    norm: Callable = eqx.field(static=True, default=optx.rms_norm)
    part: Callable = eqx.field(static=True, default=whole_state)

    def wrap(self, direction):
        """Forward in time only."""
        return self

    def init(self, terms, t0, t1, y0, dt0, args, func, error_order):
        """First step: the largest interval at the start of the first tree that is not longer than `dt0`."""
        interval = self._first(t0, jnp.inf if dt0 is None else dt0)
        return self._times(interval)[1], interval

    def _bound(self, k) -> Float[Array, ""]:
        """A bound by its number; a number beyond the last gives the last bound."""
        return self.bounds[jnp.minimum(k, len(self.bounds) - 1)]

    def _span(self, tree) -> Float[Array, ""]:
        return self._bound(tree + 1) - self._bound(tree)

    def _first(self, t, h) -> _Interval:
        """First step of the tree that starts at the bound `t`, not longer than `h`."""
        # The last one of equal bounds, since a tree between them has no length.
        tree = jnp.searchsorted(self.bounds, t, side="right") - 1
        tree = jnp.clip(tree, 0, len(self.bounds) - 2)
        return _Interval(tree, jnp.zeros((), index_type(self.bounds.dtype)), self._size(tree, h))

    def _length(self, interval: _Interval) -> Float[Array, ""]:
        """Length of the step under way [s]."""
        span = self._span(interval.tree)
        return span * (interval.size.astype(span.dtype) * 2.0 ** -depth(span.dtype))

    def _size(self, tree, h) -> Int[Array, ""]:
        """Largest interval of a tree that is not longer than `h`, in finest steps."""
        deepest, kind = depth(self.bounds.dtype), index_type(self.bounds.dtype)
        span = self._span(tree)
        share = h / jnp.where(span > 0, span, 1.0)
        # Rounded up by 1e-6: a share that is a power of two but for rounding keeps its own level.
        level = jnp.floor(jnp.log2(jnp.maximum(share, 2.0**-deepest)) + 1e-6)
        return jnp.ones((), kind) << jnp.clip(level + deepest, 0, deepest).astype(kind)

    def _times(self, interval: _Interval) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Start and end of a step [s]; the end just before a bound where it is one."""
        start, span, deepest = (
            self._bound(interval.tree),
            self._span(interval.tree),
            2.0 ** -depth(self.bounds.dtype),
        )

        def time_of(k):
            return start + span * (k.astype(span.dtype) * deepest)

        last = self._ends(interval)
        return time_of(interval.start), jnp.where(
            last,
            eqxi.prevbefore(self._bound(interval.tree + 1)),
            time_of(interval.start + interval.size),
        )

    def _ends(self, interval: _Interval):
        """Whether a step ends on a bound."""
        return interval.start + interval.size == jnp.ones_like(interval.size) << depth(
            self.bounds.dtype
        )

    def _excess(self, y0, y1, error) -> Float[Array, ""]:
        """Norm of the error over its tolerance; infinite where it is not a number."""
        a, b, e = (ravel_pytree(self.part(y))[0] for y in (y0, y1, error))
        tolerance = self.atol + self.rtol * jnp.maximum(jnp.abs(a), jnp.abs(b))
        # Derivatives are those along the steps that were taken: their choice has none.
        size = lax.stop_gradient(self.norm(e / tolerance))
        return jnp.where(jnp.isfinite(size) & jnp.all(jnp.isfinite(b)), size, jnp.inf)

    def _next(self, interval: _Interval, h) -> _Interval:
        """The step after an accepted one, not longer than `h`."""
        end = interval.start + interval.size
        # end & -end is the lowest set bit: the largest interval of the tree that may start at
        # `end`.
        inside = _Interval(
            interval.tree, end, jnp.minimum(self._size(interval.tree, h), end & -end)
        )
        next_tree = self._first(self._bound(interval.tree + 1), h)
        return _either(self._ends(interval), next_tree, inside)

    def adapt_step_size(
        self, t0, t1, y0, y1_candidate, args, y_error, error_order, controller_state
    ):
        """Keep a step whose error is within its tolerance, and choose the next."""
        interval = controller_state
        excess = self._excess(y0, y1_candidate, y_error)
        keep = excess <= 1
        # Error goes as h^p: the step at which it would be the tolerance.
        factor = _SAFETY * jnp.maximum(excess, 1e-12) ** (-1 / error_order)
        h = self._length(interval)
        h_next = h * jnp.clip(factor, _SHRINK, _GROW)
        # Half as long at least, and never below the finest step of the tree.
        smaller = jnp.minimum(self._size(interval.tree, h_next), jnp.maximum(interval.size >> 1, 1))
        retry = _Interval(interval.tree, interval.start, smaller)
        new = _either(keep, self._next(interval, h_next), retry)
        next0, next1 = self._times(new)
        # Behind the last bound there is no step; diffrax ends there.
        at_end = keep & self._ends(interval) & (self._bound(interval.tree + 1) >= self.bounds[-1])
        next0, next1 = (jnp.where(at_end, self.bounds[-1], t) for t in (next0, next1))
        # Below 256 roundings of t the length of a step is known to less than a per cent.
        underflow = ~keep & (
            (interval.size <= 1) | (h < 256 * jnp.finfo(h.dtype).eps * jnp.abs(t0))
        )
        result = dfx.RESULTS.where(underflow, dfx.RESULTS.dt_min_reached, dfx.RESULTS.successful)
        return keep, next0, next1, keep & self._ends(interval), new, result


def _either(condition, if_true: _Interval, if_false: _Interval) -> _Interval:
    """Return one of two intervals, by a condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), if_true, if_false)

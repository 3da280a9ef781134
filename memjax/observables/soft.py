"""Spike read-outs that can be differentiated: a smooth count, and times of crossings."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..errors import BoundsError


def soft_count(
    x: Float[Array, "*batch rows"],
    *,
    level: float | Float[Array, ""],
    width: float | Float[Array, ""],
) -> Float[Array, "*batch"]:
    r"""Smooth number of rises through a level: the sum of the positive increments of a sigmoid of the signal.

    Parameters
    ----------
    x : Float[Array, "*batch rows"]
        Signal at rows of any spacing.
    level : float
        Level, in the unit of `x`.
    width : float
        Width of the sigmoid, in the unit of `x`, positive.

    Returns
    -------
    Float[Array, "*batch"]
        Number of rises [1].

    Raises
    ------
    BoundsError
        For a width, given as a number, that is not positive.

    Notes
    -----
    .. math:: n = \sum_k \max(0, S_{k+1} - S_k), \qquad S_k = 1 / (1 + e^{-(x_k - level) / width})

    Between a minimum and the next maximum the sum telescopes: their rise counts S(maximum) - S(minimum),
    whatever rows lie between. It is 1, up to exp(-d / width), for a rise that begins and ends at
    least d from the level; a smaller one counts in part, and each wiggle of size w at the level
    counts w / (4 width), so noise must be small against `width`.

    The value depends on x only at its extremes, and so does the derivative: it says how nearly
    spikes fail, or nearly come about. It is zero for rises that are complete, and for every trace in
    the limit width -> 0, since a count is piecewise constant. It knows nothing of *when*
    spikes come: a rate follows from `crossing_times`.
    """
    if isinstance(width, int | float) and not width > 0:
        raise BoundsError(f"width = {width:g}", where="soft_count", allowed="> 0")
    return jnp.sum(jax.nn.relu(jnp.diff(jax.nn.sigmoid((x - level) / width), axis=-1)), axis=-1)


class Crossings(eqx.Module):
    """Times at which a signal rises through a level.

    Parameters
    ----------
    times : Float[Array, "size"]
        Times [s], increasing; infinite beyond the last one.
    count : Int[Array, ""]
        Number of rises in the trace; where it exceeds the size, the last ones are not in `times`.
    """

    times: Float[Array, " size"]
    count: Int[Array, ""]


def _rises(x: Array, level: Array | float, rearm: Array | float) -> Array:
    """Rows at which x is above `level` for the first time after it was below `rearm`."""
    side = (x > level).astype(jnp.int32) - (x < rearm).astype(jnp.int32)
    row = jnp.arange(x.shape[0], dtype=jnp.int32)
    # A Schmitt trigger: rows between both levels keep the side of the last row beyond one.
    sure = jax.lax.cummax(jnp.where(side != 0, row, -1))
    side_before = jnp.where(sure[:-1] >= 0, side[sure[:-1]], 0)
    return jnp.concatenate([jnp.zeros(1, bool), (side[1:] == 1) & (side_before == -1)])


def crossing_times(
    t: Float[Array, " rows"],
    x: Float[Array, " rows"],
    *,
    level: float | Float[Array, ""],
    size: int,
    rearm: float | Float[Array, ""] | None = None,
) -> Crossings:
    r"""Times of the rises through a level that `detect` finds, for `jax.jit`, `jax.vmap` and `jax.grad`.

    Parameters
    ----------
    t : Float[Array, "rows"]
        Times [s], increasing (not checked).
    x : Float[Array, "rows"]
        Signal, finite (not checked).
    level : float
        Level, in the unit of `x`.
    size : int
        How many times there is room for, a Python integer.
    rearm : float, optional
        Level at or below `level` under which `x` has to be before the next rise counts; `level` by default.

    Returns
    -------
    Crossings
        Times [s], and how many there are.

    Raises
    ------
    BoundsError
        For a size below 1, or fewer than two rows.

    Notes
    -----
    Between rows a and b the crossing is at

    .. math:: t^* = t_a + \frac{level - x_a}{x_b - x_a} (t_b - t_a)

    and its derivatives are those of this line. For dense rows they are the exact ones,
    :math:`\delta t^* = (\delta level - \delta x(t^*)) / \dot x(t^*)`; the error is of first order in the distance of
    rows, that of :math:`t^*` itself of second order.
    They hold as long as no spike comes or goes: a mean over the times that were found says nothing
    about how their number changes. Times beyond the last are infinite with zero derivative;
    mask them (``jnp.where(jnp.isfinite(times), ...)``) before arithmetic.
    """
    if size < 1 or x.shape[0] < 2:
        raise BoundsError(
            f"size = {size} for {x.shape[0]} rows",
            where="crossing_times",
            allowed="size >= 1, rows >= 2",
        )
    rises = _rises(x, level, level if rearm is None else rearm)
    (k,) = jnp.nonzero(rises, size=size, fill_value=1)
    exists = jnp.arange(size) < jnp.sum(rises)
    # 1 where there is no crossing: a division by 0 would make the derivative NaN there too.
    slope = jnp.where(exists, x[k] - x[k - 1], 1.0)
    times = t[k - 1] + (level - x[k - 1]) / slope * (t[k] - t[k - 1])
    return Crossings(times=jnp.where(exists, times, jnp.inf), count=jnp.sum(rises))

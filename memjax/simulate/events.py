r"""Where in its step an event happens, and how that time moves with the parameters.

Notes
-----
The time of an event solves :math:`G(t) = g(t, y(t), \theta) - level = 0`. It is found on the dense output of its step
by bisection, outside the graph of derivatives. Without noise the state is then taken to that time once more, by a step
of its own from the beginning of the step, since a dense output follows the state, and not its derivatives, to the
solver's accuracy. With noise, or in fixed steps, the path between two steps is a straight line. Then

.. math:: t^* = t_r - G(t_r) / \dot G(t_r)

with the slope and :math:`t_r` outside the graph: the value is corrected to second order, and the derivative is that of
the implicit function.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ..scaling import Scaled
from ..stimulus import AbstractStimulus
from ..watch import EventGroup, Watch
from .signals import signal_values
from .smooth_step import Driven, smooth_slope, smooth_step
from .watching import Piece

_HALVINGS = 60
"""Bisections of a step: beyond the resolution of its share."""

_TOUCH = 1e-4
"""Share of the level, or of the change of the signal in the step, by which a crossing passes its turning point at
least: below it neither its time nor its slope is known to the solver."""


@jax.custom_jvp
def _undefined_where(x: Float[Array, ""], flag: Bool[Array, ""]) -> Float[Array, ""]:
    """The number itself, whose derivative is NaN where the flag is set."""
    del flag
    return x


@_undefined_where.defjvp
def _undefined_jvp(primals, tangents):
    (x, flag), (dx, _) = primals, tangents
    return x, dx * jnp.where(flag, jnp.nan, 1.0)


def locate_events(
    watch: Watch,
    scaled: Scaled,
    stimulus: AbstractStimulus,
    memory: list[dict[str, Any]],
    *,
    smooth: bool,
) -> dict[str, dict[str, Any]]:
    """Times of all events of one solve, and what is seen at them.

    Parameters
    ----------
    watch, scaled, stimulus
        As for the solve.
    memory : list of dict
        The steps in which they happened.
    smooth : bool
        Whether the solve was one without noise in adaptive steps.

    Returns
    -------
    dict of str to dict
        By event: ``t``, ``count``, ``tangential``, ``jump``, ``v``, ``i``, ``state``; see `memjax.watch.Crossing`.
    """
    every = {}
    for group, known in zip(watch.groups(), memory, strict=True):
        one = lambda e, m: _locate_all(e, scaled, stimulus, m, smooth=smooth)  # noqa: E731
        found = jax.vmap(one)(group, known)
        every |= {n: jax.tree.map(lambda x, k=k: x[k], found) for k, n in enumerate(group.names)}
    return {name: every[name] for name in watch.events}


def _locate_all(
    event: EventGroup, scaled: Scaled, stimulus, memory: dict[str, Any], *, smooth: bool
):
    """See `locate_events`, for one event of a group."""
    there = jnp.arange(event.size, dtype=memory["count"].dtype) < memory["count"]
    steps: Piece = memory["steps"]
    # A place without an event holds a step of its own length, so that nothing in it is infinite.
    early = jnp.where(there, steps.early, 0.0)
    late = jnp.where(there, steps.late, 1.0)
    rest = scaled.initial()
    y0, y1 = (jnp.where(there[:, None], y, rest) for y in (steps.y0, steps.y1))
    pieces = Piece(early, late, y0, y1, steps.k0, steps.k1)
    one = lambda piece: _locate(event, scaled, stimulus, piece, smooth=smooth)  # noqa: E731
    found = jax.vmap(one)(pieces)
    nan = lambda x: jnp.where(there.reshape(-1, *[1] * (x.ndim - 1)), x, jnp.nan)  # noqa: E731
    return {
        "t": jnp.where(there, found["t"], jnp.inf),
        "count": memory["count"].astype(jnp.int32),
        "armed": memory["armed"] > 0,
        "tangential": there & found["tangential"],
        "jump": there & found["jump"],
        **jax.tree.map(nan, {k: found[k] for k in ("v", "i", "state")}),
    }


def _locate(event: EventGroup, scaled: Scaled, stimulus, piece: Piece, *, smooth: bool) -> dict:
    """Time of one event, and what is seen at it."""

    def signal(t, y):
        x = signal_values(scaled, stimulus, (event.signal,), t, scaled.project(y))[event.signal]
        return event.sign * ((jnp.abs(x) if event.modulus else x) - event.level)

    still = lax.stop_gradient(piece)
    fixed = lambda t, y: lax.stop_gradient(signal(t, y))  # noqa: E731
    before = jnp.nextafter(still.early, jnp.asarray(-jnp.inf, still.early.dtype))
    jump = (fixed(still.early, still.y0) >= 0) & (fixed(before, still.y0) < 0)
    share = _root(lambda s: fixed(still.time(s), still.at(s)))
    turn = _turning(fixed, still, share)
    here = _integrated(scaled, stimulus, piece, share) if smooth else _on_the_line(piece, share)
    distance, rate = here.rate(signal)
    moving = (rate > 0) & ~jump
    move = jnp.where(moving, -distance / jnp.where(moving, rate, 1.0), 0.0)
    # A correction beyond the step itself is none.
    near = jnp.abs(move) <= still.late - still.early
    tangential = ~jump & (~moving | (turn < _TOUCH))
    move = jnp.where(near, move, move - lax.stop_gradient(move))
    time = _undefined_where(here.t + move, tangential)
    state = scaled.project(here.y + here.slope * (time - here.t))
    out = signal_values(scaled, stimulus, ("v", "i"), time, state)
    shown = scaled.system.shown(scaled.unpack(state), stimulus(time))
    return {"t": time, "tangential": tangential, "jump": jump, **out, "state": shown}


class _Instant(NamedTuple):
    """A time [s], the scaled state then, and its slope, which is outside the graph of derivatives."""

    t: Float[Array, ""]
    y: Float[Array, " n"]
    slope: Float[Array, " n"]

    def rate(self, signal) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """A signal, and its rate along the slope, which is outside the graph of derivatives."""
        directions = jnp.ones_like(self.t), self.slope
        value, rate = jax.jvp(signal, (self.t, self.y), directions)
        return value, lax.stop_gradient(rate)


def _integrated(scaled: Scaled, stimulus, piece: Piece, share) -> _Instant:
    """The event by a step of its own from the beginning of the step, which is as accurate as the solve."""
    t0, t1 = lax.stop_gradient((piece.early, piece.late))
    h = jnp.maximum(share * (t1 - t0), 4 * jnp.finfo(t0.dtype).eps * jnp.abs(t1))
    driven = Driven(scaled, stimulus, Watch({}, {}))
    y = smooth_step(driven, t0, t0 + h, piece.y0).y
    # The slope for interpolation, k1, is off by (h J / 2)^3, and with it every derivative of the time.
    return _Instant(t0 + h, y, smooth_slope(*lax.stop_gradient((driven, t0 + h, y, h))))


def _on_the_line(piece: Piece, share) -> _Instant:
    """The event on the straight line of its step."""
    t0, t1 = lax.stop_gradient((piece.early, piece.late))
    span = jnp.where(t1 > t0, t1 - t0, 1.0)
    return _Instant(t0 + share * (t1 - t0), piece.at(share), lax.stop_gradient(piece.k0) / span)


def _root(g) -> Float[Array, ""]:
    """Share of a step at which a function rises through 0, by bisection; 0 where it begins above."""

    def halve(_, ends):
        low, high = ends
        middle = 0.5 * (low + high)
        above = g(middle) > 0
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    kind = jnp.result_type(float)
    zero, one = jnp.zeros((), kind), jnp.ones((), kind)
    return lax.fori_loop(0, _HALVINGS, halve, (zero, one))[1]


def _turning(g, piece: Piece, share) -> Float[Array, ""]:
    """How far a crossing is beyond the turning point of the signal, as a share of level or change, by its curvature."""
    along = lambda s: g(piece.time(s), piece.at(s))  # noqa: E731
    s, h = jnp.clip(share, 0.05, 0.95), 0.05
    low, middle, high = along(s - h), along(s), along(s + h)
    slope, bend = (high - low) / (2 * h), jnp.abs(high - 2 * middle + low) / h**2
    scale = jnp.maximum(jnp.abs(along(1.0)), jnp.abs(along(0.0)))
    flat = jnp.where(scale > 0, bend / jnp.where(scale > 0, scale, 1.0), 0.0)
    steep = jnp.where(scale > 0, slope / jnp.where(scale > 0, scale, 1.0), 0.0)
    return jnp.where(flat > 0, steep**2 / (2 * jnp.where(flat > 0, flat, 1.0)), jnp.inf)

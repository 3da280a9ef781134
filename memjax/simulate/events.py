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

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ..core.scaling import Scaled
from ..core.watch import EventGroup, Watch
from ..stimulus import AbstractStimulus
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
    """Times of all events of one solve, and voltage, current and states at them.

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
        By event: ``t``, ``count``, ``tangential``, ``jump``, ``v``, ``i``, ``state``, ``roughness``; see
        `memjax.core.watch.Crossing`.
    """
    events = {}
    for group, group_memory in zip(watch.groups(), memory, strict=True):

        def locate(e, m):
            return _locate_all(e, scaled, stimulus, m, smooth=smooth)

        results = jax.vmap(locate)(group, group_memory)
        events |= {n: jax.tree.map(lambda x, k=k: x[k], results) for k, n in enumerate(group.names)}
    return {name: events[name] for name in watch.events}


def _locate_all(
    event: EventGroup, scaled: Scaled, stimulus, memory: dict[str, Any], *, smooth: bool
):
    """See `locate_events`, for one event of a group."""
    occupied = jnp.arange(event.size, dtype=memory["count"].dtype) < memory["count"]
    steps: Piece = memory["steps"]
    # A place without an event holds a step of its own length, so that nothing in it is infinite.
    t_start = jnp.where(occupied, steps.t_start, 0.0)
    t_end = jnp.where(occupied, steps.t_end, 1.0)
    y_rest = scaled.initial()
    y0, y1 = (jnp.where(occupied[:, None], y, y_rest) for y in (steps.y0, steps.y1))
    h = jnp.where(occupied, steps.h, 1.0)
    pieces = Piece(t_start, t_end, y0, y1, steps.k0, steps.k1, h)

    def locate(piece):
        return _locate(event, scaled, stimulus, piece, smooth=smooth)

    results = jax.vmap(locate)(pieces)

    def nan_where_empty(x):
        return jnp.where(occupied.reshape(-1, *[1] * (x.ndim - 1)), x, jnp.nan)

    return {
        "t": jnp.where(occupied, results["t"], jnp.inf),
        "count": memory["count"].astype(jnp.int32),
        "armed": memory["armed"] > 0,
        "tangential": occupied & results["tangential"],
        "jump": occupied & results["jump"],
        **jax.tree.map(nan_where_empty, {k: results[k] for k in ("v", "i", "state", "roughness")}),
    }


def _locate(event: EventGroup, scaled: Scaled, stimulus, piece: Piece, *, smooth: bool) -> dict:
    """Time of one event, and voltage, current and states at it."""
    signal = _Signal(event, scaled, stimulus)
    # What only finds the place of the event is outside the graph of derivatives, and costs none.
    frozen, frozen_signal = lax.stop_gradient((piece, signal))
    # A drive that jumps over the level at a corner: the time is the corner's and has the corner's
    # derivative.
    t_before = jnp.nextafter(frozen.t_start, jnp.asarray(-jnp.inf, frozen.t_start.dtype))
    t_corner = jnp.stack([t_before, frozen.t_start])
    before, after = jax.vmap(lambda t: frozen_signal(t, frozen.y0))(t_corner)
    jump = (after >= 0) & (before < 0)
    share = _root(lambda s: frozen_signal(frozen.time(s), frozen.state(s)))
    turn = _turning(frozen_signal, frozen, share)
    instant = _by_step(scaled, stimulus, piece, share) if smooth else _by_line(piece, share)
    distance, rate = instant.rate(signal)
    rising = (rate > 0) & ~jump
    # Newton with the slope held constant: value to second order, derivative of the implicit
    # function.
    correction = jnp.where(rising, -distance / jnp.where(rising, rate, 1.0), 0.0)
    # A correction beyond the step itself is none; its derivative stays.
    small = jnp.abs(correction) <= frozen.t_end - frozen.t_start
    tangential = ~jump & (~rising | (turn < _TOUCH))
    correction = jnp.where(small, correction, correction - lax.stop_gradient(correction))
    # A crossing faster than the clock has a time, to the clock's resolution, but none to differentiate.
    undefined = tangential | (frozen.h < frozen.t_end - frozen.t_start)
    time = _undefined_where(instant.t + correction, undefined)
    state = scaled.project(instant.y + instant.slope * (time - instant.t))
    outputs = signal_values(scaled, stimulus, ("v", "i"), time, state)
    visible = scaled.system.visible_state(scaled.unpack(state), stimulus(time))
    roughness = (
        jnp.zeros_like(time) if smooth else _roughness(scaled, stimulus, signal, frozen, instant)
    )
    return {
        "t": time,
        "tangential": tangential,
        "jump": jump,
        **outputs,
        "state": visible,
        "roughness": jnp.where(jump, 0.0, roughness),
    }


class _Signal(eqx.Module):
    """Signal of an event less its level; it rises through 0 at the event."""

    event: EventGroup
    scaled: Scaled
    stimulus: AbstractStimulus

    def __call__(self, t: Float[Array, ""], y: Float[Array, " n"]) -> Float[Array, ""]:
        """The signal at a time [s] and a scaled state."""
        name = self.event.signal
        state = self.scaled.project(y)
        x = signal_values(self.scaled, self.stimulus, (name,), t, state)[name]
        return self.event.sign * ((jnp.abs(x) if self.event.modulus else x) - self.event.level)


def _roughness(
    scaled: Scaled, stimulus, signal, piece: Piece, instant: "_Instant"
) -> Float[Array, ""]:
    """Return the standard deviation of a signal's noise in a step over its change by the drift, see
    `memjax.core.watch.Crossing`.
    """
    t, y = lax.stop_gradient((instant.t, instant.y))
    signal, scaled, stimulus = lax.stop_gradient((signal, scaled, stimulus))
    columns = scaled.diffusion(t, y, stimulus(t))
    along = jax.vmap(lambda a: jax.jvp(lambda z: signal(t, z), (y,), (a,))[1], in_axes=1)(columns)
    _, rate = instant.rate(signal)
    change = jnp.abs(rate) * (piece.t_end - piece.t_start)
    noise = jnp.sqrt(jnp.sum(along**2) * (piece.t_end - piece.t_start))
    return lax.stop_gradient(jnp.where(noise > 0, noise / change, 0.0))


class _Instant(NamedTuple):
    """A time [s], the scaled state then, and its slope, which is outside the graph of derivatives."""

    t: Float[Array, ""]
    y: Float[Array, " n"]
    slope: Float[Array, " n"]

    def rate(self, signal: "_Signal") -> tuple[Float[Array, ""], Float[Array, ""]]:
        """A signal, and its rate along the slope, which is outside the graph of derivatives."""
        frozen, point = lax.stop_gradient((signal, (self.t, self.y)))
        directions = jnp.ones_like(self.t), lax.stop_gradient(self.slope)
        return signal(self.t, self.y), jax.jvp(frozen, point, directions)[1]


def _by_step(scaled: Scaled, stimulus, piece: Piece, share) -> _Instant:
    """State at the event, by a step of its own from the beginning of the step: as accurate as the solve."""
    t0, t1, whole = lax.stop_gradient((piece.t_start, piece.t_end, piece.h))
    # A step has to be longer than the clock tells apart, or it ends where it begins.
    shortest = jnp.minimum(4 * jnp.finfo(t0.dtype).eps * jnp.abs(t1), whole)
    h = jnp.maximum(share * whole, shortest)
    driven = Driven(scaled, stimulus, Watch({}, {}))
    y = smooth_step(driven, t0, t0 + h, piece.y0, h).y
    # The slope for interpolation, k1, is off by (h J / 2)^3, and with it every derivative of the time.
    return _Instant(t0 + h, y, smooth_slope(*lax.stop_gradient((driven, t0 + h, y, h))))


def _by_line(piece: Piece, share) -> _Instant:
    """State at the event, on the straight line between the ends of its step."""
    t0, t1 = lax.stop_gradient((piece.t_start, piece.t_end))
    span = jnp.where(t1 > t0, t1 - t0, 1.0)
    return _Instant(t0 + share * (t1 - t0), piece.state(share), lax.stop_gradient(piece.k0) / span)


def _root(g) -> Float[Array, ""]:
    """Share of a step at which a function rises through 0, by bisection; 0 where it begins above."""

    def halve(_, ends):
        low, high = ends
        middle = 0.5 * (low + high)
        is_above = g(middle) > 0
        return jnp.where(is_above, low, middle), jnp.where(is_above, middle, high)

    kind = jnp.result_type(float)
    zero, one = jnp.zeros((), kind), jnp.ones((), kind)
    return lax.fori_loop(0, _HALVINGS, halve, (zero, one))[1]


def _turning(g, piece: Piece, share) -> Float[Array, ""]:
    """How far a crossing is beyond the turning point of the signal, as a share of level or change, by its curvature."""
    # Inside, so that both neighbours of the difference lie within the step.
    s, h = jnp.clip(share, 0.05, 0.95), 0.05
    shares = jnp.stack([s - h, s, s + h, jnp.zeros_like(s), jnp.ones_like(s)])
    low, middle, high, first, last = jax.vmap(lambda s: g(piece.time(s), piece.state(s)))(shares)
    slope, bend = (high - low) / (2 * h), jnp.abs(high - 2 * middle + low) / h**2
    scale = jnp.maximum(jnp.abs(first), jnp.abs(last))
    flat = jnp.where(scale > 0, bend / jnp.where(scale > 0, scale, 1.0), 0.0)
    steep = jnp.where(scale > 0, slope / jnp.where(scale > 0, scale, 1.0), 0.0)
    # A parabola of slope s and curvature b turns s^2 / (2 b) above or below the point where it has this slope.
    return jnp.where(flat > 0, steep**2 / (2 * jnp.where(flat > 0, flat, 1.0)), jnp.inf)

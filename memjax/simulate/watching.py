"""Events and integrals along the steps of a solve, recorded step by step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from ..core.scaling import Scaled
from ..core.watch import EventGroup, Watch
from .signals import signal_values

_NODES = np.array([0.0, 0.5 - (3 / 28) ** 0.5, 0.5, 0.5 + (3 / 28) ** 0.5, 1.0])
"""Gauss-Lobatto nodes of a step: with the ends, where signals jump, and exact to the seventh power."""

_WEIGHTS = np.array([1 / 20, 49 / 180, 16 / 45, 49 / 180, 1 / 20])
# Simpson's rule on the same nodes: its distance from Gauss-Lobatto estimates the error.
_SIMPSON = np.array([1 / 6, 0.0, 2 / 3, 0.0, 1 / 6])

# Column j: coefficients of the polynomial that is 1 at node j and 0 at the others, integrated from 0.
_PRIMITIVE = np.linalg.inv(np.vander(_NODES, increasing=True)) / np.arange(1, 6)[:, None]

INTEGRAL_RTOL = 1e-5
"""Largest error of the integral over a step, relative to the integral so far."""


class Piece(NamedTuple):
    """Dense output of a step: a cubic between its ends, or a straight line.

    Parameters
    ----------
    t_start, t_end : Float[Array, ""]
        Times just inside its ends [s], between which the stimulus is smooth.
    y0, y1, k0, k1 : Float[Array, "n"]
        Scaled states at the ends, and step times their slopes there.
    h : Float[Array, ""]
        Step [s]: what lies between its ends, or less where the clock does not tell them apart (`Resolution`).
    """

    t_start: Float[Array, "..."]
    t_end: Float[Array, "..."]
    y0: Float[Array, "... n"]
    y1: Float[Array, "... n"]
    k0: Float[Array, "... n"]
    k1: Float[Array, "... n"]
    h: Float[Array, "..."]

    def state(self, share) -> Float[Array, " n"]:
        """State at a share of the step."""
        # Cubic Hermite polynomial through both states and both slopes.
        change, s = self.y1 - self.y0, share
        curve = (3 * change - 2 * self.k0 - self.k1) + s * (self.k0 + self.k1 - 2 * change)
        return self.y0 + s * (self.k0 + s * curve)

    def time(self, share) -> Float[Array, ""]:
        """Time at a share of the step [s]."""
        return self.t_start + share * (self.t_end - self.t_start)


# Programs whose results hold such steps are kept, too.
jax.export.register_namedtuple_serialization(Piece, serialized_name="memjax.Piece")


def straight_piece(t_start, t_end, y0, y1) -> Piece:
    """A step whose states are taken to lie on a straight line."""
    return Piece(t_start, t_end, y0, y1, y1 - y0, y1 - y0, t_end - t_start)


def begin_memory(watch: Watch, y0: Float[Array, " n"]) -> list[dict[str, Any]]:
    """Memory of each group of events before the first step: whether they are armed, their count, and their steps."""

    def blank(group: EventGroup) -> dict[str, Any]:
        shape = (len(group.names), group.size)
        none, never = jnp.zeros(shape[0], y0.dtype), jnp.full(shape, jnp.inf, y0.dtype)
        state = jnp.zeros((*shape, y0.shape[0]), y0.dtype)
        steps = Piece(never, never, state, state, state, state, never)
        return {"armed": none, "count": none, "steps": steps}

    return [blank(group) for group in watch.groups()]


def watch_step(
    watch: Watch, scaled: Scaled, stimulus: Callable, memory: list[dict[str, Any]], piece: Piece
) -> list[dict[str, Any]]:
    """Update the memory of events after a step.

    Notes
    -----
    An event that is armed fires in a step at whose end the signal is beyond the level; its time within the step is
    found after the solve. At the start of a step the signal may have jumped.
    """
    scaled, stimulus, watch = lax.stop_gradient((scaled, stimulus, watch))
    groups = watch.groups()
    names = tuple(g.signal for g in groups)
    ends = [
        signal_values(scaled, stimulus, names, *lax.stop_gradient(end))
        for end in ((piece.t_start, piece.y0), (piece.t_end, piece.y1))
    ]

    def update(group: EventGroup, group_memory: dict[str, Any]) -> dict[str, Any]:
        start, end = (x[group.signal] for x in ends)
        if group.modulus:
            start, end = jnp.abs(start), jnp.abs(end)

        def step(e, m):
            return _event_step(e, m, piece, e.sign * start, e.sign * end)

        return jax.vmap(step)(group, group_memory)

    return [update(group, group_memory) for group, group_memory in zip(groups, memory, strict=True)]


def _event_step(
    event: EventGroup, memory: dict[str, Any], piece: Piece, start, end
) -> dict[str, Any]:
    """See `watch_step`, for one event of a group."""
    level, rearm = event.sign * event.level, event.sign * event.rearm
    # A step that lands on the start of the window begins some roundings off it.
    slack = 1e-9 * (piece.t_end - piece.t_start)
    in_window = piece.t_start >= event.start - slack
    was_armed = (memory["armed"] > 0) & in_window
    # A Schmitt trigger: armed below the lower level, fired and disarmed at the upper one.
    armed = was_armed | (in_window & (start < rearm))
    rise = end - start
    # Where a straight line passes the level: that only decides whether it is within the window.
    share = jnp.clip((level - start) / jnp.where(rise == 0, 1.0, rise), 0.0, 1.0)
    inside = piece.time(share) <= event.stop + slack
    fires = inside & jnp.where(start >= level, was_armed, armed & (end > level))
    armed = (armed & ~fires) | (in_window & (end < rearm))
    count = memory["count"]
    # Beyond the room that there is, what is written is dropped.
    slot = jnp.where(fires, count.astype(jnp.int32), event.size)

    def write(old, new):
        new = jnp.where(fires, new, old[jnp.minimum(slot, event.size - 1)])
        return old.at[slot].set(new, mode="drop")

    steps = jax.tree.map(write, memory["steps"], piece)
    kind = count.dtype
    return {"armed": armed.astype(kind), "count": count + fires.astype(kind), "steps": steps}


def integrand(
    watch: Watch, scaled: Scaled, stimulus: Callable, piece: Piece
) -> Float[Array, "integrals 5"]:
    """Return the integrands at the nodes of a step; no row if nothing is integrated."""
    if not watch.integrals:
        return jnp.zeros((0, len(_NODES)), piece.y0.dtype)
    names = tuple(x.signal for x in watch.integrals.values())

    def values_at(share):
        signals = signal_values(
            scaled, stimulus, names, piece.time(share), scaled.project(piece.state(share))
        )
        integrals = watch.integrals.values()
        return jnp.stack(
            [jnp.abs(signals[x.signal]) if x.modulus else signals[x.signal] for x in integrals]
        )

    return jax.vmap(values_at, out_axes=1)(jnp.asarray(_NODES, piece.y0.dtype))


def integral_over(
    samples: Float[Array, "integrals 5"], h: Float[Array, ""], share: Float[Array, ""] | float = 1.0
) -> Float[Array, " integrals"]:
    """Integral from the start of a step of length `h` [s] to a share of it, of the polynomial through its nodes."""
    if isinstance(share, float) and share == 1.0:
        return h * (samples @ jnp.asarray(_WEIGHTS, samples.dtype))
    powers = share ** jnp.arange(1, 6, dtype=samples.dtype)
    return h * (samples @ (jnp.asarray(_PRIMITIVE, samples.dtype).T @ powers))


def integral_error(
    samples: Float[Array, "integrals 5"], h: Float[Array, ""], total: Float[Array, " integrals"]
) -> Float[Array, ""]:
    """Largest error of the integrals over a step of length `h` [s] relative to what is allowed.

    `total` has the integrals of the absolute values so far.
    """
    rules = h * jnp.asarray(np.stack([_WEIGHTS - _SIMPSON, _WEIGHTS]), samples.dtype)
    difference, size = jnp.abs(samples @ rules[0]), jnp.abs(samples) @ rules[1]
    # Relative to absolute values: an integral may cancel to nothing.
    tolerance = INTEGRAL_RTOL * (total + size)
    share = difference / jnp.where(tolerance > 0, tolerance, 1.0)
    return jnp.max(jnp.where(tolerance > 0, share, 0.0), initial=0.0)

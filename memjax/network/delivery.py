"""From spikes to arrivals: lists of those who fired, and what they add to their targets."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from .plan import Rows, State

_TOGETHER = 8
"""Spikes whose connections are followed at once."""


def list_spikes(slots, found, offset, room: int):
    """Numbers of members and step numbers of their spikes, members in order; how many, and the most of one."""
    flat = slots.ravel()
    (at,) = jnp.nonzero(flat >= 0, size=room, fill_value=flat.size)
    at = at.astype(jnp.int32)
    fine = at < flat.size
    index = jnp.where(fine, at, 0)
    number = jnp.where(fine, index // slots.shape[-1] + offset, -1)
    step = jnp.where(fine, flat[index], 0)
    total = jnp.sum(found, dtype=jnp.int32)
    return number.astype(jnp.int32), step.astype(jnp.int32), total, jnp.max(found)


def deliver_spikes(arrivals, table: State, rows: Rows, block: int, spikes: tuple, weigh: Callable):
    """Arrivals with those of a list of spikes; ``weigh(edges)`` gives weights."""
    number, step, total = spikes
    first, target = table["first"], table["target"]
    along, beyond = jnp.arange(rows.longest, dtype=jnp.int32), arrivals.size

    def some(k, arrivals):
        at = k * _TOGETHER + jnp.arange(_TOGETHER, dtype=jnp.int32)
        fine = at < total
        n = jnp.where(fine, number[jnp.minimum(at, number.size - 1)], 0)
        begin, end = first[n], jnp.where(fine, first[n + 1], first[n])
        edge = begin[:, None] + along[None]
        there = edge < end[:, None]
        edge = jnp.where(there, edge, 0)
        when = step[jnp.minimum(at, step.size - 1)]
        place = jnp.where(there, target[edge] + (when * block)[:, None], beyond)
        w = jnp.broadcast_to(rows.sign * weigh(edge), edge.shape).astype(arrivals.dtype)
        # Padding lies beyond the end and is dropped: no branch, and a row of any length is one
        # scatter.
        return arrivals.at[place.ravel()].add(w.ravel(), mode="drop")

    if rows.longest == 0:
        return arrivals
    return lax.fori_loop(0, (total + _TOGETHER - 1) // _TOGETHER, some, arrivals)

"""From spikes to arrivals: lists of spikes, and the weights that they add to their targets."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

from .plan import Rows, State

_TOGETHER = 8
"""Spikes whose connections are followed at once."""


def list_spikes(slots, counts, offset, room: int):
    """Numbers of members and step numbers of their spikes, members in order; how many, and the most of one."""
    flat = slots.ravel()
    (places,) = jnp.nonzero(flat >= 0, size=room, fill_value=flat.size)
    places = places.astype(jnp.int32)
    fine = places < flat.size
    index = jnp.where(fine, places, 0)
    number = jnp.where(fine, index // slots.shape[-1] + offset, -1)
    step = jnp.where(fine, flat[index], 0)
    total = jnp.sum(counts, dtype=jnp.int32)
    return number.astype(jnp.int32), step.astype(jnp.int32), total, jnp.max(counts)


def deliver_spikes(arrivals, table: State, rows: Rows, block: int, spikes: tuple, weigh: Callable):
    """Arrivals with those of a list of spikes; ``weigh(edges)`` gives weights."""
    number, step, total = spikes
    first, target = table["first"], table["target"]
    columns, nowhere = jnp.arange(rows.longest, dtype=jnp.int32), arrivals.size

    def deliver_some(k, arrivals):
        index = k * _TOGETHER + jnp.arange(_TOGETHER, dtype=jnp.int32)
        fine = index < total
        n = jnp.where(fine, number[jnp.minimum(index, number.size - 1)], 0)
        begin, end = first[n], jnp.where(fine, first[n + 1], first[n])
        edge = begin[:, None] + columns[None]
        in_row = edge < end[:, None]
        edge = jnp.where(in_row, edge, 0)
        spike_step = step[jnp.minimum(index, step.size - 1)]
        place = jnp.where(in_row, target[edge] + (spike_step * block)[:, None], nowhere)
        w = jnp.broadcast_to(rows.sign * weigh(edge), edge.shape).astype(arrivals.dtype)
        # Padding lies beyond the end and is dropped: no branch, and a row of any length is one
        # scatter.
        return arrivals.at[place.ravel()].add(w.ravel(), mode="drop")

    if rows.longest == 0:
        return arrivals
    return lax.fori_loop(0, (total + _TOGETHER - 1) // _TOGETHER, deliver_some, arrivals)

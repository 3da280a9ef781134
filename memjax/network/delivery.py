"""From spikes to arrivals: lists of spikes, and the weights that they add to their targets."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from .plan import Rows, State

_TOGETHER = 8
"""Spikes whose connections are followed at once."""


def words_of_spikes(per_member: int, steps: int) -> int:
    """Words that hold the numbers of the steps of one spike more than `per_member`, within `steps` steps.

    A step number and one take the lower half of a word where they fit into it: fewer numbers are carried from step to
    step.
    """
    return -(-(per_member + 1) // spikes_per_word(steps))


def spikes_per_word(steps: int) -> int:
    """Step numbers that a word holds."""
    return 2 if steps < 2**16 else 1


def unpack_spikes(words: list, per_member: int, steps: int) -> tuple[list, Array]:
    """Numbers of the steps of up to `per_member` spikes, in order, -1 for none; and how many there were.

    Where the words are full there may have been more: then it is the next number for which all words are used.
    """
    if spikes_per_word(steps) == 2:
        words = [part for w in words for part in (w & 0xFFFF, w >> 16)]
    numbers = [w.astype(jnp.int32) - 1 for w in words]
    count = sum((x >= 0).astype(jnp.int32) for x in numbers)
    count = jnp.where(count == len(numbers), 2 * len(numbers) - 1, count)
    return numbers[:per_member][::-1], count


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


def deliver_spikes(
    arrivals, table: State, rows: Rows, block: int, spikes: tuple, weigh: Callable, *, ago
):
    """Arrivals with those of a list of spikes of so many chunks ago; ``weigh(edges)`` gives weights."""
    number, step, total = spikes
    nowhere = arrivals.size

    def deliver_some(k, arrivals):
        index = k * _TOGETHER + jnp.arange(_TOGETHER, dtype=jnp.int32)
        fine = index < total
        n = jnp.where(fine, number[jnp.minimum(index, number.size - 1)], 0)
        spike_step = step[jnp.minimum(index, step.size - 1)]
        edge, arrives, at = edges_of(table, rows, n, spike_step, ago=ago)
        slot = jnp.where(arrives & fine[:, None], table["target"][edge] + at * block, nowhere)
        w = jnp.broadcast_to(rows.sign * weigh(edge), edge.shape).astype(arrivals.dtype)
        # Padding lies beyond the end and is dropped: no branch, and a row of any length is one
        # scatter.
        return arrivals.at[slot.ravel()].add(w.ravel(), mode="drop")

    if rows.longest == 0:
        return arrivals
    return lax.fori_loop(0, (total + _TOGETHER - 1) // _TOGETHER, deliver_some, arrivals)


def edges_of(table: State, rows: Rows, number, step, *, ago) -> tuple:
    """Edges through which spikes of members arrive in a chunk that were sent in a step of the one so many chunks ago;
    whether they do, since rows are padded; and the steps in which they arrive.
    """
    begin, end = table["first"][number], table["first"][number + 1]
    columns = jnp.arange(rows.longest, dtype=jnp.int32).reshape((1,) * number.ndim + (-1,))
    start = step
    if not rows.is_simple:
        start = step + rows.later - ago * rows.steps
    if rows.delay.ndim:
        begin = _first_not_below(table["delay"], begin, end, -start)
    edge = begin[..., None] + columns
    arrives = edge < end[..., None]
    edge, at = jnp.where(arrives, edge, 0), start[..., None]
    if not rows.is_simple:
        at = at + (table["delay"][edge] if rows.delay.ndim else table["delay"])
        arrives = arrives & (at >= 0) & (at < rows.steps)
    return edge, arrives, at


def _first_not_below(x, begin, end, value):
    """Places of the first numbers not below a value, in stretches in which they rise; their ends if there is none."""

    def halve(places):
        low, high = places
        middle = (low + high) // 2
        is_below = (low < high) & (x[middle] < value)
        return jnp.where(is_below, middle + 1, low), jnp.where(is_below, high, middle)

    return lax.while_loop(lambda places: jnp.any(places[0] < places[1]), halve, (begin, end))[0]


def in_order_of_time(number, step, total) -> tuple:
    """A list of spikes by step, members in order within each."""
    index = jnp.arange(step.size, dtype=jnp.int32)
    last = jnp.iinfo(step.dtype).max
    _, *lists = lax.sort((jnp.where(index < total, step, last), number, step), num_keys=1)
    return tuple(lists)


def append_spikes(before: tuple, after: tuple) -> tuple:
    """One list of spikes after another, and their number, which may be more than there is room for."""
    (number, step, total), (more, more_step, more_total) = before, after
    index = jnp.arange(number.size, dtype=jnp.int32)
    position, is_before = jnp.maximum(index - total, 0), index < total
    numbers = jnp.where(is_before, number, more[position])
    return numbers, jnp.where(is_before, step, more_step[position]), total + more_total

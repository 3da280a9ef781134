"""Poisson sources: candidates at each one's highest rate from counters, thinned."""

import jax.numpy as jnp
import numpy as np

from ..noise.counter import bits, open_uniform
from .groups import Poisson
from .plan import State

_LAST = np.int32(2**31 - 1)
"""Number of the last step that there is."""


def poisson_rates(group: Poisson, *, dt: float) -> np.ndarray:
    """Probability per step, one row per interval."""
    return np.atleast_2d(
        np.broadcast_to(
            np.asarray(group.rate, float) * dt,
            np.broadcast_shapes(np.shape(group.rate), (group.n,)),
        )
    )


def _gap(key, draw, chance):
    """Steps from one candidate of a source to the next: geometric, at least 1."""
    u = open_uniform(bits(*key, draw, jnp.uint32(0)), jnp.float32)
    # Inverse of the geometric distribution: P(gap > n) = (1 - p)^n; log1p keeps small p.
    steps = jnp.floor(jnp.log(u) / jnp.log1p(-chance)) + 1.0
    return jnp.where(steps < 1e9, steps, 1e9).astype(jnp.int32)


def poisson_begin(constants: State) -> State:
    """First candidates of sources."""
    key, chance = constants["key"], constants["most"]
    draw = jnp.zeros_like(key[0])
    return {"next": _gap(key, draw, chance) - 1, "draw": draw + 1, "count": draw.astype(jnp.int32)}


def poisson_chunk(constants: State, state: State, first, steps, most_spikes: int, interval: int):
    """Spikes of sources within so many steps of a chunk: candidates at each one's highest rate, kept by the rate of the
    interval.
    """
    key, largest_rate, rates = constants["key"], constants["most"], constants["rates"]
    following, draw, slots = state["next"], state["draw"], []
    for _ in range(most_spikes):
        is_due = following < first + steps
        row = jnp.minimum(following // interval, rates.shape[0] - 1) if interval else 0
        chance = rates[row, jnp.arange(rates.shape[1])]
        if interval:
            chance = jnp.where(following // interval < rates.shape[0], chance, 0.0)
        u = open_uniform(bits(*key, draw, jnp.uint32(1)), jnp.float32)
        # Thinning: a candidate of the highest rate is a spike with probability rate / highest rate.
        slots.append(jnp.where(is_due & (u * largest_rate < chance), following - first, -1))
        following = jnp.where(is_due, _later(following, _gap(key, draw, largest_rate)), following)
        draw = draw + is_due.astype(draw.dtype)
    slots = jnp.stack(slots, axis=-1)
    counts = jnp.sum(slots >= 0, axis=-1) + jnp.where(following < first + steps, most_spikes, 0)
    count = state["count"] + jnp.sum(slots >= 0, axis=-1, dtype=jnp.int32)
    return {"next": following, "draw": draw, "count": count}, counts, slots


def _later(step, gap):
    """Sum of step numbers, at most the last one that there is."""
    return jnp.where(step > _LAST - gap, _LAST, step + gap)

"""The loop of `Fixed` by XLA, which is differentiated in forward and reverse mode."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ..core.result import HOPELESS, HOPELESS_IN_PASSING, RUNAWAY, Result
from .drivers import EqualSteps, Fixed, FixedLanes, are_finite
from .program import StepProgram

_BLOCK = 512
"""Lanes that advance together on a processor: in its cache, and few enough that XLA keeps a step on one core."""


def in_blocks(run: Callable, lanes: Any) -> Any:
    """A function of one lane over lanes, on a processor block by block; one alone needs no batch."""
    count = len(jax.tree.leaves(lanes)[0])
    if count == 1:
        return jax.tree.map(lambda x: x[None], run(jax.tree.map(lambda x: x[0], lanes)))
    if jax.default_backend() != "cpu" or count <= _BLOCK:
        return jax.vmap(run)(lanes)
    # Block after block: a step of all lanes at once would stream their states from main memory.
    return lax.map(run, lanes, batch_size=_BLOCK)


def is_too_long(stiffness: Any) -> Any:
    """Whether a step is too long for states that it takes explicitly, by its two measures of stiffness [..., 2]."""
    return (stiffness[..., 0] > HOPELESS) | (stiffness[..., 1] > HOPELESS_IN_PASSING)


def solve_fixed_lanes(
    program: StepProgram,
    driver: Fixed,
    shared: Any,
    steps: EqualSteps,
    parameters: Any,
    carry: Any,
) -> FixedLanes:
    """Solve lanes, see `memjax.lanes.drivers.Fixed`."""
    lane = partial(_solve_lane, program, driver, shared, steps)
    return in_blocks(lambda x: lane(*x), (parameters, carry))


def _solve_lane(
    program: StepProgram, driver: Fixed, shared: Any, steps: EqualSteps, parameters: Any, carry: Any
) -> FixedLanes:
    """Steps of one lane, in chunks between two looks; the reverse pass keeps the state before each chunk."""

    def advance(state: tuple, at: Any) -> tuple:
        carry, lost, failed = state
        carry, end = program.step(parameters, carry, shared, at)
        for x in jax.tree.leaves(end.checked):
            lost |= jnp.any(jnp.isnan(x))
        for x in jax.tree.leaves(end.converged):
            failed |= ~x
        return (carry, lost, failed), None

    @jax.checkpoint
    def chunk(state: tuple, begin: tuple) -> tuple:
        carry, code, stiffness = state
        moments = steps.moments(*begin)
        if driver.look is not None:
            now = driver.look(parameters, carry, shared, jax.tree.map(lambda x: x[0], moments))
            # What is met after a failure, or after a step that was too long, is no rate of the device.
            counts = (code == 0) & ~is_too_long(stiffness) & (now > stiffness)
            stiffness = jnp.where(counts, now, stiffness)
        none = jnp.asarray(False)
        (carry, lost, failed), _ = lax.scan(advance, (carry, none, none), moments)
        bad = jnp.where(failed, Result.newton_failed, Result.successful)
        bad = jnp.where(are_finite(moments) & ~lost, bad, Result.not_finite)
        size = jnp.max(
            jnp.abs(jnp.concatenate(list(map(jnp.ravel, jax.tree.leaves(carry.states)))))
        )
        bad = jnp.where(size > RUNAWAY, Result.runaway, bad)
        bad = jnp.where(jnp.isfinite(size), bad, Result.not_finite)
        # The first failure counts: what follows it is its consequence.
        return (carry, jnp.where(code == 0, bad, code), stiffness), None

    def interval(state: tuple, row: Any) -> tuple:
        inner, t0, number = state
        inner, _ = lax.scan(chunk, inner, steps.chunk_begins(t0, row, number))
        at_row = inner[0].states, inner[0].stored
        return (inner, row, number + steps.chunks * steps.size), at_row

    stiffness = None if driver.look is None else jnp.zeros(2, steps.times.dtype)
    begin = (carry, jnp.asarray(0), stiffness), steps.times[0], steps.first
    ((carry, code, stiffness), *_), (states, stored) = lax.scan(interval, begin, steps.times[1:])
    return FixedLanes(states, stored, carry.memory, code, stiffness)

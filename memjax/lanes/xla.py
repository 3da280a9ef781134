"""The reference backend: loops of XLA around the same steps, on any machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax

from .backend import LaneFunction, Unavailable
from .drivers import Adaptive, Driver, Exchange, Fixed
from .program import StepProgram
from .xla_adaptive import solve_adaptive_lanes
from .xla_fixed import solve_fixed_lanes


@dataclass(frozen=True)
class Xla:
    """See `memjax.lanes.backend.Backend`.

    Parameters
    ----------
    reason : str
        Why it is asked, and no other one.
    """

    reason: str
    name: ClassVar[str] = "xla"

    def compile(self, program: StepProgram, driver: Driver) -> LaneFunction:
        """See `memjax.lanes.backend.Backend`."""
        loops: dict[type, Callable] = {Adaptive: solve_adaptive_lanes, Fixed: solve_fixed_lanes}
        if isinstance(driver, Exchange):
            driver = replace(driver, dense=(True,) * len(driver.dense), tables=())
        compute = partial(loops.get(type(driver), _advance_interval), program, driver)
        return LaneFunction(compute, driver, Unavailable(self.reason).backend, self.reason)


def _advance_interval(
    program: StepProgram,
    driver: Exchange,
    parameters: Any,
    carry: Any,
    steps: jax.Array,
    arriving: Sequence[jax.Array],
    words: int,
) -> tuple[Any, list[jax.Array]]:
    """See `memjax.lanes.drivers.Exchange`: block after block, whose states stay in a core's cache."""
    first, begin, end = steps
    shape = jax.tree.leaves(carry)[0].shape

    def advance_block(block: tuple) -> tuple:
        parameters, carry, arrivals = block

        def advance_lane(t, parameters, carry, arrives):
            return program.step(parameters, carry, (), (first + t, arrives))

        def advance(t, state):
            arrives = [x[t] for x in arrivals]
            carry, step = jax.vmap(partial(advance_lane, t))(parameters, state[0], arrives)
            return carry, _push_spike(state[1], step.fires, t, halves=driver.halves)

        return lax.fori_loop(
            begin, end, advance, (carry, [jnp.zeros(driver.block, jnp.uint32)] * words)
        )

    arrivals = [x.reshape(-1, driver.steps, driver.block) for x in arriving]
    lanes = jax.tree.map(lambda x: x.reshape(-1, driver.block), (parameters, carry))
    return jax.tree.map(lambda x: x.reshape(shape), lax.map(advance_block, (*lanes, arrivals)))


def _push_spike(words: list, fires: jax.Array, step: jax.Array, *, halves: bool) -> list:
    """Words with the number of a step where a lane fires; the oldest number falls out."""
    newest = (step + 1).astype(jnp.uint32)
    below = [newest, *(w >> 16 if halves else w for w in words[:-1])]
    pushed = [(w << 16) | b if halves else b for w, b in zip(words, below, strict=True)]
    return [jnp.where(fires, p, w) for p, w in zip(pushed, words, strict=True)]

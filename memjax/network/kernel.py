"""Neurons by a kernel in C (`memjax.lanes`): the step of one, and the call that advances all over an interval."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..lanes.backend import LaneFunction
from ..lanes.drivers import ExchangeEnd
from ..lanes.program import StepProgram
from .neuron_program import NeuronProgram


def step_program(neurons: NeuronProgram) -> StepProgram:
    """The step of one neuron of a group."""

    def step(constants, carry, shared, moment):
        del shared
        carry, fires, end = neurons.lane(constants, carry, *moment)
        return carry, ExchangeEnd(end, fires)

    describe = lambda x: jax.ShapeDtypeStruct((), x.dtype)  # noqa: E731
    return StepProgram(step, *jax.tree.map(describe, neurons.lane_example()))


def advance_interval(
    kernel: LaneFunction, lane_constants: Any, carry: Any, steps, arriving: Sequence, words: int
) -> tuple[Any, list]:
    """The carry after an exchange interval, and the words of spikes of `memjax.network.delivery.push_spike`.

    `steps` are the number of the interval's first step, and the steps from which on, and before which, it advances.
    `arriving` are arrivals at those receptors that have arrays of them; then of each table of connections: where rows
    begin, targets, weights, delays; numbers, steps and number of the spikes of all exchange intervals that are kept.
    There are so many `words` for the spikes of a lane.
    """
    leaves, tree = jax.tree.flatten(carry)
    owns = jax.tree.leaves(lane_constants)
    constants = jnp.asarray(kernel.constants or (0.0,), jnp.float32)
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves]
    shapes += [jax.ShapeDtypeStruct(leaves[0].shape, np.uint32)] * words
    # Each group of lanes is read before it is written: states may stay where they are.
    aliases = {2 + len(owns) + k: k for k in range(len(leaves))}
    results = kernel([constants, steps, *owns, *leaves, *arriving], shapes, aliases)
    return jax.tree.unflatten(tree, results[: len(leaves)]), list(results[len(leaves) :])

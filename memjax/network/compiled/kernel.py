"""Kernels of neurons, called by XLA."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...lanes.cc.library import build, register
from .source import Shape, Source, kernel_source


@dataclass(frozen=True)
class Kernel:
    """An exchange interval of all neurons of a group on one device, as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    source : Source
        What it was built from.
    shape : Shape
        What it was built for.
    """

    target: str
    source: Source
    shape: Shape

    def __call__(
        self, lane_constants: Any, carry: Any, steps, dense: Sequence, tables: Sequence, words: int
    ) -> tuple[Any, list]:
        """The carry after an exchange interval, and the words of spikes of `memjax.network.delivery.push_spike`.

        Parameters
        ----------
        own, carry : PyTree
            As `kernel_source` was given, with arrays of all lanes.
        steps : Int[Array, "3"]
            Number of the interval's first step; steps of the interval from which on, and before which, it advances.
        dense : sequence of Float[Array, " places"]
            Arrivals of those receptors that have arrays of them.
        tables : sequence of tuple
            Of each table of connections: where rows begin, targets, weights, delays; numbers, steps and number of the
            spikes of all exchange intervals that are kept.
        words : int
            How many words for the spikes of a lane.
        """
        leaves, tree = jax.tree.flatten(carry)
        owns = jax.tree.leaves(lane_constants)
        arguments = [jnp.asarray(self.source.constants), steps, *owns, *leaves, *dense]
        arguments += [x for table in tables for x in table]
        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves]
        shapes += [jax.ShapeDtypeStruct(leaves[0].shape, np.uint32)] * words
        # Each group of lanes is read before it is written: states may stay where they are.
        aliases = {2 + len(owns) + k: k for k in range(len(leaves))}
        results = jax.ffi.ffi_call(self.target, shapes, input_output_aliases=aliases)(*arguments)
        return jax.tree.unflatten(tree, results[: len(leaves)]), list(results[len(leaves) :])


def kernel_of(lane: Callable, lane_constants: Any, carry: Any, shape: Shape) -> Kernel | str:
    """Return the kernel of a lane's equations, see `kernel_source`, or the reason as text if there is none.

    Returns
    -------
    Kernel or str
        The kernel, or why there is none.
    """

    def kernel(source: Source, compiler: str) -> Kernel:
        return Kernel(register(source.text, compiler, "f"), source, shape)

    return build(lambda: kernel_source(lane, lane_constants, carry, shape), kernel)

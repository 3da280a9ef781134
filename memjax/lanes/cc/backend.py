"""The backend whose functions are kernels in C."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...core.result import Result
from ...runtime.cores import usable_cores
from ..backend import LaneFunction, Unavailable
from ..drivers import Driver, EqualSteps, Exchange, Fixed, FixedCarry, FixedLanes, are_finite
from ..program import StepProgram
from ..xla_fixed import is_too_long
from .library import build, register
from .source import source_of

_PLACES = 2**17
"""Steps, about, whose drives are held in memory at once."""


@dataclass(frozen=True)
class Cc:
    """See `memjax.lanes.backend.Backend`: where a compiler of C is at hand, on a CPU."""

    name: ClassVar[str] = "cc"

    def compile(self, program: StepProgram, driver: Driver) -> LaneFunction | Unavailable:
        """See `memjax.lanes.backend.Backend`."""

        def make(compiler: str, version: str) -> LaneFunction:
            source = source_of(program, driver)
            kernel = Kernel(register(source.text, compiler, source.real), source.constants)
            calls = {Fixed: kernel.advance_rows, Exchange: kernel.advance_interval}
            return LaneFunction(calls.get(type(driver), kernel), driver, f"cc ({version})")

        return build(make)


@dataclass(frozen=True)
class Kernel:
    """A kernel as a call by XLA: of `Adaptive` as it is, of other drivers by one of its methods.

    Parameters
    ----------
    target : str
        Name of the call.
    constants : tuple of float
        Numbers of the step that are no parameters: other ones need no other kernel.
    """

    target: str
    constants: tuple[float, ...]

    def __call__(
        self, arguments: Sequence, results: Sequence, aliases: Mapping[int, int] | None = None
    ) -> Sequence:
        """Arrays of the shapes `results`; those that are computed in place of arguments are `aliases`."""
        options: dict[str, Any] = {"input_output_aliases": aliases}
        return jax.ffi.ffi_call(self.target, results, **options)(*arguments)

    def _numbers(self, shared: Any, dtype: Any) -> jax.Array:
        """All numbers that lanes share, one after the other; at least one."""
        arrays = [jnp.ravel(x) for x in jax.tree.leaves(shared)]
        return jnp.concatenate([*arrays, jnp.asarray([*self.constants, 0.0], dtype)])

    def advance_rows(
        self, shared: Any, steps: EqualSteps, parameters: Any, carry: FixedCarry
    ) -> FixedLanes:
        """See `memjax.lanes.drivers.Fixed`; below `jax.vmap` one call after the other, each with its own drive."""

        @jax.custom_batching.sequential_vmap
        def advance(shared: Any, arrays: tuple, parameters: Any, carry: FixedCarry) -> FixedLanes:
            drive, times, first = arrays
            stretches = steps._replace(drive=drive, times=times, first=first)
            return self._advance_stretches(shared, stretches, parameters, carry)

        return advance(shared, (steps.drive, steps.times, steps.first), parameters, carry)

    def _advance_stretches(
        self, shared: Any, steps: EqualSteps, parameters: Any, carry: FixedCarry
    ) -> FixedLanes:
        """Stretches of one length, each a call; rows of no duration fill up the last one."""
        leaves, tree = jax.tree.flatten(carry)
        per_row, count = steps.chunks * steps.size, len(steps.times) - 1
        together = min(max(_PLACES // per_row, 1), count)
        padded = -(-count // together) * together
        times = jnp.concatenate([steps.times, jnp.repeat(steps.times[-1:], padded - count)])
        ends = times[:-1], times[1:], steps.first + per_row * jnp.arange(padded)

        def stretch(columns: list, ends: list) -> tuple:
            moments = jax.vmap(lambda *x: jax.vmap(steps.moments)(*steps.chunk_begins(*x)))(*ends)
            results = self._call_rows(shared, moments, parameters, columns, together, steps.size)
            return [x[-1] for x in results[0]], (*results, are_finite(moments))

        columns = [x for leaf in leaves for x in jnp.reshape(leaf, (len(leaf), -1)).T]
        parts = [x.reshape(-1, together) for x in ends]
        _, (states, *lanes) = lax.scan(stretch, columns, parts, unroll=together == padded)
        rows = iter([x.reshape(padded, -1)[:count].T for x in states])

        def at_rows(leaf: jax.Array) -> jax.Array:
            numbers = [next(rows) for _ in range(math.prod(leaf.shape[1:]))]
            return jnp.stack(numbers, axis=-1).reshape(len(leaf), count, *leaf.shape[1:])

        states = jax.tree.unflatten(tree, list(map(at_rows, leaves))).states
        return FixedLanes(states, None, carry.memory, *_ends_of_lanes(*lanes))

    def _call_rows(
        self, shared: Any, moments: Any, parameters: Any, columns: list, rows: int, size: int
    ) -> tuple[list, jax.Array, jax.Array]:
        """States at rows, and how lanes stand after steps that are given by their moments."""
        (lanes,), dtype, n = columns[0].shape, columns[0].dtype, len(columns)
        first = moments[0].reshape(-1)[0].astype(jnp.int32)
        whole = jnp.stack([first, jnp.int32(size), jnp.int32(usable_cores())])
        # Components of several drives one after the other: each number of a step is an array over the steps.
        count = moments[0].size
        places = [column for x in moments[1:] for column in jnp.reshape(x, (count, -1)).T]
        owns = jax.tree.leaves(parameters)
        row, end = (jax.ShapeDtypeStruct(x, dtype) for x in ((rows, lanes), (lanes,)))
        shapes = [row] * n + [end] * n + [jax.ShapeDtypeStruct((lanes,), np.int32), end, end]
        arguments = [self._numbers(shared, dtype), whole, *places, *owns, *columns]
        *states, code, decay, slope = self(arguments, shapes)
        return states[:n], code, jnp.stack([decay, slope], axis=-1)

    def advance_interval(
        self, parameters: Any, carry: Any, steps: jax.Array, arriving: Sequence, words: int
    ) -> tuple[Any, list[jax.Array]]:
        """See `memjax.lanes.drivers.Exchange`."""
        (leaves, tree), owns = jax.tree.flatten(carry), jax.tree.leaves(parameters)
        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in leaves]
        shapes += [jax.ShapeDtypeStruct(leaves[0].shape, np.uint32)] * words
        # Each group of lanes is read before it is written: states may stay where they are.
        aliases = {2 + len(owns) + k: k for k in range(len(leaves))}
        arguments = [self._numbers((), np.float32), steps, *owns, *leaves, *arriving]
        results = self(arguments, shapes, aliases)
        return jax.tree.unflatten(tree, results[: len(leaves)]), list(results[len(leaves) :])


def _ends_of_lanes(codes: jax.Array, stiffness: jax.Array, driven: jax.Array) -> tuple:
    """How lanes ended, and their stiffness, out of those of stretches."""
    # The first failure of each lane counts.
    code = jnp.take_along_axis(codes, jnp.argmax(codes != 0, axis=0)[None], axis=0)[0]
    code = jnp.where((code == 0) & ~jnp.all(driven), Result.not_finite, code)
    # What is met after a failure, or after a step that was too long, is no rate of the device.
    ended = jnp.cumsum((codes != 0) | is_too_long(stiffness), axis=0)
    counts = jnp.concatenate([jnp.zeros_like(ended[:1]), ended[:-1]]) == 0
    return code, jnp.max(jnp.where(counts[..., None], stiffness, 0.0), axis=0)

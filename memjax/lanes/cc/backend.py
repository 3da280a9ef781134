"""The backend whose functions are kernels in C."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ...runtime.cores import usable_cores
from ..backend import LaneFunction, Unavailable
from ..drivers import Driver, Exchange, Fixed
from ..program import StepProgram
from .library import build, register
from .source import source_of


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
        self, shared: Any, steps: Any, parameters: Any, y: jax.Array, rows: int, size: int
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """See `memjax.lanes.drivers.Fixed`."""
        columns, (lanes, n), dtype = list(y.T), y.shape, y.dtype
        first = steps[0].reshape(-1)[0].astype(jnp.int32)
        whole = jnp.stack([first, jnp.int32(size), jnp.int32(usable_cores())])
        # Components of several drives one after the other: each number of a step is an array over the steps.
        count = steps[0].size
        moments = [column for x in steps[1:] for column in jnp.reshape(x, (count, -1)).T]
        owns = jax.tree.leaves(parameters)
        shapes = [jax.ShapeDtypeStruct((rows, lanes), dtype)] * n
        shapes += [jax.ShapeDtypeStruct((lanes,), dtype)] * n
        shapes += [jax.ShapeDtypeStruct((lanes,), np.int32)]
        shapes += [jax.ShapeDtypeStruct((lanes,), dtype)] * 2
        arguments = [self._numbers(shared, dtype), whole, *moments, *owns, *columns]
        *states, code, decay, slope = self(arguments, shapes)
        return jnp.stack(states[:n], axis=-1), code, jnp.stack([decay, slope], axis=-1)

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

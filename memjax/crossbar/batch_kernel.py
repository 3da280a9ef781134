"""Node voltages of many inputs by a kernel in C, with the inputs side by side; XLA solves one after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ..lanes.backend import Unavailable
from ..lanes.cc.library import build, register
from ..lanes.cc.program import whole_text
from ..lanes.choice import chosen_backend, unavailable
from ..runtime.cores import usable_cores
from .coarse import knot_spacing
from .equations import TOLERANCE, Equations, equations_of, solve_one
from .net import Net, Nodes, Progress, end_sources

_VECTOR = 64
"""Bytes of a vector of inputs: the widest that processors have, or a whole number of narrower ones."""

_TERMS = 64
"""Of the polynomial at most; what it leaves it takes again."""

_CYCLES = 3
"""How often: an input that is not done by then is solved by XLA, with a polynomial of its own."""

_MARGIN = 0.1
"""Residual of the polynomial over that of a solve: another right-hand side has it a little larger."""


@dataclass(frozen=True)
class BatchKernel:
    """All inputs as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    """

    target: str


class _Polynomial(NamedTuple):
    """Coefficients of three-term iterations, how many there are, and after how many a solve is expected to end."""

    lengths: Float[Array, " terms"]
    shares: Float[Array, " terms"]
    count: Int[Array, ""]
    expected: Int[Array, ""]


class _Ends(NamedTuple):
    """How the solves by the kernel ended."""

    word: Array
    bit: Array
    square: Float[Array, " inputs"]
    scale: Float[Array, " inputs"]
    count: Int[Array, " inputs"]


def batch_kernel(dtype: jnp.dtype) -> BatchKernel | None:
    """The kernel of numbers of a precision; None where XLA computes.

    Raises
    ------
    PolicyError
        Where there is none, and kernels alone are wanted.
    """
    if chosen_backend() == "xla":
        return None
    real = "d" if dtype == "float64" else "f"
    lanes = _VECTOR // np.dtype(dtype).itemsize

    def make(compiler: str, _: str) -> BatchKernel:
        text = whole_text(real, lanes, Path(__file__).with_name("batch_kernel.c"))
        return BatchKernel(register(text, compiler, real))

    kernel = build(make)
    if isinstance(kernel, Unavailable):
        unavailable(kernel.reason)
        return None
    return kernel


def _polynomial(equations: Equations) -> _Polynomial:
    """The polynomial of conjugate gradients at a right-hand side in which all modes are present.

    Notes
    -----
    With steps a and ratios of squares b of the residual r, corrected to z, conjugate gradients are
    x' = x + a z + c (x - x_before) with c = a b_before / a_before. The spectrum alone decides how far they reduce a
    residual, and it is the same for all inputs.
    """
    kind = equations.load.dtype
    columns, rows = equations.load.shape
    i, j = np.arange(rows), np.arange(columns)
    chirp = jnp.asarray(np.cos(1.0 * i[None] ** 2 + j[:, None] ** 2), jnp.float32)
    # The kernel computes each residual anew: what float32 leaves of coefficients changes how far a step reduces it by
    # less than the margin, in less than two thirds of the time.
    single = jax.tree.map(lambda x: x.astype(chirp.dtype), equations)
    tolerance = _MARGIN * TOLERANCE[kind.name]
    end = single.iterate(chirp, tolerance=tolerance, most=_TERMS, logs=True)
    lengths, ratios = (x.astype(kind) for x in end.log)
    shares = jnp.concatenate([jnp.zeros(1, kind), lengths[1:] * ratios[:-1] / lengths[:-1]])
    shares = jnp.where(jnp.isfinite(shares), shares, 0)
    unfinished = jnp.cumprod(ratios) > TOLERANCE[kind.name] ** 2
    count = jnp.maximum(end.count, 1)
    return _Polynomial(lengths, shares, count, jnp.minimum(1 + jnp.sum(unfinished), count))


def _call(
    kernel: BatchKernel, equations: Equations, most: int, word: Array, bit: Array, shape: tuple
) -> _Ends:
    """The call, with results of a shape for the word lines."""
    net, _, word_ratios, bit_ratios, smooth = equations
    lengths, shares, terms, expected = _polynomial(equations)
    inputs, kind = len(word), word.dtype
    tolerance = jnp.asarray(TOLERANCE[kind.name] ** 2, kind)
    last = jnp.minimum(most, _CYCLES * terms)
    columns, modes = smooth.along_word.shape
    numbers = [
        terms,
        jnp.minimum(expected, last),
        last,
        usable_cores(),
        knot_spacing(columns, modes),
    ]
    prepared = (
        jnp.stack([jnp.asarray(x, jnp.int32) for x in numbers]),
        jnp.stack([tolerance, net.word.resistance, net.bit.resistance]),
        lengths, shares, net.conductance, word_ratios.T, bit_ratios, net.word.first, net.word.last,
        smooth.factors, smooth.word_knots, smooth.along_bit,
    )  # fmt: skip
    rows, columns = net.conductance.shape
    shapes = [jax.ShapeDtypeStruct(x, kind) for x in (shape, (inputs, rows, columns))]
    shapes += [jax.ShapeDtypeStruct((inputs,), kind)] * 2
    shapes += [jax.ShapeDtypeStruct((inputs,), np.int32)]
    results = jax.ffi.ffi_call(kernel.target, shapes)(*prepared, word, bit)
    return _Ends._make(results)


def _finish(
    end: _Ends,
    solve_again: Callable[[Nodes], tuple[Nodes, Progress]],
    sources_of: Callable[[], Nodes],
) -> tuple[Nodes, Progress]:
    """The results of the kernel, or of another solve where it did not converge."""
    failed = ~(end.square <= TOLERANCE[end.square.dtype.name] ** 2 * end.scale)
    size = jnp.sqrt(end.square / jnp.where(end.scale > 0, end.scale, 1))
    known = Nodes(end.word, end.bit), Progress(end.count.astype(int), size, jnp.zeros_like(failed))

    def one(x):
        is_failed, sources, result = x
        return lax.cond(is_failed, lambda s, _: solve_again(s), lambda _, r: r, sources, result)

    def again(result):
        return lax.map(one, (failed, sources_of(), result))

    return lax.cond(jnp.any(failed), again, lambda r: r, known)


def solve_batch(kernel: BatchKernel, net: Net, most: int, sources: Nodes) -> tuple[Nodes, Progress]:
    """Voltages at currents into all nodes, of several inputs."""

    # Below `vmap` a condition would be no condition: both of its branches would be computed.
    @jax.custom_batching.sequential_vmap
    def solve(net, sources):
        equations = equations_of(net)
        end = _call(kernel, equations, most, sources.word, sources.bit, sources.word.shape)
        return _finish(end, partial(solve_one, equations, most), lambda: sources)

    return solve(net, sources)


def solve_ends(
    kernel: BatchKernel,
    net: Net,
    most: int,
    v: Float[Array, "inputs rows"],
    v_bit: Float[Array, " columns"],
) -> tuple[Float[Array, "inputs rows columns"], Float[Array, "inputs rows columns"], Progress]:
    """Voltages of word lines and bit lines, by rows and columns, where voltages drive their ends."""

    @jax.custom_batching.sequential_vmap
    def solve(net, v, v_bit):
        equations = equations_of(net)
        currents = end_sources(net.word, net.bit, v[0], v_bit).bit
        shape = (len(v), *net.conductance.shape)
        end = _call(kernel, equations, most, v, net.bit.resistance * currents, shape)

        def solve_again(sources):
            nodes, progress = solve_one(equations, most, sources)
            return Nodes(nodes.word.T, nodes.bit), progress

        return _finish(
            end,
            solve_again,
            lambda: jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v),
        )

    nodes, progress = solve(net, v, v_bit)
    return nodes.word, nodes.bit, progress

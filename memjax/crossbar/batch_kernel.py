"""Node voltages of many inputs by a kernel in C, with the inputs side by side; XLA solves one after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

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

_GROUP = 16
"""Inputs whose products the kernel adds up, as many as it has side by side."""

_MARGIN = 0.5
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


class Handed(NamedTuple):
    """How many of the last rows of the voltages are handed back: none or all, and the last one or all.

    Parameters
    ----------
    words, bits : int
        Of the word lines, and of the bit lines.
    """

    words: int
    bits: int


class _Polynomial(NamedTuple):
    """Where the factor by which it reduces a residual is 0 (those of no term come last), and how many they are."""

    poles: Float[Array, " terms"]
    count: Int[Array, ""]


class _Ends(NamedTuple):
    """How the solves by the kernel ended; products and ends of lines have no rows where they are not wanted."""

    word: Array
    bit: Array
    square: Float[Array, " inputs"]
    scale: Float[Array, " inputs"]
    count: Int[Array, " inputs"]
    products: Float[Array, "groups rows columns"]
    word_ends: Float[Array, "inputs 2 rows"]
    bit_ends: Float[Array, "inputs 2 columns"]

    @property
    def failed(self) -> Bool[Array, " inputs"]:
        """Whether a residual is not small enough, or no number."""
        tolerance = TOLERANCE[self.square.dtype.name]
        return ~(self.square <= tolerance**2 * self.scale)


class Products(NamedTuple):
    """What derivatives by conductances and by voltages at the ends of lines take of a solve.

    Parameters
    ----------
    cells : Float[Array, "rows columns"]
        Voltage across each cell times that of another solve, summed over the inputs [V^2].
    word_ends : Float[Array, "inputs 2 rows"]
        Voltages of the first and the last node of each word line [V].
    bit_ends : Float[Array, "inputs 2 columns"]
        Those of each bit line [V].
    """

    cells: Float[Array, "rows columns"]
    word_ends: Float[Array, "inputs 2 rows"]
    bit_ends: Float[Array, "inputs 2 columns"]


Solved = tuple[Float[Array, "inputs words columns"], Float[Array, "inputs bits columns"], Progress]
"""Voltages of word lines and bit lines by rows and columns, and how their solves ended."""


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


def _polynomial(single: Equations, tolerance: float) -> _Polynomial:
    """The polynomial of conjugate gradients at a right-hand side in which all modes are present.

    Notes
    -----
    The spectrum alone decides how far they reduce a residual, and it is the same for all inputs. With steps a and
    ratios b of the squares of residuals, its zeros are the eigenvalues of Lanczos' matrix, which has
    1 / a + b_before / a_before on the diagonal and sqrt(b) / a next to it.
    """
    columns, rows = single.load.shape
    i, j = np.arange(rows), np.arange(columns)
    chirp = jnp.asarray(np.cos(1.0 * i[None] ** 2 + j[:, None] ** 2), single.load.dtype)
    end = single.iterate(chirp, tolerance=_MARGIN * tolerance, most=_TERMS, logs=True)
    lengths, ratios = end.log
    count = jnp.maximum(end.count, 1)
    is_term = jnp.arange(_TERMS) < count
    inverse = jnp.where(is_term, 1 / jnp.where(is_term & (lengths != 0), lengths, 1), 0)
    above = ratios * inverse
    diagonal = inverse + jnp.concatenate([jnp.zeros(1, above.dtype), above[:-1]])
    off_diagonal = jnp.where(is_term[1:], (jnp.sqrt(ratios) * inverse)[:-1], 0)
    matrix = jnp.diag(jnp.where(is_term, diagonal, 4 * jnp.max(diagonal)))
    matrix = matrix + jnp.diag(off_diagonal, 1) + jnp.diag(off_diagonal, -1)
    return _Polynomial(jnp.linalg.eigvalsh(matrix), count)


def _call(
    kernel: BatchKernel,
    equations: Equations,
    most: int,
    inputs: tuple[Array, Array],
    handed: Handed,
    weights: tuple[Array, Array] | None = None,
) -> _Ends:
    """The call at what enters word lines and bit lines; with voltages of another solve it gives products with them."""
    word, bit = inputs
    net, kind = equations.net, word.dtype
    # The kernel computes residuals anew: what float32 leaves of coefficients changes how far a step reduces them by
    # less than the margin.
    single, tolerance = (
        jax.tree.map(lambda x: x.astype(np.float32), equations),
        TOLERANCE[kind.name],
    )
    poles, terms = _polynomial(single, tolerance)
    stretch = (terms + 1) // 2 if kind == np.float64 else terms
    columns, modes = equations.smooth.along_word.shape
    last = jnp.minimum(most, _CYCLES * terms)
    numbers = [terms, stretch, last, usable_cores(), knot_spacing(columns, modes)]

    def of_cells(e):
        load = e.net.word.resistance * e.net.conductance
        shares = e.bit_ratios * (e.net.bit.resistance * e.net.conductance)
        return load, e.bit_ratios, shares, e.net.word.first, e.net.word.last

    load, bit_ratios, shares, *ends = of_cells(single)
    smooth = single.smooth
    prepared = (
        jnp.stack([jnp.asarray(x, jnp.int32) for x in numbers]),
        jnp.stack([jnp.asarray(tolerance**2, kind), net.word.resistance, net.bit.resistance]),
        *of_cells(equations), poles, load, single.word_ratios.T, bit_ratios, shares, *ends,
        smooth.factors, smooth.word_knots, smooth.along_bit,
    )  # fmt: skip
    count, (rows, columns) = len(word), net.conductance.shape
    groups, ends = (0, 0) if weights is None else (-(-count // _GROUP), 2)
    word_weights, bit_weights = weights or [jnp.zeros((0, rows, columns), kind)] * 2
    shapes = [(count, x, columns) for x in handed] + [(count,)] * 3
    shapes += [(groups, rows, columns), (count, ends, rows), (count, ends, columns)]
    results = _Ends._make(jax.ShapeDtypeStruct(x, kind) for x in shapes)
    results = results._replace(count=jax.ShapeDtypeStruct((count,), np.int32))
    return _Ends._make(
        jax.ffi.ffi_call(kernel.target, results)(*prepared, word, bit, word_weights, bit_weights)
    )


def _solve(
    kernel: BatchKernel,
    net: Net,
    most: int,
    inputs: tuple[Array, Array],
    sources_of: Callable[[], Nodes],
    handed: Handed,
) -> Solved:
    """The results of the kernel, or of another solve where it did not converge."""
    equations = equations_of(net)
    end = _call(kernel, equations, most, inputs, handed)
    failed = end.failed
    size = jnp.sqrt(end.square / jnp.where(end.scale > 0, end.scale, 1))
    known = end.word, end.bit, Progress(end.count.astype(int), size, jnp.zeros_like(failed))

    def solve_again(sources):
        nodes, progress = solve_one(equations, most, sources)
        rows = len(nodes.bit)
        return nodes.word.T[rows - handed.words :], nodes.bit[rows - handed.bits :], progress

    def one(x):
        is_failed, sources, result = x
        return lax.cond(is_failed, lambda s, _: solve_again(s), lambda _, r: r, sources, result)

    def again(result):
        return lax.map(one, (failed, sources_of(), result))

    return lax.cond(jnp.any(failed), again, lambda r: r, known)


def solve_sources(
    kernel: BatchKernel,
    net: Net,
    most: int,
    bits: int,
    word: Float[Array, "inputs rows columns"],
    bit: Float[Array, "inputs rows columns"],
) -> Solved:
    """Voltages at currents [A] into the nodes of word lines and bit lines.

    Where there are none but into the `bits` last rows of the bit lines, as of derivatives of the currents out of these,
    the kernel is given no others: what XLA knows to be 0 it never makes.
    """

    # Below `vmap` a condition would be no condition: both of its branches would be computed.
    @jax.custom_batching.sequential_vmap
    def solve(net, word, bit):
        rows = len(net.conductance)

        def solve_last(word, bit):
            def all_rows(x):
                return jnp.pad(x, ((0, 0), (rows - x.shape[1], 0), (0, 0)))

            def sources_of():
                return Nodes(jnp.swapaxes(all_rows(word), -1, -2), all_rows(bit))

            return _solve(kernel, net, most, (word, bit), sources_of, Handed(rows, rows))

        def solve_ends(word, bit):
            return solve_last(word[:, :0], bit[:, -bits:])

        is_elsewhere = jnp.any(word != 0) | jnp.any(bit[:, :-bits] != 0)  # so is what is no number
        return lax.cond(is_elsewhere, solve_last, solve_ends, word, bit)

    return solve(net, word, bit)


def products_of(
    kernel: BatchKernel,
    net: Net,
    most: int,
    bits: int,
    sources: tuple[Array, Array],
    weights: tuple[Array, Array],
) -> Products:
    """Products of the voltages that `solve_sources` would give with others, those of word lines and of bit lines.

    The kernel adds them up itself where all sources are in the `bits` last rows: to hand back these voltages would
    fill new memory that takes as long as the solve.
    """

    @jax.custom_batching.sequential_vmap
    def solve(net, sources, weights):
        def by_xla(sources, weights):
            word, bit, _ = solve_sources(kernel, net, most, bits, *sources)
            cells = jnp.sum((word - bit) * (weights[0] - weights[1]), axis=0)
            word_ends, bit_ends = jnp.swapaxes(word[..., [0, -1]], 1, 2), bit[:, [0, -1]]
            return Products(cells, word_ends, bit_ends)

        def again(last, weights):
            rows = len(net.conductance)
            bit = jnp.pad(last, ((0, 0), (rows - bits, 0), (0, 0)))
            return by_xla((jnp.zeros_like(bit), bit), weights)

        def by_kernel(sources, weights):
            last = sources[1][:, -bits:]
            inputs = sources[0][:, :0], last
            end = _call(kernel, equations_of(net), most, inputs, Handed(0, 0), weights)
            known = Products(jnp.sum(end.products, axis=0), end.word_ends, end.bit_ends)
            # What a branch would be given of all nodes is made before it is taken.
            return lax.cond(jnp.any(end.failed), again, lambda *_: known, last, weights)

        word, bit = sources
        is_elsewhere = jnp.any(word != 0) | jnp.any(bit[:, :-bits] != 0)
        return lax.cond(is_elsewhere, by_xla, by_kernel, sources, weights)

    return solve(net, sources, weights)


def solve_ends(
    kernel: BatchKernel,
    net: Net,
    most: int,
    handed: Handed,
    v: Float[Array, "inputs rows"],
    v_bit: Float[Array, " columns"],
) -> Solved:
    """Voltages where voltages drive the ends of lines."""

    @jax.custom_batching.sequential_vmap
    def solve(net, v, v_bit):
        def sources_of():
            return jax.vmap(lambda x: end_sources(net.word, net.bit, x, v_bit))(v)

        currents = end_sources(net.word, net.bit, v[0], v_bit).bit
        return _solve(kernel, net, most, (v, net.bit.resistance * currents), sources_of, handed)

    return solve(net, v, v_bit)

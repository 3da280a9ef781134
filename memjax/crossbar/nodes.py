"""Node voltages of an array of ohmic cells between real wires."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from .coarse import smooth_correction
from .direct import solve_directly
from .lines import Lines, inner_product, solve_lines, transposed

TOLERANCE = {"float64": 2e-11, "float32": 1e-6}
"""Residual over that of no voltage, in the norm of the preconditioner, at which iterations end."""


class Net(NamedTuple):
    """Cells between wires.

    Parameters
    ----------
    conductance : Float[Array, "rows columns"]
        Of the cells [S].
    word, bit : Lines
        The word lines, one per row, and the bit lines, one per column.
    """

    conductance: Float[Array, "rows columns"]
    word: Lines
    bit: Lines


class Nodes(NamedTuple):
    """A number for each node, the node's position along its line first: voltages [V], or currents into them [A].

    Parameters
    ----------
    word : Float[Array, "*inputs columns rows"]
        Of the word lines.
    bit : Float[Array, "*inputs rows columns"]
        Of the bit lines.
    """

    word: Float[Array, "*inputs columns rows"]
    bit: Float[Array, "*inputs rows columns"]


class Progress(NamedTuple):
    """How a solve ended, by input.

    Parameters
    ----------
    iterations : Int[Array, "*inputs"]
        Of conjugate gradients.
    residual : Float[Array, "*inputs"]
        Their last residual, see `TOLERANCE`.
    direct : Bool[Array, "*inputs"]
        Whether they did not converge, and a direct solve of the sparse equations gave the voltages.
    """

    iterations: Int[Array, "*inputs"]
    residual: Float[Array, "*inputs"]
    direct: Bool[Array, "*inputs"]


def wire_currents(word: Lines, bit: Lines, voltages: Nodes) -> Nodes:
    """Currents [A] that leave the nodes of one input along the wires, what drives and senses being at 0 V."""
    return Nodes(
        word.laplacian(voltages.word) / word.resistance,
        bit.laplacian(voltages.bit) / bit.resistance,
    )


def node_currents(net: Net, voltages: Nodes) -> Nodes:
    """Currents [A] that leave the nodes of one input through wires and cells: the symmetric equations."""
    wires = wire_currents(net.word, net.bit, voltages)
    cells = net.conductance * (voltages.word.T - voltages.bit)
    return Nodes(wires.word + cells.T, wires.bit - cells)


def solve_nodes(net: Net, sources: Nodes, *, most: int) -> tuple[Nodes, Progress]:
    """Voltages at which all currents balance.

    Parameters
    ----------
    net : Net
        The array.
    sources : Nodes
        Currents [A] into the nodes, of several inputs.
    most : int
        Iterations after which the sparse equations are solved directly.

    Returns
    -------
    voltages : Nodes
        Of all inputs, to 1e-9 in float64.
    progress : Progress
        How the solves ended.

    Notes
    -----
    Bit lines are eliminated by their tridiagonal solves. Conjugate gradients find the voltages of the word lines,
    preconditioned by the tridiagonal solves of these lines and by a correction in smooth modes. All that depends on the
    conductances alone is computed once for all inputs, which are solved one after the other: the arrays of one stay
    in the cache. Derivatives in both modes are one more solve of the same symmetric equations.
    """
    solve_one = _prepared(lax.stop_gradient(net), most)
    return lax.custom_linear_solve(
        jax.vmap(partial(node_currents, net)),
        sources,
        lambda _, currents: lax.map(solve_one, currents),
        symmetric=True,
        has_aux=True,
    )


class _Iterate(NamedTuple):
    """Conjugate gradients: solution, residual, direction, their products, and how often."""

    x: Float[Array, "columns rows"]
    residual: Float[Array, "columns rows"]
    direction: Float[Array, "columns rows"]
    square: Float[Array, ""]
    count: Int[Array, ""]


def _prepared(net: Net, most: int) -> Callable[[Nodes], tuple[Nodes, Progress]]:
    """The solve of one input, with all that is the same for every input."""
    g, word, bit = net
    load = word.resistance * g.T
    ratio = bit.resistance / word.resistance
    word_ratios, bit_ratios = word.ratios(load), bit.ratios(bit.resistance * g)
    factors, along_word, along_bit = smooth_correction(jnp.mean(g), word, bit, g.shape)
    factors = factors / word.resistance
    tolerance = TOLERANCE[g.dtype.name] ** 2

    def bit_voltages(currents):
        return solve_lines(bit_ratios, bit.resistance * currents)[0]

    # All equations of the word lines are multiplied by the resistance of their segments.
    def reduced(x):
        cells = load * x
        voltages, _ = solve_lines(bit_ratios, ratio * transposed(cells))
        return word.laplacian(x) + cells - load * transposed(voltages)

    def precondition(x):
        lines, product = solve_lines(word_ratios, x)
        smooth = along_word.T @ x @ along_bit
        scaled = factors * smooth
        return lines + along_word @ scaled @ along_bit.T, product + jnp.sum(scaled * smooth)

    def advance(s: _Iterate) -> _Iterate:
        image = reduced(s.direction)
        length = s.square / inner_product(s.direction, image)
        residual = s.residual - length * image
        z, square = precondition(residual)
        direction = z + square / s.square * s.direction
        return _Iterate(s.x + length * s.direction, residual, direction, square, s.count + 1)

    def solve_one(sources: Nodes) -> tuple[Nodes, Progress]:
        known = bit_voltages(sources.bit)
        b = word.resistance * sources.word + load * known.T
        z, scale = precondition(b)
        end = lax.while_loop(
            lambda s: (s.square > tolerance * scale) & (s.count < most),
            advance,
            _Iterate(jnp.zeros_like(b), b, z, scale, jnp.zeros((), int)),
        )
        nodes = Nodes(end.x, known + bit_voltages(g * end.x.T))
        failed = ~(end.square <= tolerance * scale)
        nodes = lax.cond(
            failed, lambda n: solve_directly(net, sources, n, failed), lambda n: n, nodes
        )
        size = jnp.sqrt(end.square / jnp.where(scale > 0, scale, 1))
        return nodes, Progress(end.count, size, failed)

    return solve_one

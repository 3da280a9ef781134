"""An array of cells between wires as equations of its nodes."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .lines import Lines


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


def end_currents(
    line: Lines, v: Float[Array, " lines"]
) -> tuple[Float[Array, " lines"], Float[Array, " lines"]]:
    """Currents that enter the first and the last node of lines [A], were these at 0 V."""
    first, last = (
        jnp.where(end > 0, end / line.resistance * v, 0) for end in (line.first, line.last)
    )
    return first, last


def end_sources(
    word: Lines, bit: Lines, v: Float[Array, " rows"], v_bit: Float[Array, " columns"]
) -> Nodes:
    """Currents into the nodes [A], were all of them at 0 V; nothing supplies any to a floating line."""

    def supply(line, voltages, nodes):
        first, last = end_currents(line, voltages)
        currents = jnp.zeros((nodes, voltages.shape[0]), voltages.dtype)
        return currents.at[0].add(first).at[-1].add(last)

    return Nodes(supply(word, v, v_bit.shape[0]), supply(bit, v_bit, v.shape[0]))

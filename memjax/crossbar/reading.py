"""What a read of an array gives: currents, node voltages, and where voltage and power go."""

from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .batch_kernel import batch_kernel
from .net import Net
from .nodes import bit_voltages, word_voltages

if TYPE_CHECKING:
    from .array import Crossbar


class Power(NamedTuple):
    """Power by part of the array [W].

    Parameters
    ----------
    cells : Float[Array, "*inputs"]
        In the cells, selectors included.
    word_wires, bit_wires : Float[Array, "*inputs"]
        In the segments of the lines.
    drivers, sense : Float[Array, "*inputs"]
        In the resistances of drivers and sense nodes.
    """

    cells: Float[Array, "*inputs"]
    word_wires: Float[Array, "*inputs"]
    bit_wires: Float[Array, "*inputs"]
    drivers: Float[Array, "*inputs"]
    sense: Float[Array, "*inputs"]

    @property
    def total(self) -> Float[Array, "*inputs"]:
        """Of all parts [W], which is what the drivers supply."""
        return self.cells + self.word_wires + self.bit_wires + self.drivers + self.sense


def _heat(
    segment: Float[Array, ""],
    voltages: Float[Array, "*inputs nodes lines"],
    ends: tuple[Float[Array, "*inputs lines"], ...],
) -> Float[Array, "*inputs"]:
    """Power in the segments of lines [W], with the currents through those at their ends [A]."""
    power = jnp.sum(jnp.diff(voltages, axis=-2) ** 2, axis=(-2, -1)) / segment
    first, last = (jnp.sum(i**2, axis=-1) for i in ends)
    return power + segment * (first + last)


def _terminal_heat(
    resistance: Float[Array, " lines"], ends: tuple[Float[Array, "*inputs lines"], ...]
) -> Float[Array, "*inputs"]:
    """Power in resistances at the ends of lines [W]; none flows where one is infinite."""
    finite = jnp.where(jnp.isinf(resistance), 0, resistance)
    first, last = (jnp.sum(_times(i**2, finite), axis=-1) for i in ends)
    return first + last


def _times(x: Float[Array, "*inputs lines"], factors: Float[Array, " lines"]) -> Array:
    """Numbers of all inputs by a factor of each line."""
    return x * jnp.broadcast_to(factors, x.shape)


class Reading(eqx.Module):
    """Voltages and currents of an array at one input, or at a batch of them, which leads in all shapes.

    Parameters
    ----------
    array : Crossbar
        The array.
    v : Float[Array, "*inputs rows"]
        Voltages of the drivers [V].
    v_bit : Float[Array, "columns"]
        Voltages behind the sense resistances [V].
    word_rows : Float[Array, "*inputs words columns"]
        Voltage of the word line at each cell [V], or none of them: a batch in the kernel hands back currents alone.
    bit_rows : Float[Array, "*inputs bits columns"]
        Voltage of the bit lines at all cells, or at the last ones alone [V].
    law_current : Float[Array, "*inputs rows columns"] or None
        Current through cells that are not ohmic [A].
    iterations : Int[Array, "*inputs"]
        Of conjugate gradients, over all steps of Newton's method.
    newton_steps : Int[Array, "*inputs"]
        Of Newton's method; 0 where all cells are ohmic.
    residual : Float[Array, "*inputs"]
        The last one over the first, in the norm of the preconditioner.
    direct : Bool[Array, "*inputs"]
        Whether a direct solve gave the voltages, since the iterations did not converge.
    converted : Float[Array, "*inputs columns"] or None
        What the converters of the read leave of the currents [A].
    """

    array: "Crossbar"
    v: Float[Array, "*inputs rows"]
    v_bit: Float[Array, " columns"]
    word_rows: Float[Array, "*inputs words columns"]
    bit_rows: Float[Array, "*inputs bits columns"]
    law_current: Float[Array, "*inputs rows columns"] | None
    iterations: Int[Array, "*inputs"]
    newton_steps: Int[Array, "*inputs"]
    residual: Float[Array, "*inputs"]
    direct: Bool[Array, "*inputs"]
    converted: Float[Array, "*inputs columns"] | None = None

    def __repr__(self) -> str:
        rows, columns = self.array.shape
        inputs = "" if self.v.ndim == 1 else f", {self.v.shape[0]} inputs"
        return f"Reading of {rows} x {columns} cells{inputs}"

    def complete(self) -> "Reading":
        """The reading with the voltages of all word lines, by one more solve where the read gave none of them.

        Each map and power of a batch asks for them: of one that was completed they cost no further solve.
        """
        conductance = self.array.crossings.conductance
        if self.word_rows.shape[-2:] == self.array.shape or conductance is None:
            return self
        net = Net(conductance, *self.array.lines)
        word = word_voltages(
            net, self.v, self.v_bit, self.array.max_iterations, batch_kernel(self.array.dtype)
        )
        return eqx.tree_at(lambda r: r.word_rows, self, word)

    @property
    def word(self) -> Float[Array, "*inputs rows columns"]:
        """Voltage of the word line at each cell [V]; see `complete`."""
        return self.complete().word_rows

    @property
    def bit(self) -> Float[Array, "*inputs rows columns"]:
        """Voltage of the bit line at each cell [V]; after a batch in the kernel it is computed when asked for."""
        conductance = self.array.crossings.conductance
        if self.bit_rows.shape[-2:] == self.array.shape or conductance is None:
            return self.bit_rows
        return bit_voltages(Net(conductance, *self.array.lines), self.word, self.v_bit)

    @property
    def method(self) -> np.ndarray:
        """Which method gave the voltages, by input: "conjugate gradients" or "direct"."""
        return np.where(np.asarray(self.direct), "direct", "conjugate gradients")

    @property
    def cell_current(self) -> Float[Array, "*inputs rows columns"]:
        """Current from the word line to the bit line of each cell [A]."""
        conductance = self.array.crossings.conductance
        if self.law_current is not None or conductance is None:
            return jnp.asarray(self.law_current)
        full = self.complete()
        across = full.word - full.bit
        return jnp.broadcast_to(conductance, across.shape) * across

    @property
    def current(self) -> Float[Array, "*inputs columns"]:
        """Current into the sense node of each bit line [A]."""
        first, last = self._sense_currents
        return first + last

    @property
    def output(self) -> Float[Array, "*inputs columns"]:
        """Current of each bit line as it is read [A]: through the converters, where the read had any."""
        return self.current if self.converted is None else self.converted

    @property
    def sense_voltage(self) -> Float[Array, "*inputs columns"]:
        """Voltage at the end of each bit line [V], which is what a floating line shows."""
        return self.bit_rows[..., -1, :]

    @property
    def driver_current(self) -> Float[Array, "*inputs rows"]:
        """Current out of the driver of each word line [A], by the currents through its cells."""
        return jnp.sum(self.cell_current, axis=-1)

    @property
    def word_drop(self) -> Float[Array, "*inputs rows columns"]:
        """Map of the IR drop along the word lines: voltage of the driver less that of the word line [V]."""
        return self.v[..., :, None] - self.word

    @property
    def bit_drop(self) -> Float[Array, "*inputs rows columns"]:
        """Map of the IR drop along the bit lines: their voltage above what is behind the sense resistance [V]."""
        bit = self.bit
        return bit - jnp.broadcast_to(self.v_bit, bit.shape)

    @property
    def ir_drop(self) -> Float[Array, "*inputs rows columns"]:
        """Map of the voltage that a cell lacks: that between both ends of its lines less that across the cell [V]."""
        full = self.complete()
        return full.word_drop + full.bit_drop

    @property
    def power(self) -> Power:
        """Power by part of the array."""
        full = self.complete()
        if full is not self:
            return full.power
        array = self.array
        word, bit = array.lines
        across = self.word - self.bit
        drivers, senses = self._drive_currents, self._sense_currents
        return Power(
            cells=jnp.sum(self.cell_current * across, axis=(-2, -1)),
            word_wires=_heat(word.resistance, jnp.swapaxes(self.word, -1, -2), drivers),
            bit_wires=_heat(bit.resistance, self.bit, senses),
            drivers=_terminal_heat(array.wires.driver, drivers),
            sense=_terminal_heat(array.wires.sense, senses),
        )

    @property
    def _drive_currents(self) -> tuple[Float[Array, "*inputs rows"], ...]:
        """Currents into the first and the last cell of each word line [A]."""
        line, _ = self.array.lines
        starts, ends = (self.word[..., k] for k in (0, -1))
        first = _times(self.v - starts, line.first / line.resistance)
        return first, _times(self.v - ends, line.last / line.resistance)

    @property
    def _sense_currents(self) -> tuple[Float[Array, "*inputs columns"], ...]:
        """Currents out of the first and the last cell of each bit line [A]."""
        _, line = self.array.lines
        # Of the ends alone: a map of all drops costs a batch as much again as its solve.
        first, last = (self.bit_rows[..., k, :] for k in (0, -1))
        ground = jnp.broadcast_to(self.v_bit, first.shape)
        first = _times(first - ground, line.first / line.resistance)
        return first, _times(last - ground, line.last / line.resistance)

"""Wires of an array, with what drives and senses them."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ..runtime.flags import as_flag, check_flags
from .checks import WIRE_FIX, check_grounded, check_wires
from .lines import Lines


class Wires(eqx.Module):
    """Resistances of word lines and bit lines, of their drivers and of their sense nodes.

    Parameters
    ----------
    word_line, bit_line : float
        Resistance of a segment [ohm]: one lies between a driver and the first cell of its word line, one between two
        neighbours, and one between the last cell of a bit line and its sense node.
    driver, sense : float, Float[Array, "rows"], Float[Array, "columns"]
        Resistance of the drivers, and of the sense nodes to virtual ground [ohm], one for all or one each. A line
        floats where it is infinite.
    drive_both_ends, sense_both_ends : bool
        Whether a segment and a driver (a sense node) stand at the other end of each line too.

    Notes
    -----
    An array that gets them checks them, and has one driver and one sense node for each line.
    """

    word_line: Any
    bit_line: Any
    driver: Any = 0.0
    sense: Any = 0.0
    drive_both_ends: bool = eqx.field(static=True, converter=as_flag, default=False)
    sense_both_ends: bool = eqx.field(static=True, converter=as_flag, default=False)

    def __check_init__(self):
        flags = {k: getattr(self, k) for k in ("drive_both_ends", "sense_both_ends")}
        check_flags(flags, where="Wires")

    def of_array(self, shape: tuple[int, int], kind: jnp.dtype) -> "Wires":
        """The same in a precision, with a number for each driver and sense node of so many lines.

        Raises
        ------
        BoundsError, CircuitError
            Where a number is none, or nothing drives the array.
        """
        word, bit = (
            check_wires(name, getattr(self, name), (), kind, sign=">", fix=WIRE_FIX)
            for name in ("word_line", "bit_line")
        )
        driver = check_wires("driver", self.driver, shape[:1], kind, infinite=True)
        sense = check_wires("sense", self.sense, shape[1:], kind, infinite=True)
        check_grounded(driver, sense)
        return Wires(word, bit, driver, sense, self.drive_both_ends, self.sense_both_ends)

    def ideal(self, resistance: float) -> "Wires":
        """Wires of so little resistance [ohm], and nothing at their ends; lines that float still do."""
        word, bit, driver, sense = self._arrays
        word, bit = (jnp.full_like(x, resistance) for x in (word, bit))
        driver, sense = (jnp.where(jnp.isinf(x), x, 0) for x in (driver, sense))
        return Wires(word, bit, driver, sense, self.drive_both_ends, self.sense_both_ends)

    @property
    def _arrays(self) -> tuple[Array, ...]:
        """Resistances of word lines, bit lines, drivers and sense nodes [ohm]."""
        numbers = (self.word_line, self.bit_line, self.driver, self.sense)
        return tuple(jnp.asarray(x) for x in numbers)

    @property
    def lines(self) -> tuple[Lines, Lines]:
        """Word lines and bit lines of an array."""
        word, bit, driver, sense = self._arrays
        drive, end = word / (word + driver), bit / (bit + sense)
        far_drive = drive if self.drive_both_ends else jnp.zeros_like(drive)
        far_end = end if self.sense_both_ends else jnp.zeros_like(end)
        return Lines(word, drive, far_drive), Lines(bit, far_end, end)

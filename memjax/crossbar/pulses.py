"""Pulses that write the cells of an array: their voltages, and those of the lines that are not selected."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from ..errors import BoundsError
from ..runtime.arguments import NumberSpec, as_integer, shown
from .array import Crossbar
from .converters import positive
from .motion import Drive

_WHERE = "Pulses"

SCHEMES = ("half", "third", "gate")
"""What the lines that are not selected are held at, see `Pulses`."""

_OTHERS = {"half": (1 / 2, 1 / 2), "third": (1 / 3, 2 / 3), "gate": (0.0, 1.0)}
"""Voltages of word lines and bit lines that are not selected, over that of the selected word line."""

SET = 0
"""Kind of the pulses towards more conductance; those towards less are 1."""

_SUBSTEPS = 4


class Selection(NamedTuple):
    """A pulse: its word line, the columns of the cells that it is for, and its voltages there [V]."""

    row: Int[Array, ""]
    columns: Bool[Array, " columns"]
    voltages: Float[Array, " columns"]


def _both(name: str, x: Any, unit: str, sign: str = "") -> Float[Array, "2"]:
    """A number for set and reset pulses, or one for both."""
    pair = x if isinstance(x, tuple | list) else (x, x)
    if len(pair) != 2:
        raise BoundsError(
            f"{name} = {shown(x)}", where=_WHERE, allowed="one number, or (set, reset)"
        )
    spec = NumberSpec(unit, where=_WHERE, sign=sign)
    for y in pair:
        spec.check_single(name, y)
    return jnp.asarray([spec.as_static(name, y) for y in pair], float)


class Pulses(eqx.Module):
    """Pulses that set and reset cells, a word line after the other.

    Parameters
    ----------
    voltages : tuple of float
        Of a set and of a reset pulse across a cell, word line less bit line [V].
    widths : float or tuple of float
        Of both [s].
    steps : float or tuple of float
        What each pulse adds to the modulus of the voltage while a cell needs more of the same kind [V].
    largest : float or tuple of float, optional
        Modulus at which that ends [V]; twice that of `voltages` by default.
    scheme : {"half", "third", "gate"}
        Lines that are not selected are at V/2; word lines at V/3 and bit lines at 2 V/3; or word lines at 0 V behind
        transistors that are off, with bit lines at V. V is the voltage of the selected word line.
    off : float
        Resistance of a transistor that is off [ohm], for "gate".
    at_once : int, optional
        Cells of a word line that one pulse may write: all of them by default.
    pause : float
        Time at 0 V after each pulse [s].
    substeps : int
        Solves of the node voltages in a pulse, and as many in a pause.
    read_voltage : float
        At which conductances are read [V].
    """

    voltages: Float[Array, "2"]
    widths: Float[Array, "2"]
    steps: Float[Array, "2"]
    largest: Float[Array, "2"]
    scheme: str = eqx.field(static=True)
    off: float = eqx.field(static=True)
    at_once: int | None = eqx.field(static=True)
    pause: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    read_voltage: float = eqx.field(static=True)

    def __init__(
        self,
        voltages: tuple[float, float],
        *,
        widths: ArrayLike | tuple[float, float],
        steps: ArrayLike | tuple[float, float] = 0.0,
        largest: ArrayLike | tuple[float, float] | None = None,
        scheme: str = "half",
        off: float = 1e12,
        at_once: int | None = None,
        pause: float = 0.0,
        substeps: int = _SUBSTEPS,
        read_voltage: float = 0.1,
    ):
        self.voltages = _both("voltages", voltages, "V")
        if not float(self.voltages[0] * self.voltages[1]) < 0:
            raise BoundsError(
                f"voltages = {shown(voltages)}", where=_WHERE,
                allowed="(set, reset) of opposite signs, neither of them 0 V",
            )  # fmt: skip
        self.widths = _both("widths", widths, "s", ">")
        self.steps = _both("steps", steps, "V", ">=")
        size = jnp.abs(self.voltages)
        self.largest = 2 * size if largest is None else _both("largest", largest, "V", ">")
        if bool(jnp.any(self.largest < size)):
            raise BoundsError(
                f"largest = {shown(largest)}",
                where=_WHERE,
                allowed="at least the moduli of voltages",
            )
        if scheme not in SCHEMES:
            raise BoundsError(f"scheme = {shown(scheme)}", where=_WHERE, allowed=", ".join(SCHEMES))
        self.scheme = scheme
        self.off = positive("off", off, "ohm", _WHERE)
        self.at_once = (
            None if at_once is None else as_integer("at_once", at_once, where=_WHERE, lowest=1)
        )
        spec = NumberSpec("s", where=_WHERE, sign=">=")
        spec.check_single("pause", pause)
        self.pause = spec.as_static("pause", pause)
        self.substeps = as_integer("substeps", substeps, where=_WHERE, lowest=1)
        self.read_voltage = positive("read_voltage", read_voltage, "V", _WHERE)

    def amplitudes(self, kind: Int[Array, ""], count: Int[Array, "..."]) -> Float[Array, "..."]:
        """Voltages of the pulses of a kind [V], each the `count`-th of this kind that a cell needs."""
        more = jnp.maximum(count - 1, 0).astype(self.steps.dtype)
        size = jnp.abs(self.voltages[kind]) + self.steps[kind] * more
        return jnp.sign(self.voltages[kind]) * jnp.minimum(size, self.largest[kind])

    def selected(self, array: Crossbar, pulse: Selection) -> tuple[Crossbar, Drive]:
        """The array with its transistors as they are in a pulse, and the voltages of all lines."""
        size = jnp.where(pulse.columns, jnp.abs(pulse.voltages), 0)
        widest = jnp.argmax(size)
        v = pulse.voltages[widest].astype(array.dtype)
        word_share, bit_share = _OTHERS[self.scheme]
        is_row = jnp.arange(array.shape[0]) == pulse.row
        word = jnp.where(is_row, v, word_share * v)
        bit = jnp.where(pulse.columns, v - pulse.voltages.astype(array.dtype), bit_share * v)
        if self.scheme != "gate":
            return array, Drive(word, bit)
        on = array.selector
        on_ohm = jnp.broadcast_to(1e-3 if on is None else jnp.asarray(on), array.shape)
        selector = jnp.where(is_row[:, None], on_ohm, self.off).astype(array.dtype)
        gated = eqx.tree_at(lambda a: a.selector, array, selector, is_leaf=lambda x: x is None)
        return gated, Drive(word, bit)

"""A layer of weights in crossbars: pairs or offset columns, in tiles, with wires, noise and converters."""

from dataclasses import fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from ..errors import BoundsError
from ..runtime.arguments import NumberSpec, as_integer, shown
from ..runtime.copies import copied
from ..runtime.deprecated import forward_attributes, forward_keywords
from .array import Crossbar
from .converters import Converters, positive
from .wires import Wires

_WHERE = "Linear"


SIGNS = ("pair", "offset")
"""How a weight gets its sign, see `Linear`."""


def _tile_shape(tile: Any) -> tuple[int, int]:
    """Word lines and bit lines of a tile, which holds a pair of bit lines, or one and its reference."""
    if not isinstance(tile, tuple) or len(tile) != 2:
        raise BoundsError(
            f"tile = {shown(tile)}",
            where=_WHERE,
            allowed="(word lines, bit lines)",
            fix="tile=(128, 128)",
        )
    rows = as_integer("word lines of a tile", tile[0], where=_WHERE, lowest=1)
    return rows, as_integer("bit lines of a tile", tile[1], where=_WHERE, lowest=2)


class CellRange(eqx.Module):
    """What the cells of a layer can hold, and how well they are written.

    Parameters
    ----------
    low, high : float
        Range of the conductances [S].
    levels : int, optional
        Conductances that a cell can have, evenly spaced from `low` to `high`; all of the range by default.
    write_noise : float
        Standard deviation of the logarithm of each conductance, drawn in each call that has a key [1].
    """

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    levels: int | None = eqx.field(static=True)
    write_noise: float = eqx.field(static=True)

    def __init__(
        self, low: float, high: float, *, levels: int | None = None, write_noise: float = 0.0
    ):
        where = "CellRange"
        self.low, self.high = positive("low", low, "S", where), positive("high", high, "S", where)
        if self.low >= self.high:
            allowed = f"below high, {self.high:g} S"
            raise BoundsError(f"low = {self.low:g} S", where=where, allowed=allowed)
        known = levels is not None
        self.levels = as_integer("levels", levels, where=where, lowest=2) if known else None
        spec = NumberSpec("1", where=where, sign=">=")
        spec.check_single("write_noise", write_noise)
        self.write_noise = spec.as_static("write_noise", write_noise)

    def conductances(self, share: Float[Array, "..."]) -> Float[Array, "..."]:
        """Of cells at shares of the range, on levels [S]; the derivative of the rounding is taken as 1."""
        if self.levels is not None:
            steps = self.levels - 1
            rounded = jnp.round(share * steps) / steps
            share = share + lax.stop_gradient(rounded - share)
        return self.low + (self.high - self.low) * share


_HOMES = {f.name: f"cells.{f.name}" for f in fields(CellRange)}
_HOMES |= {f.name: f"wires.{f.name}" for f in fields(Wires)}


@forward_attributes(_HOMES)
class Linear(eqx.Module):
    r"""Layer ``y = x W`` whose products are currents of crossbars.

    Parameters
    ----------
    weight : Float[Array, "inputs outputs"]
        The matrix, with signs: what is trained.
    cells : CellRange
        Range, levels and noise of the cells.
    wires : Wires
        Of each array [ohm]; drivers and sense nodes have one resistance each. Fields of both as keywords go.
    largest : float
        Modulus of a weight that `high` stands for; those beyond are cut. By default the largest of `weight`.
    volt : float
        Voltage of an input of 1 [V].
    tile : tuple of int
        Word lines and bit lines of an array at most.
    signs : {"pair", "offset"}
        Whether an output has a pair of bit lines, or one, less one of middle conductances that all outputs of a tile
        share.
    converters : Converters, optional
        Of each array.

    Notes
    -----
    With :math:`w = W/W_{max}` cut to [-1, 1], an output is held by a pair of neighbouring bit lines, or by one beside a
    reference:

    .. math::

        G^\pm &= G_{low} + (G_{high} - G_{low}) \max(\pm w, 0), \qquad
        y = \frac{W_{max} (I^+ - I^-)}{(G_{high} - G_{low})\,\mathrm{volt}} \\
        G &= G_{low} + (G_{high} - G_{low}) \frac{1 + w}{2}, \qquad
        y = \frac{2 W_{max} (I - I_{ref})}{(G_{high} - G_{low})\,\mathrm{volt}}

    Outputs of tiles below each other add up. A batch costs as many reads as a tile has word lines at most, since the
    cells are ohmic. Derivatives pass through wires, noise and cells; those of the rounding to
    levels, and of converters inside of their ranges, are taken as 1 (straight through).
    """

    weight: Float[Array, "inputs outputs"]
    cells: CellRange
    wires: Wires
    largest: float = eqx.field(static=True)
    volt: float = eqx.field(static=True)
    tile: tuple[int, int] = eqx.field(static=True)
    signs: str = eqx.field(static=True)
    converters: Converters | None

    @forward_keywords(groups={"cells": CellRange, "wires": Wires})
    def __init__(
        self,
        weight,
        *,
        cells: CellRange,
        wires: Wires,
        largest: float | None = None,
        volt: float = 0.1,
        tile: tuple[int, int] = (128, 128),
        signs: str = "pair",
        converters: Converters | None = None,
    ):
        self.weight = jnp.asarray(copied(weight))
        if self.weight.ndim != 2 or not self.weight.size:
            raise BoundsError(
                f"weight of shape {self.weight.shape}",
                where=_WHERE,
                allowed="inputs x outputs, one of each at least",
            )
        top = jnp.max(jnp.abs(self.weight)) if largest is None else largest
        self.largest = positive("largest", top, "1", _WHERE)
        self.volt, self.tile = positive("volt", volt, "V", _WHERE), _tile_shape(tile)
        if signs not in SIGNS:
            raise BoundsError(f"signs = {shown(signs)}", where=_WHERE, allowed=", ".join(SIGNS))
        self.cells, self.signs, self.converters = cells, signs, converters
        # As arrays, they are trained with the weights unless they are left out.
        self.wires = jax.tree.map(lambda x: jnp.asarray(x, self.weight.dtype), wires)

    @property
    def conductances(self) -> Float[Array, "inputs lines"]:
        """Of all cells of weights [S]: the two bit lines of a pair beside each other, and no reference."""
        w = jnp.clip(self.weight / self.largest, -1, 1)
        if self.signs == "pair":
            share = jnp.maximum(jnp.stack([w, -w], axis=-1), 0).reshape(w.shape[0], -1)
        else:
            share = (1 + w) / 2
        return self.cells.conductances(share)

    @property
    def arrays(self) -> list[list[Crossbar]]:
        """The tiles, by rows of tiles; the last bit line of each is the reference where signs are offsets."""
        return self._tiles(None)

    def _tiles(self, key: Key[Array, ""] | None) -> list[list[Crossbar]]:
        """The tiles, with conductances as they are written."""
        g = self.conductances
        rows, lines = self.tile
        lines -= lines % 2 if self.signs == "pair" else 1
        return [
            [
                self._array(g[i : i + rows, j : j + lines], _folded(key, i, j))
                for j in range(0, g.shape[1], lines)
            ]
            for i in range(0, g.shape[0], rows)
        ]

    def _array(self, g: Float[Array, "rows lines"], key: Key[Array, ""] | None) -> Crossbar:
        """An array with the wires of this layer."""
        if self.signs == "offset":
            middle = jnp.full((g.shape[0], 1), 0.5 * (self.cells.low + self.cells.high), g.dtype)
            g = jnp.concatenate([g, middle], axis=1)
        if key is not None and self.cells.write_noise:
            g = g * jnp.exp(self.cells.write_noise * jax.random.normal(key, g.shape, g.dtype))
        return Crossbar(g, wires=self.wires)

    def _difference(self, array: Crossbar, v: Array, key: Key[Array, ""] | None) -> Array:
        """Currents of the outputs of a tile, less those of their references [A]."""
        converters = self.converters or Converters()
        v, rows = converters.inputs(v), array.shape[0]
        # Many inputs superpose from one of each word line.
        few = v.shape[0] <= rows
        current = array.read(v if few else jnp.eye(rows, dtype=v.dtype)).current
        current = converters.outputs(current if few else v @ current, _folded(key, 0, 1))
        if self.signs == "pair":
            return current[:, 0::2] - current[:, 1::2]
        return 2 * (current[:, :-1] - current[:, -1:])

    def __call__(
        self, x: Float[Array, "*batch inputs"], *, key: Key[Array, ""] | None = None
    ) -> Float[Array, "*batch outputs"]:
        """Outputs at inputs; noise of writes and reads is drawn by a key, and left out without one."""
        inputs, outputs = self.weight.shape
        if x.shape[-1:] != (inputs,):
            raise BoundsError(
                f"inputs of shape {x.shape}", where=_WHERE, allowed=f"{inputs} along the last axis"
            )
        v = self.volt * x.reshape(-1, inputs)
        rows = self.tile[0]
        current = jnp.zeros((v.shape[0], outputs), v.dtype)
        for k, row in enumerate(self._tiles(key)):
            part = v[:, k * rows : (k + 1) * rows]
            tiles = [self._difference(a, part, _folded(key, k, j)) for j, a in enumerate(row)]
            current = current + jnp.concatenate(tiles, axis=1)
        scale = self.largest / ((self.cells.high - self.cells.low) * self.volt)
        return scale * current.reshape(*x.shape[:-1], outputs)


def _folded(key: Key[Array, ""] | None, *numbers: int) -> Key[Array, ""] | None:
    """A key of its own for some numbers."""
    for n in numbers:
        key = None if key is None else jax.random.fold_in(key, n)
    return key

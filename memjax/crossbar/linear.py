"""A layer of weights in crossbars: pairs or offset columns, in tiles, with wires, noise and converters."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from ..errors import BoundsError
from ..runtime.arguments import NumberSpec, as_integer, shown
from ..runtime.copies import copied
from .array import Crossbar
from .converters import Converters, positive

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


class Linear(eqx.Module):
    r"""Layer ``y = x W`` whose products are currents of crossbars.

    Parameters
    ----------
    weight : Float[Array, "inputs outputs"]
        The matrix, with signs: what is trained.
    low, high : float
        Range of the conductances [S].
    largest : float
        Modulus of a weight that `high` stands for; those beyond are cut. By default the largest of `weight`.
    levels : int, optional
        Conductances that a cell can have, evenly spaced from `low` to `high`; all of the range by default.
    volt : float
        Voltage of an input of 1 [V].
    tile : tuple of int
        Word lines and bit lines of an array at most.
    signs : {"pair", "offset"}
        Whether an output has a pair of bit lines, or one, less one of middle conductances that all outputs of a tile
        share.
    write_noise : float
        Standard deviation of the logarithm of each conductance, drawn in each call that has a key [1].
    converters : Converters, optional
        Of each array.
    word_line, bit_line, driver, sense : float
        See `Crossbar` [ohm].

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
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    largest: float = eqx.field(static=True)
    levels: int | None = eqx.field(static=True)
    volt: float = eqx.field(static=True)
    tile: tuple[int, int] = eqx.field(static=True)
    signs: str = eqx.field(static=True)
    write_noise: float = eqx.field(static=True)
    converters: Converters | None
    word_line: Float[Array, ""]
    bit_line: Float[Array, ""]
    driver: Float[Array, ""]
    sense: Float[Array, ""]

    def __init__(
        self,
        weight,
        *,
        low: float,
        high: float,
        largest: float | None = None,
        levels: int | None = None,
        volt: float = 0.1,
        tile: tuple[int, int] = (128, 128),
        signs: str = "pair",
        write_noise: float = 0.0,
        converters: Converters | None = None,
        word_line,
        bit_line,
        driver=0.0,
        sense=0.0,
    ):
        self.weight = jnp.asarray(copied(weight))
        if self.weight.ndim != 2 or not self.weight.size:
            raise BoundsError(
                f"weight of shape {self.weight.shape}",
                where=_WHERE,
                allowed="inputs x outputs, one of each at least",
            )
        self.low, self.high = positive("low", low, "S", _WHERE), positive("high", high, "S", _WHERE)
        if self.low >= self.high:
            raise BoundsError(
                f"low = {self.low:g} S", where=_WHERE, allowed=f"below high, {self.high:g} S"
            )
        top = jnp.max(jnp.abs(self.weight)) if largest is None else largest
        self.largest = positive("largest", top, "1", _WHERE)
        self.levels = (
            None if levels is None else as_integer("levels", levels, where=_WHERE, lowest=2)
        )
        self.volt, self.tile = positive("volt", volt, "V", _WHERE), _tile_shape(tile)
        if signs not in SIGNS:
            raise BoundsError(f"signs = {shown(signs)}", where=_WHERE, allowed=", ".join(SIGNS))
        spec = NumberSpec("1", where=_WHERE, sign=">=")
        spec.check_single("write_noise", write_noise)
        self.signs, self.write_noise = signs, spec.as_static("write_noise", write_noise)
        self.converters = converters
        kind = self.weight.dtype
        self.word_line, self.bit_line = jnp.asarray(word_line, kind), jnp.asarray(bit_line, kind)
        self.driver, self.sense = jnp.asarray(driver, kind), jnp.asarray(sense, kind)

    @property
    def conductances(self) -> Float[Array, "inputs lines"]:
        """Of all cells of weights [S]: the two bit lines of a pair beside each other, and no reference."""
        w = jnp.clip(self.weight / self.largest, -1, 1)
        if self.signs == "pair":
            share = jnp.maximum(jnp.stack([w, -w], axis=-1), 0).reshape(w.shape[0], -1)
        else:
            share = (1 + w) / 2
        if self.levels is not None:
            steps = self.levels - 1
            rounded = jnp.round(share * steps) / steps
            share = share + lax.stop_gradient(rounded - share)
        return self.low + (self.high - self.low) * share

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
            middle = jnp.full((g.shape[0], 1), 0.5 * (self.low + self.high), g.dtype)
            g = jnp.concatenate([g, middle], axis=1)
        if key is not None and self.write_noise:
            g = g * jnp.exp(self.write_noise * jax.random.normal(key, g.shape, g.dtype))
        return Crossbar(
            g,
            word_line=self.word_line,
            bit_line=self.bit_line,
            driver=self.driver,
            sense=self.sense,
        )

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
        scale = self.largest / ((self.high - self.low) * self.volt)
        return scale * current.reshape(*x.shape[:-1], outputs)


def _folded(key: Key[Array, ""] | None, *numbers: int) -> Key[Array, ""] | None:
    """A key of its own for some numbers."""
    for n in numbers:
        key = None if key is None else jax.random.fold_in(key, n)
    return key

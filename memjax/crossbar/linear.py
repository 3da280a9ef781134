"""A layer of weights in crossbars: differential pairs of conductances, in tiles, with the wires in its forward pass."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..errors import BoundsError
from ..runtime.arguments import NumberSpec, as_integer, shown
from ..runtime.copies import copied
from .array import Crossbar

_WHERE = "Linear"


def _positive(name: str, x: Any, unit: str) -> float:
    """A number above 0 that is known."""
    spec = NumberSpec(unit, where=_WHERE, sign=">")
    spec.check_single(name, x)
    return spec.as_static(name, x)


def _tile_shape(tile: Any) -> tuple[int, int]:
    """Word lines and bit lines of a tile, which holds whole pairs of bit lines."""
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
        Word lines and bit lines of an array at most; an output has two bit lines.
    word_line, bit_line, driver, sense : float
        See `Crossbar` [ohm].

    Notes
    -----
    A pair of neighbouring bit lines holds an output. With :math:`w = W/W_{max}` cut to [-1, 1]

    .. math::

        G^\pm = G_{low} + (G_{high} - G_{low}) \max(\pm w, 0), \qquad
        y = \frac{W_{max} (I^+ - I^-)}{(G_{high} - G_{low})\,\mathrm{volt}}

    Outputs of tiles below each other add up. Derivatives pass through wires and cells; those of the rounding to levels
    are taken as 1.
    """

    weight: Float[Array, "inputs outputs"]
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    largest: float = eqx.field(static=True)
    levels: int | None = eqx.field(static=True)
    volt: float = eqx.field(static=True)
    tile: tuple[int, int] = eqx.field(static=True)
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
        self.low, self.high = _positive("low", low, "S"), _positive("high", high, "S")
        if self.low >= self.high:
            raise BoundsError(
                f"low = {self.low:g} S", where=_WHERE, allowed=f"below high, {self.high:g} S"
            )
        top = jnp.max(jnp.abs(self.weight)) if largest is None else largest
        self.largest = _positive("largest", top, "1")
        self.levels = (
            None if levels is None else as_integer("levels", levels, where=_WHERE, lowest=2)
        )
        self.volt, self.tile = _positive("volt", volt, "V"), _tile_shape(tile)
        kind = self.weight.dtype
        self.word_line, self.bit_line = jnp.asarray(word_line, kind), jnp.asarray(bit_line, kind)
        self.driver, self.sense = jnp.asarray(driver, kind), jnp.asarray(sense, kind)

    @property
    def conductances(self) -> Float[Array, "inputs lines"]:
        """Of all cells [S], the two bit lines of an output beside each other."""
        w = self.weight / self.largest
        share = jnp.clip(jnp.stack([w, -w], axis=-1), 0, 1).reshape(w.shape[0], -1)
        if self.levels is not None:
            steps = self.levels - 1
            rounded = jnp.round(share * steps) / steps
            share = share + lax.stop_gradient(rounded - share)
        return self.low + (self.high - self.low) * share

    @property
    def arrays(self) -> list[list[Crossbar]]:
        """The tiles, by rows of tiles."""
        g = self.conductances
        rows, lines = self.tile[0], self.tile[1] - self.tile[1] % 2
        return [
            [self._array(g[i : i + rows, j : j + lines]) for j in range(0, g.shape[1], lines)]
            for i in range(0, g.shape[0], rows)
        ]

    def _array(self, g: Float[Array, "rows lines"]) -> Crossbar:
        """An array with the wires of this layer."""
        return Crossbar(
            g,
            word_line=self.word_line,
            bit_line=self.bit_line,
            driver=self.driver,
            sense=self.sense,
        )

    def __call__(self, x: Float[Array, "*batch inputs"]) -> Float[Array, "*batch outputs"]:
        """Outputs at inputs."""
        inputs, outputs = self.weight.shape
        if x.shape[-1:] != (inputs,):
            raise BoundsError(
                f"inputs of shape {x.shape}", where=_WHERE, allowed=f"{inputs} along the last axis"
            )
        v = self.volt * x.reshape(-1, inputs)
        rows = self.tile[0]
        current = jnp.zeros((v.shape[0], 2 * outputs), v.dtype)
        for k, row in enumerate(self.arrays):
            part = v[:, k * rows : (k + 1) * rows]
            current = current + jnp.concatenate([a.read(part).current for a in row], axis=1)
        difference = current[:, 0::2] - current[:, 1::2]
        scale = self.largest / ((self.high - self.low) * self.volt)
        return scale * difference.reshape(*x.shape[:-1], outputs)

"""Cells that are stuck, and cells that differ from each other."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import params
from ..device import AbstractDevice
from ..errors import BoundsError, ModelError
from ..population import Population
from ..runtime.arguments import as_seed, is_real, shown
from .array import Crossbar
from .motion import conductances_of, ends_of

_WHERE = "Faults"


class Faults(eqx.Module):
    """Cells that are stuck at the largest or the smallest conductance of their device.

    Parameters
    ----------
    on, off : float or Bool[Array, "rows columns"]
        Which ones, or the share of all cells, which are drawn.
    seed : int
        Of the draw, which depends on the place of a cell besides.
    """

    on: float | np.ndarray
    off: float | np.ndarray
    seed: int

    def __init__(self, *, on: Any = 0.0, off: Any = 0.0, seed: int = 0):
        self.on, self.off = _cells_or_share("on", on), _cells_or_share("off", off)
        shares = [x for x in (self.on, self.off) if not isinstance(x, np.ndarray)]
        if sum(shares) > 1:
            raise BoundsError(f"shares {shares}", where=_WHERE, allowed="at most 1 together")
        self.seed = as_seed(seed, where=_WHERE, lowest=0)

    def masks(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Which cells of an array are stuck on, and which off.

        Raises
        ------
        BoundsError
            Where masks have another shape, or a cell is in both.
        """
        rows = [np.random.default_rng((self.seed, i)).random(shape[1]) for i in range(shape[0])]
        draw = np.stack(rows)
        on = self.on if isinstance(self.on, np.ndarray) else draw < self.on
        off = self.off if isinstance(self.off, np.ndarray) else draw > 1 - self.off
        for name, mask in (("on", on), ("off", off)):
            if mask.shape != shape:
                raise BoundsError(f"{name} of shape {mask.shape}", where=_WHERE, allowed=f"{shape}")
        both = np.argwhere(on & off)
        if len(both) and isinstance(self.on, np.ndarray) == isinstance(self.off, np.ndarray):
            at = ", ".join(map(str, both[0]))
            raise BoundsError(f"cell {at} in on and off", where=_WHERE, allowed="one of the two")
        return on, off & ~on

    def applied(
        self, array: Crossbar, read_voltage: float = 0.1
    ) -> tuple[Crossbar, Bool[Array, "rows columns"]]:
        """The array with its stuck cells at their ends, and which cells are stuck."""
        on, off = self.masks(array.shape)
        if not (on.any() or off.any()):
            return array, jnp.zeros(array.shape, bool)
        low, high = ends_of(array)
        rising = conductances_of(high, read_voltage) >= conductances_of(low, read_voltage)
        at_high = jnp.where(rising, on, off)
        states = jax.tree.map(
            lambda x, a, b: jnp.where(on | off, jnp.where(at_high, b, a), x),
            dict(array.states), dict(low.states), dict(high.states),
        )  # fmt: skip
        return array.with_states(states), jnp.asarray(on | off)


def _cells_or_share(name: str, x: Any) -> float | np.ndarray:
    """A mask of cells, or the share of all."""
    if np.asarray(x).dtype == bool and np.ndim(x) == 2:
        return np.array(x)
    if not (is_real(x) and np.ndim(x) == 0 and 0 <= x <= 1):
        raise BoundsError(
            f"{name} = {shown(x)}",
            where=_WHERE,
            allowed="a share from 0 to 1, or a mask of all cells",
        )
    return float(x)


def draw_cells(population: Population, shape: tuple[int, int], *, seed: int = 0) -> AbstractDevice:
    """A device for the cells of an array whose parameters differ from cell to cell.

    Parameters
    ----------
    population : Population
        Of devices.
    shape : tuple of int
        Word lines and bit lines.
    seed : int
        Of the draw.

    Returns
    -------
    AbstractDevice
        For `cells` of `memjax.Crossbar`: each drawn parameter has the shape of the array.

    Raises
    ------
    ModelError
        For a population of circuits.
    """
    base = population.base
    if not isinstance(base, AbstractDevice):
        raise ModelError("a population of circuits", where="draw_cells", allowed="one of devices")
    values: dict[str, Float[Array, " cells"]] = population.sample(seed, shape[0] * shape[1])
    return params.replace(base, {k: x.reshape(shape) for k, x in values.items()}, check=False)

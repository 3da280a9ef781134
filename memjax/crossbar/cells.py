"""Current laws of the cells of an array: conductances or devices at their states, alone or behind selectors."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.system import Environment
from ..device import AbstractDevice

Cell = Float[Array, "rows columns"]
"""A number for each cell."""

Element = Cell | AbstractDevice
"""Conductances [S], or a device whose states are arrays."""

_LEAST = 1e-18
"""Conductance [S] below which a derivative counts as this: the equations stay definite where a law is flat."""


class Point(NamedTuple):
    """The law of each cell, linear about its voltage.

    Parameters
    ----------
    conductance : Float[Array, "rows columns"]
        Of the cell, a selector in series included [S].
    current : Float[Array, "rows columns"]
        Through the cell, once the voltage between device and selector has followed [A].
    device : Float[Array, "rows columns"]
        Current through the device as it is [A].
    mismatch : Float[Array, "rows columns"]
        Current through the selector less that through the device [A].
    share : Float[Array, "rows columns"]
        Part of a change of the cell's voltage that falls on the device.
    shift : Float[Array, "rows columns"]
        Change of the device's voltage that mends the mismatch [V].
    """

    conductance: Cell
    current: Cell
    device: Cell
    mismatch: Cell
    share: Cell
    shift: Cell


def each_cell(law: Callable, device: AbstractDevice) -> Callable:
    """A function of the device of a cell and more, as one of arrays of a number for each cell.

    Parameters
    ----------
    law : callable
        ``law(device, *numbers)`` of one cell.
    device : AbstractDevice
        The cells' device, whose parameters are one number for all cells, or an array of one for each.
    """
    axes = jax.tree.map(lambda x: 0 if jnp.ndim(x) == 2 else None, device)

    def all_cells(*numbers):
        along = (axes, *(0 for _ in numbers))
        return jax.vmap(jax.vmap(law, in_axes=along), in_axes=along)(device, *numbers)

    return all_cells


def _law(
    element: Element, states: Mapping[str, Cell], v: Cell, env: Environment
) -> tuple[Cell, Cell]:
    """Current [A] and its derivative by the voltage [S]."""
    if not isinstance(element, AbstractDevice):
        return element * v, jnp.broadcast_to(element, v.shape)
    t = jnp.zeros((), v.dtype)

    def law(device, x, state):
        return jax.jvp(lambda y: device.current(t, state, y, env), (x,), (jnp.ones_like(x),))

    i, slope = each_cell(law, element)(v, dict(states))
    return i, jnp.maximum(slope, _LEAST)


class Cells(eqx.Module):
    """What lies at the crossings.

    Parameters
    ----------
    element : array or AbstractDevice
        Conductances [S], or the device.
    states : mapping of str to Float[Array, "rows columns"]
        Its states.
    selector : array, AbstractDevice or None
        What lies in series: conductances [S], or a device.
    selector_states : mapping of str to Float[Array, "rows columns"]
        Its states.
    env : Environment
        The temperature.
    """

    element: Element
    states: Mapping[str, Cell]
    selector: Element | None
    selector_states: Mapping[str, Cell]
    env: Environment

    @property
    def conductance(self) -> Cell | None:
        """Of the cells [S], where all laws are ohmic; else None."""
        if isinstance(self.element, AbstractDevice) or isinstance(self.selector, AbstractDevice):
            return None
        if self.selector is None:
            return self.element
        return self.element * self.selector / (self.element + self.selector)

    def at(self, v: Cell, inner: Cell) -> Point:
        """Linearise at the cells' voltages and those of their devices [V], which are the same without selectors."""
        zero = jnp.zeros_like(v)
        if self.selector is None:
            i, slope = _law(self.element, self.states, v, self.env)
            return Point(slope, i, i, zero, zero + 1, v - inner)
        i, slope = _law(self.element, self.states, inner, self.env)
        passed, selector = _law(self.selector, self.selector_states, v - inner, self.env)
        both = slope + selector
        mismatch = passed - i
        current = i + slope / both * mismatch
        share = selector / both
        return Point(slope * share, current, i, mismatch, share, mismatch / both)

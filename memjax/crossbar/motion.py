"""The states of all cells in time: node voltages at each step, and the devices' own dynamics between them."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from ..circuit import Bench, BenchedDevice
from ..core.scaling import Scaled
from ..device import AbstractDevice
from ..errors import ModelError
from ..noise import increments, words_of_devices
from ..solver import DriftImplicitMilstein, Equation, Increment, rodas3_step
from .array import Crossbar, read_cells
from .cells import Cell, each_cell
from .net import Nodes

Keys = tuple[UInt32[Array, "..."], UInt32[Array, "..."]] | None
"""Words of the keys of all cells; None without noise."""

_SELECTORS = np.uint32(0x5E1EC702)
"""What makes the keys of selectors others than those of the devices behind them."""


class Drive(NamedTuple):
    """What holds the lines.

    Parameters
    ----------
    word : Float[Array, "rows"]
        Voltages of the drivers [V].
    bit : Float[Array, "columns"]
        Voltages behind the sense resistances [V].
    """

    word: Float[Array, " rows"]
    bit: Float[Array, " columns"]


class Moment(NamedTuple):
    """What moves: states of devices and selectors, node voltages to begin Newton's method with, energy so far [J]."""

    states: Mapping[str, Cell]
    selector_states: Mapping[str, Cell]
    nodes: Nodes
    energy: Float[Array, ""]


def device_of(array: Crossbar, where: str = "Crossbar") -> AbstractDevice:
    """The device of the cells."""
    if array.cells is None:
        raise ModelError(
            "ohmic cells, which have no states", where=where, allowed="cells that are devices",
            fix="give cells= and states= in place of conductances",
        )  # fmt: skip
    return array.cells


def check_moves(array: Crossbar, where: str) -> None:
    """Refuse cells that do not move in time by their devices' rates alone."""
    device_of(array, where)
    for device in _devices(array):
        if _one(device, array).has_jumps:
            raise ModelError(
                f"jumps of {device.name}", where=where,
                allowed="devices whose states move continuously",
            )  # fmt: skip


def _devices(array: Crossbar) -> list[AbstractDevice]:
    """The device of the cells, and that of their selectors, where they have any."""
    return [x for x in (array.cells, array.selector) if isinstance(x, AbstractDevice)]


def _one(device: AbstractDevice, array: Crossbar) -> Scaled:
    """That of the first cell, alone."""
    one = jax.tree.map(lambda x: jnp.asarray(x).ravel()[0], device)
    return Scaled(BenchedDevice(one), array.env)


def has_noise(array: Crossbar) -> bool:
    """Whether the equations of the cells or of their selectors have noise."""
    return any(_one(x, array).channels() for x in _devices(array))


def cell_keys(seed: int | None, shape: tuple[int, int]) -> Keys:
    """Keys of the noise of all cells, which depend on the seed, the word line and the bit line alone."""
    if seed is None:
        return None
    rows, columns = shape
    return words_of_devices(seed, jnp.arange(rows), jnp.arange(columns))


def resting(array: Crossbar) -> Nodes:
    """All nodes at 0 V."""
    rows, columns = array.shape
    return Nodes(jnp.zeros((columns, rows), array.dtype), jnp.zeros(array.shape, array.dtype))


def _advance_cell(
    device: AbstractDevice,
    state: Mapping[str, Array],
    u: Float[Array, ""],
    series: Any,
    key: Keys,
    *,
    array: Crossbar,
    number: Int[Array, ""],
    h: Float[Array, ""],
) -> dict[str, Array]:
    """States of a cell after a step at the voltage of the cell [V], its selector included."""
    bench = Bench() if series is None else Bench(series_resistance=series)
    scaled = Scaled(BenchedDevice(device, bench), array.env)
    z, zero = scaled.pack(dict(state)), jnp.zeros_like(u)
    channels = scaled.channels() if key is not None else ()

    def rate(t, y):
        return scaled.drift(t, y, u)

    if key is None or not channels:
        end = rodas3_step(rate, zero, z, h=h).y
        return scaled.unpack(scaled.project(end))
    equation = Equation(
        rate, lambda t, y: scaled.diffusion(t, y, u), scaled.project,
        lambda y, before: scaled.confine(y, before, u), structure=device.noise_structure,
    )  # fmt: skip
    w = jnp.sqrt(h) * increments(key, number, channels=len(channels), dtype=z.dtype)
    step = DriftImplicitMilstein().kernel(equation, zero, h, z, Increment(w), h=h)
    return scaled.unpack(jnp.where(step.converged, step.y, jnp.nan))


def advance_cells(
    array: Crossbar,
    across: Cell,
    inner: Cell,
    *,
    keys: Keys,
    number: Int[Array, ""],
    h: Float[Array, ""],
) -> tuple[dict[str, Cell], dict[str, Cell]]:
    """States of all devices and of their selectors after a step, with the voltages at its start [V].

    An ohmic selector follows within the step. Of a selector that is a device and the device behind it each has the
    voltage that the solve of the nodes left it.
    """
    step = partial(_advance_cell, array=array, number=number, h=h)
    device, selector = device_of(array), array.selector
    cells = each_cell(step, device)
    if not isinstance(selector, AbstractDevice):
        return cells(dict(array.states), across, selector, keys), {}
    states = cells(dict(array.states), inner, None, keys)
    others = None if keys is None else (keys[0], keys[1] ^ _SELECTORS)
    selectors = each_cell(step, selector)
    return states, selectors(dict(array.selector_states), across - inner, None, others)


def hold(
    array: Crossbar,
    begin: Moment,
    drive: Drive,
    *,
    steps: Float[Array, " steps"],
    keys: Keys,
    first: Int[Array, ""],
    on: Bool[Array, " steps"] | None = None,
    stuck: Bool[Array, "rows columns"] | None = None,
) -> tuple[Moment, Float[Array, "steps columns"]]:
    """Hold the lines at their voltages for steps of given lengths [s].

    Parameters
    ----------
    array : Crossbar
        The array; its states are those of `begin`.
    begin : Moment
        Where it starts.
    drive : Drive
        The voltages.
    steps : Float[Array, "steps"]
        Lengths [s].
    keys : Keys
        Of the devices' noise.
    first : Int[Array, ""]
        Number of the first step, which the noise depends on.
    on : Bool[Array, "steps"], optional
        Steps that have these voltages; in others all lines are at 0 V.
    stuck : Bool[Array, "rows columns"], optional
        Cells that stay as they are.

    Returns
    -------
    end : Moment
        Where it ends.
    current : Float[Array, "steps columns"]
        Through the cells into each bit line at the start of each step [A].

    Notes
    -----
    In each step the voltages of all nodes are solved for with the states at its start. The devices then move at the
    voltages of their cells, behind resistances, or beside selectors that move too: first order in the steps.
    """
    stays = jnp.zeros(array.shape, bool) if stuck is None else stuck
    holds = jnp.ones(len(steps), bool) if on is None else on

    def step(moment: Moment, at):
        h, number, is_on = at
        now_driven = jax.tree.map(lambda x: jnp.where(is_on, x, 0), drive)
        now = array.with_states(moment.states, moment.selector_states)
        balance = read_cells(now, now.crossings, *now_driven, start=moment.nodes)
        current = balance.current
        # What the drivers supply less what flows back into the sense nodes: by Kirchhoff, of the cells' currents.
        power = jnp.sum(now_driven.word[:, None] * current)
        power = power - jnp.sum(now_driven.bit[None] * current)
        across = balance.nodes.word.T - balance.nodes.bit
        states, selector_states = advance_cells(
            now, across, balance.inner, keys=keys, number=number, h=h
        )
        states = jax.tree.map(lambda x, y: jnp.where(stays, y, x), states, dict(moment.states))
        end = Moment(states, selector_states, balance.nodes, moment.energy + h * power)
        return end, jnp.sum(current, axis=0)

    numbers = first + jnp.arange(len(steps))
    return lax.scan(step, begin, (steps, numbers, holds))


def conductances_of(array: Crossbar, read_voltage: Float[Array, ""] | float) -> Cell:
    """Conductances [S] of the devices of all cells at a voltage, selectors and wires left out."""
    v = jnp.asarray(read_voltage, array.dtype)
    if array.conductances is not None:
        return array.conductances

    def one(device, state):
        return device.current(jnp.zeros_like(v), state, v, array.env) / v

    return each_cell(one, device_of(array))(dict(array.states))


def ends_of(array: Crossbar) -> tuple[Crossbar, Crossbar]:
    """The array with the first state of all cells at either end of its range."""
    device = device_of(array)
    first = device.states[0]

    def at(device, state, sign):
        return device.project(dict(state) | {first.name: sign * 1e6 * first.scale})

    both = each_cell(at, device)
    signs = [jnp.full(array.shape, s, array.dtype) for s in (-1.0, 1.0)]
    low, high = (array.with_states(both(dict(array.states), s)) for s in signs)
    return low, high


@eqx.filter_jit
def states_at(
    array: Crossbar, conductances: Cell, read_voltage: Float[Array, ""] | float
) -> Crossbar:
    """The array with the first state of each cell where its device has a conductance [S], or the nearest of its range.

    Notes
    -----
    Bisection between the ends of the range, over which the conductance has to be monotone. Other states are those of
    the array.
    """
    low, high = ends_of(array)
    name = device_of(array).states[0].name
    rising = conductances_of(high, read_voltage) >= conductances_of(low, read_voltage)
    halvings = jnp.finfo(array.dtype).nmant + 8

    def halve(_, ends):
        a, b = ends
        middle = 0.5 * (a + b)
        now = array.with_states(dict(array.states) | {name: middle})
        below = (conductances_of(now, read_voltage) < conductances) == rising
        return jnp.where(below, middle, a), jnp.where(below, b, middle)

    a, b = lax.fori_loop(0, halvings, halve, (low.states[name], high.states[name]))
    return array.with_states(dict(array.states) | {name: 0.5 * (a + b)})

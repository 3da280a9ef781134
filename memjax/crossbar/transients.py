"""A whole array in time, at voltages of its lines that change from step to step."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..errors import SolveError
from ..runtime.arguments import as_integer, as_seed, is_traced
from .array import Crossbar, Numbers
from .cells import Cell
from .checks import as_voltages
from .converters import positive
from .motion import Drive, Keys, Moment, cell_keys, check_moves, conductances_of, hold, resting

_WHERE = "transient"


class Transient(eqx.Module):
    """States and currents of an array in time.

    Parameters
    ----------
    array : Crossbar
        With the states at the end.
    t : Float[Array, "steps+1"]
        Ends of the steps [s], the start first.
    states, selector_states : mapping of str to Float[Array, "steps+1 rows columns"]
        Of all devices, and of selectors that are devices, at these times [SI].
    current : Float[Array, "steps columns"]
        Through the cells into each bit line at the start of each step [A].
    energy : Float[Array, "steps+1"]
        What the drivers supplied up to these times [J].
    """

    array: Crossbar
    t: Float[Array, " times"]
    states: Mapping[str, Float[Array, "times rows columns"]]
    selector_states: Mapping[str, Float[Array, "times rows columns"]]
    current: Float[Array, "steps columns"]
    energy: Float[Array, " times"]

    def __repr__(self) -> str:
        rows, columns = self.array.shape
        return f"Transient of {rows} x {columns} cells, {self.current.shape[0]} steps"

    def conductances(self, read_voltage: float = 0.1) -> Float[Array, "times rows columns"]:
        """Conductances of the devices at a voltage, at all times [S]."""
        return lax.map(
            lambda s: conductances_of(self.array.with_states(s), read_voltage), dict(self.states)
        )


def transient(
    array: Crossbar,
    v: Numbers,
    *,
    dt: float,
    v_bit: Numbers | None = None,
    substeps: int = 1,
    seed: int | None = None,
) -> Transient:
    """Move all cells of an array by their devices' own dynamics.

    Parameters
    ----------
    array : Crossbar
        Cells that are devices, alone or behind selectors, which move too where they are devices.
    v : Float[Array, "steps rows"]
        Voltages of the drivers, each row held for a time `dt` [V].
    dt : float
        That time [s].
    v_bit : Float[Array, "steps columns"], optional
        Voltages behind the sense resistances [V]; virtual ground by default.
    substeps : int
        Solves of the node voltages in each step.
    seed : int, optional
        Of the devices' noise; there is none without it. The numbers of a cell depend on the seed, on its place in the
        array, and on the number of the substep alone.

    Returns
    -------
    Transient
        Derivatives by states, parameters and voltages pass through it.

    Raises
    ------
    BoundsError, ModelError
        Where arguments do not fit together.
    SolveError
        Where node voltages or states are none. In traced code they are NaN.

    Notes
    -----
    See `hold`: first order in ``dt / substeps``. Devices move by RODAS3, or by drift-implicit Milstein steps where they
    have noise. Wires have no capacitance.
    """
    check_moves(array, _WHERE)
    rows, columns = array.shape
    v = as_voltages("v", v, ("steps", rows), array.dtype)
    ground = jnp.zeros((len(v), columns), array.dtype)
    v_bit = ground if v_bit is None else as_voltages("v_bit", v_bit, (len(v), columns), array.dtype)
    count = as_integer("substeps", substeps, where=_WHERE, lowest=1)
    h = positive("dt", dt, "s", _WHERE) / count
    keys = None if seed is None else cell_keys(as_seed(seed, where=_WHERE), array.shape)
    steps = jnp.full(count, h, array.dtype)
    end = _transient(array, v, v_bit, steps, keys)
    if not is_traced(end.energy) and not bool(jnp.isfinite(end.energy[-1])):
        raise SolveError(
            "states or voltages that are none", where=_WHERE,
            allowed="steps in which the currents balance and the states move smoothly",
            fix="give more substeps, or lower voltages",
        )  # fmt: skip
    return end


@eqx.filter_jit
def _transient(
    array: Crossbar,
    v: Float[Array, "steps rows"],
    v_bit: Float[Array, "steps columns"],
    steps: Float[Array, " substeps"],
    keys: Keys,
) -> Transient:
    """The compiled steps."""

    def step(moment: Moment, inputs):
        drive, number = inputs
        first = number * len(steps)
        moment, current = hold(array, moment, drive, steps=steps, keys=keys, first=first)
        return moment, (
            dict(moment.states),
            dict(moment.selector_states),
            moment.energy,
            current[0],
        )

    states: dict[str, Cell] = dict(array.states)
    selector_states: dict[str, Cell] = dict(array.selector_states)
    begin = Moment(states, selector_states, resting(array), jnp.zeros((), array.dtype))
    inputs = (Drive(v, v_bit), jnp.arange(len(v)))
    end, (path, selector_path, energy, current) = lax.scan(step, begin, inputs)

    def with_start(x: Any, path: Any) -> Any:
        return jnp.concatenate([x[None], path])

    return Transient(
        array=array.with_states(end.states, end.selector_states),
        t=jnp.sum(steps) * jnp.arange(len(v) + 1, dtype=array.dtype),
        states=jax.tree.map(with_start, states, path),
        selector_states=jax.tree.map(with_start, selector_states, selector_path),
        current=current,
        energy=with_start(begin.energy, energy),
    )

"""An array of cells between word lines and bit lines of real wires."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Key

from ..core.system import Environment
from ..device import AbstractDevice
from ..errors import BoundsError, SolveError
from ..runtime.arguments import as_integer, is_traced
from ..runtime.deprecated import forward_attributes, forward_keywords
from .batch_kernel import BatchKernel, Handed, batch_kernel
from .cells import Cells
from .checks import (
    check_cells,
    check_ends,
    check_grounded,
    check_input,
    check_memory,
    check_wires,
    guard_conductances,
    state_arrays,
)
from .converters import Converters
from .lines import Lines, transposed
from .net import Net, Nodes, end_sources
from .newton import Balance, balance
from .nodes import solve_driven
from .reading import Reading
from .wires import Wires

_WHERE = "Crossbar"

Numbers = ArrayLike | Sequence
"""One number, or many."""

_FEW = 3
"""Inputs from which on the kernel, which solves once more for its polynomial, costs less than a solve of each."""


@forward_attributes({f.name: f"wires.{f.name}" for f in fields(Wires)})
class Crossbar(eqx.Module):
    """Cells at the crossings of M word lines (rows), which are driven, and N bit lines (columns), which are sensed.

    Parameters
    ----------
    conductances : Float[Array, "rows columns"], optional
        Ohmic cells [S].
    cells : AbstractDevice, optional
        In their place a device, whose current law at its present state each cell follows. Its parameters may be arrays
        of a number for each cell, as `memjax.crossbar.draw_cells` makes them.
    states : mapping of str to Float[Array, "rows columns"], optional
        Its states [SI], at least one of them; the others are those of `AbstractDevice.initial`.
    selector : float, Float[Array, "rows columns"] or AbstractDevice, optional
        What lies in series with each cell: a resistance [ohm], as of a transistor that is on, or a device.
    selector_states : mapping of str to Float[Array, "rows columns"], optional
        States of a selector that is a device, those of `AbstractDevice.initial` by default.
    wires : Wires
        Resistances of lines, drivers and sense nodes [ohm]; its fields as keywords go.
    env : Environment, optional
        Temperature of devices.
    max_iterations : int
        Iterations of conjugate gradients after which the sparse equations are solved directly.

    Notes
    -----
    The precision is that of the conductances or states: voltages and currents are right to 1e-9 in float64, currents
    into sense nodes to 2e-5 in float32, but not where lines float between ideal wires.
    """

    conductances: Float[Array, "rows columns"] | None
    cells: AbstractDevice | None
    states: Mapping[str, Float[Array, "rows columns"]]
    selector: Float[Array, "rows columns"] | AbstractDevice | None
    selector_states: Mapping[str, Float[Array, "rows columns"]]
    wires: Wires
    env: Environment
    max_iterations: int = eqx.field(static=True)

    @forward_keywords(groups={"wires": Wires})
    def __init__(
        self,
        conductances: Numbers | None = None,
        *,
        cells: AbstractDevice | None = None,
        states: Mapping | None = None,
        selector: Numbers | AbstractDevice | None = None,
        selector_states: Mapping | None = None,
        wires: Wires,
        env: Environment | None = None,
        max_iterations: int = 500,
    ):
        check_memory(conductances, states)
        self.env = Environment() if env is None else env
        self.conductances, self.cells = check_cells(conductances, cells, states)
        self.states = state_arrays(cells, states, self.env)
        shape, kind = self.shape, self.dtype
        # Parameters of another precision would change that of the solve.
        self.env, self.cells, selector = _cast((self.env, self.cells, selector), kind)
        if selector is None or isinstance(selector, AbstractDevice):
            self.selector = selector
        else:
            self.selector = check_wires("selector", selector, shape, kind, sign=">")
        self.selector_states = state_arrays(self.selector, selector_states, self.env, shape, kind)
        self.wires = wires.of_array(shape, kind)
        self.max_iterations = as_integer("max_iterations", max_iterations, where=_WHERE, lowest=1)

    def __repr__(self) -> str:
        rows, columns = self.shape
        kind = "conductances" if self.cells is None else self.cells.name
        return f"Crossbar of {rows} x {columns} cells ({kind})"

    @property
    def _leading(self) -> Array:
        """An array of a number for each cell."""
        return next(iter(self.states.values())) if self.conductances is None else self.conductances

    @property
    def shape(self) -> tuple[int, int]:
        """Word lines and bit lines."""
        rows, columns = self._leading.shape
        return rows, columns

    @property
    def dtype(self) -> jnp.dtype:
        """Precision of the solve."""
        return self._leading.dtype

    @property
    def lines(self) -> tuple[Lines, Lines]:
        """The wires of the word lines and of the bit lines."""
        return self.wires.lines

    @property
    def crossings(self) -> Cells:
        """The laws of the cells."""
        element = self.conductances if self.cells is None else self.cells
        if element is None:
            raise BoundsError(
                "an array without cells", where=_WHERE, allowed="conductances or a device"
            )
        selector = self.selector
        if not (selector is None or isinstance(selector, AbstractDevice)):
            selector = 1 / selector
        return Cells(element, self.states, selector, self.selector_states, self.env)

    def with_states(
        self,
        states: Mapping[str, Float[Array, "rows columns"]],
        selector_states: Mapping[str, Float[Array, "rows columns"]] | None = None,
    ) -> "Crossbar":
        """The array with its cells, and their selectors, at other states, without a check."""
        moved = eqx.tree_at(lambda a: a.states, self, dict(states))
        if not selector_states:
            return moved
        return eqx.tree_at(lambda a: a.selector_states, moved, dict(selector_states))

    def without_wires(self) -> "Crossbar":
        """The same cells between wires of 1e-12 ohm, and nothing at their ends; lines that float still do.

        They have 1e-6 ohm in float32, and where cells are devices.
        """
        # Beside the conductance of such a wire float32 loses what a floating line takes, and float64 what laws leave.
        exact = self.dtype == jnp.float64 and self.crossings.conductance is not None
        ideal = self.wires.ideal(1e-12 if exact else 1e-6)
        return eqx.tree_at(lambda a: a.wires, self, ideal)

    def read(
        self,
        v: Numbers,
        *,
        v_bit: Numbers | None = None,
        converters: Converters | None = None,
        key: Key[Array, ""] | None = None,
    ) -> Reading:
        """Currents and voltages at voltages of the drivers.

        Parameters
        ----------
        v : Float[Array, "rows"] or Float[Array, "inputs rows"]
            Of one input, or of a batch, whose inputs share what depends on the conductances alone [V].
        v_bit : Float[Array, "columns"], optional
            Behind the sense resistances [V], the same for all inputs; virtual ground by default.
        converters : Converters, optional
            Levels of inputs and outputs, and read noise: `Reading.output` is what they leave of the currents.
        key : Key[Array, ""], optional
            Of the read noise; without it there is none.

        Returns
        -------
        Reading
            Derivatives by conductances, states, inputs and resistances pass through it, in both modes.

        Raises
        ------
        BoundsError
            Where the shape of the input is wrong, or a number is none. In traced code the run-time check of Equinox
            says so.
        SolveError
            Where Newton's method does not converge. In traced code the voltages are NaN.
        """
        v = check_input(v, self.shape[0], self.dtype)
        v = v if converters is None else converters.inputs(v)
        ground = 0.0 if v_bit is None else v_bit
        v_bit = check_ends("v_bit", ground, self.shape[1], self.dtype)
        check_cells(self.conductances, self.cells, self.states or None)
        check_grounded(self.wires.driver, self.wires.sense)
        check_memory(self.conductances, self.states, inputs=v.shape[0] if v.ndim == 2 else 1)
        array = self
        if is_traced(self.conductances):
            guarded = guard_conductances(self.conductances)
            array = eqx.tree_at(lambda a: a.conductances, self, guarded)
        reading = _read(array, v, v_bit, _kernel_of(array, v))
        devices = (isinstance(x, AbstractDevice) for x in (self.cells, self.selector))
        if (
            any(devices)
            and not is_traced(reading.word_rows)
            and bool(jnp.any(jnp.isnan(reading.word_rows)))
        ):
            raise SolveError(
                "the currents do not balance", where="Crossbar.read",
                allowed="laws of cells and selectors whose currents rise with the voltage",
                fix="lower the voltages, or raise the resistance in series with the cells",
            )  # fmt: skip
        if converters is None:
            return reading
        return eqx.tree_at(
            lambda r: r.converted,
            reading,
            converters.outputs(reading.current, key),
            is_leaf=_is_none,
        )


def _cast(tree: Any, kind: jnp.dtype) -> Any:
    """The arrays of devices and of an environment in a precision; whatever else there is as it is."""

    def cast(x):
        if not isinstance(x, AbstractDevice | Environment):
            return x
        return jax.tree.map(
            lambda y: jnp.asarray(y, kind) if eqx.is_inexact_array_like(y) else y, x
        )

    return jax.tree.map(cast, tree, is_leaf=lambda x: not isinstance(x, tuple))


def _is_none(x: object) -> bool:
    return x is None


def _kernel_of(array: Crossbar, v: Array) -> BatchKernel | None:
    """What solves for a batch of inputs of ohmic cells; None where XLA does, or the inputs are few."""
    if v.ndim == 1 or len(v) < _FEW or array.crossings.conductance is None:
        return None
    return batch_kernel(array.dtype)


@eqx.filter_jit
def _read(
    array: Crossbar,
    v: Float[Array, "*inputs rows"],
    v_bit: Float[Array, " columns"],
    kernel: BatchKernel | None,
) -> Reading:
    """The compiled read."""
    batch = v if v.ndim == 2 else v[None]
    cells = array.crossings
    conductance = cells.conductance
    if conductance is None:
        end = lax.map(lambda x: read_cells(array, cells, x, v_bit), batch)
        voltages = lax.map(transposed, end.nodes.word), end.nodes.bit
        progress, current, steps = end.progress, end.current, end.steps
    else:
        net = Net(conductance, *array.lines)
        # Voltages of other nodes are found when they are asked for: to fill new memory costs as much as the solve.
        bits = array.shape[0] if array.wires.sense_both_ends else 1
        *voltages, progress = solve_driven(
            net, batch, v_bit, most=array.max_iterations, handed=Handed(0, bits), kernel=kernel
        )
        current, steps = None, jnp.zeros_like(progress.iterations)
    results = (*voltages, current, steps, progress)
    if v.ndim == 1:
        results = jax.tree.map(lambda x: x[0], results)
    word, bit, current, steps, progress = results
    return Reading(
        array=array, v=v, v_bit=v_bit, word_rows=word, bit_rows=bit, law_current=current, newton_steps=steps,
        iterations=progress.iterations, residual=progress.residual, direct=progress.direct,
    )  # fmt: skip


def read_cells(
    array: Crossbar,
    cells: Cells,
    v: Float[Array, " rows"],
    v_bit: Float[Array, " columns"],
    *,
    start: Nodes | None = None,
) -> Balance:
    """Balance of one input by Newton's method, which begins with wires without resistance, or with given voltages.

    Returns
    -------
    Balance
        Its voltages and currents are NaN where the method did not converge.
    """
    word, bit = array.lines
    ideal = jnp.where(jnp.isinf(array.wires.driver), 0, v)
    ground = jnp.where(jnp.isinf(array.wires.sense), 0, v_bit)
    if start is None:
        rows, columns = array.shape
        start = Nodes(
            jnp.broadcast_to(ideal[None], (columns, rows)),
            jnp.broadcast_to(ground[None], (rows, columns)),
        )
    sources = end_sources(word, bit, v, v_bit)
    # Lines that are all at 0 V are reached from the voltages before.
    driven, before = (
        jnp.max(jnp.abs(x)) + jnp.max(jnp.abs(y)) for x, y in ((ideal, ground), start)
    )
    scale = jnp.where(driven > 0, driven, before)
    end = balance(word, bit, cells, sources, start=start, scale=scale, most=array.max_iterations)
    numbers = (end.nodes, end.current, end.inner)
    nodes, current, inner = jax.tree.map(lambda y: jnp.where(end.converged, y, jnp.nan), numbers)
    return end._replace(nodes=nodes, current=current, inner=inner)

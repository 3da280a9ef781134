"""What makes an array: refusals of conductances, states, resistances and inputs that do not."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core.fields import StateSpec
from ..core.system import Environment
from ..device import AbstractDevice
from ..errors import BoundsError, CircuitError, ModelError
from ..runtime.arguments import is_real, is_traced, shown
from ..runtime.memory import check_size

_WHERE = "Crossbar"

WIRE_FIX = "an open line has an infinite driver or sense resistance, and an ideal wire 1e-6 ohm"

_ARRAYS = 24
"""Numbers that a solve holds for each cell at most; each further input of a batch adds `_PER_INPUT`."""

_PER_INPUT = 8

_SMALL = 2**26
"""Cells times inputs below which the free memory is not looked up."""


def _refuse(what: str, allowed: str, fix: str = "") -> None:
    raise BoundsError(what, where=_WHERE, allowed=allowed, fix=fix)


def _as_array(name: str, x: Any, unit: str, kind: Any = None) -> np.ndarray | Array:
    """An array of floats whose numbers the caller cannot change: of JAX where it was one, else of NumPy.

    Operations of JAX on small arrays take a hundred times as long as those of NumPy, and reads begin here.
    """
    allowed = f"an array of real numbers [{unit}]"
    if isinstance(x, list | tuple):
        try:
            x = np.asarray(x)
        except ValueError:
            _refuse(f"{name} whose rows differ in length", allowed)
    if not is_real(x):
        _refuse(f"{name} = {shown(x)}", allowed)
    if kind is None:
        dtype = getattr(x, "dtype", None)
        kind = jax.dtypes.canonicalize_dtype(dtype if dtype in ("float32", "float64") else float)
    if isinstance(x, jax.Array):
        return x if x.dtype == kind else x.astype(kind)
    return np.array(x, kind)


def _check_all(name: str, x: Any, fine: Any, allowed: str, unit: str, fix: str = "") -> None:
    """Refuse a known array whose numbers are not all fine, with the first such number."""
    if is_traced(x):
        return
    numbers = np.asarray(x)
    good = np.asarray(fine(numbers))
    if good.all():
        return
    wrong = np.argwhere(~good)
    index = tuple(int(k) for k in wrong[0])
    at = f" at {', '.join(map(str, index))}" if index else ""
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    _refuse(f"{name} = {numbers[index]:g} {unit}{at}{more}", allowed, fix)


def check_memory(conductances: Any, states: Mapping | None, inputs: int = 1) -> None:
    """Refuse arrays, or batches of inputs, whose solve the free memory does not hold."""
    known = next(iter((states or {}).values()), ()) if conductances is None else conductances
    if isinstance(known, list | tuple):  # which the memory holds already
        return
    size = float(np.prod(np.shape(known), dtype=float))
    if size * inputs < _SMALL:
        return
    item = np.dtype(getattr(known, "dtype", float)).itemsize
    check_size(
        size, (_ARRAYS + _PER_INPUT * (inputs - 1)) * item, what="cells", where=_WHERE,
        error=BoundsError, fix="divide the array into tiles (mj.crossbar.Linear does), or the inputs into batches",
    )  # fmt: skip


def check_cells(
    conductances: Any, cells: Any, states: Mapping | None
) -> tuple[Array | None, AbstractDevice | None]:
    """Conductances as an array, or the device; one of the two, with what it needs."""
    if (conductances is None) == (cells is None):
        count = "neither" if cells is None else "both"
        _refuse(f"{count} of conductances and cells", "one of the two")
    if cells is not None:
        if not isinstance(cells, AbstractDevice):
            raise ModelError(
                f"cells = {shown(cells)}",
                where=_WHERE,
                allowed="a device, as mj.model(name) makes one",
            )
        if not states:
            names = ", ".join(s.name for s in cells.states)
            _refuse(
                "cells without states", f"an array of rows and columns for one of {names} at least"
            )
        return None, cells
    if states:
        _refuse("states of conductances", "states of a device, which cells= names")
    g = _as_array("conductances", conductances, "S")
    if g.ndim != 2 or not g.size:
        _refuse(f"conductances of shape {g.shape}", "word lines x bit lines, one of each at least")
    _check_all("conductance", g, _is_conductance, _ALLOWED, "S", _FIX)
    return jnp.asarray(g), None


_ALLOWED, _FIX = "finite and > 0 S", "an open cell has its leakage, 1e-12 S for example"


def _is_conductance(x: Any) -> Any:
    return (x > 0) & (x < np.inf)


def guard_conductances(g: Array | None) -> Array:
    """Conductances that are traced, with a check at run time."""
    text = f"a conductance that is zero, negative or no number; in {_WHERE}; allowed: {_ALLOWED}; {_FIX}"
    return eqx.error_if(g, ~jnp.all(_is_conductance(g)), text)


def state_arrays(
    device: Any,
    states: Mapping | None,
    env: Environment,
    shape: tuple[int, ...] | None = None,
    kind: Any = None,
) -> dict[str, Array]:
    """States of all cells; those that are not given are the device's initial ones."""
    if not isinstance(device, AbstractDevice):
        if states:
            _refuse("states of what is no device", "states of a device")
        return {}
    names = [s.name for s in device.states]
    unknown = sorted(set(states or {}) - set(names))
    if unknown:
        raise ModelError(
            f"state {unknown[0]!r}", where=f"states of {device.name}", allowed=", ".join(names)
        )
    arrays = {k: _as_array(f"state {k}", x, "SI") for k, x in (states or {}).items()}
    if shape is None:
        first = next(iter(arrays.values()))
        shape, kind = first.shape, first.dtype
    for name, x in arrays.items():
        if x.shape != shape or x.ndim != 2 or not x.size:
            _refuse(
                f"state {name} of shape {x.shape}", "word lines x bit lines, alike for all states"
            )
    for spec in device.states:
        if spec.name in arrays:
            _check_state(spec, arrays[spec.name])
    for x in jax.tree.leaves(device):
        if np.shape(x) not in ((), shape):
            _refuse(
                f"a parameter of {device.name} of shape {np.shape(x)}",
                f"one number, or shape {shape}",
            )
    start = device.initial(env)
    return {
        k: jnp.asarray(arrays[k], kind) if k in arrays else jnp.full(shape, start[k], kind)
        for k in names
    }


def _check_state(spec: StateSpec, x: np.ndarray | Array) -> None:
    """Refuse values that a state cannot have."""
    low, high = spec.bounds
    slack = 1e-6 * spec.scale  # of a state that a single-precision solve left at its bound

    def fine(y):
        return np.isfinite(y) & (y >= low - slack) & (y <= high + slack)

    ends = f"from {low:g} to {high:g}" if np.isfinite(high) else f"finite and >= {low:g}"
    ends = ends if np.isfinite(low) else "finite"
    _check_all(f"state {spec.name}", x, fine, f"{ends} {spec.unit}", spec.unit)


def check_wires(
    name: str,
    x: Any,
    shape: tuple[int, ...],
    kind: Any,
    *,
    sign: str = ">=",
    infinite: bool = False,
    fix: str = "",
) -> Array:
    """A resistance for each line, segment or cell [ohm]."""
    x = _as_array(name, x, "ohm", kind)
    if x.shape not in ((), shape):
        _refuse(
            f"{name} of shape {x.shape}", f"one resistance{f', or shape {shape}' if shape else ''}"
        )

    def fine(y):
        positive = y > 0 if sign == ">" else y >= 0
        return positive if infinite else positive & (y < np.inf)

    allowed = f"{sign} 0 ohm{', infinite where the line floats' if infinite else ' and finite'}"
    _check_all(name, x, fine, allowed, "ohm", fix)
    if isinstance(x, jax.Array):
        return jnp.broadcast_to(x, shape)
    return jnp.asarray(x if x.shape == shape else np.full(shape, x))


def check_grounded(driver: Array, sense: Array) -> None:
    """Refuse an array that nothing drives, or nothing at all holds at a voltage."""
    if is_traced(driver) or is_traced(sense):
        return
    if np.all(np.isinf(driver)):
        raise CircuitError(
            "all word lines are open", where=_WHERE, allowed="at least one driver of finite resistance",
            fix="give driver= a finite resistance",
        )  # fmt: skip


def check_ends(name: str, v: Any, lines: int, kind: Any) -> Array:
    """A voltage for each line [V], or one for all."""
    v = _as_array(name, v, "V", kind)
    if v.shape not in ((), (lines,)):
        _refuse(f"{name} of shape {v.shape}", f"one voltage, or shape ({lines},)")
    _check_all(name, v, np.isfinite, "finite", "V")
    return jnp.broadcast_to(jnp.asarray(v), (lines,))


def as_voltages(name: str, v: Any, shape: tuple[int | str, int], kind: Any) -> Array:
    """Voltages of so many lines in a number of steps [V], which a word stands for where any number will do."""
    v = _as_array(name, v, "V", kind)
    steps, lines = shape
    if v.ndim != 2 or v.shape[1] != lines or steps not in ("steps", len(v)) or not v.size:
        _refuse(f"{name} of shape {v.shape}", f"({steps}, {lines}): a row for each step")
    _check_all(name, v, np.isfinite, "finite", "V")
    return jnp.asarray(v)


def check_input(v: Any, rows: int, kind: Any) -> Array:
    """Voltages of the drivers, of one input or of a batch."""
    v = _as_array("v", v, "V", kind)
    if v.shape[-1:] != (rows,) or v.ndim > 2 or not v.size:
        _refuse(
            f"v of shape {v.shape}", f"({rows},), or (inputs, {rows}): a voltage for each word line"
        )
    _check_all("v", v, np.isfinite, "finite", "V")
    return jnp.asarray(v)

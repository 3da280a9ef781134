"""Programs that JAX traced: carried out on something else than numbers, and what differs between versions of JAX."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

_CALLS = {"jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint"}
_CALLS |= {"custom_jvp_call", "custom_vjp_call"}
"""Primitives that run another program."""

_PASSES = ("stop_gradient", "copy", "copy_p", "optimization_barrier")
"""Primitives that change no number."""


def scan_parts(params: Mapping[str, Any]) -> tuple[int, int]:
    """How many operands of a scan are the same in all turns, and how many it carries from turn to turn."""
    if "num_consts" in params:
        return params["num_consts"], params["num_carry"]
    # From jax 0.12 on the operands are said as trees: constants, what is carried, rows.
    constants, carried, _ = params["ft_in"].unpack()
    return len(list(constants)), len(list(carried))


def carried_out(
    program: Jaxpr | ClosedJaxpr,
    inputs: Sequence[np.ndarray],
    *,
    known: Callable[[np.ndarray], np.ndarray],
    operate: Callable[[Any, list[np.ndarray]], list[np.ndarray]],
    constants: Sequence[np.ndarray] = (),
    until: Any = None,
) -> list[np.ndarray]:
    """Results of a program whose arrays hold atoms, anything that stands for a number, in place of numbers.

    Parameters
    ----------
    program : Jaxpr or ClosedJaxpr
        The equations; programs that they call are carried out in the same way.
    inputs : sequence of arrays of atoms
        What they begin with.
    known : callable
        ``known(numbers)``, atoms for an array of numbers.
    operate : callable
        ``operate(equation, operands)``, results of an equation that does more than to move atoms or to call a program.
    constants : sequence of arrays of atoms
        In place of the program's own.
    until : JaxprEqn, optional
        One of the equations, in whose place the program ends: results are its operands.
    """
    jaxpr = program.jaxpr if isinstance(program, ClosedJaxpr) else program
    if isinstance(program, ClosedJaxpr):
        constants = constants or [known(np.asarray(x)) for x in program.consts]
    values = dict(zip(jaxpr.constvars, constants, strict=True))
    values |= dict(zip(jaxpr.invars, inputs, strict=True))

    def read(x: Any) -> np.ndarray:
        if not isinstance(x, Literal):
            return values[x]
        aval: Any = x.aval
        return known(np.asarray(x.val, aval.dtype))

    for equation in jaxpr.eqns:
        operands = [read(x) for x in equation.invars]
        if equation is until:
            return operands
        name, params = equation.primitive.name, equation.params
        if name in _CALLS:
            inner = next(params[k] for k in ("jaxpr", "call_jaxpr", "fun_jaxpr") if k in params)
            results = carried_out(inner, operands, known=known, operate=operate)
        elif name == "iota":
            results = [known(np.indices(params["shape"], params["dtype"])[params["dimension"]])]
        else:
            results = _moved(name, params, operands) or operate(equation, operands)
        values |= dict(zip(equation.outvars, results, strict=True))
    return [read(x) for x in jaxpr.outvars]


def _moved(
    name: str, params: Mapping[str, Any], operands: list[np.ndarray]
) -> list[np.ndarray] | None:
    """Results of an operation that only moves atoms; None of any other."""
    if name in _PASSES:
        return operands
    if name in ("concatenate", "stack"):
        join = np.concatenate if name == "concatenate" else np.stack
        return [join(operands, params.get("dimension", params.get("axis", 0)))]
    if name == "unstack":  # of jax 0.12: the parts of an array along an axis
        axis = params["axis"]
        return [np.squeeze(x, axis) for x in np.split(operands[0], operands[0].shape[axis], axis)]
    return [_MOVES[name](operands[0], **params)] if name in _MOVES else None


def _broadcast_in_dim(x: np.ndarray, shape, broadcast_dimensions, **_) -> np.ndarray:
    shaped = np.ones(len(shape), int)
    shaped[list(broadcast_dimensions)] = x.shape
    return np.broadcast_to(x.reshape(shaped), shape)


def _slice(x: np.ndarray, start_indices, limit_indices, strides, **_) -> np.ndarray:
    steps = strides or [1] * x.ndim
    return x[tuple(slice(*p) for p in zip(start_indices, limit_indices, steps, strict=True))]


_MOVES: dict[str, Callable] = {
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": lambda x, new_sizes, **_: x.reshape(new_sizes),
    "squeeze": lambda x, dimensions, **_: np.squeeze(x, tuple(dimensions)),
    "expand_dims": lambda x, dimensions, **_: np.expand_dims(x, tuple(dimensions)),
    "slice": _slice,
    "transpose": lambda x, permutation, **_: np.transpose(x, permutation),
    "rev": lambda x, dimensions, **_: np.flip(x, dimensions),
}


def mapped(f: Callable, *arrays: np.ndarray) -> np.ndarray:
    """Results of a function of single atoms for each place of arrays."""
    arrays = tuple(np.broadcast_arrays(*arrays))
    result = np.empty(arrays[0].shape, object)
    for index in np.ndindex(result.shape):
        result[index] = f(*(x[index] for x in arrays))
    return result


def reduced(combine: Callable, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Atoms along some axes combined from the first to the last."""
    others = [n for k, n in enumerate(x.shape) if k not in axes]
    rows = np.moveaxis(x, axes, range(len(axes))).reshape(-1, *others)
    # Of a vector these are arrays of no dimension, not atoms.
    every = (rows[k, ...] for k in range(len(rows)))
    return functools.reduce(functools.partial(mapped, combine), every)

"""Simulated responses as a verdict takes them, their sign, and the bench with which they were fitted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from memjax.core.fields import parameter_specs, with_values
from memjax.core.params import coordinates

from .group import Group, field_of_each, unsaturated
from .instrument import DeviceOnBench, bench_of, device_of, parameter_names, with_numbers
from .problem import Problem, responses

_MOST = 3.0  # deviation [decades] beyond which no more is told

_UNPINCHED = ("offset_current", "offset_voltage", "parallel_capacitance")
"""Quantities of the bench with which a current has another sign than the voltage."""

_SHIFT = 1e-6
"""Share of the largest current by which a reading is moved to tell its sign: far above what rounding leaves."""


def simulated_response(
    group: Group, residuals: Float[np.ndarray, " residuals"]
) -> Float[np.ndarray, "waves points"]:
    """log10 of the simulated response at the rows, from residuals [sigma] as `misfit` gives them.

    As far off as those beside it where none counts.
    """
    return simulated_response_of_each([group], np.asarray(residuals)[None])[0]


def simulated_response_of_each(
    groups: Sequence[Group], residuals: Float[np.ndarray, "fits residuals"]
) -> Float[np.ndarray, "fits waves points"]:
    """`simulated_response` of fits of one shape."""
    target, weight, censored, edge = (
        field_of_each(groups, n) for n in ("target", "weight", "censored", "edge")
    )
    sigma = unsaturated(residuals[:, : target[0].size].reshape(target.shape))
    distance = np.divide(sigma, weight, out=np.zeros_like(target), where=weight > 0)
    at = np.where(censored, np.maximum(edge, target), target)
    # Of a residual at the limit, what the voltage there can make of it says nothing of the current.
    apart = np.maximum(sigma - np.stack([_unlimited(g) for g in groups]), 0.0)
    granted = field_of_each(groups, "model_sigma")[:, None, None]
    below = np.where(censored, -apart * granted, distance)
    off = at + np.clip(below, -_MOST, _MOST) - target
    return target + _filled(off, known=censored | (weight > 0))


def _unlimited(group: Group) -> Float[np.ndarray, "waves points"]:
    """Residual [sigma] of the voltage left at a limit where the simulation is not at it; 0 where none is known."""
    if group.left is None:
        return np.zeros(np.shape(group.target))
    applied = np.log10(np.maximum(np.abs(np.asarray(group.stimuli.values)), np.finfo(float).tiny))
    return np.maximum((applied - np.asarray(group.left)) * np.asarray(group.left_weight), 0.0)


def _filled(off: np.ndarray, *, known: np.ndarray) -> np.ndarray:
    """Deviations, between rows that count interpolated: a copy of the data there would close what is missed."""
    out, rows = off.copy(), np.arange(off.shape[-1])
    some = known.any(axis=-1) & ~known.all(axis=-1)
    for place in zip(*np.nonzero(some), strict=True):
        k = known[place]
        out[place] = np.interp(rows, rows[k], off[place][k])
    return out


def counted_responses(problem: Problem, z: np.ndarray) -> np.ndarray:
    """`responses`, those of the data where a capacitance is charged at the start: these do not count."""
    simulated, group = responses(problem, z), problem.group
    charged = np.asarray(group.weight) == 0
    charged &= np.arange(charged.shape[1]) == 0
    if bench_of(problem.device, problem.bench).parallel_capacitance is None:
        return simulated
    return np.where(charged, np.asarray(group.target), simulated)


def simulated_opposed(
    problem: Problem, z: Float[np.ndarray, " free"]
) -> Bool[np.ndarray, "waves points"] | None:
    """Rows at which the simulated current has another sign than the voltage; None where no bench brings that about.

    Notes
    -----
    Responses are known by their modulus. An offset of the reading changes no state, and raises the modulus of the
    currents that have its sign alone.
    """
    model = problem.at(z)
    bench, device = bench_of(model, problem.bench), device_of(model)
    if all(getattr(bench, n) is None for n in _UNPINCHED):
        return None
    if problem.group.stimuli.quantity != "voltage":
        return None
    names = parameter_names(problem.free) or tuple(parameter_specs(device))[:1]
    center = np.asarray(coordinates(device, names))
    plain = replace(
        problem, device=device, free=names, center=center, ties=(), prior_root=None, strength=None
    )

    def read_with(offset: float) -> np.ndarray:
        around = replace(with_numbers(bench), offset_current=offset)
        return responses(replace(plain, bench=around), center)

    offset = float(bench.offset_current or 0.0)
    logs = read_with(offset)
    moved = read_with(offset + _SHIFT * 10 ** float(np.max(logs)))
    return (moved > logs) != (np.asarray(problem.group.stimuli.values) > 0)


def with_fitted_bench(problem: Problem, z: Float[np.ndarray, " free"]) -> Problem:
    """The problem whose bench has the values of its free quantities at a point, for all that simulates the device."""
    if not isinstance(problem.device, DeviceOnBench):
        return problem
    bench = with_numbers(bench_of(problem.at(np.asarray(z)), problem.bench))
    return with_values(problem, {"bench": bench})

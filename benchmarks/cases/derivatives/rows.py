"""The same derivatives from rows and from the solve itself, against the distance of rows."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

import memjax as mj
from memjax.observables import crossing_times

from .problems import Problem

DISTANCES = (1e-5, 1e-4, 5e-4, 2e-3, 1e-2)
"""Distances of rows [s]."""

NAMES = ("v_th", "charge")
"""Quantities that both ways give."""


def from_rows(problem: Problem, device: Any, *, save: float, **options: Any) -> Float[Array, "1 2"]:
    """Switching voltage [V] from the line between two rows, charge [C] as a sum over rows."""
    about: dict[str, Any] = dict(bench=mj.Bench(compliance=problem.compliance), save=save)
    trace = mj.simulate(device, problem.sweep, deterministic=True, **about, **options)
    t, v, i = trace.t, trace.v[0], trace.i[0]
    time = crossing_times(t, i, level=problem.on, size=1).times[0]
    return jnp.stack([jnp.interp(time, t, v), jnp.trapezoid(i, t)])[None]


def from_solve(
    problem: Problem, device: Any, *, save: float, **options: Any
) -> Float[Array, "1 2"]:
    """The same from the events and integrals of a solve with such rows."""
    v_th, _, charge, _ = jnp.split(problem.swept(device, save=save, **options), 4, axis=1)
    return jnp.concatenate([v_th, charge], axis=1)


ROWS, EVENTS = "rows", "events and integrals"

WAYS = {ROWS: from_rows, EVENTS: from_solve}
"""The old way and the new one."""

"""Ensembles in equal semi-implicit steps by a kernel in C, compiled (`memjax.lanes`) from the step of a lane.

Where no compiler of C is at hand, on other devices than the CPU, with jumps, events or integrals, or where the
equations hold what has no translation, the program of XLA does the same; so it does where derivatives are taken.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core.result import Result
from ..core.scaling import Scaled
from ..lanes.backend import Unavailable
from ..lanes.choice import compile_lanes
from ..lanes.drivers import Fixed as FixedDriver, FixedEnd
from ..lanes.program import StepProgram
from ..runtime.arguments import is_traced
from ..solver import SemiImplicitEuler
from .fixed import GridStep, chunk_sizes, grid_step, semi_implicit_step, with_values
from .guards import explicit_rates, is_driven, is_too_long, step_result
from .policy import Fixed
from .solution import Solution

_PLACES = 2**17
"""Steps, about, whose drives are held in memory at once."""


def reason_for_xla(scaled: Scaled, grid: Any, y0: Any, policy: Fixed) -> str:
    """Why no kernel solves a batch, whatever its equations are; nothing where one may."""
    traced = any(map(is_traced, jax.tree.leaves((scaled, grid, y0))))
    reasons = {
        "not a CPU": jax.default_backend() != "cpu",
        f"steps of {type(policy.method).__name__}": not isinstance(
            policy.method, SemiImplicitEuler
        ),
        "events or integrals": grid.watch is not None,
        "jumps": grid.keys is not None and scaled.has_jumps,
        "within a transformation of JAX": traced,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _program(
    scaled: Scaled, grid: Any, policy: Fixed, dtype: Any
) -> tuple[StepProgram, FixedDriver]:
    """A lane's step in numbers of a type, and what drives it; the arrays of the system are the same in all lanes."""
    one = lambda x: jax.ShapeDtypeStruct((), x.dtype)  # noqa: E731
    values, key = jax.tree.map(one, (grid.values, grid.keys))
    values_at = jax.vmap(lambda x: x(grid.rows[0, 0]), axis_size=len(grid.rows))
    drive = jax.eval_shape(values_at, grid.stimuli).shape[1:]
    arrays, static = eqx.partition(scaled, eqx.is_array)

    def describe(*shape: int) -> Any:
        return jax.ShapeDtypeStruct(shape, dtype)

    shared = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), arrays)
    number: Any = jax.ShapeDtypeStruct((), np.int32)
    moment = GridStep(number, *[describe()] * 3, *[describe(*drive)] * 2)

    def step(parameters, y, shared, at: GridStep):
        lane_values, words = parameters
        system = with_values(eqx.combine(shared, static), lane_values)
        parts = system.split(y)
        end = semi_implicit_step(system, words, policy)(parts, at)
        stiffness_at = explicit_rates(system, policy)
        stiffness = () if stiffness_at is None else stiffness_at(parts, at)
        return system.join(system.project_parts(end)), FixedEnd(system.join(end), stiffness)

    program = StepProgram(step, (values, key), describe(len(scaled.scale)), shared)
    return program, FixedDriver(moment)


def _ends_of_lanes(codes, stiffness, driven) -> tuple:
    """How the lanes of a sweep ended, and their stiffness, out of those of its stretches."""
    # The first failure of each lane counts.
    code = jnp.take_along_axis(codes, jnp.argmax(codes != 0, axis=0)[None], axis=0)[0]
    code = jnp.where((code == 0) & ~jnp.all(driven), Result.not_finite, code)
    # What is met after a failure, or after a step that was too long, is no rate of the device.
    ended = jnp.cumsum((codes != 0) | is_too_long(stiffness), axis=0)
    counts = jnp.concatenate([jnp.zeros_like(ended[:1]), ended[:-1]]) == 0
    return code, jnp.max(jnp.where(counts[..., None], stiffness, 0.0), axis=0)


def solve_by_kernel(
    scaled: Scaled, grid: Any, y0, first, substeps: int, policy: Fixed
) -> Solution | Unavailable:
    """Solve all lanes as `solve_fixed` does, or return the reason if there is no kernel.

    Returns
    -------
    Solution or Unavailable
        Scaled states with the axes (members, sweeps, rows, states), or why there is no kernel.
    """
    kernel = compile_lanes(*_program(scaled, grid, policy, y0.dtype))
    if isinstance(kernel, Unavailable):
        return kernel
    shared = eqx.filter(scaled, eqx.is_array)
    chunks, size = chunk_sizes(substeps)
    steps_per_row, count = chunks * size, grid.rows.shape[1] - 1
    together = min(max(_PLACES // steps_per_row, 1), count)
    # Stretches of one length are one call; rows of no duration fill up the last one.
    padded = -(-count // together) * together

    def row_steps(stimulus, t0, t1, step):
        h = (t1 - t0) / steps_per_row
        begin = size * jnp.arange(chunks)

        def steps(k):
            t = t0 + k.astype(h.dtype) * h
            one = lambda j: grid_step(stimulus, step + k + j, t + j.astype(h.dtype) * h, h)  # noqa: E731
            return jax.vmap(one)(jnp.arange(size))

        return jax.vmap(steps)(begin)

    def sweep(stimulus, rows, lane_constants, y):
        rows = jnp.concatenate([rows, jnp.repeat(rows[-1:], padded - count)])
        begin = first + steps_per_row * jnp.arange(padded)

        def stretch(y, part):
            steps = jax.vmap(row_steps, (None, 0, 0, 0))(stimulus, *part)
            ys, *ends = kernel(shared, steps, lane_constants, y, together, size)
            return ys[-1], (ys, *ends, is_driven(steps))

        parts = [x.reshape(-1, together) for x in (rows[:-1], rows[1:], begin)]
        if len(parts[0]) == 1:
            results = jax.tree.map(lambda x: x[None], stretch(y, [x[0] for x in parts])[1])
        else:
            _, results = lax.scan(stretch, y, parts)
        ys, *ends = results
        return ys.reshape(padded, *ys.shape[2:])[:count], *_ends_of_lanes(*ends)

    lanes = (grid.stimuli, grid.rows, *(jax.tree.map(lambda x: x.T, (grid.values, grid.keys)),))
    lanes = (*lanes, jnp.swapaxes(y0, 0, 1))
    if len(grid.rows) == 1:
        one = sweep(*jax.tree.map(lambda x: x[0], lanes))
        ys, code, stiffness = jax.tree.map(lambda x: x[None], one)
    else:
        ys, code, stiffness = lax.map(lambda x: sweep(*x), lanes)
    y, stiffness = jnp.transpose(ys, (2, 0, 1, 3)), jnp.swapaxes(stiffness, 0, 1)
    if explicit_rates(scaled, policy) is None:
        stiffness = None
    code = step_result(code.T, stiffness)
    total = jnp.full_like(code, steps_per_row * count)
    logs = jnp.zeros(code.shape, y.dtype)
    return Solution(
        y, code, total, jnp.zeros_like(total), logs, stiffness=stiffness, backend=kernel.backend
    )

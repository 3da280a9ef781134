"""Ensembles in equal semi-implicit steps by a kernel in C, generated from the equations of a lane.

Where no compiler of C is at hand, on other devices than the CPU, with jumps, events or integrals, or where the
equations hold what has no translation, the program of XLA does the same; so it does where derivatives are taken.
"""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..core.result import HOPELESS, HOPELESS_IN_PASSING, RUNAWAY, Result
from ..core.scaling import Scaled
from ..lanes.cc.library import build, register
from ..lanes.cc.program import Constants, Program, join, names_of, real_of, scalar, threaded, trace
from ..lanes.cc.translation import LANE, STEP, Name, UntranslatableError, kind_of, text_of
from ..runtime.arguments import is_traced
from ..runtime.cores import usable_cores
from ..solver import SemiImplicitEuler
from .fixed import GridStep, chunk_sizes, grid_step, semi_implicit_step, with_values
from .guards import (
    explicit_rates,
    is_driven,
    is_too_long,
    step_result,
)
from .policy import Fixed
from .solution import Solution

_FOLDER = Path(__file__).parent

_STEPS = 256
"""Steps of a block of lanes before the next one's turn: what all lanes share is computed once for so many."""

_PLACES = 2**17
"""Steps, about, whose drives are held in memory at once."""


@dataclass(frozen=True)
class Kernel:
    """All steps of an ensemble, as a call by XLA.

    Parameters
    ----------
    target : str
        Name of the call.
    """

    target: str

    def __call__(
        self, constants, steps: GridStep, lane_constants: Any, y, rows: int, size: int
    ) -> tuple:
        """Vectors at so many rows; how each lane stands, a `Result`; and the largest stiffness that its steps met.

        Parameters
        ----------
        constants : Float[Array, " constants"]
            Numbers of the system.
        steps : GridStep
            Of all steps.
        lane_constants : PyTree
            Constants of the lanes.
        y : Float[Array, "lanes n"]
            Vector of each lane at the start.
        rows, size : int
            Rows, and steps from one look at states and rates to the next.
        """
        columns = list(y.T)
        first = steps.number.reshape(-1)[0].astype(jnp.int32)
        number = jnp.stack([first, jnp.int32(size), jnp.int32(usable_cores())])
        # Components of several drives one after the other: each number of a step is an array over the steps.
        count = steps.number.size
        step_columns = [column for x in steps[1:] for column in jnp.reshape(x, (count, -1)).T]
        arguments = [constants, number, *step_columns]
        arguments += [*jax.tree.leaves(lane_constants), *columns]
        lanes, dtype = y.shape[0], y.dtype
        shapes = [jax.ShapeDtypeStruct((rows, lanes), dtype)] * len(columns)
        shapes += [jax.ShapeDtypeStruct((lanes,), dtype)] * len(columns)
        shapes += [jax.ShapeDtypeStruct((lanes,), np.int32)]
        shapes += [jax.ShapeDtypeStruct((lanes,), dtype)] * 2
        *states, code, decay, slope = jax.ffi.ffi_call(self.target, shapes)(*arguments)
        y = jnp.stack(states[: len(columns)], axis=-1)
        return y, code, jnp.stack([decay, slope], axis=-1)


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


def kernel_of(
    scaled: Scaled, values: Any, key: Any, policy: Fixed, dtype: Any, drive: tuple[int, ...]
):
    """Return the kernel of a lane's step, or the reason as text if there is none.

    Parameters
    ----------
    scaled : Scaled
        The system, whose arrays are the same in all lanes.
    values, key : PyTree
        What each lane has: descriptions of scalars.
    policy : Fixed
        Of `SemiImplicitEuler`.
    dtype
        Of states.
    drive : tuple of int
        Shape of the drive: (sources,) where there are several.

    Returns
    -------
    Kernel or str
        The kernel, or why there is none.
    """
    return build(
        lambda: _text(scaled, values, key, policy, dtype, drive),
        lambda text, compiler: Kernel(register(text, compiler, real_of(dtype))),
    )


def _text(scaled: Scaled, values, key, policy: Fixed, dtype, drive: tuple[int, ...]) -> str:
    """All of the kernel."""
    arrays, static = eqx.partition(scaled, eqx.is_array)
    real = real_of(dtype)
    leaves = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in jax.tree.leaves(arrays)]
    if any(kind_of(x.dtype) != real for x in leaves):
        raise UntranslatableError("parameters that are whole numbers")
    tree, lane_tree = jax.tree.structure(arrays), jax.tree.structure((values, key))
    owned = [jax.ShapeDtypeStruct((), x.dtype) for x in jax.tree.leaves((values, key))]
    vector = jax.ShapeDtypeStruct((len(scaled.scale),), dtype)
    step = (
        jax.ShapeDtypeStruct((), np.int32),
        jax.ShapeDtypeStruct((3 + 2 * math.prod(drive),), dtype),
    )

    def lane(leaves, lane_leaves, y, number, step_values):
        system = eqx.combine(jax.tree.unflatten(tree, leaves), static)
        lane_values, words = jax.tree.unflatten(lane_tree, lane_leaves)
        system = with_values(system, lane_values)
        at = GridStep(number, *step_values[:3], *step_values[3:].reshape(2, *drive))
        parts = system.split(y)
        end = semi_implicit_step(system, words, policy)(parts, at)
        stiffness_at = explicit_rates(system, policy)
        stiffness = [] if stiffness_at is None else stiffness_at(parts, at)
        return [*system.join(system.project_parts(end)), *system.join(end), *stiffness]

    constants = Constants(real)
    arguments = [constants.names(x.shape) for x in leaves]
    states = [Name(real, f"in{k}", STEP | LANE) for k in range(vector.shape[0])]
    number = Name("i", "number", STEP)
    step_values = [Name(real, f"place{k}", STEP) for k in range(*step[1].shape)]
    owns = names_of(owned, "own", LANE)
    inputs = [*arguments, *map(scalar, owns), np.array(states, object)]
    inputs += [scalar(number), np.array(step_values, object)]
    t, results = trace(lane, (leaves, owned, vector, *step), inputs, constants)
    if constants.values:
        raise UntranslatableError("arrays that are no parameters")
    count = sum(math.prod(x.shape) for x in leaves)
    return _text_of_program(t, owns, states, [number, *step_values], results, count)


def _watch_of(stiffness: list) -> list[str]:
    """Statements that keep the largest of each measure of stiffness, where there are any."""
    # What is met after a failure, or a step that was too long, is no rate of the device.
    ends = "(result[j] != 0) | is_too_long(stiffness[0][j], stiffness[1][j])"
    watch = [f"const int32_t ends = {ends};"] * bool(stiffness)
    return watch + [
        f"stiffness[{k}][j] = most(ends ? 0 : {text_of(x)}, stiffness[{k}][j]);"
        for k, x in enumerate(stiffness)
    ]


def _text_of_program(t, owns, states, places: list, results: list, constants: int) -> str:
    """All of the kernel, with so many constants, of the operations of a step.

    In its results the states come first, those before they were projected second, and then the stiffness, if any.
    """
    number, *numbers = places
    options: dict[str, Any] = dict(translation=t, owns=owns, states=states, inputs={})
    options["places"] = {number: "number0 + (int32_t)(s + t)"} | {
        x: f"((const Real *)places[{k}]->data)[s + t]" for k, x in enumerate(numbers)
    }
    ends, before_bounds = results[: len(states)], results[len(states) : 2 * len(states)]
    stiffness = results[2 * len(states) :]
    program = Program(**options, results=results)
    step = Program(**options, results=[*ends, *before_bounds])
    look = Program(**options, results=[*states, *stiffness])
    # What is no number stays so from step to step, and is seen in the rows, but for bounds, which hide it. Of a sum,
    # which is no number where one of its terms is none.
    finish = [f"c->broken[j] |= is_nan({' + '.join(map(text_of, before_bounds))});"]
    finish = [] if before_bounds == ends else finish
    sizes = [f"ABS(c->{x.text}[j])" for x in states]
    largest = functools.reduce(lambda a, b: f"greater({b}, {a})", sizes)
    parts = [
        program.prelude(),
        f"enum {{ STEPS = {_STEPS}, PLACES = {len(numbers)}, OWNS = {len(owns)}, CARRIES = {len(states)} }};",
        f"enum {{ CONSTANTS = {constants}, NOT_FINITE = {Result.not_finite}, RUNAWAY = {Result.runaway} }};",
        f"static const Real LARGEST = {RUNAWAY!r};",
        "INLINE int32_t is_too_long(Real decay, Real slope) "
        f"{{ return (decay > (Real){HOPELESS}) | (slope > (Real){HOPELESS_IN_PASSING}); }}",
        program.types(),
        program.prepare_uniform("XLA_FFI_Buffer **places, int64_t s, int32_t number0"),
        program.load_block(),
        f"""
static void store_states(XLA_FFI_Buffer **rets, int64_t lane, int64_t n, const Carry *c) {{
    for (int64_t j = 0; j < n; j++) {{
{join(program.store_states("rets[{}]->data"), 8)}
    }}
}}

INLINE Real largest_state(Carry *restrict c, int64_t j) {{ return {largest}; }}
""",
        step.advance_block(
            "inline void advance_block(const Uniform *u, int32_t t, const Own *o, Carry *restrict c)",
            finish,
            "",
            "",
        ),
        look.advance_block(
            "NOINLINE void watch_block(const Uniform *u, int32_t t, const Own *o, Carry *restrict c, "
            "int32_t *restrict result, Real (*restrict stiffness)[LANES])",
            _watch_of(stiffness),
            "(void)c, (void)result, (void)stiffness;",
            "",
        ),
        threaded(_FOLDER / "ensemble_kernel.c"),
    ]
    return "\n".join(parts)


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
) -> Solution | str:
    """Solve all lanes as `solve_fixed` does, or return the reason as text if there is no kernel.

    Returns
    -------
    Solution or str
        Scaled states with the axes (members, sweeps, rows, states), or why there is no kernel.
    """
    one = lambda x: jax.ShapeDtypeStruct((), x.dtype)  # noqa: E731
    values, key = jax.tree.map(one, grid.values), jax.tree.map(one, grid.keys)
    values_at = jax.vmap(lambda x: x(grid.rows[0, 0]), axis_size=len(grid.rows))
    drive = jax.eval_shape(values_at, grid.stimuli).shape[1:]
    kernel = kernel_of(scaled, values, key, policy, y0.dtype, drive)
    if isinstance(kernel, str):
        return kernel
    arrays = [jnp.ravel(x) for x in jax.tree.leaves(eqx.filter(scaled, eqx.is_array))]
    constants = jnp.concatenate([*arrays, jnp.zeros(1, y0.dtype)])
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
            ys, *ends = kernel(constants, steps, lane_constants, y, together, size)
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
    return Solution(y, code, total, jnp.zeros_like(total), logs, stiffness=stiffness)

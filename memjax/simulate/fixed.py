"""Solves in equal steps between rows of output, with noise and jumps from counters, as a program of lanes.

Kernels in C solve ensembles in semi-implicit steps without jumps, events or integrals; XLA does everything, and so it
does where derivatives are taken.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, UInt32

from ..circuit import replace_values
from ..core.scaling import Scaled
from ..core.watch import Watch
from ..lanes.choice import compile_lanes
from ..lanes.drivers import EqualSteps, Fixed as FixedDriver, FixedCarry, FixedEnd
from ..lanes.program import StepProgram
from ..noise import Words, areas, increments, uniform
from ..runtime.arguments import is_traced
from ..solver import Equation, Increment, SemiImplicitEuler, semi_implicit_euler_step
from ..stimulus import AbstractStimulus
from .guards import explicit_rates, step_result
from .policy import Fixed
from .solution import Solution
from .watching import begin_memory, integral_over, integrand, straight_piece, watch_step

_NUDGE = 1e-6
"""Share of a step by which its ends are taken inwards, so that a jump at an end counts for the right side."""

_CHUNK = 50
"""Steps after which the reverse pass keeps a state."""


def chunk_sizes(substeps: int) -> tuple[int, int]:
    """Chunks, and steps in each, that make at least so many steps.

    Returns
    -------
    tuple of two int
        Number of chunks, and steps in each; their product is at least `substeps`.
    """
    chunks = -(-substeps // _CHUNK)
    return chunks, -(-substeps // chunks)


def _increment(policy: Fixed, key, step, channels: int, h) -> Increment:
    """Brownian increment of one device over a step; empty without a key."""
    if key is None:
        zero = jnp.zeros(0, h.dtype)
        return Increment(zero, zero)
    kind = policy.increments
    w = jnp.sqrt(h) * increments(key, step, channels=channels, dtype=h.dtype, kind=kind)
    if not policy.method.area:
        return Increment(w)
    area = areas(key, step, channels=channels, dtype=h.dtype, kind=kind)
    # Space-time area: independent of the increment, with variance h / 12.
    return Increment(w, jnp.sqrt(h / 12) * area)


def with_values(scaled: Scaled, values: Mapping[str, Array]) -> Scaled:
    """The system with some parameters of its device or elements replaced."""
    if not values:
        return scaled
    return Scaled(replace_values(scaled.system, values), scaled.env)


class GridStep(NamedTuple):
    """A step: its number, its ends, just inside it, and length [s], and the drive at its ends."""

    number: Int[Array, ""]
    t_start: Float[Array, ""]
    t_end: Float[Array, ""]
    h: Float[Array, ""]
    u0: Float[Array, ""]
    u1: Float[Array, ""]


class Begin(NamedTuple):
    """Where a stretch of equal steps begins.

    Parameters
    ----------
    y : Float[Array, "n"]
        Scaled state.
    t, step
        Time [s] and number of the first step.
    record : tuple, optional
        Integrals and memory of events, of the solve that is continued.
    """

    y: Float[Array, " n"]
    t: Float[Array, ""]
    step: Int[Array, ""]
    record: Any = None


def grid_step(stimulus: AbstractStimulus, step, t0, h) -> GridStep:
    """The step with a given number, which starts at `t0`."""
    t_start, t_end = t0 + _NUDGE * h, t0 + (1 - _NUDGE) * h
    return GridStep(step, t_start, t_end, h, stimulus(t_start), stimulus(t_end))


def _jump(scaled: Scaled, key, y, step: GridStep):
    """State after the jumps of a step, and the log-probability of what happened."""
    intensity, _, states_after = scaled.jumps(step.t_start, y, step.u0)
    total, h = jnp.sum(intensity), step.h
    mark = uniform(key, step.number, dtype=h.dtype)
    # Probability of at least one jump, without cancellation for short steps.
    chance = -jnp.expm1(-total * h)
    # One uniform number decides whether a jump happens and which: shares of the chance go as the
    # intensities.
    edges = chance * jnp.cumsum(intensity) / jnp.where(total > 0, total, 1.0)
    # The pattern is fixed outside of the graph; its score is the derivative of the log-probability
    # returned.
    n = lax.stop_gradient(jnp.sum(mark >= edges))
    happens = n < len(states_after)
    n = jnp.minimum(n, len(states_after) - 1)
    probability = jnp.where(happens, chance * intensity[n] / jnp.where(total > 0, total, 1.0), 1.0)
    return jnp.where(happens, states_after[n], y), jnp.where(
        happens, jnp.log(probability), -total * h
    )


def reason_for_xla(scaled: Scaled, grid: Any, y0: Any, policy: Fixed) -> str:
    """Why no kernel solves a batch, whatever its equations are; nothing where one may."""
    traced = any(map(is_traced, jax.tree.leaves((scaled, grid, y0))))
    method = type(policy.method)
    reasons = {
        f"steps of {method.__name__}": method is not SemiImplicitEuler,
        "events or integrals": grid.watch is not None,
        "jumps": grid.keys is not None and scaled.has_jumps,
        "within a transformation of JAX": traced,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _step_and_look(
    scaled: Scaled, stimulus: AbstractStimulus, watch: Watch | None, policy: Fixed
) -> tuple[Callable, Callable | None]:
    """A step of one lane, and what looks at its rates; lanes share the arrays of the system."""
    _, static = eqx.partition(scaled, eqx.is_array)
    by_parts = isinstance(policy.method, SemiImplicitEuler)

    def system_of(values: Mapping, arrays: Any) -> Scaled:
        return with_values(eqx.combine(arrays, static), values)

    def step(parameters: tuple, carry: FixedCarry, arrays: Any, at: GridStep) -> tuple:
        (values, key), (start, integrals, (logs, memory)) = parameters, carry
        system = system_of(values, arrays)
        if logs is not None:
            y, log = _jump(system, key, system.join(start), at)
            start, logs = system.split(y), logs + log
        if by_parts:
            end = _semi_implicit_step(system, key, policy, start, at)
            end, outputs = system.project_parts(end), FixedEnd(end)
        else:
            end, outputs = _step_by_vector(system, stimulus, key, policy, start, at)
        if watch is not None:
            ends, record = (start, end), (integrals, memory)
            integrals, memory = _watch(watch, system, stimulus, record, ends, at)
        return FixedCarry(end, integrals, (logs, memory)), outputs

    def look(parameters: tuple, carry: FixedCarry, arrays: Any, at: GridStep) -> Any:
        stiffness_at: Any = explicit_rates(system_of(parameters[0], arrays), policy)
        return stiffness_at(carry.states, at)

    return step, None if explicit_rates(scaled, policy) is None else look


def solve_fixed_lanes(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    parameters: tuple[
        Mapping[str, Float[Array, " lanes"]],
        tuple[UInt32[Array, " lanes"], UInt32[Array, " lanes"]] | None,
    ],
    *,
    rows: Float[Array, " rows"],
    begin: Begin,
    substeps: int,
    policy: Fixed,
    watch: Watch | None = None,
    reason: str = "",
) -> Solution:
    """Equal steps on a grid of devices under one drive, by a kernel or by XLA.

    Parameters
    ----------
    scaled, stimulus, rows
        As for `solve_stiff`.
    parameters : tuple
        Device parameters that differ [SI], and words of the noise; None for none.
    begin : Begin
        Where this stretch begins, before the first of the rows; states and record have an axis of lanes.
    substeps : int
        Least number of equal steps between two rows, see `chunk_sizes`.
    policy, watch : Fixed, Watch or None
        Method and increments; events and integrals.
    reason : str
        Why no kernel solves them, see `reason_for_xla`.

    Returns
    -------
    Solution
        Its leaves have a leading axis of lanes.

    Notes
    -----
    A jump happens in a step of length h with probability 1 - exp(-h sum of intensities), at its start:
    first order in h, where `solve_adaptive` is exact.
    """
    has_jumps = parameters[1] is not None and scaled.has_jumps

    def begin_lane(y: Float[Array, " n"], record: tuple | None) -> FixedCarry:
        if watch is not None and record is None:
            record = jnp.zeros(len(watch.integrals), y.dtype), begin_memory(watch, y)
        integrals, memory = record or (None, None)
        logs = jnp.zeros((), y.dtype) if has_jumps else None
        # One array per state: a batch of devices then runs along contiguous memory.
        return FixedCarry(scaled.split(y), integrals, (logs, memory))

    carry = jax.vmap(begin_lane)(begin.y, begin.record)
    times = jnp.concatenate([jnp.asarray(begin.t)[None], rows])
    steps = EqualSteps(grid_step, stimulus, times, begin.step, *chunk_sizes(substeps))
    step, look = _step_and_look(scaled, stimulus, watch, policy)
    moment = grid_step(stimulus, np.int32(0), times[0], times[0])
    shared = eqx.filter(scaled, eqx.is_array)
    one = jax.tree.map(lambda x: x[0], (parameters, carry))
    (of_lane, state), described, moment = jax.eval_shape(lambda *x: x, one, shared, moment)
    program = StepProgram(step, of_lane, state, described)
    function = compile_lanes(program, FixedDriver(moment, look), reason)
    ends = function(shared, steps, parameters, carry)
    stiffness = None if look is None else ends.stiffness
    code, (logs, memory) = step_result(ends.result, stiffness), ends.memory
    count = jnp.full_like(code, len(rows) * steps.chunks * steps.size)
    y = jax.vmap(jax.vmap(scaled.join))(ends.states)
    logs = jnp.zeros(code.shape, y.dtype) if logs is None else logs
    return Solution(
        y, code, count, jnp.zeros_like(count), logs, integrals=ends.stored, memory=memory,
        stiffness=stiffness, backend=function.backend,
    )  # fmt: skip


def solve_fixed(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    begin: Begin,
    key: Words | None,
    substeps: int,
    policy: Fixed,
) -> Solution:
    """Equal steps of one device by XLA, differentiable in forward and reverse mode; see `solve_fixed_lanes`.

    Parameters
    ----------
    begin : Begin
        Where this stretch begins, before the first of the rows.
    key : tuple of two UInt32[Array, ""], or None
        Key of the noise of this device; None for none.
    scaled, stimulus, rows, substeps, policy
        See `solve_fixed_lanes`.
    """
    key, begin = jax.tree.map(lambda x: jnp.asarray(x)[None], (key, begin))
    begin = begin._replace(t=begin.t[0], step=begin.step[0])
    solution = solve_fixed_lanes(
        scaled, stimulus, ({}, key), rows=rows, begin=begin, substeps=substeps, policy=policy, reason="one lane"
    )  # fmt: skip
    return jax.tree.map(lambda x: x[0], solution)


def _watch(
    watch: Watch, scaled: Scaled, stimulus, record: tuple, ends: tuple, step: GridStep
) -> tuple:
    """Integrals and memory of events after a step between two states."""
    integrals, memory = record
    piece = straight_piece(step.t_start, step.t_end, *(scaled.join(parts) for parts in ends))
    memory = watch_step(watch, scaled, stimulus, memory, piece)
    samples = integrand(watch, scaled, stimulus, piece)
    return integrals + integral_over(samples, step.h), memory


def _step_by_vector(scaled: Scaled, stimulus, key, policy: Fixed, parts, step: GridStep) -> tuple:
    """Scaled states after a step of the policy's method, and what `Fixed` asks of it."""
    channels = len(scaled.channels()) if key is not None else 0
    none = jnp.zeros((len(scaled.scale), 0))
    eq = Equation(
        lambda t, z: scaled.drift(t, z, stimulus(t)),
        lambda t, z: scaled.diffusion(t, z, stimulus(t)) if channels else none.astype(z.dtype),
        scaled.project,
        lambda z, b: scaled.confine(z, b, step.u1),
        structure=scaled.system.noise_structure,
    )
    inc = _increment(policy, key if channels else None, step.number, channels, step.h)
    end = policy.method.kernel(eq, step.t_start, step.t_end, scaled.join(parts), inc, h=step.h)
    return scaled.split(end.y), FixedEnd((), end.converged)


def _semi_implicit_step(scaled: Scaled, key, policy: Fixed, parts, step: GridStep):
    """Scaled states after a step of `SemiImplicitEuler`, state by state, not yet projected."""
    channels = len(scaled.channels()) if key is not None else 0
    inc = _increment(policy, key if channels else None, step.number, channels, step.h)
    kick = {k: jnp.zeros_like(x) for k, x in parts.items()}
    if channels:
        kick = scaled.noise_increment(step.t_start, parts, step.u0, inc.w)

    def rates(p):
        return scaled.rates(step.t_end, p, step.u1)

    options: dict[str, Any] = dict(linear=scaled.linear, damped=policy.method.damped)
    return semi_implicit_euler_step(rates, parts, kick, h=step.h, **options)

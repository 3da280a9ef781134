"""Solves in equal steps between rows of output, with noise and jumps from counters."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ..circuit import replace_values
from ..core.result import Result
from ..core.scaling import Scaled
from ..core.watch import Watch
from ..noise import Words, areas, increments, uniform
from ..solver import Equation, Increment, SemiImplicitEuler, semi_implicit_euler_step
from ..stimulus import AbstractStimulus
from .guards import explicit_rates, is_driven, larger_stiffness, state_result, step_result
from .policy import Fixed
from .solution import Solution, add_watch_results
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


def _grid_steps_from(stimulus: AbstractStimulus, first: tuple, size: int) -> GridStep:
    """Return `size` consecutive steps; the first is given by its number, start [s] and length [s]."""
    step, t0, h = first
    return jax.vmap(lambda j: grid_step(stimulus, step + j, t0 + j.astype(h.dtype) * h, h))(
        jnp.arange(size)
    )


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


def solve_fixed(
    scaled: Scaled,
    stimulus: AbstractStimulus,
    *,
    rows: Float[Array, " rows"],
    begin: Begin,
    key: Words | None,
    substeps: int,
    policy: Fixed,
    watch: Watch | None = None,
) -> Solution:
    """Equal steps on a grid, differentiable in forward and reverse mode, for one device.

    Parameters
    ----------
    scaled, stimulus, rows
        As for `solve_stiff`.
    begin : Begin
        Where this stretch begins, before the first of the rows.
    key : tuple of two UInt32[Array, ""], or None
        Key of the noise of this device; None for none.
    substeps : int
        Least number of equal steps between two rows, see `chunk_sizes`.
    policy, watch : Fixed, Watch or None
        Method and increments; events and integrals.

    Notes
    -----
    A jump happens in a step of length h with probability 1 - exp(-h sum of intensities), at its start:
    first order in h, where `solve_adaptive` is exact.
    """
    chunks, size = chunk_sizes(substeps)
    by_parts = isinstance(policy.method, SemiImplicitEuler)
    advance = (_by_parts if by_parts else _by_vector)(scaled, stimulus, key, policy)
    stiffness_at = explicit_rates(scaled, policy)
    has_jumps = key is not None and scaled.has_jumps

    def advance_step(carry, step):
        parts, converged, logs, record = carry
        if has_jumps:
            y, log = _jump(scaled, key, scaled.join(parts), step)
            parts, logs = scaled.split(y), logs + log
        new_parts, step_converged = advance(parts, step)
        if watch is not None:
            record = _watch(watch, scaled, stimulus, record, (parts, new_parts), step)
        return (new_parts, converged & step_converged, logs, record), None

    @jax.checkpoint
    def chunk(carry, chunk_start):
        parts, code, logs, record, stiffness = carry
        steps = _grid_steps_from(stimulus, chunk_start, size)
        if stiffness_at is not None:
            now = stiffness_at(parts, jax.tree.map(lambda x: x[0], steps))
            stiffness = larger_stiffness(stiffness, now, code)
        begin = (parts, jnp.asarray(True), logs, record)
        (parts, converged, logs, record), _ = lax.scan(advance_step, begin, steps)
        bad = jnp.where(converged, Result.successful, Result.newton_failed)
        bad = state_result(scaled.join(parts), jnp.where(is_driven(steps), bad, Result.not_finite))
        # The first failure counts: what follows it is its consequence.
        return (parts, jnp.where(code == 0, bad, code), logs, record, stiffness), None

    def interval(carry, row):
        state, t0, step = carry
        h = (row - t0) / (chunks * size)
        k = size * jnp.arange(chunks)
        chunk_starts = (step + k, t0 + k.astype(h.dtype) * h, jnp.full(chunks, h))
        state, _ = lax.scan(chunk, state, chunk_starts)
        integrals = None if state[3] is None else state[3][0]
        return (state, row, step + chunks * size), (scaled.join(state[0]), integrals)

    y0, record = begin.y, begin.record
    stiffness = None if stiffness_at is None else jnp.zeros(2, y0.dtype)
    record = _begin_record(watch, y0) if record is None else record
    # One array per state: a batch of devices then runs along contiguous memory.
    state = (scaled.split(y0), jnp.asarray(0), jnp.zeros((), y0.dtype), record, stiffness)
    end, (y, q) = lax.scan(interval, (state, begin.t, begin.step), rows)
    return _solution(end, y, q, begin.step)


def _begin_record(watch: Watch | None, y0: Float[Array, " n"]) -> tuple | None:
    """Integrals and memory of events before the first step; None where nothing is watched."""
    if watch is None:
        return None
    return jnp.zeros(len(watch.integrals), y0.dtype), begin_memory(watch, y0)


def _solution(end: tuple, y, q, first) -> Solution:
    """A solution out of what was carried to its end, states and integrals at the rows, and the first step's number."""
    (_, code, logs, record, stiffness), _, last = end
    steps, code = last - first, step_result(code, stiffness)
    solution = Solution(y, code, steps, jnp.zeros_like(last), logs, stiffness=stiffness)
    return solution if record is None else add_watch_results(solution, q, record[1])


def _watch(
    watch: Watch, scaled: Scaled, stimulus, record: tuple, ends: tuple, step: GridStep
) -> tuple:
    """Integrals and memory of events after a step between two states."""
    integrals, memory = record
    piece = straight_piece(step.t_start, step.t_end, *(scaled.join(parts) for parts in ends))
    memory = watch_step(watch, scaled, stimulus, memory, piece)
    samples = integrand(watch, scaled, stimulus, piece)
    return integrals + integral_over(samples, step.h), memory


def _by_vector(scaled: Scaled, stimulus, key, policy: Fixed) -> Callable:
    """A step of the policy's method as a function of scaled states."""
    channels = len(scaled.channels()) if key is not None else 0
    none = jnp.zeros((len(scaled.scale), 0))

    def advance(parts, step: GridStep):
        eq = Equation(
            lambda t, z: scaled.drift(t, z, stimulus(t)),
            lambda t, z: scaled.diffusion(t, z, stimulus(t)) if channels else none.astype(z.dtype),
            scaled.project,
            lambda z, b: scaled.confine(z, b, step.u1),
            structure=scaled.system.noise_structure,
        )
        inc = _increment(policy, key if channels else None, step.number, channels, step.h)
        end = policy.method.kernel(eq, step.t_start, step.t_end, scaled.join(parts), inc, h=step.h)
        return scaled.split(end.y), end.converged

    return advance


def semi_implicit_step(scaled: Scaled, key, policy: Fixed) -> Callable:
    """A step of `SemiImplicitEuler`, state by state, as a function of scaled states: their ends, not yet projected.

    Returns
    -------
    callable
        A function of scaled states by name and a `GridStep`, which gives the states at its end, not yet projected.
    """
    channels = len(scaled.channels()) if key is not None else 0
    damped = getattr(policy.method, "damped", False)

    def advance(parts, step: GridStep):
        inc = _increment(policy, key if channels else None, step.number, channels, step.h)
        kick = {k: jnp.zeros_like(x) for k, x in parts.items()}
        if channels:
            kick = scaled.noise_increment(step.t_start, parts, step.u0, inc.w)

        def rates(p):
            return scaled.rates(step.t_end, p, step.u1)

        options: dict[str, Any] = dict(linear=scaled.linear, damped=damped)
        return semi_implicit_euler_step(rates, parts, kick, h=step.h, **options)

    return advance


def _by_parts(scaled: Scaled, stimulus, key, policy: Fixed) -> Callable:
    """A semi-implicit step, state by state, inside the domain."""
    semi_implicit = semi_implicit_step(scaled, key, policy)
    return lambda parts, step: (scaled.project_parts(semi_implicit(parts, step)), jnp.asarray(True))

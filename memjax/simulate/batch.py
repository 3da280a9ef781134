"""Many solves at once: members times sweeps of one system."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.scaling import Scaled
from ..core.watch import Watch
from ..errors import PolicyError
from ..lanes.choice import chosen_backend, unavailable
from ..lanes.xla_fixed import in_blocks
from ..noise import capacity, clock
from ..runtime.compile_cache import cached_jit, jit_with_options
from ..runtime.memory import check_size
from ..solver import AbstractKernel
from ..stimulus import AbstractStimulus
from .adaptive import solve_adaptive, solve_stiff
from .diffrax import solve_by_diffrax
from .events import locate_events
from .fixed import Begin, chunk_sizes, reason_for_xla, solve_fixed_lanes, with_values
from .policy import Fixed, Stiff
from .resolution import steps_in
from .solution import Solution, add_watch_results

_CHUNKS = 25
"""Parts of a run of fixed steps; after each the progress bar moves, and the run can be interrupted."""

_COUNTER = 2**32
"""Candidates for jumps of one device that its counter of 32 bits tells apart."""


class Grid(eqx.Module):
    """Everything that a batch of solves needs.

    Parameters
    ----------
    stimuli : AbstractStimulus
        One per sweep, stacked.
    rows : Float[np.ndarray, "sweeps rows"]
        Times of output [s], known under transformations too.
    values : dict of str to Float[Array, "members sweeps"]
        Device parameters that differ [SI].
    keys : tuple of two UInt32[Array, "members sweeps"] or None
        Words of the noise; None for none.
    watch : Watch or None
        Events and integrals, one per sweep, stacked.
    """

    stimuli: AbstractStimulus
    rows: Float[Array | np.ndarray, "sweeps rows"]
    values: dict[str, Float[Array, "members sweeps"]]
    keys: Any = None
    watch: Watch | None = None

    def sweeps(self, numbers: np.ndarray) -> "Grid":
        """The grid of some of the sweeps."""
        leaves = (self.stimuli, self.rows, self.watch)
        stimuli, rows, watch = jax.tree.map(lambda x: x[numbers], leaves)
        values, keys = jax.tree.map(lambda x: x[:, numbers], (self.values, self.keys))
        return Grid(stimuli, rows, values, keys, watch)


def map_lanes(run: Callable, grid: Grid, *extra: Any) -> Any:
    """Map ``run(sweep, values, key, *extra)`` over members and sweeps.

    What depends on the sweep only, as its drive, is computed once for all members. Leaves of `extra`
    and of the result have the axes (members, sweeps).
    """
    return _map_sweeps(lambda x, lanes: in_blocks(lambda o: run(x, *o), lanes), grid, *extra)


def _map_sweeps(members: Callable, grid: Grid, *extra: Any) -> Any:
    """Map ``members(sweep, lanes)`` over sweeps; lanes are values, keys and `extra` of all members."""
    lanes = (grid.values, grid.keys, *extra)
    sweeps = Sweep(grid.stimuli, grid.rows, grid.watch)
    # Batched over a single sweep, the drive would be computed for every member.
    if len(grid.rows) == 1:
        single = members(
            jax.tree.map(lambda x: x[0], sweeps), jax.tree.map(lambda x: x[:, 0], lanes)
        )
        return jax.tree.map(lambda x: x[:, None], single)
    return jax.vmap(members, in_axes=(0, 1), out_axes=1)(sweeps, lanes)


class Sweep(eqx.Module):
    """One sweep: its drive, times of output [s], and what is watched."""

    stimulus: AbstractStimulus
    rows: Any
    watch: Watch | None


@cached_jit
def _stiff(scaled, grid, y0, policy):
    """The fields of a `Solution`, as those of `_adaptive`."""
    end = jnp.max(grid.rows)

    def run(sweep, values, key, y):
        system, options = with_values(scaled, values), dict(rows=sweep.rows, watch=sweep.watch)
        return solve_stiff(system, sweep.stimulus, y0=y, end=end, policy=policy, **options)

    return map_lanes(run, grid, y0).arrays()


@cached_jit
def _adaptive(scaled, grid, y0, policy, rate, size):
    """`size` candidates for jumps at a rate."""
    end = jnp.max(grid.rows)

    def run(sweep, values, key, y):
        candidates = None if size is None else clock(key, rate=rate, size=size)
        system, options = with_values(scaled, values), dict(rows=sweep.rows, watch=sweep.watch)
        return solve_adaptive(
            system,
            sweep.stimulus,
            y0=y,
            end=end,
            policy=policy,
            key=key,
            clock=candidates,
            **options,
        )

    return map_lanes(run, grid, y0).arrays()


def wide_loop_options() -> dict[str, Any]:
    """Options of XLA for loops over many devices: whole vectors, no copy of the state at each step."""
    return {
        "xla_cpu_prefer_vector_width": 512,
        "xla_cpu_copy_insertion_use_region_analysis": True,
    }


def _fixed_steps(scaled, grid, y0, record, first, substeps, policy, ways):
    """Solve from the first of the rows, where each sweep stands, to the others.

    In `ways` are the backend that is in use, and why it can be no kernel: other programs than those of another way.
    """

    def members(sweep, lanes):
        values, keys, y, record = lanes
        begin, options = Begin(y, sweep.rows[0], first, record), dict(substeps=substeps)
        options |= dict(policy=policy, watch=sweep.watch, reason=ways[1])
        return solve_fixed_lanes(
            scaled, sweep.stimulus, (values, keys), rows=sweep.rows[1:], begin=begin, **options
        )

    return _map_sweeps(members, grid, y0, record)


_solve_fixed_steps = jit_with_options(_fixed_steps, wide_loop_options)


def _fixed_in_chunks(scaled, grid: Grid, y0, substeps: int, policy: Fixed, bar) -> Solution:
    """`_solve_fixed_steps` part by part, so that a long run can show its progress and be interrupted."""
    k = grid.rows.shape[1]
    chunk = k if bar is None else max(1, -(-k // _CHUNKS))
    # Parts of one length are one program; rows of no duration fill up the last part.
    padding = np.repeat(grid.rows[:, -1:], -k % chunk, axis=1)
    times = np.concatenate([np.zeros_like(grid.rows[:, :1]), grid.rows, padding], axis=1)
    first, parts, record = jnp.asarray(0), [], None
    ways = chosen_backend(), reason_for_xla(scaled, grid, y0, policy)
    for a in range(0, times.shape[1] - 1, chunk):
        piece = eqx.tree_at(lambda g: g.rows, grid, times[:, a : a + chunk + 1])
        s = _solve_fixed_steps(scaled, piece, y0, record, first, substeps, policy, ways)
        if s.integrals is not None:
            record = (s.integrals[:, :, -1], s.memory)
        y0, first = s.y[:, :, -1], first + chunk * math.prod(chunk_sizes(substeps))
        parts.append(s)
        if bar is not None:
            jax.block_until_ready(s.y)
            bar.update(min(chunk, k - a))
    return _join_stretches(parts, k)


def _join_stretches(parts: list[Solution], rows: int) -> Solution:
    """Stretches one after the other; padding cut off, the first failure of each lane kept."""
    if len(parts) == 1:  # of no padding
        return parts[0]
    code = parts[0].result
    for s in parts[1:]:
        code = jnp.where(code == 0, s.result, code)

    def total(name: str) -> Array:
        return jnp.sum(jnp.stack([getattr(s, name) for s in parts]), axis=0)

    y, q = (
        jax.tree.map(lambda *x: jnp.concatenate(x, axis=2)[:, :, :rows], *fields)
        for fields in ([s.y for s in parts], [s.integrals for s in parts])
    )
    stiffness = None
    if parts[0].stiffness is not None:
        stiffness = jnp.max(jnp.stack([jnp.asarray(s.stiffness) for s in parts]), axis=0)
    steps = (total(n) for n in ("accepted", "rejected", "pattern"))
    solution = Solution(y, code, *steps, stiffness=stiffness, backend=parts[0].backend)
    return add_watch_results(solution, q, parts[-1].memory)


def _fixed_by_steps(scaled: Scaled, grid: Grid, y0, policy: Fixed, bar) -> Solution:
    """`_fixed_in_chunks`, sweeps of equal steps between rows together.

    The steps of a sweep, and so its noise, follow from its own rows and not from those beside it.
    """
    gaps = np.diff(np.asarray(grid.rows), axis=1, prepend=0.0)
    counts = steps_in(np.max(gaps, axis=1), policy.dt)
    parts, order = [], []
    for substeps in np.unique(counts):
        numbers = np.flatnonzero(counts == substeps)
        subgrid, y = (
            (grid, y0) if len(numbers) == len(counts) else (grid.sweeps(numbers), y0[:, numbers])
        )
        parts.append(_fixed_in_chunks(scaled, subgrid, y, int(substeps), policy, bar))
        order.append(numbers)
    if len(parts) == 1:
        return parts[0]
    # Solved by their number of steps, sweeps go back to their own order.
    inverse = np.argsort(np.concatenate(order))
    backend = " and ".join(dict.fromkeys(p.backend for p in parts))
    parts = [dataclasses.replace(p, backend=backend) for p in parts]
    return jax.tree.map(lambda *x: jnp.concatenate(x, axis=1)[:, inverse], *parts)


def _rate(scaled: Scaled, grid: Grid, policy: Stiff):
    """Rate of the candidates for jumps [1/s] and how many are made; None and None without jumps."""
    if not scaled.has_jumps:
        return None, None
    rate, zero = policy.clock, jnp.zeros(())
    if rate is None:

        def bound(values):
            system = with_values(scaled, values)
            return jnp.sum(system.jumps(zero, system.initial(), zero)[1])

        # Thinning is exact for any clock that is faster than all jumps together, in every lane.
        bounds = jax.vmap(jax.vmap(bound))(grid.values) if grid.values else bound({})
        rate = jnp.max(bounds)
    if isinstance(rate, jax.core.Tracer):
        raise PolicyError(
            "jumps whose bound is traced",
            where="Stiff",
            fix="say Stiff(clock=...) with a rate [1/s] above every sum of intensities",
        )
    end = float(np.max(grid.rows))
    size = capacity(float(rate) * end)
    _check_candidates(size, math.prod(jnp.shape(grid.keys[0])), float(rate), end)
    return jnp.asarray(rate, grid.rows.dtype), size


def _check_candidates(size: int, lanes: int, rate: float, end: float) -> None:
    """Refuse more candidates for jumps than memory holds, or than a counter of 32 bits tells apart."""
    what = f"candidates for jumps ({rate:.3g}/s over {end:.3g} s, {lanes} solves)"
    options: dict[str, Any] = dict(
        where="Stiff",
        error=PolicyError,
        fix="take a shorter drive, mj.Fixed(dt), or deterministic=True",
    )
    check_size(lanes * size, 2 * jnp.finfo(float).bits / 8, what=what, **options)
    if size > _COUNTER:
        raise PolicyError(
            f"{size:.3g} {what}", where="Stiff", allowed=f"at most {_COUNTER}", fix=options["fix"]
        )


def _diffrax_lanes(scaled: Scaled, grid: Grid, y0, policy: Fixed) -> Solution:
    """One solve after the other by a solver of diffrax."""
    if grid.watch is not None:
        raise PolicyError(
            f"events or integrals with {type(policy.method).__name__}",
            where="Fixed",
            allowed="methods of memjax.solver",
            fix="leave method out, or use mj.Stiff()",
        )
    if grid.keys is not None and scaled.has_jumps:
        raise PolicyError(
            f"{type(policy.method).__name__} with jumps",
            where="Fixed",
            allowed="methods of memjax.solver",
            fix="it knows no jumps and would leave them out: leave method out, or use mj.Stiff()",
        )
    members, sweeps = y0.shape[:2]
    keys = (jnp.zeros((members, sweeps), jnp.uint32),) * 2 if grid.keys is None else grid.keys

    def solve_lane(m, k):
        stimulus, rows = jax.tree.map(lambda x: x[k], (grid.stimuli, grid.rows))
        y, key, values = jax.tree.map(lambda x: x[m, k], (y0, keys, grid.values))
        system = with_values(scaled, values)
        return solve_by_diffrax(system, stimulus, rows=rows, y0=y, key=key, policy=policy)

    solutions = [solve_lane(m, k) for m in range(members) for k in range(sweeps)]

    def stack(*x):
        return jnp.stack(x).reshape(members, sweeps, *x[0].shape)

    return jax.tree.map(stack, *solutions)


def solve_grid(scaled: Scaled, grid: Grid, y0, policy: Stiff | Fixed, bar=None) -> Solution:
    """Solve a batch.

    Parameters
    ----------
    scaled : Scaled
        The system.
    grid : Grid
        Drives, times of output and values of every lane.
    y0 : Float[Array, "members sweeps n"]
        Scaled state at the start of each solve.
    policy : Stiff or Fixed
        How it is integrated.
    bar : tqdm, optional
        Shows the progress of fixed steps.

    Returns
    -------
    Solution
        Its leaves have the axes (members, sweeps).
    """
    if not (isinstance(policy, Fixed) and isinstance(policy.method, AbstractKernel)):
        unavailable(f"{type(policy).__name__} steps of `simulate`")
    if isinstance(policy, Stiff):
        if grid.keys is None:
            return Solution(**_stiff(scaled, grid, y0, policy))
        rate = _rate(scaled, grid, policy)
        return Solution(**_adaptive(scaled, grid, y0, policy, *rate))
    if isinstance(policy.method, AbstractKernel):
        return _fixed_by_steps(scaled, grid, y0, policy, bar)
    return _diffrax_lanes(scaled, grid, y0, policy)


@cached_jit
def _events(scaled, grid, memory, smooth):
    """Events of every lane, out of the steps in which they happened."""

    def run(sweep, values, key, memory):
        system = with_values(scaled, values)
        return locate_events(sweep.watch, system, sweep.stimulus, memory, smooth=smooth)

    return map_lanes(run, grid, memory)


def grid_events(scaled: Scaled, grid: Grid, memory: Any, policy: Stiff | Fixed) -> dict[str, Any]:
    """Times of events in every lane of a solved batch, and the signals at them; see `locate_events`.

    Parameters
    ----------
    scaled, grid, policy
        As for `solve_grid`.
    memory : PyTree
        Of its solution.

    Returns
    -------
    dict
        Events by name; arrays have the axes (members, sweeps) before those of `locate_events`.
    """
    return _events(scaled, grid, memory, isinstance(policy, Stiff) and grid.keys is None)

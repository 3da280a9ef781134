"""Solves of many devices side by side, each on a grid of steps of its own, so that none waits for another."""

import functools
import math
import threading
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from memjax.compile_cache import fast_compile_options, jit_with_options
from memjax.scaling import Scaled
from memjax.simulate import Solution
from memjax.solver import derivative, rodas3_componentwise_step, tangents_step

from ..sweeps.problem import Problem, log_seen, misfit, read_off, scaled_under

FINE, COARSE = 3e-5, 3e-4
"""Tolerances of a step relative to the state: for the optimum, and on the way there."""

_ATOL = 1e-2
"""Tolerance of a step in units of each state's scale, over that relative to the state."""

LANES = (24, 8)
"""Solves that advance together: whole vectors in the caches; and fewer, where no more are left."""

MOST = 64
"""Steps between two rows beyond which a grid does not grow: what needs more is left to the adaptive solver."""

_BLOCK = 64
"""Sizes of grids are multiples of it: few sizes, few programs."""

_PASSES = 4
"""Solves for one grid at most."""

_GRADED = 4.0 ** -np.arange(7, 0, -1)
"""Times, as shares of that of the first row, on which steps end before it: a solve may start off its balance."""

_NUDGE = 1e-6
"""Share of a step by which its ends are taken inwards, so that a jump of the drive counts for the right side."""

_LARGEST = 512.0
"""Error of a step over its tolerance that counts at most: 8 times as many steps."""

_GROWTH = {True: 1.5, False: 4.0}
"""Growth of the number of steps between two rows above which a solve is done again: for the optimum, on the way."""


class Grid(eqx.Module):
    """Steps of each lane.

    Parameters
    ----------
    t, h : Float[np.ndarray, "lanes waves steps"]
        Start and length of each step [s]; those behind the last row lead nowhere.
    u : Float[np.ndarray, "lanes waves steps"]
        Value of the drive just inside the start of each step [V or A].
    slope : Float[np.ndarray, "lanes waves steps"]
        By how much it grows during the step [V or A].
    at : Int[np.ndarray, "lanes waves rows"]
        Number of steps before each row.
    v, rate : Float[np.ndarray, "lanes waves rows"]
        Value of the drive just before each row, and by how much it grows per time [V or A, 1/s].
    count : Int[np.ndarray, ""]
        Steps that the longest lane needs.
    rtol : float
        Tolerance of a step relative to the state.
    """

    t: Float[Array | np.ndarray, "lanes waves steps"]
    h: Float[Array | np.ndarray, "lanes waves steps"]
    u: Float[Array | np.ndarray, "lanes waves steps"]
    slope: Float[Array | np.ndarray, "lanes waves steps"]
    at: Int[Array | np.ndarray, "lanes waves rows"]
    v: Float[Array | np.ndarray, "lanes waves rows"]
    rate: Float[Array | np.ndarray, "lanes waves rows"]
    count: Int[Array | np.ndarray, ""]
    rtol: Float[Array | np.ndarray, ""]


def _laned(grid: Grid) -> Grid:
    """Axes of a grid's leaves: all lanes go on as long as the longest needs to."""
    axes = jax.tree.map(lambda _: 0, grid)
    return eqx.tree_at(lambda g: (g.count, g.rtol), axes, (None, None))


class Plan:
    """Intervals on whose ends steps end, of each of many problems, and what drives them.

    Parameters
    ----------
    rows : Float[np.ndarray, "lanes waves rows"]
        Ascending times of output [s], the corners of the drive among them.
    drive : callable
        ``drive(t)``: value of the drive at times [s] of the shape (lanes, waves, times).
    """

    def __init__(self, rows: np.ndarray, drive: Any):
        first = np.where(rows[..., :1] > 0, rows[..., :1], rows[..., 1:2])
        times = np.concatenate([rows, first * _GRADED], axis=2)
        order = np.argsort(times, axis=2, kind="stable")
        self.place = np.argsort(order, axis=2)[..., : rows.shape[2]]
        ends = np.take_along_axis(times, order, axis=2)
        self.gap = np.diff(ends, axis=2, prepend=0.0)
        self.begin = ends - self.gap
        inside = [
            np.asarray(drive(t)) for t in (self.begin + _NUDGE * self.gap, ends - _NUDGE * self.gap)
        ]
        self.u, self.slope = inside[0], inside[1] - inside[0]
        rate = self.slope / np.where(self.gap > 0, self.gap, np.inf)
        self.v, self.rate = (np.take_along_axis(x, self.place, axis=2) for x in (inside[1], rate))

    def grid(self, which: np.ndarray, steps: np.ndarray, rtol: float) -> Grid:
        """Equal steps in every interval of some problems: `steps` of them, none where it has no length."""
        gap = self.gap[which]
        steps = np.where(gap > 0, steps, 0)
        at = np.cumsum(steps, axis=2)
        size, most = 1.5 * gap.shape[2], at[..., -1].max()
        while size < most:
            size *= 1.5
        size = _BLOCK * math.ceil(size / _BLOCK)
        # Behind the last row its interval goes on: as many steps in every lane.
        filled = steps.copy()
        filled[..., -1] += size - at[..., -1]
        of = np.repeat(np.arange(steps.size), filled.ravel())
        k = np.arange(of.size) - (np.cumsum(filled) - filled.ravel())[of]
        share = 1.0 / np.maximum(steps, 1)

        def spread(start: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Values at the starts of steps, and their growth."""
            by = (whole * share).ravel()[of]
            out = start.ravel()[of] + k * by
            return out.reshape(*steps.shape[:2], size), by.reshape(*steps.shape[:2], size)

        t, h = spread(self.begin[which], gap)
        u, slope = spread(self.u[which], self.slope[which])
        at = np.take_along_axis(at, self.place[which], axis=2)
        v, rate = self.v[which], self.rate[which]
        return Grid(t, h, u, slope, at, v, rate, np.asarray(most), np.asarray(rtol))


def needed(gap: np.ndarray, steps: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Steps in each interval for which the error of each is within its tolerance.

    Parameters
    ----------
    gap : Float[np.ndarray, "lanes waves intervals"]
        Lengths of the intervals [s].
    steps : Int[np.ndarray, "lanes waves intervals"]
        Steps in each, in a solve.
    excess : Float[np.ndarray, "lanes waves steps"]
        Error of each step of that solve over its tolerance; where it is no number, so are those
        behind it.
    """
    count = np.where(gap > 0, steps, 0)
    at = np.cumsum(count, axis=2)
    size = excess.shape[2]
    if not np.all(np.isfinite(excess)):
        broken = ~np.isfinite(excess)
        first = broken & (np.cumsum(broken, axis=2) == 1)
        excess = np.where(first, _LARGEST, np.where(broken, 1.0, excess))
    # Segments end where the next begins; behind the last row there is nothing that counts.
    counted = np.where(np.arange(size) < at[..., -1:], excess, 0.0).ravel()
    offset = size * np.arange(at[..., 0].size).reshape(*at.shape[:2], 1)
    taken = count > 0
    worst = np.maximum.reduceat(counted, (at - count + offset)[taken])
    wanted = np.ones(steps.shape)
    wanted[taken] = np.ceil(count[taken] * np.cbrt(np.minimum(worst, _LARGEST)) * 1.1 - 0.1)
    return np.clip(wanted, 1, MOST).astype(np.int32)


def _march(equations: Callable, lanes: Any, grid: Grid, *, slopes: bool):
    """States at the start and after every step, their tangents, and the error of each step over its tolerance.

    Parameters
    ----------
    equations : callable
        ``equations(lane)``: the scaled equations of one of `lanes`, and for each direction the derivatives of
        those of their leaves that depend on it, by their place.
    lanes : pytree
        A leading axis over lanes.
    grid : Grid
        Steps, of one axis over lanes.
    slopes : bool
        Whether tangents are asked for.

    Returns
    -------
    kept : Float[Array, "steps+1 components lanes"]
        Scaled states, and the same along each direction.
    structure : PyTreeDef
        What the components are: states, then a list for each direction.
    excess : Float[Array, "steps lanes"]
    """
    start = jax.vmap(lambda lane: _Lane(equations(lane), slopes).start())(lanes)
    step = jax.vmap(
        lambda lane, now, place: _Lane(equations(lane), slopes).step(now, place, grid.rtol)
    )
    places = [x.T for x in (grid.t, grid.h, grid.u, grid.slope)]
    size, width = places[0].shape
    all_of = lambda now: jnp.stack(jax.tree.leaves(now))  # noqa: E731

    def body(k, carry):
        now, kept, excess = carry
        now, over = step(lanes, now, [x[k] for x in places])
        return now, kept.at[k + 1].set(all_of(now)), excess.at[k].set(over)

    first = all_of(start)
    kept = jnp.zeros((size + 1, *first.shape)).at[0].set(first)  # one array: nothing is copied
    _, kept, excess = lax.fori_loop(0, grid.count, body, (start, kept, jnp.zeros((size, width))))
    return kept, jax.tree.structure(start), excess


class _Lane:
    """Steps of one lane, on named scalars."""

    def __init__(self, equations: tuple[Scaled, Sequence[dict[int, Array]]], slopes: bool):
        self.scaled, moved = equations
        self.moved = moved if slopes else ()
        self.leaves, self.whole = _leaves(self.scaled)

    def tree(self, y):
        out, k = {}, 0
        for s in self.scaled.system.specs:
            out[s.name] = y[k] if s.size == 1 else jnp.stack(y[k : k + s.size])
            k += s.size
        return out

    def flat(self, parts):
        specs = self.scaled.system.specs
        return [x for s in specs for x in ([parts[s.name]] if s.size == 1 else list(parts[s.name]))]

    def along(self, m, f, y, d):
        """Derivative along a direction of a function of equations and states."""
        own = lambda x: self.whole([x.get(k, leaf) for k, leaf in enumerate(self.leaves)])  # noqa: E731
        known = {k: self.leaves[k] for k in m}
        return jax.jvp(lambda x, y: f(own(x), y), (known, y), (m, d))[1]

    def start(self):
        """States at rest, and their tangents."""
        of = lambda own, _: list(own.initial())  # noqa: E731
        return of(self.scaled, []), [self.along(m, of, [], []) for m in self.moved]

    def step(self, now, place, rtol):
        """States and tangents after a step, and its error over its tolerance."""
        (y, d), (t, h, u, slope) = now, place

        def rates(own, s, z):
            return self.flat(self.whole(own).rates(t + s * h, self.tree(z), u + s * slope))

        def kept(own, y):
            return self.flat(own.kept(self.tree(y)))

        free, error = rodas3_componentwise_step(partial(rates, self.leaves), y, h=h)
        over = [
            e / (rtol * (_ATOL + jnp.maximum(jnp.abs(a), jnp.abs(b))))
            for e, a, b in zip(error, y, free)
        ]
        excess = jnp.sqrt(sum(x**2 for x in over) / len(over))
        end = kept(self.scaled, free)
        if self.moved:
            d = tangents_step(rates, self.leaves, (y, end), self.moved, d, h=h)
            d = [self.along(m, kept, free, x) for m, x in zip(self.moved, d, strict=True)]
        return (end, d), excess


def _leaves(scaled: Scaled):
    """Arrays of real numbers, and what makes the equations of such arrays."""
    arrays, rest = eqx.partition(scaled, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    return leaves, lambda own: eqx.combine(jax.tree.unflatten(structure, own), rest)


def _read(problem: Problem, z: Sequence, *, grid: Grid, states: list):
    """Residuals [sigma], data then prior, of the states at the rows, and of those on all ends of steps if given."""
    zero, g = jnp.zeros((), int), problem.group
    left = None if g.left is None else problem.bench

    def one(stimulus, rows, span, own, y, limits):
        scaled = _scaled(problem, z, limits)
        if len(y) == 1:

            def see(at, v, rate, y):
                drive = lambda t: v + rate * (t - at)  # noqa: E731
                return log_seen(scaled, y, drive, at, driven=stimulus.quantity, left=left)

            return jax.vmap(see)(rows, own.v, own.rate, y[0]), jnp.zeros(span.shape)
        real = jnp.arange(len(own.t)) < own.at[-1]
        ends = jnp.append(0.0, jnp.where(real, own.t + own.h, jnp.inf))
        sol = Solution(y[0], zero, zero, zero, jnp.zeros(()), ends, y[1])
        return read_off(scaled, stimulus, rows, span, g.thresholds, sol, left)

    axes = (0, 0, 0, _laned(grid), 0, 0)
    logs, events = jax.vmap(one, in_axes=axes)(g.stimuli, g.rows, g.span, grid, states, g.limits)
    return problem.with_prior(misfit(g, *logs, events=events), jnp.stack(z))


def _scaled(problem: Problem, z, limits: Float[Array, "2"] | None) -> Scaled:
    """The equations at a point, under the limits of one waveform [A]."""
    return scaled_under(problem, problem.at(z), limits)


def _directions(problem: Problem, z: list, limits: Any) -> list[dict[int, Array]]:
    """For each coordinate the derivatives of those leaves of the equations that depend on it, by their place."""
    found = []
    for k, x in enumerate(z):
        of = lambda x, k=k: _leaves(_scaled(problem, [*z[:k], x, *z[k + 1 :]], limits))[0]  # noqa: E731
        moved = enumerate(derivative(of, x, jnp.ones_like(x)))
        found.append({i: d for i, d in moved if not isinstance(d, float)})
    return found


def _lanes(problems: Any, which, z, grid: Grid, events: bool, slopes: bool):
    """Residuals, Jacobian if asked for, and errors of the steps, of lanes of stacked problems."""
    arrays, rest = eqx.partition(problems, eqx.is_array)
    own, waves = jax.tree.map(lambda x: x[which], arrays), grid.t.shape[1]
    # One axis over lanes and waves: a loop along contiguous memory.
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]) if x.ndim > 1 else x, grid)
    parts = jax.tree.map(lambda x: jnp.repeat(x, waves, axis=0), (own, z))
    limits = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), own.group.limits)

    def equations(lane):
        problem, z, limits = eqx.combine(lane[0], rest), list(lane[1]), lane[2]
        return _scaled(problem, z, limits), _directions(problem, z, limits) if slopes else ()

    kept, structure, excess = _march(equations, (*parts, limits), flat, slopes=slopes)
    _, count, width = kept.shape
    place = flat.at * (count * width) + jnp.arange(width)[:, None]
    apart = lambda x: x.reshape(-1, waves, *x.shape[1:])  # noqa: E731

    def seen(parts):
        """States at the rows; and on all ends of steps, where events are looked for."""
        pick = lambda c: kept.ravel().at[place + c * width].get(mode="promise_in_bounds")  # noqa: E731
        every = [[kept[:, c].T for c in parts]] if events else []
        return [apart(jnp.stack(x, axis=-1)) for x in ([pick(c) for c in parts], *every)]

    y, tangents = jax.tree.unflatten(structure, range(count))

    def read(own, z, grid, y, *tangents):
        z, of = list(z), partial(_read, eqx.combine(own, rest), grid=grid)
        if not slopes:
            return of(z, states=y), None
        found = []
        for k, d in enumerate(tangents):
            along = lambda x, y, k=k: of([*z[:k], x, *z[k + 1 :]], states=y)  # noqa: E731
            found.append(jax.jvp(along, (z[k], y), (jnp.ones_like(z[k]), d)))
        return found[0][0], jnp.stack([d for _, d in found], axis=-1)

    axes = (0, 0, _laned(grid), *[0] * (1 + len(tangents)))
    states = seen(y), *map(seen, tangents)
    r, jacobian = jax.vmap(read, in_axes=axes)(own, z, grid, *states)
    return (r, jacobian, apart(excess.T)) if slopes else (r, apart(excess.T))


def _plainly(problems, which, z, grid, events):
    """Residuals and errors."""
    return _lanes(problems, which, z, grid, events, False)


def _linearly(problems, which, z, grid, events):
    """Residuals, Jacobian by the variational equation, and errors."""
    return _lanes(problems, which, z, grid, events, True)


def _single() -> dict[str, Any]:
    """Options of XLA for programs of which several run at the same time: a thread each."""
    return fast_compile_options() | {"xla_cpu_multi_thread_eigen": False}


_building, _built = threading.Lock(), set()
"""Programs are compiled by one thread at a time, each once."""


def _once(f: Callable) -> Callable:
    """A compiled function of which two threads do not compile the same program."""

    @functools.wraps(f)
    def call(problems, which, z, grid, events):
        key = f, jax.tree.structure(problems), problems.free, which.shape, grid.t.shape, events
        if key in _built:
            return f(problems, which, z, grid, events)
        with _building:
            found = jax.block_until_ready(f(problems, which, z, grid, events))
            _built.add(key)
        return found

    return call


plainly, linearly = (_once(jit_with_options(f, _single)) for f in (_plainly, _linearly))


def _adaptively(problems: Any, which, z):
    """Residuals and success of lanes by the adaptive solver, without derivatives."""
    arrays, rest = eqx.partition(problems, eqx.is_array)
    own = jax.tree.map(lambda x: x[which], arrays)
    return jax.vmap(lambda own, z: eqx.combine(own, rest).residuals(z))(own, z)


adaptively = jit_with_options(_adaptively, _single)


@jax.jit
def _driven(stimuli: Any, t: np.ndarray) -> Array:
    """Values of stacked stimuli."""
    return jax.vmap(jax.vmap(lambda s, t: jax.vmap(s)(t)))(stimuli, t)


def _parts(count: int) -> list[tuple[np.ndarray, int]]:
    """Blocks of lanes, and how many lanes each is filled up to."""
    large, small = LANES
    parts, k = [], 0
    while k < count:
        size = large if count - k > large // 2 else small
        parts.append((np.arange(k, min(k + size, count)), size))
        k += size
    return parts


class Engine:
    """Evaluates jobs, each a start of a problem, in blocks of lanes on grids that follow their solutions.

    Parameters
    ----------
    problems : Problem
        Stacked.
    owner : Int[np.ndarray, "jobs"]
        The problem of each job.
    halt : threading.Event, optional
        Ends the evaluation between two blocks, by a `KeyboardInterrupt`, once it is set.
    """

    def __init__(
        self, problems: Any, owner: Int[np.ndarray, " jobs"], halt: threading.Event | None = None
    ):
        self.problems, self.owner, self.rtol = problems, owner, COARSE
        self.halt = halt or threading.Event()
        self.events = bool(np.any(np.asarray(problems.group.event_weight)))
        self.plan = Plan(np.asarray(problems.group.rows), partial(_driven, problems.group.stimuli))
        self.steps = np.ones((len(owner), *self.plan.gap.shape[1:]), np.int32)

    def _blocks(self, run, z, jobs):
        """`run` over blocks of lanes, filled up with their last lane; leaves cut and joined."""
        parts = _parts(len(jobs))

        def one(part, size):
            if self.halt.is_set():
                raise KeyboardInterrupt
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part))])
            found = run(z[filled], jobs[filled])
            return jax.tree.map(lambda x: np.asarray(x)[: len(part)], found)

        found = [one(*part) for part in parts]
        return jax.tree.map(lambda *x: np.concatenate(x), *found)

    def _gridded(self, z, jobs, *, slopes: bool):
        """Residuals (and slopes) on a grid that suits these points; it is kept for the next ones."""
        which, steps = self.owner[jobs], self.steps[jobs]
        gap, fine = self.plan.gap[which], self.rtol == FINE
        allowed = _GROWTH[fine]
        # On the way a grid that was right a step before is tried as it is.
        ahead = linearly if slopes and not fine else plainly
        for _ in range(_PASSES):
            grid = self.plan.grid(which, steps, self.rtol)
            *found, excess = ahead(self.problems, which, z, grid, self.events)
            want = needed(gap, steps, np.asarray(excess))
            if np.all(want <= allowed * steps):
                break
            ahead, steps = plainly, np.maximum(want, steps // 2)
        if slopes and ahead is plainly:
            *found, _ = linearly(self.problems, which, z, grid, self.events)
        # Grids that are nearly right stay, so that costs can be compared.
        steps = np.where((want <= _GROWTH[True] * steps) & (3 * want >= steps), steps, want)
        return *found, steps

    def some(self, jobs: Int[np.ndarray, " some"]) -> "Engine":
        """An engine of some of the jobs, on the grids that they have."""
        engine = copy(self)
        engine.owner, engine.steps = self.owner[jobs], self.steps[jobs]
        return engine

    def residuals(self, z, jobs) -> np.ndarray:
        """Residuals of jobs."""
        r, self.steps[jobs] = self._blocks(partial(self._gridded, slopes=False), z, jobs)
        return r

    def linearise(self, z, jobs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, Jacobian and success of jobs."""
        run = partial(self._gridded, slopes=True)
        r, jacobian, self.steps[jobs] = self._blocks(run, z, jobs)
        return r, jacobian, _finite(r, jacobian)

    def refined(self, z, jobs, *, slopes: bool = False):
        """Residuals, Jacobian if asked for, and success of jobs on their grids with every step halved."""

        def run(z, jobs):
            which = self.owner[jobs]
            grid = self.plan.grid(which, 2 * self.steps[jobs], self.rtol)
            return (linearly if slopes else plainly)(self.problems, which, z, grid, self.events)[
                :-1
            ]

        found = self._blocks(run, z, jobs)
        return *found, _finite(*found)

    def adaptive(self, z, jobs) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and success of jobs by the adaptive solver."""
        run = lambda z, jobs: adaptively(self.problems, self.owner[jobs], z)  # noqa: E731
        r, ok = self._blocks(run, z, jobs)
        return r, ok & np.all(np.isfinite(r), axis=1)


def _finite(*arrays: np.ndarray) -> np.ndarray:
    """Which rows hold numbers alone."""
    return np.all([np.all(np.isfinite(x), axis=tuple(range(1, x.ndim))) for x in arrays], axis=0)

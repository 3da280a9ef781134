"""Solves of many devices side by side on given grids of steps, as compiled programs: states, tangents, residuals."""

import functools
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from memjax.core.scaling import Scaled
from memjax.runtime.compile_cache import fast_compile_options, jit_with_options
from memjax.solver import derivative, rodas3_componentwise_step, tangents_step

from ..problem import shape_of
from ..sweeps.group import event_misfit, misfit, row_misfit
from ..sweeps.problem import Problem, scaled_under
from ..sweeps.readout import (
    INNER,
    find_steps,
    find_steps_by_currents,
    log_current,
    log_seen,
    rows_of_events,
)
from .lane_kernel import LaneKernel, lane_kernel
from .step_grid import Grid, over_lanes

_ATOL = 1e-2  # tolerance of a step in units of each state's scale, over that relative to the state


def _march(equations: Callable, lanes: Any, grid: Grid, *, slopes: bool):
    """Scaled states and tangents at the start and after every step, what they are, and the steps' errors.

    `equations(lane)` gives the scaled equations of one of `lanes`, and for each direction the derivatives of those of
    their leaves that depend on it, by their place. Errors are over their tolerances. Axes: (steps + 1, components,
    lanes); components are those of the structure, states and then a list for each direction.
    """
    start = jax.vmap(lambda lane: _Lane(equations(lane), slopes).start())(lanes)
    step = jax.vmap(
        lambda lane, now, place: _Lane(equations(lane), slopes).step(now, place, grid.rtol)
    )
    places = [x.T for x in (grid.t, grid.h, grid.u, grid.slope)]
    size, width = places[0].shape
    all_of = lambda now: jnp.stack(jax.tree.leaves(now))  # noqa: E731

    def body(k, carry):
        now, path, excess = carry
        now, over = step(lanes, now, [x[k] for x in places])
        return now, path.at[k + 1].set(all_of(now)), excess.at[k].set(over)

    first = all_of(start)
    path = jnp.zeros((size + 1, *first.shape)).at[0].set(first)  # one array: nothing is copied
    _, path, excess = lax.fori_loop(0, grid.count, body, (start, path, jnp.zeros((size, width))))
    return path, jax.tree.structure(start), excess


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
        system = lambda x: self.whole([x.get(k, leaf) for k, leaf in enumerate(self.leaves)])  # noqa: E731
        known = {k: self.leaves[k] for k in m}
        return jax.jvp(lambda x, y: f(system(x), y), (known, y), (m, d))[1]

    def start(self):
        """States at rest, and their tangents."""
        rest = lambda system, _: list(system.initial())  # noqa: E731
        return rest(self.scaled, []), [self.along(m, rest, [], []) for m in self.moved]

    def log_inside(self, share, y, place):
        """log10 of the current just inside an end of a step [decades of A]: at the end itself the drive may jump."""
        t, h, u, slope = place
        inside = share + INNER * (1 - 2 * share)
        at = lambda _: u + inside * slope  # noqa: E731
        return log_current(self.scaled, jnp.stack(y), at, t + inside * h)

    def step(self, now, place, rtol):
        """States and tangents after a step, and its error over its tolerance."""
        (y, d), (t, h, u, slope) = now, place

        def rates(leaves, s, z):
            return self.flat(self.whole(leaves).rates(t + s * h, self.tree(z), u + s * slope))

        def projected(system, y):
            return self.flat(system.project_parts(self.tree(y)))

        free, error = rodas3_componentwise_step(partial(rates, self.leaves), y, h=h)
        over = [
            e / (rtol * (_ATOL + jnp.maximum(jnp.abs(a), jnp.abs(b))))
            for e, a, b in zip(error, y, free)
        ]
        excess = jnp.sqrt(sum(x**2 for x in over) / len(over))
        end = projected(self.scaled, free)
        if self.moved:
            # The tangents of the step itself, then those of the projection: dy = P'(y) (dy_step).
            d = tangents_step(rates, self.leaves, (y, end), self.moved, d, h=h)
            d = [self.along(m, projected, free, x) for m, x in zip(self.moved, d, strict=True)]
        return (end, d), excess


def _leaves(scaled: Scaled):
    arrays, rest = eqx.partition(scaled, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    return leaves, lambda own: eqx.combine(jax.tree.unflatten(structure, own), rest)


def _observe(problem: Problem, z: Sequence, *, grid: Grid, located: Any, states: list) -> tuple:
    """Logarithms of `log_seen` at the rows, and rows of the events, of states there and at the ends of their steps."""
    g, device = problem.group, problem.at(z)
    left = None if g.left is None else problem.bench

    def one(stimulus, rows, span, own, located, y, limits):
        scaled = scaled_under(problem, device, limits)

        def see(at, v, rate, y):
            drive = lambda t: v + rate * (t - at)  # noqa: E731
            return log_seen(scaled, y, drive, at, driven=stimulus.quantity, left=left)

        logs = jax.vmap(see)(rows, own.v, own.rate, y[0])
        if located is None:
            return logs, jnp.zeros(span.shape)
        return logs, rows_of_events(scaled, stimulus, rows, located, y[1], long=True)

    axes = (0, 0, 0, over_lanes(grid), 0, 0, 0)
    return jax.vmap(one, in_axes=axes)(g.stimuli, g.rows, g.span, grid, located, states, g.limits)


def _located(problem: Problem, z: Sequence, grid: Grid, path: Array, logs: Any) -> Any:
    """The steps of the events, by the currents at the ends of steps where these are known, else by the states there."""
    g, device = problem.group, problem.at(z)

    def one(stimulus, rows, span, own, y, limits, logs):
        real = jnp.arange(len(own.t)) < own.at[-1]
        if logs is not None:
            ends = own.t, own.t + own.h
            return find_steps_by_currents(rows, span, g.thresholds, ends, logs, real)
        scaled = scaled_under(problem, device, limits)
        ends = jnp.append(0.0, jnp.where(real, own.t + own.h, jnp.inf))
        return find_steps(scaled, stimulus, rows, span, g.thresholds, ends, y)

    axes = (0, 0, 0, over_lanes(grid), 0, 0, 0)
    return jax.vmap(one, in_axes=axes)(g.stimuli, g.rows, g.span, grid, path, g.limits, logs)


def _near_events(states: list, located: Any) -> list:
    """States at the rows, and in place of those at all ends of steps those at both ends of the steps of events."""
    if located is None:
        return states
    rows, path = states
    at = jax.vmap(lambda y, n: y[n])
    return [rows, (at(path, located.begin), at(path, located.end))]


def _jacobian(problem: Problem, z: Sequence, seen: tuple, moved: Sequence[tuple]) -> Array:
    """Derivatives of the residuals, from those of what was observed along each direction.

    Each residual depends on one observation, so that its slope by that is the same in all columns.
    """
    g, (logs, events) = problem.group, seen
    slope = lambda f, x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]  # noqa: E731
    log, left = logs
    by_log = slope(lambda x: row_misfit(g, x, left), log)
    by_left = None if left is None else slope(lambda x: row_misfit(g, log, x), left)
    by_event, columns = slope(partial(event_misfit, g), events), []
    for (dlog, dleft), devent in moved:
        rows = by_log * dlog if by_left is None else by_log * dlog + by_left * dleft
        columns.append(jnp.concatenate([rows.ravel(), (by_event * devent).ravel()]))
    prior = jax.jacfwd(lambda z: problem.with_prior(jnp.zeros(0), z))(jnp.stack(z))
    return jnp.concatenate([jnp.stack(columns, axis=-1), prior])


def _directions(problem: Problem, z: list, limits: Any) -> list[dict[int, Array]]:
    """For each coordinate the derivatives of those leaves of the equations that depend on it, by their place."""
    directions = []
    for k, x in enumerate(z):

        def leaves(x, k=k):
            device = problem.at([*z[:k], x, *z[k + 1 :]])
            return _leaves(scaled_under(problem, device, limits))[0]

        moved = enumerate(derivative(leaves, x, jnp.ones_like(x)))
        directions.append({i: d for i, d in moved if not isinstance(d, float)})
    return directions


def _parts_of(equations: tuple, slopes: bool) -> tuple:
    """Numbers of the equations of a lane and their derivatives, its start, and how equations follow from numbers."""
    lane = _Lane(equations, slopes)
    moved = [x for m in lane.moved for x in m.values()]
    return (lane.leaves, moved), lane.start(), (lane.whole, [[*m] for m in lane.moved])


def _equations(problems: Any, slopes: bool) -> Callable:
    """The scaled equations of a lane, out of the arrays of its problem, its coordinates and its limits."""
    rest = eqx.partition(problems, eqx.is_array)[1]

    def equations(lane):
        problem, z, limits = eqx.combine(lane[0], rest), list(lane[1]), lane[2]
        scaled = scaled_under(problem, problem.at(z), limits)
        return scaled, _directions(problem, z, limits) if slopes else ()

    return equations


def kernel_of(problems: Any, slopes: bool, events: bool) -> LaneKernel | None:
    """The kernel of the lanes of stacked problems; None where there is none."""
    # What is no array is part of the equations: a bench that stands reversed has another kernel.
    key = shape_of(problems), slopes, events
    with _compiling:
        if key not in _kernels:
            kernel = _build_kernel(problems, slopes, events)
            _kernels[key] = None if isinstance(kernel, str) else kernel
        return _kernels[key]


_kernels: dict[Any, LaneKernel | None] = {}


def _build_kernel(problems: Any, slopes: bool, events: bool) -> LaneKernel | str:
    arrays = eqx.partition(problems, eqx.is_array)[0]
    own = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), arrays)
    limits = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), own.group.limits)
    z = jax.ShapeDtypeStruct((len(problems.free),), problems.center.dtype)
    rules: list[Any] = []

    def parts(lane):
        *numbers, rule = _parts_of(_equations(problems, slopes)(lane), slopes)
        rules.append(rule)
        return numbers

    (leaves, moved), start = jax.eval_shape(parts, (own, z, limits))
    whole, places = rules[-1]
    structure = jax.tree.structure(start)

    def step(numbers, components, place, rtol):
        values = iter(numbers[len(leaves) :])
        along = [{k: next(values) for k in keys} for keys in places]
        lane = _Lane((whole(numbers[: len(leaves)]), along), slopes)
        before = jax.tree.unflatten(structure, components)
        now, over = lane.step(before, place, rtol)
        logs = [lane.log_inside(*x, place) for x in zip((0.0, 1.0), (before[0], now[0]))]
        return [*jax.tree.leaves(now), over, *logs * events]

    count, states = len(jax.tree.leaves(start)), len(start[0])
    try:
        sizes: dict[str, Any] = dict(seen=1 + 2 * events, path=events)
        return lane_kernel(step, [*leaves, *moved], count, states, **sizes)
    except jax.errors.UnexpectedTracerError:
        return "numbers that are known in no step alone"


def _lanes(slopes: bool, problems: Any, which, z, grid: Grid, events: bool, kernel):
    """Residuals, Jacobian (by the variational equation) if asked for, and errors of the steps, of lanes of problems."""
    arrays, rest = eqx.partition(problems, eqx.is_array)
    own, waves = jax.tree.map(lambda x: x[which], arrays), grid.t.shape[1]
    equations = _equations(problems, slopes)
    # One axis over lanes and waves: a loop along contiguous memory.
    flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]) if x.ndim > 1 else x, grid)
    parts = jax.tree.map(lambda x: jnp.repeat(x, waves, axis=0), (own, z))
    limits = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), own.group.limits)
    apart = lambda x: x.reshape(-1, waves, *x.shape[1:])  # noqa: E731
    logs = None
    if kernel is None:
        path, structure, excess = _march(equations, (*parts, limits), flat, slopes=slopes)
        places = flat.at, slice(None), jnp.arange(path.shape[2])[:, None]
        # All components of a row at once: one by one they take longer than the steps themselves.
        at_rows = path.at[places].get(mode="promise_in_bounds")
        at_rows, *whole = at_rows.transpose(2, 0, 1), *[path.transpose(1, 2, 0)] * events
    else:
        own_parts = jax.vmap(lambda lane: _parts_of(equations(lane), slopes)[:2])((*parts, limits))
        (leaves, moved), start = own_parts
        structure, first = jax.tree.structure(start), jnp.stack(jax.tree.leaves(start))
        at_rows, excess, *whole = kernel([*leaves, *moved], first, flat)
        if events:
            *logs, path = whole
            logs, whole = tuple(apart(x.T) for x in logs), [path]
    count = len(at_rows)

    def states_of(parts):
        """States at the rows; and on all ends of steps, where events are looked for."""
        begin, end = parts[0], parts[-1] + 1
        return [apart(jnp.moveaxis(x[begin:end], 0, -1)) for x in (at_rows, *whole)]

    y, tangents = jax.tree.unflatten(structure, range(count))

    def read(own, z, grid, logs, y, *tangents):
        z, problem = list(z), eqx.combine(own, rest)
        located = _located(problem, z, grid, y[1], logs) if len(y) > 1 else None
        y, *tangents = (_near_events(x, located) for x in (y, *tangents))
        of, moved = partial(_observe, problem, grid=grid, located=located), []
        for k, d in enumerate(tangents):
            along = lambda x, y, k=k: of([*z[:k], x, *z[k + 1 :]], states=y)  # noqa: E731
            seen, slope = jax.jvp(along, (z[k], y), (jnp.ones_like(z[k]), d))
            moved.append(slope)
        logs, events = seen = seen if slopes else of(z, states=y)
        r = problem.with_prior(misfit(problem.group, *logs, events=events), jnp.stack(z))
        return (r, _jacobian(problem, z, seen, moved)) if slopes else (r,)

    axes = (0, 0, over_lanes(grid), *[0] * (2 + len(tangents)))
    states = states_of(y), *map(states_of, tangents)
    return *jax.vmap(read, in_axes=axes)(own, z, grid, logs, *states), apart(excess.T)


def _single() -> dict[str, Any]:
    """Options of XLA for programs of which several run at the same time: a thread each."""
    return fast_compile_options() | {"xla_cpu_multi_thread_eigen": False}


# Programs are compiled by one thread at a time, each once.
_compiling, _compiled = threading.Lock(), set()


def _once(f: Callable) -> Callable:
    """A compiled function of which two threads do not compile the same program."""

    @functools.wraps(f)
    def call(problems, which, z, *args):
        grid, *rest = args
        shapes = which.shape, grid.t.shape, *rest
        key = f, jax.tree.structure(problems), problems.free, shapes
        if key in _compiled:
            return f(problems, which, z, *args)
        with _compiling:
            result = jax.block_until_ready(f(problems, which, z, *args))
            _compiled.add(key)
        return result

    return call


@_once
@partial(jit_with_options, options=_single)
def residuals_on_grid(problems, which, z, grid, events, kernel):
    """Residuals of lanes, and the errors of the steps over their tolerances."""
    return _lanes(False, problems, which, z, grid, events, kernel)


@_once
@partial(jit_with_options, options=_single)
def linearised_on_grid(problems, which, z, grid, events, kernel):
    """Residuals, Jacobian by the variational equation, and errors of the steps."""
    return _lanes(True, problems, which, z, grid, events, kernel)


@partial(jit_with_options, options=_single)
def residuals_adaptive(problems: Any, which, z):
    """Residuals and success of lanes by the adaptive solver, without derivatives."""
    arrays, rest = eqx.partition(problems, eqx.is_array)
    own = jax.tree.map(lambda x: x[which], arrays)
    return jax.vmap(lambda own, z: eqx.combine(own, rest).residuals(z))(own, z)

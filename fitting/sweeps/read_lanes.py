"""Residuals of a sweep problem at a point whose lanes a kernel has solved, and their derivatives."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from memjax.simulate.stiff_kernel import StiffLanes

from .group import floored, misfit
from .instrument import bench_of, scaled_under
from .readout import EventSteps, find_steps, log_seen, read_at, rows_of_events


def observe_lanes(problem: Any, z: Float[Array, " free"], lanes: StiffLanes):
    """Residuals, success, and log10 of the responses at all rows [decades] at a point whose lanes are solved."""
    steps, ok = _event_steps(problem, z, lanes)
    logs = _logs_of(problem, z, lanes.y)
    events = _events_of(problem, z, steps, _ends_of(lanes.step_y, steps))
    r = _residuals_of(problem, z, logs, events)
    return r, ok & jnp.all(jnp.isfinite(r)), floored(problem.group, logs[0])


def linearise_lanes(problem: Any, z: Float[Array, " free"], lanes: StiffLanes):
    """As `fitting.problem.linearise`, of a point whose lanes are solved."""
    steps, ok = _event_steps(problem, z, lanes)
    dy, step_dy = (d[..., : len(z)] for d in (lanes.dy, lanes.step_dy))
    ends, d_ends = (_ends_of(x, steps) for x in (lanes.step_y, step_dy))
    logs, d_logs = _log_derivatives(problem, z, lanes.y, dy)

    def push(e, d_logs, d_ends):
        events_at = lambda x, states: _events_of(problem, x, steps, states)  # noqa: E731
        residuals_at = partial(_residuals_of, problem)
        events, d_events = jax.jvp(events_at, (z, ends), (e, d_ends))
        r, d = jax.jvp(residuals_at, (z, logs, events), (e, d_logs, d_events))
        return d, r

    # The chain rule through the solve, whose derivatives came with the lanes.
    jacobian, r = jax.vmap(push, (0, -1, -1), (-1, None))(jnp.eye(len(z)), d_logs, d_ends)
    ok &= jnp.all(jnp.isfinite(r)) & jnp.all(jnp.isfinite(jacobian))
    return r, jacobian, ok


def _logs_of(problem: Any, z, y):
    """Logarithms at all rows of a point, see `log_seen`, given the states there."""
    return _at_rows(problem, lambda limits, s, t, x: _log_at(problem, limits, s, t, z, x), y)


def _log_derivatives(problem: Any, z, y, dy):
    """The same, and their derivatives by all coordinates, given those of the states."""

    def at(limits, stimulus, time, x, dx):
        # Backwards, since a row has one number or two, and a device with learned functions fifty coordinates.
        twice = lambda point: (_log_at(problem, limits, stimulus, time, *point),) * 2  # noqa: E731
        slopes, logs = jax.jacrev(twice, has_aux=True)((z, x))
        along = [None if by is None else by[0] + by[1] @ dx for by in slopes]
        return logs, tuple(along)

    return _at_rows(problem, at, y, dy)


def _at_rows(problem: Any, f, *states):
    """A function of limits, stimulus, time and what belongs to a row, at all rows of all waveforms."""
    group, inner = problem.group, (None, None, 0, *(0 for _ in states))
    return jax.vmap(jax.vmap(f, inner))(group.limits, group.stimuli, group.rows, *states)


def _log_at(problem: Any, limits, stimulus, time, z, y):
    """See `_logs_of`, of one row."""
    device = problem.at(z)
    scaled = scaled_under(problem, device, limits)
    left = None if problem.group.left is None else bench_of(device, problem.bench)
    return log_seen(scaled, scaled.project(y), stimulus, time, driven=stimulus.quantity, left=left)


def _events_of(problem: Any, z, steps: EventSteps | None, ends):
    """Rows of the events of a point, given the states at the ends of their steps."""
    group, device = problem.group, problem.at(z)
    if steps is None:
        return jnp.zeros(group.span.shape)

    def one(limits, stimulus, rows, steps, ends):
        return rows_of_events(scaled_under(problem, device, limits), stimulus, rows, steps, ends)

    return jax.vmap(one)(group.limits, group.stimuli, group.rows, steps, ends)


def _residuals_of(problem: Any, z, logs, events):
    """Residuals of a point, given the logarithms at all rows and the rows of the events."""
    return problem.with_prior(misfit(problem.group, *logs, events=events), z)


def _event_steps(problem: Any, z, lanes: StiffLanes):
    """Steps of the events at one point, none where no steps were kept, and whether every solve ended well."""
    group, device = problem.group, problem.at(z)

    def one(limits, stimulus, rows, span, lane):
        scaled = scaled_under(problem, device, limits)
        slope = scaled.drift(lane.last[0], lane.last[1:], stimulus(lane.last[0]))
        ok = (lane.counts[2] == 0) & jnp.all(jnp.isfinite(slope)) & jnp.all(jnp.isfinite(lane.y))
        if stimulus.quantity == "current" or lanes.step_t.shape[-1] == 1:
            return None, ok
        row_logs = read_at(scaled, stimulus, rows, jax.vmap(scaled.project)(lane.y), None)[0]
        every = group.thresholds, lane.step_t, lane.step_y
        return find_steps(scaled, stimulus, rows, span, *every, row_logs=row_logs), ok

    steps, ok = jax.vmap(one)(group.limits, group.stimuli, group.rows, group.span, lanes)
    return steps, jnp.all(ok)


def _ends_of(states, steps: EventSteps | None):
    """What belongs to the ends of the steps of the events, out of that of all steps of each waveform."""
    if steps is None:
        return None
    return tuple(jax.vmap(lambda x, k: x[k])(states, k) for k in (steps.begin, steps.end))

"""What is read off the solve of a sweep: logarithms at the rows, and the rows of the events."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

import memjax as mj
from memjax.scaling import Scaled
from memjax.simulate import Solution, outputs_and_states

from .summary import RESPONSE

_TINY = 1e-30

INNER = 1e-6
"""Share of a step by which the current is read inside its ends, at which the drive may jump."""


def log_seen(scaled: Scaled, y, stimulus: Callable, t, *, driven: str, left: mj.Bench | None):
    """log10 of the modulus of what is measured just before a time, and of the voltage that a limited source leaves.

    What is measured is the current [decades of A], or the voltage [decades of V] where a current is driven; what is
    left at the terminals of a bench [decades of V] is None where no bench is given.
    """
    at = outputs_and_states(scaled.system, t, scaled.unpack(y), stimulus, scaled.env)[0]
    log = lambda x: jnp.log10(jnp.abs(x) + _TINY)  # noqa: E731
    return log(at[RESPONSE[driven]]), left and log(left.terminal_voltage(at["v_device"], at["i"]))


def log_current(scaled: Scaled, y, stimulus: Callable, t) -> Float[Array, ""]:
    """log10 of the current's modulus just before a time [decades of A]."""
    return log_seen(scaled, y, stimulus, t, driven="voltage", left=None)[0]


def read_off(
    scaled: Scaled, stimulus: mj.Sampled, rows, span, levels, sol: Solution, left: mj.Bench | None
):
    """Logarithms at the rows of a solve (see `log_seen`), and rows of the events, 0 where a current drives."""
    about: dict[str, Any] = {"driven": stimulus.quantity, "left": left}
    logs = jax.vmap(lambda t, y: log_seen(scaled, y, stimulus, t, **about))(rows, sol.y)
    if stimulus.quantity == "current":
        return logs, jnp.zeros(span.shape)
    return logs, _events_of_steps(scaled, stimulus, rows, span, levels, sol)


class Located(NamedTuple):
    """The step in which each event of a solve happens, or comes nearest to happening: arrays of the shape (legs, 3)."""

    step: Array  # its number
    times: tuple[Array, Array]  # its ends [s]
    logs: tuple[Array, Array]  # log10 of the current there [decades of A]
    hit: Array  # whether the event happens
    near: Array  # whether there is a step on the branch at all
    stop: Array  # end of the branch [s]


def _kinds(levels) -> tuple[Array, Array]:
    """Threshold [decades of A] and direction of each kind of event."""
    return jnp.stack([levels[0], levels[0], levels[1]]), jnp.array([1.0, -1.0, -1.0])


def _steps_of(sol: Solution) -> tuple[Array, Array, Array]:
    """Ends of the steps of a solve, the vectors there, and which are real."""
    t, y = cast(tuple[Array, Array], (sol.step_t, sol.step_y))  # asked for by steps=True
    t = lax.stop_gradient(t)
    real = jnp.isfinite(t)
    return t, jnp.where(real[:, None], y, y[:1]), real


def locate_events(
    scaled: Scaled, stimulus: mj.Sampled, rows, span, levels, sol: Solution
) -> Located:
    """Where the events of a solve are; levels are log10 of the on- and the hold-threshold. Nothing here has a slope."""
    t, y, real = _steps_of(sol)
    t0, t1 = t[:-1], jnp.where(real[1:], t[1:], t[:-1])
    start, end = _logs_of_steps(scaled, stimulus, y, (t0, t1))
    return locate_in_steps(rows, span, levels, (t0, t1), (start, end), real[1:])


def _logs_of_steps(scaled: Scaled, stimulus: mj.Sampled, y, times) -> tuple[Array, Array]:
    """log10 of the current just inside both ends of each step [decades of A]."""
    t0, t1 = times
    inner = INNER * (t1 - t0)
    quiet = lax.stop_gradient(scaled)
    quiet_y = lax.stop_gradient(y)
    log_at = jax.vmap(lambda yy, tt: log_current(quiet, yy, stimulus, tt))
    return log_at(quiet_y[:-1], t0 + inner), log_at(quiet_y[1:], t1 - inner)


def locate_in_steps(rows, span, levels, times, logs, real) -> Located:
    """`locate_events` by both ends of all steps [s], log10 of the currents there [decades of A], and which are real."""
    (t0, t1), (start, end) = times, logs
    slack = 1e-6 * rows[-1]

    def event(leg, threshold, sign):
        """Step at which sign * (log i - threshold) becomes positive on the rising or falling branch of a leg."""
        start_at, stop_at = leg[jnp.where(sign > 0, 0, 1)], leg[jnp.where(sign > 0, 1, 2)]
        where = real & (t0 >= start_at - slack) & (t1 <= stop_at + slack)
        reach = jnp.where(where, sign * end, -jnp.inf)
        hit = reach > sign * threshold
        n = jnp.where(jnp.any(hit), jnp.argmax(hit), jnp.argmax(reach))
        times, logs = (t0[n], t1[n]), (start[n], end[n])
        return Located(n, times, logs, jnp.any(hit), jnp.any(where), stop_at)

    kinds = _kinds(levels)
    return jax.vmap(lambda leg: jax.vmap(lambda th, sign: event(leg, th, sign))(*kinds))(span)


def event_rows(scaled: Scaled, stimulus: mj.Sampled, rows, levels, located: Located, ends):
    """Rows of the events that are located, from the vectors at both ends of their steps."""
    row_of = lambda time: jnp.interp(time, jnp.append(0.0, rows), jnp.arange(-1.0, rows.shape[0]))  # noqa: E731

    def event(at: Located, ends, threshold, sign):
        time, last = _crossing(scaled, stimulus, ends, at.times, at.logs, threshold)
        # Beyond the branch by rows per decade that the current lacks: a slope where nothing happens.
        missed = row_of(at.stop) + 5 * jnp.where(at.near, sign * (threshold - last), 0.0)
        return jnp.where(at.hit, row_of(time), missed)

    kinds = _kinds(levels)
    each = jax.vmap(lambda at, ends: jax.vmap(event)(at, ends, *kinds))
    return each(located, ends)


def _events_of_steps(scaled: Scaled, stimulus: mj.Sampled, rows, span, levels, sol: Solution):
    """Rows of the events of a solve, from its steps; levels are log10 of the on- and the hold-threshold."""
    located = locate_events(scaled, stimulus, rows, span, levels, sol)
    y, n = _steps_of(sol)[1], located.step
    return event_rows(scaled, stimulus, rows, levels, located, (y[n], y[n + 1]))


def _crossing(scaled: Scaled, stimulus, ends, times, logs, threshold):
    """Time at which log i passes a threshold in one step, with its derivative along the flow; and log i at the end.

    Notes
    -----
    Near a closing or opening gap log i runs away, and the derivative of an interpolated crossing
    would be that of a secant. There a perturbation is a shift along the flow, so that d(time) =
    -d(log i) / (d log i / dt), taken at the end of the step at which log i moves faster.
    """
    (t0, t1), (start, end) = times, logs
    inner = INNER * (t1 - t0)

    def at(y, t):
        flow = lax.stop_gradient(scaled.drift(t, y, stimulus(t)))
        return jax.jvp(lambda yy: log_current(scaled, yy, stimulus, t), (y,), (flow,))

    gap = end - start
    share = jnp.clip((threshold - start) / jnp.where(gap == 0, 1.0, gap), 0.0, 1.0)
    log, slope = jax.vmap(at)(jnp.stack(ends), jnp.stack([t0 + inner, t1 - inner]))
    last = log[1]
    fast = jnp.argmax(slope * jnp.sign(gap))
    log, slope = log[fast], lax.stop_gradient(slope[fast])
    moving = (share > 0) & (slope * gap > 0)
    shift = jnp.where(moving, (log - lax.stop_gradient(log)) / jnp.where(moving, slope, 1.0), 0.0)
    return lax.stop_gradient(t0 + share * (t1 - t0)) - shift, last

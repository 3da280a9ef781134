"""What is read off the solve of a sweep: logarithms at the rows, and the rows of the events."""

from collections.abc import Callable
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.scaling import Scaled
from memjax.simulate import Solution, outputs_and_states

from .summary import RESPONSE

# Beside it the logarithm of a current of 0 has a value, and a derivative.
_TINY = 1e-30

INNER = 1e-6
"""Share of a step by which the current is read inside its ends, at which the drive may jump."""

_BLOCK = 256
"""Steps whose currents are read at once: a solve has room for many more than it takes, and each may be a root."""


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
    if stimulus.quantity == "current":
        return read_at(scaled, stimulus, rows, sol.y, left), jnp.zeros(span.shape)
    t, y = cast(tuple[Array, Array], (sol.step_t, sol.step_y))  # asked for by steps=True
    logs = read_at(scaled, stimulus, rows, sol.y, left)
    steps = find_steps(scaled, stimulus, rows, span, levels, t, y, row_logs=logs[0])
    return logs, rows_of_events(scaled, stimulus, rows, steps, (y[steps.begin], y[steps.end]))


def read_at(scaled: Scaled, stimulus: mj.Sampled, rows, y, left: mj.Bench | None):
    """Logarithms at the rows, see `log_seen`."""
    return jax.vmap(
        lambda t, x: log_seen(scaled, x, stimulus, t, driven=stimulus.quantity, left=left)
    )(rows, y)


class EventSteps(NamedTuple):
    """The step of a solve in which each event of each excursion happens, or comes closest to it.

    Parameters
    ----------
    begin, end : Int[Array, "legs 3"]
        Numbers of the states at its ends.
    t0, t1 : Float[Array, "legs 3"]
        Its ends [s].
    start, stop : Float[Array, "legs 3"]
        log10 of the current there [decades of A].
    threshold, sign : Float[Array, "legs 3"]
        The event: sign * (log i - threshold) becomes positive.
    hits, reached : Bool[Array, "legs 3"]
        Whether it happens; whether any step is of that branch.
    branch_end : Float[Array, "legs 3"]
        Where the branch ends [s].
    """

    begin: Array
    end: Array
    t0: Array
    t1: Array
    start: Array
    stop: Array
    threshold: Array
    sign: Array
    hits: Array
    reached: Array
    branch_end: Array


def find_steps(
    scaled: Scaled, stimulus: mj.Sampled, rows, span, levels, t, y, *, row_logs
) -> EventSteps:
    """The steps in which events happen, from times and states of all; levels are log10 of on- and hold-threshold.

    `row_logs` is log10 of the current at the rows: what happens and is over before the next row is none that data show,
    as of a channel that is still closed when the drive changes sign.
    """
    scaled, t, y, row_logs = lax.stop_gradient((scaled, t, y, row_logs))
    real = jnp.isfinite(t)[1:]
    t0, t1 = t[:-1], jnp.where(real, t[1:], t[:-1])
    start, end = _logs_inside(scaled, stimulus, t0, t1, y, jnp.sum(real))
    # Ends of excursions are corners of the drive, on which steps land but for rounding.
    slack, places = 1e-6 * rows[-1], jnp.arange(len(t0))

    def event(leg, threshold, sign):
        """Of the rising or falling branch of a leg."""
        start_at, stop_at = leg[jnp.where(sign > 0, 0, 1)], leg[jnp.where(sign > 0, 1, 2)]
        shown = (rows >= start_at - slack) & (rows <= stop_at + slack)
        shown &= sign * row_logs > sign * threshold
        # It happens after the row before the first that shows it.
        first = rows[jnp.maximum(jnp.argmax(shown) - 1, 0)]
        start_at = jnp.where(jnp.any(shown), jnp.maximum(start_at, first), start_at)
        where = real & (t0 >= start_at - slack) & (t1 <= stop_at + slack)
        reach = jnp.where(where, sign * end, -jnp.inf)
        hit = reach > sign * threshold
        # The first hit, or the first of the highest: by reductions of whole vectors, which that of `argmax` is not.
        highest = (reach == jnp.max(reach)) | jnp.isnan(reach)
        n = jnp.min(jnp.where(jnp.where(jnp.any(hit), hit, highest), places, len(places) - 1))
        after = jnp.where(real[n], n + 1, 0)
        ends = n, after, t0[n], t1[n], start[n], end[n]
        return EventSteps(*ends, threshold, sign, jnp.any(hit), jnp.any(where), stop_at)

    kinds = jnp.stack([levels[0], levels[0], levels[1]]), jnp.array([1.0, -1.0, -1.0])
    return jax.vmap(lambda leg: jax.vmap(lambda th, sign: event(leg, th, sign))(*kinds))(span)


def _logs_inside(scaled: Scaled, stimulus, t0, t1, y, count):
    """log10 of the current inside both ends of the first `count` steps [decades of A]; 0 of those behind."""
    size, inner = min(_BLOCK, len(t0)), INNER * (t1 - t0)
    log_at = jax.vmap(lambda yy, tt: log_current(scaled, yy, stimulus, tt))

    def read(k, logs):
        # The last block ends with the steps: some are read twice.
        at = jnp.minimum(k * size, len(t0) - size) + jnp.arange(size)
        ends = log_at(y[at], (t0 + inner)[at]), log_at(y[at + 1], (t1 - inner)[at])
        return tuple(x.at[at].set(new) for x, new in zip(logs, ends, strict=True))

    nothing = (jnp.zeros_like(t0), jnp.zeros_like(t0))
    return lax.fori_loop(0, -(-count // size), read, nothing)


def rows_of_events(
    scaled: Scaled, stimulus: mj.Sampled, rows, steps: EventSteps, ends
) -> Float[Array, "legs 3"]:
    """Rows of the events, given the states at the ends of their steps."""
    # Rows that repeat the last one are that row, see `fitting.sweeps.group.lengthen`.
    numbers = jnp.minimum(
        jnp.arange(-1.0, rows.shape[0]), jnp.sum(rows < rows[-1]).astype(rows.dtype)
    )
    row_of = lambda time: jnp.interp(time, jnp.append(0.0, rows), numbers)  # noqa: E731

    def event(s: EventSteps, pair):
        times, logs = (s.t0, s.t1), (s.start, s.stop)
        time, last = _crossing(scaled, stimulus, pair, times, logs, s.threshold)
        # Beyond the branch by rows per decade that the current lacks: a slope where nothing happens.
        lack = jnp.where(s.reached, s.sign * (s.threshold - last), 0.0)
        return jnp.where(s.hits, row_of(time), row_of(s.branch_end) + 5 * lack)

    return jax.vmap(jax.vmap(event))(steps, ends)


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

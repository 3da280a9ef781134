"""The loop of `Adaptive` by XLA: the same steps, choices and order as in ``cc/adaptive.c``, whose comments say why."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ..core.result import Result
from ..solver.rosenbrock import DERIVATIVE_ERROR, DERIVATIVE_FLOOR
from .drivers import Adaptive, Interval
from .program import StepProgram, Tangents


class _Sweep(NamedTuple):
    """What drives a lane, and where it is looked at."""

    corners: Any
    values: Any
    zeros: Any
    rows: Any


class _Control(NamedTuple):
    """Tolerances, the end, what is as good as it, the first step, the time just before the last row, the shortest step
    [s].
    """

    rtol: Any
    atol: Any
    end: Any
    floor: Any
    first: Any
    last: Any
    shortest: Any
    most_steps: Any
    is_linear: Any


class _Lane(NamedTuple):
    """A lane on its way: where it is and what it tries next."""

    t0: Any
    t1: Any
    tried: Any
    previous: Any
    row: Any
    accepted: Any
    steps: Any
    y: Any
    dy: Any


class _Step(NamedTuple):
    """An accepted step, or none: its ends, states, slopes, and the derivatives of these."""

    keep: Any
    t0: Any
    t1: Any
    start: Tangents
    end: Tangents
    slopes: tuple[Tangents, Tangents]


def solve_adaptive_lanes(
    program: StepProgram, driver: Adaptive, arguments: Sequence, results: Sequence
) -> tuple:
    """Solve lanes, see `memjax.simulate.stiff_kernel.StiffKernel`; idle ones wait for the slowest."""
    numbers, whole, *waves, parameters, y0, moves, dy0 = arguments
    rtol, atol, end, first, last, shortest = numbers
    floor = lax.fori_loop(0, 100, lambda _, t: _before(t), end)
    times = end, floor, first, _before(last), shortest
    control = _Control(rtol, atol, *times, whole[0], whole[2] != 0)
    count, keeps_steps = len(y0), results[2].shape[1] > 1
    which = jnp.arange(count) % len(waves[0])
    sweeps = _Sweep(*[x[which] for x in waves])
    lanes = jax.vmap(partial(_begin_lane, control))(sweeps, y0, dy0)
    fill = (jnp.inf, 0.0, jnp.inf, 0.0, 0.0)
    y, dy, *steps = (jnp.full(x.shape, v, x.dtype) for x, v in zip(results, fill, strict=False))
    steps = [x.at[:, 0].set(v) for x, v in zip(steps, (0.0, y0, dy0), strict=True)]
    advance = jax.vmap(partial(_advance, program, driver, control))

    def goes_on(state: tuple) -> Any:
        return jnp.any(_goes_on(state[0], control))

    def body(state: tuple) -> tuple:
        lanes, at_rows, steps = state
        after, step = advance(lanes, sweeps, parameters, moves)
        rows, at_rows = _store_rows(sweeps, step, lanes.row, at_rows)
        after = after._replace(row=rows)
        if keeps_steps:
            # What is beyond the last place is dropped.
            place = jnp.where(step.keep, after.accepted, whole[0] + 1)
            new = (after.t0, after.y, after.dy)
            steps = [_put(x, place, v) for x, v in zip(steps, new, strict=True)]
        return after, at_rows, steps

    lanes, (y, dy), steps = lax.while_loop(goes_on, body, (lanes, (y, dy), steps))
    code = jnp.where(lanes.t0 < end, Result.step_limit, Result.successful)
    counts = jnp.stack([lanes.accepted, lanes.steps - lanes.accepted, code], axis=-1)
    ends = jnp.concatenate([lanes.t0[:, None], lanes.y], axis=1)
    return y, dy, *steps, ends, counts.astype(jnp.int32)


def _put(array: Any, place: Any, value: Any) -> Any:
    """An array with a value at a place of each lane, if there is such a place."""
    return array.at[jnp.arange(len(array)), place].set(value, mode="drop")


def _goes_on(lane: _Lane, control: _Control) -> Any:
    return (lane.t0 < control.end) & (lane.steps < control.most_steps)


def _begin_lane(control: _Control, sweep: _Sweep, y0: Any, dy0: Any) -> _Lane:
    """A lane before its first step; of one that begins without numbers nothing is asked."""
    t1 = jnp.minimum(control.first, _next_above(sweep.zeros, 0.0))
    t1 = jnp.minimum(t1, _before(_next_above(sweep.corners, 0.0)))
    t1, zero = jnp.minimum(t1, control.end), jnp.zeros_like(control.end)
    none = jnp.zeros((), jnp.int32)
    steps = jnp.where(jnp.any(jnp.isnan(y0)), control.most_steps, none)
    return _Lane(zero, t1, t1, zero + 1, none, none, steps, y0, dy0)


def _advance(
    program: StepProgram,
    driver: Adaptive,
    control: _Control,
    lane: _Lane,
    sweep: _Sweep,
    parameters: Any,
    moves: Any,
) -> tuple[_Lane, _Step]:
    """A step of a lane, which is taken or refused, and the choice of the next one."""
    t0, t1 = lane.t0, lane.t1
    length = jnp.where(t1 > t0, t1 - t0, jnp.finfo(t0.dtype).eps)
    tick = length < 1.5 * control.shortest
    step = jnp.where(tick, jnp.minimum(lane.tried, length), length)
    moment = _moment(sweep, control, t0, t1, step)
    end, outputs = _step(program, parameters, moves, lane, moment)
    value, tangent = outputs
    error = _error_of(control, lane.y, end.value, value.error)
    fine = jnp.isfinite(error) & (error < 1)
    clock = tick & ~(fine & (step >= length))
    if lane.dy.shape[-1]:
        ratio = _derivative_error(lane.dy, end.tangent, tangent.remainder)
        short = fine & (ratio >= 1) & ~clock  # the derivatives need a shorter step
        error, fine = jnp.where(short, ratio, error), fine & ~short
    keep, stays = clock | fine, clock & ~fine
    running = _goes_on(lane, control)

    def moved(new: Any, old: Any) -> Any:
        return jax.tree.map(lambda a, b: jnp.where(stays, b, a), new, old)

    start = Tangents(lane.y, lane.dy)
    end = moved(end, start)
    slopes = [Tangents(value.start, tangent.start), Tangents(value.end, tangent.end)]
    slopes = tuple(moved(x, jax.tree.map(jnp.zeros_like, x)) for x in slopes)
    tried = jnp.where(tick, step * _tick_factor(error), length)
    factor, previous = _factor_of(jnp.where(clock, 0.99, error), keep, lane.previous)
    begin = jnp.where(keep, t1, t0)
    stop = begin + (t1 - t0) * factor
    stop = begin + jnp.maximum(round_bits(stop - begin, driver.digits), control.shortest)
    begin, stop = _land(sweep, control, begin, stop, keep)
    after = lane._replace(
        t0=begin,
        t1=stop,
        tried=jnp.where(keep, tried, lane.tried),
        previous=previous,
        accepted=lane.accepted + keep.astype(jnp.int32),
        steps=lane.steps + 1,
        y=jnp.where(keep, end.value, lane.y),
        dy=jnp.where(keep, end.tangent, lane.dy),
    )
    after = jax.tree.map(lambda a, b: jnp.where(running, a, b), after, lane)
    return after, _Step(keep & running, t0, t1, start, end, slopes)


def _step(program: StepProgram, parameters: Any, moves: Any, lane: _Lane, moment: Interval) -> Any:
    """A step of the program along all directions at once; without any its derivatives are empty."""

    def along(moves: Any, dy: Any) -> Any:
        point = Tangents(parameters, list(moves)), Tangents(lane.y, dy)
        end, outputs = program.step(*point, (), moment)
        return (end.value, outputs.value), (end.tangent, outputs.tangent)

    if not lane.dy.shape[-1]:
        values, tangents = along(jnp.zeros(len(moves)), jnp.zeros_like(lane.y))
        tangents = jax.tree.map(lambda x: jnp.zeros((*x.shape, 0)), tangents)
    else:
        values, tangents = jax.vmap(along, in_axes=-1, out_axes=(None, -1))(moves, lane.dy)
    return tuple(Tangents(*x) for x in zip(values, tangents, strict=True))


def _moment(sweep: _Sweep, control: _Control, t0: Any, t1: Any, h: Any) -> Interval:
    """A step, and the drive in it as a straight line: through the end of it that is nearer to 0."""
    corners, values, last = sweep.corners, sweep.values, control.last
    k = jnp.sum(corners <= jnp.minimum(t0, last)) - 1
    inside = control.is_linear & (k >= 0) & (k < len(corners) - 1)
    k = jnp.maximum(k, 0)
    other = jnp.minimum(k + 1, len(corners) - 1)
    nearer = jnp.where(jnp.abs(values[other]) < jnp.abs(values[k]), other, k)
    slope = (values[other] - values[k]) / (corners[other] - corners[k])
    line = Interval(t0, t1, values[nearer], corners[nearer], slope, last, corners[other], h)
    held = Interval(t0, t1, values[k], t0, jnp.zeros_like(t0), last, last, h)
    return jax.tree.map(lambda a, b: jnp.where(inside, a, b), line, held)


def _land(sweep: _Sweep, control: _Control, begin: Any, stop: Any, keep: Any) -> tuple[Any, Any]:
    """Where the next step begins and ends: at zeros, and from just before a corner on to just behind it."""

    def place_after(times: Any, first: Any, second: Any) -> Any:
        at, next_at = (jnp.any(times == x) for x in (begin, _after(begin)))
        return jnp.where(at, first, jnp.where(next_at, second, begin))

    one, two = _after(begin), _after(_after(begin))
    stop = jnp.minimum(stop, _next_above(sweep.zeros, place_after(sweep.zeros, one, two)))
    begin = place_after(sweep.corners, one, two)
    stop = jnp.maximum(_after(begin), stop)
    stop = jnp.minimum(stop, _before(_next_above(sweep.corners, begin)))
    begin = jnp.minimum(begin, control.end)
    until = jnp.where(keep, control.end, begin + 0.5 * (control.end - begin))
    return begin, jnp.where(stop > control.floor, until, stop)


def _store_rows(sweeps: _Sweep, step: _Step, row: Any, at_rows: tuple) -> tuple:
    """The rows that lie in the steps of lanes, one of each lane after the other: next rows, and what stands at them."""
    count = sweeps.rows.shape[1]

    def lies_inside(row: Any) -> Any:
        t = jnp.take_along_axis(sweeps.rows, jnp.minimum(row, count - 1)[:, None], axis=1)[:, 0]
        return step.keep & (row < count) & (t <= step.t1), t

    def body(state: tuple) -> tuple:
        row, at_rows = state
        inside, t = lies_inside(row)
        states = jax.vmap(_cubic)(step, t)
        place = jnp.where(inside, row, count)
        row = row + inside.astype(jnp.int32)
        return row, tuple(_put(x, place, v) for x, v in zip(at_rows, states, strict=True))

    return lax.while_loop(lambda state: jnp.any(lies_inside(state[0])[0]), body, (row, at_rows))


def _cubic(step: _Step, t: Any) -> Tangents:
    """State within a step, and its derivatives."""
    length = step.t1 - step.t0
    s = jnp.where(length == 0, 0.0, (t - step.t0) / length)

    def at(y0: Any, y1: Any, k0: Any, k1: Any) -> Any:
        a, b = k0 + k1 + 2 * y0 - 2 * y1, -2 * k0 - k1 - 3 * y0 + 3 * y1
        return ((a * s + b) * s + k0) * s + y0

    return jax.tree.map(at, step.start, step.end, *step.slopes)


def _error_of(control: _Control, y: Any, end: Any, error: Any) -> Any:
    """Root of the mean square of errors over their tolerances; infinite where the step has no number."""
    reached = jnp.where(jnp.any(jnp.isnan(end)), 0.0, jnp.abs(end))
    share = error / (control.atol + control.rtol * jnp.maximum(jnp.abs(y), reached))
    return jnp.where(jnp.all(jnp.isfinite(error)), jnp.sqrt(jnp.mean(share**2)), jnp.inf)


def _derivative_error(start: Any, end: Any, remainder: Any) -> Any:
    """Largest ratio of the errors of derivatives to what they may be; one that is no number has none."""
    size = jnp.max(jnp.maximum(jnp.abs(start), jnp.abs(end)), axis=0)
    ratio = jnp.max(jnp.abs(remainder), axis=0) / (DERIVATIVE_ERROR * size + DERIVATIVE_FLOOR)
    return jnp.max(jnp.where(jnp.isnan(ratio), 0.0, ratio))


def _factor_of(error: Any, keep: Any, previous: Any) -> tuple[Any, Any]:
    """How much longer the next step is to be, by PI control, and what the control remembers."""
    none = ~jnp.isfinite(error) | (error == 0)
    inverse = jnp.where(none, 1.0, 1 / error)
    factor = 0.9 * inverse ** (0.6 / 3) * previous ** (-0.3 / 3)
    factor = jnp.where(none, jnp.where(keep, 10.0, 0.2), factor)
    factor = jnp.clip(factor, jnp.where(keep, 1.0, 0.2), jnp.where(keep, 10.0, 0.9))
    return factor, jnp.where(keep, inverse, previous)


def _tick_factor(error: Any) -> Any:
    """By how much the next step within a tick of the clock is to differ from one with such an error."""
    factor = jnp.where(error == 0, 5.0, 0.9 * error ** (-1 / 3))
    return jnp.where(jnp.isfinite(error), jnp.clip(factor, 0.2, 5.0), 0.2)


def round_bits(h: Any, digits: int) -> Any:
    """A positive number rounded to so many binary digits behind the first, by integer operations on its bits."""
    info = jnp.finfo(h.dtype)
    word_type = {64: jnp.uint64, 32: jnp.uint32}[info.bits]
    # Half of the last digit kept is added first: rounded to the nearest, so that steps have no drift.
    drop = info.nmant - digits
    bits = lax.bitcast_convert_type(h, word_type) + jnp.asarray(1 << (drop - 1), word_type)
    return lax.bitcast_convert_type(bits & ~jnp.asarray((1 << drop) - 1, word_type), h.dtype)


def _after(t: Any) -> Any:
    return jnp.where(t == 0, jnp.finfo(float).tiny, jnp.nextafter(t, jnp.inf))


def _before(t: Any) -> Any:
    return jnp.where(t == 0, -jnp.finfo(float).tiny, jnp.nextafter(t, -jnp.inf))


def _next_above(times: Any, t: Any) -> Any:
    """The first of ascending times above t; infinite where there is none."""
    return jnp.append(times, jnp.inf)[jnp.sum(times <= t)]

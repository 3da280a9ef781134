"""Write and verify: pulses by the devices' own dynamics until all cells are near their targets."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..device import AbstractDevice
from ..errors import BoundsError, ModelError, SolveError
from ..noise import increments, words_of_devices
from ..runtime.arguments import NumberSpec, as_integer, as_seed
from ..synapse import Pulsed, PulseNoise
from ..synapse.pulsed import Memory, disturb, kick
from .array import Crossbar, Numbers
from .cells import Cell, each_cell
from .faults import Faults
from .motion import (
    Keys,
    Moment,
    cell_keys,
    check_moves,
    conductances_of,
    device_of,
    ends_of,
    has_noise,
    hold,
    resting,
)
from .programmed import Programmed, Progress, reachable
from .pulses import SET, Pulses, Selection

_WHERE = "program"

_DRAWS = 6
"""Normal numbers of a cell and a pulse: five of `PulseNoise`, and that of the logarithmic noise."""


class WriteNoise(eqx.Module):
    """What is random about a write.

    Parameters
    ----------
    pulses : PulseNoise, optional
        As a fit of pulses gives it: what each pulse adds to the cell that it is for, and what each read adds. The fit
        explained all scatter by it, so that it replaces the noise of the device's own equations, which acts otherwise.
    spread : float
        Standard deviation of what each pulse adds to the logarithm of that conductance [1].
    read : float
        That of a read over the conductance [1].
    """

    pulses: PulseNoise | None
    spread: Float[Array, ""]
    read: Float[Array, ""]

    def __init__(self, pulses: PulseNoise | None = None, *, spread: float = 0.0, read: float = 0.0):
        self.pulses = pulses
        spec = NumberSpec("1", where="WriteNoise", sign=">=")
        for name, x in (("spread", spread), ("read", read)):
            spec.check_single(name, x)
            spec.check_known(name, x)
        self.spread, self.read = jnp.asarray(spread, float), jnp.asarray(read, float)


class _Job(eqx.Module):
    """What stays the same in all rounds."""

    array: Crossbar
    targets: Cell
    tolerance: Cell
    stuck: Bool[Array, "rows columns"]
    pulses: Pulses
    noise: PulseNoise
    spread: Float[Array, ""]
    read: Float[Array, ""]
    path: Keys
    kicks: tuple[Array, Array]
    reads: tuple[Array, Array]


class _Read(NamedTuple):
    """A read of all cells: conductances without noise, and the root mean square of their errors [S]."""

    conductances: Cell
    error: Float[Array, ""]


def program(
    array: Crossbar,
    targets: Numbers,
    *,
    pulses: Pulses,
    tolerance: Numbers | None = None,
    noise: WriteNoise | None = None,
    faults: Faults | None = None,
    rounds: int = 50,
    seed: int = 0,
    start: Programmed | None = None,
    progress: Callable[[Programmed], Any] | None = None,
) -> Programmed:
    """Write conductances into the cells of an array: pulse, read, and again where a cell is off its target.

    Parameters
    ----------
    array : Crossbar
        Cells that are devices, alone or behind selectors, which move too where they are devices.
    targets : Float[Array, "rows columns"]
        Conductances of the devices [S].
    pulses : Pulses
        The pulses and their scheme.
    tolerance : float or Float[Array, "rows columns"], optional
        How far a conductance that is read may lie from its target [S]; a hundredth of the largest target by default.
    noise : WriteNoise, optional
        Of pulses and reads, besides that of the devices' own equations.
    faults : Faults, optional
        Cells that are stuck. The array writes them like the others: it does not know.
    rounds : int
        Rounds at most. A round writes each word line once, and reads all cells.
    seed : int
        Of all noise. A number depends on it, on the place of the cell, and on the pulse.
    start : Programmed, optional
        An earlier result of the same arguments, whose rounds count: it goes on as if it had not ended.
    progress : callable, optional
        Called with the result so far after each round.

    Returns
    -------
    Programmed
        What was reached; the array of `array`, which stays as it was, with its new states.

    Raises
    ------
    BoundsError, ModelError
        Where arguments do not fit together.
    SolveError
        Where node voltages or states are none.

    Notes
    -----
    All cells of the array move in each pulse, at the voltages that the wires leave them: see `hold`. A cell that is
    read too low needs a set pulse, and one that is read too high a reset pulse.
    """
    rounds = as_integer("rounds", rounds, where=_WHERE, lowest=1)
    job = _job(array, targets, pulses, tolerance, noise, faults, seed)
    if start is None:
        result = _result(job, *_begin(job), None)
    else:
        if start.targets.shape != array.shape:
            raise BoundsError(
                f"start of shape {start.targets.shape}", where=_WHERE, allowed=f"{array.shape}"
            )
        result = start
    while result.rounds < rounds and bool(np.any(~result.reached & reachable(result))):
        result = _result(job, *_round(job, result.progress), result)
        if not np.isfinite(result.errors[-1]):
            raise SolveError(
                f"round {result.rounds} left states or voltages that are none", where=_WHERE,
                allowed="pulses in which the currents balance and the states move smoothly",
                fix="give more substeps, or lower voltages",
            )  # fmt: skip
        if progress is not None:
            progress(result)
    return result


def resumed(
    array: Crossbar,
    targets: Numbers,
    *,
    progress: Progress,
    history: tuple[np.ndarray, np.ndarray],
    pulses: Pulses,
    tolerance: Numbers | None,
    noise: WriteNoise | None,
    faults: Faults | None,
    seed: int,
) -> Programmed:
    """The result that a state stands for, which was kept with its errors and numbers of cells off target.

    Parameters
    ----------
    array, targets, pulses, tolerance, noise, faults, seed
        See `program`.
    progress : Progress
        The state.
    history : tuple of two np.ndarray
        `Programmed.errors` and `Programmed.off_target`.
    """
    job = _job(array, targets, pulses, tolerance, noise, faults, seed)
    g = conductances_of(job.array.with_states(progress.states), pulses.read_voltage)
    result = _result(job, progress, _Read(g, jnp.asarray(history[0][-1])), None)
    return replace(result, errors=history[0], off_target=history[1])


def _job(array, targets, pulses, tolerance, noise, faults, seed) -> _Job:
    """All arguments, checked."""
    check_moves(array, _WHERE)
    if pulses.scheme == "gate" and isinstance(array.selector, AbstractDevice):
        raise ModelError(
            f"gates beside a selector that is a device ({array.selector.name})", where=_WHERE,
            allowed="transistors, whose resistance is selector=, or a device", fix='take scheme="half" or "third"',
        )  # fmt: skip
    shape, kind = array.shape, array.dtype
    goal = np.array(targets, kind)
    if goal.shape != shape or not np.all(np.isfinite(goal) & (goal > 0)):
        wrong = f"targets of shape {goal.shape}" if goal.shape != shape else "a target that is none"
        raise BoundsError(wrong, where=_WHERE, allowed=f"finite numbers > 0 S, of shape {shape}")
    limit = np.array(1e-2 * goal.max() if tolerance is None else tolerance, kind)
    if limit.shape not in ((), shape) or not np.all(np.isfinite(limit) & (limit > 0)):
        raise BoundsError(
            f"tolerance of shape {limit.shape}" if limit.ndim else f"tolerance = {limit:g} S",
            where=_WHERE, allowed=f"one number > 0 S, or such numbers of shape {shape}",
        )  # fmt: skip
    array, stuck = (faults or Faults()).applied(array)
    seed = as_seed(seed, where=_WHERE)
    noise = noise or WriteNoise()
    # Nothing is drawn for equations without noise, nor where a fit gave all of it.
    draws = noise.pulses is None and has_noise(array)
    parts = (pulses, noise.pulses or PulseNoise.none(), noise.spread, noise.read)
    cast = jax.tree.map(lambda x: x.astype(kind) if eqx.is_inexact_array(x) else x, parts)
    rows, columns = (jnp.arange(n) for n in shape)
    # Sweep numbers beyond those of the path: kicks and reads share no number with it.
    far = 2**20
    return _Job(
        array, jnp.asarray(goal), jnp.broadcast_to(jnp.asarray(limit), shape), stuck, *cast,
        path=cell_keys(seed, shape) if draws else None, kicks=words_of_devices(seed, rows, far + columns),
        reads=words_of_devices(seed, rows, 2 * far + columns),
    )  # fmt: skip


@eqx.filter_jit
def _begin(job: _Job) -> tuple[Progress, _Read]:
    """Before the first pulse: the first read."""
    shape, kind = job.array.shape, job.array.dtype
    none = jnp.zeros(shape, int)
    blank = Progress(
        states=dict(job.array.states), selector_states=dict(job.array.selector_states),
        flicker=jnp.zeros((*shape, 3), kind),
        jitter=jnp.zeros(shape, kind), counts=jnp.zeros((2, *shape), int), streak=none, wants=none,
        pulse=jnp.zeros((), int), read=jnp.zeros((), int), energy=jnp.zeros((), kind),
    )  # fmt: skip
    return _read(job, blank)


def _read(job: _Job, state: Progress) -> tuple[Progress, _Read]:
    """What the next read of all cells says."""
    g = conductances_of(job.array.with_states(state.states), job.pulses.read_voltage)
    draw = jax.vmap(jax.vmap(lambda *key: increments(key, state.read, channels=2, dtype=g.dtype)))
    normal = draw(*job.reads)
    readings = g + jnp.sum(state.flicker, axis=-1) + state.jitter
    readings = readings + job.noise.read * normal[..., 0] + job.read * g * normal[..., 1]
    low, high = readings < job.targets - job.tolerance, readings > job.targets + job.tolerance
    wants = jnp.where(low, 1, jnp.where(high, -1, 0))
    error = jnp.sqrt(jnp.mean((g - job.targets) ** 2))
    return state._replace(wants=wants, read=state.read + 1), _Read(g, error)


@eqx.filter_jit
def _round(job: _Job, state: Progress) -> tuple[Progress, _Read]:
    """All pulses of a round, a word line after the other, and the read behind them."""
    rows, columns = job.array.shape
    wants, streak = state.wants, state.streak
    streak = jnp.where(wants * streak > 0, streak + wants, wants)
    state = state._replace(streak=streak)
    size = columns if job.pulses.at_once is None else min(job.pulses.at_once, columns)
    blocks = -(-columns // size)

    def step(state: Progress, number):
        kind, row, part = number % 2, number // 2 // blocks, number // 2 % blocks
        sign = jnp.where(kind == SET, 1, -1)
        chosen = (wants[row] == sign) & (jnp.arange(columns) // size == part)
        pulse = Selection(row, chosen, job.pulses.amplitudes(kind, jnp.abs(streak[row])))
        return lax.cond(
            jnp.any(chosen), partial(_pulse, job), lambda s, *_: s, state, pulse, kind
        ), None

    state, _ = lax.scan(step, state, jnp.arange(2 * rows * blocks))
    return _read(job, state)


def _pulse(job: _Job, state: Progress, pulse: Selection, kind: Int[Array, ""]) -> Progress:
    """All cells after a pulse, and after the pause behind it."""
    pulses, array = job.pulses, job.array
    driven, drive = pulses.selected(array, pulse)
    count, width = pulses.substeps, pulses.widths[kind]
    steps, on = jnp.full(count, width / count), np.ones(count, bool)
    if pulses.pause:
        # Relaxation slows down as it goes on: each step is twice the one before.
        pause = pulses.pause * 2.0 ** np.arange(count) / (2.0**count - 1)
        steps = jnp.concatenate([steps, jnp.asarray(pause, array.dtype)])
        on = np.arange(2 * count) < count
    begin = Moment(state.states, state.selector_states, resting(array), state.energy)
    moment, _ = hold(
        driven, begin, drive, steps=steps, keys=job.path,
        first=state.pulse * len(steps), on=jnp.asarray(on), stuck=job.stuck,
    )  # fmt: skip
    is_cell = (jnp.arange(array.shape[0]) == pulse.row)[:, None] & pulse.columns[None]
    state = state._replace(
        states=moment.states, selector_states=moment.selector_states, energy=moment.energy
    )
    memory = _kicked(job, state, kind)
    moves = is_cell & ~job.stuck

    def chosen(new, old):
        return jnp.where(moves if new.ndim == 2 else moves[..., None], new, old)

    states, flicker, jitter = jax.tree.map(
        chosen, memory, (dict(state.states), state.flicker, state.jitter)
    )
    return state._replace(
        states=states, flicker=flicker, jitter=jitter, pulse=state.pulse + 1,
        counts=state.counts.at[kind].add(is_cell.astype(state.counts.dtype)),
    )  # fmt: skip


def _kicked(
    job: _Job, state: Progress, kind: Int[Array, ""]
) -> tuple[dict[str, Cell], Array, Cell]:
    """States, flicker and jitter of all cells, had the pulse been for each of them."""
    noise, pulses, env = job.noise, job.pulses, job.array.env

    def one(device, states, flicker, jitter, key):
        pulsed = Pulsed(
            device, pulses.voltages, pulses.widths, pulses.widths, jnp.asarray(pulses.read_voltage, jitter.dtype), env
        )  # fmt: skip
        draw = increments(key, state.pulse, channels=_DRAWS, dtype=jitter.dtype)
        memory = Memory(pulsed.scaled.pack(states), flicker, jitter)
        memory = disturb(pulsed, noise, memory, kind, draw[:5])
        g, slope = jax.value_and_grad(pulsed.conductance)(memory.z)
        sigma = job.spread * g
        z = kick(pulsed, memory.z, slope[0], sigma * draw[5], sigma)
        return pulsed.scaled.unpack(z), memory.flicker, memory.jitter

    return each_cell(one, device_of(job.array))(
        dict(state.states), state.flicker, state.jitter, job.kicks
    )


def _result(job: _Job, state: Progress, read: _Read, before: Programmed | None) -> Programmed:
    """What is known after a read."""
    if before is None:
        history = (np.zeros(0), np.zeros(0, int), np.asarray(job.stuck), _out_of_range(job))
    else:
        history = (before.errors, before.off_target, before.stuck, before.out_of_range)
    errors, off, stuck, outside = history
    return Programmed(
        array=job.array.with_states(state.states, state.selector_states), targets=np.asarray(job.targets),
        conductances=np.asarray(read.conductances), tolerance=np.asarray(job.tolerance),
        errors=np.append(errors, float(read.error)),
        off_target=np.append(off, int(np.sum(np.asarray(state.wants) != 0))),
        counts=np.asarray(state.counts), energy=float(state.energy), stuck=stuck,
        out_of_range=outside, progress=state,
    )  # fmt: skip


def _out_of_range(job: _Job) -> np.ndarray:
    """Cells whose devices reach no conductance within the tolerance of the target."""
    ends = [np.asarray(conductances_of(x, job.pulses.read_voltage)) for x in ends_of(job.array)]
    low, high = np.minimum(*ends), np.maximum(*ends)
    targets, tolerance = np.asarray(job.targets), np.asarray(job.tolerance)
    return (targets < low - tolerance) | (targets > high + tolerance)

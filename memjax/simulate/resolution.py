"""Whether fixed steps see what drives them: pulses, and gaps between them, shorter than a step."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..errors import PolicyError
from ..runtime.arguments import is_traced
from ..stimulus import AbstractStimulus, Drives
from .policy import Fixed, Stiff

_SMALLEST = 0.01
"""Height of a pulse, as a share of the range of its drive and 0, below which it is none: noise of a measurement."""

_NUDGE = 1e-6
"""Share of the time between two nodes by which a value is taken beside a node, where a drive may jump."""


class Pulse(NamedTuple):
    """A rise and a fall, or a fall and a rise.

    Parameters
    ----------
    time, width : float
        Of its middle, and between the places where it has half its height [s].
    nodes : Float[np.ndarray, " nodes"]
        Nodes of the drive from the turn before it to that after it [s].
    """

    time: float
    width: float
    nodes: Float[np.ndarray, " nodes"]


def steps_in(gaps: Float[np.ndarray, "..."], dt: float) -> np.ndarray:
    """Equal steps of at most dt [s] in gaps between rows; a multiple of dt but for rounding takes no further one."""
    return np.maximum(np.ceil(gaps / dt - 1e-6), 1).astype(int)


def check_pulses_seen(
    policy: Stiff | Fixed, stimuli: Sequence[AbstractStimulus], rows: Sequence[np.ndarray]
) -> None:
    """Raise `PolicyError` where a pulse of a drive, or a gap between pulses, is shorter than the fixed step there.

    Parameters
    ----------
    policy : Stiff or Fixed
        A resolved policy.
    stimuli : sequence of AbstractStimulus
        One per sweep; of those that are traced nothing is known.
    rows : sequence of Float[np.ndarray, "rows"]
        Times of output of each sweep [s], on which steps land.
    """
    if not isinstance(policy, Fixed):
        return
    for stimulus, times in zip(stimuli, rows, strict=True):
        if any(map(is_traced, jax.tree.leaves(stimulus))):
            continue
        for part in stimulus.parts if isinstance(stimulus, Drives) else (stimulus,):
            # Known under transformations of JAX, too.
            with jax.ensure_compile_time_eval():
                _check_sweep(policy.dt, part, np.unique(np.concatenate([[0.0], times])))


def _check_sweep(dt: float, stimulus: AbstractStimulus, times: np.ndarray) -> None:
    """`check_pulses_seen` for one drive; steps land on `times`, the first of which is 0."""
    if len(times) < 2:
        return
    gaps = np.diff(times)
    steps = gaps / np.max(steps_in(gaps, dt))

    def step_at(t):
        """Step that holds a time; the one before where it ends there."""
        return steps[np.clip(np.searchsorted(times, t) - 1, 0, len(steps) - 1)]

    def are_ends(t):
        """Whether steps end at all of these times: they see the drive as it is."""
        k = np.clip(np.searchsorted(times, t) - 1, 0, len(steps) - 1)
        number = (t - times[k]) / steps[k]
        return np.all(np.abs(number - np.rint(number)) < _NUDGE)

    nodes = np.asarray(stimulus.nodes(), float)
    nodes = np.unique(nodes[(nodes >= 0) & (nodes <= times[-1])])
    if len(nodes) < 3 or np.all(nodes[2:] - nodes[:-2] >= step_at(nodes[1:-1] + _NUDGE * dt)):
        return
    for pulse in _pulses(stimulus, np.unique(np.append(nodes, [0.0, times[-1]]))):
        step = step_at(pulse.time)
        if pulse.width < (1 - _NUDGE) * step and not are_ends(pulse.nodes):
            raise PolicyError(
                f"steps of {step:.3g} s over a pulse, or a gap between pulses, of {pulse.width:.3g} s at t = "
                f"{pulse.time:.6g} s, which they may not see",
                where="Fixed",
                allowed=f"dt <= {pulse.width:.3g} s, or rows on the corners of the drive",
                fix=f"mj.Fixed({pulse.width / 10:.1g}), or mj.Stiff(), which lands on corners",
            )


def _pulses(stimulus: AbstractStimulus, nodes: np.ndarray) -> Iterator[Pulse]:
    """Pulses of a drive that runs straight between nodes."""
    ends = np.stack([nodes[:-1], nodes[1:]], axis=1)
    inside = ends + _NUDGE * np.diff(ends, axis=1) * np.array([1.0, -1.0])
    moments = jnp.asarray(inside.ravel(), jnp.result_type(float))
    # A drive may jump at a node: both of its values stand there.
    values = np.asarray(jax.vmap(lambda t: jnp.asarray(stimulus(t), t.dtype))(moments), float)
    times, turns = ends.ravel(), _turns(values)
    for before, turn, after in zip(turns, turns[1:], turns[2:]):
        up = values[turn] > values[before]
        base = (max if up else min)(values[before], values[after])
        level = (values[turn] + base) / 2
        # Between two turns the drive runs in one direction, but for what is no turn.
        part = (values[before : after + 1] - level) * (values[turn] - base) < 0
        middle = turn - before
        rise = turn - 1 - int(np.argmax(part[:middle][::-1]))
        fall = turn + int(np.argmax(part[middle:]))
        begin, end = (_crossing(times, values, k, level) for k in (rise, fall - 1))
        yield Pulse((begin + end) / 2, end - begin, times[before : after + 1])


def _crossing(times: np.ndarray, values: np.ndarray, k: int, level: float) -> float:
    """Time at which a straight line from point k to the next one has a level."""
    share = (level - values[k]) / (values[k + 1] - values[k])
    return float(times[k] + share * (times[k + 1] - times[k]))


def _turns(values: np.ndarray) -> list[int]:
    """Points at which a drive turns by more than `_SMALLEST`; the first and the last one among them."""
    least = _SMALLEST * np.ptp(np.append(values, 0.0))
    turns, extreme, direction = [0], 0, 0.0
    for k, v in enumerate(values):
        change = v - values[extreme]
        if direction == 0.0 and abs(change) > least:
            extreme, direction = k, np.sign(change)
        elif direction != 0.0 and change * direction >= 0:
            extreme = k
        elif direction != 0.0 and abs(change) > least:
            turns.append(extreme)
            extreme, direction = k, -direction
    return [*turns, extreme]

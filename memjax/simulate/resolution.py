"""Whether fixed steps see what drives them: pulses, and gaps between them, shorter than a step."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..errors import PolicyError
from ..policy import Fixed, Stiff
from ..stimulus import AbstractStimulus, Drives

_SMALLEST = 0.01
"""Height of a pulse, as a share of the range of its drive, below which it is no pulse: noise of a measured waveform."""

_NUDGE = 1e-6
"""Share of the time between two nodes by which a value is taken beside a node, where a drive may jump."""


class Pulse(NamedTuple):
    """A rise and a fall, or a fall and a rise.

    Parameters
    ----------
    time, width : float
        Of its middle, and between the places where it has half its height [s].
    """

    time: float
    width: float


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
        if any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(stimulus)):
            continue
        for part in stimulus.parts if isinstance(stimulus, Drives) else (stimulus,):
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

    nodes = np.asarray(stimulus.nodes(), float)
    nodes = np.unique(nodes[(nodes >= 0) & (nodes <= times[-1])])
    if len(nodes) < 3 or np.all(nodes[2:] - nodes[:-2] >= step_at(nodes[1:-1] + _NUDGE * dt)):
        return
    for pulse in _pulses(stimulus, np.unique(np.append(nodes, [0.0, times[-1]]))):
        step = step_at(pulse.time)
        if pulse.width < (1 - _NUDGE) * step:
            raise PolicyError(
                f"steps of {step:.3g} s over a pulse, or a gap between pulses, of {pulse.width:.3g} s at t = "
                f"{pulse.time:.6g} s, which they may not see",
                where="Fixed",
                allowed=f"dt <= {pulse.width:.3g} s, or rows on the corners of the drive",
                fix=f"mj.Fixed({pulse.width / 10:.1g}), or mj.Stiff(), which lands on corners",
            )


def _pulses(stimulus: AbstractStimulus, nodes: np.ndarray) -> list[Pulse]:
    """All pulses of a drive that runs straight between nodes."""
    ends = np.stack([nodes[:-1], nodes[1:]], axis=1)
    inside = ends + _NUDGE * np.diff(ends, axis=1) * np.array([1.0, -1.0])
    moments = jnp.asarray(inside.ravel(), jnp.result_type(float))
    # A drive may jump at a node: both of its values stand there.
    values = np.asarray(jax.vmap(lambda t: jnp.asarray(stimulus(t), t.dtype))(moments), float)
    times, turns = ends.ravel(), _turns(values)
    pulses = []
    for before, turn, after in zip(turns, turns[1:], turns[2:]):
        base = (
            max(values[before], values[after])
            if values[turn] > values[before]
            else min(values[before], values[after])
        )
        level = (values[turn] + base) / 2
        below = (values - level) * (values[turn] - base) < 0
        rise = turn - 1 - np.argmax(below[before:turn][::-1])
        fall = turn + np.argmax(below[turn : after + 1])
        begin, end = (_crossing(times, values, int(k), level) for k in (rise, fall - 1))
        pulses.append(Pulse((begin + end) / 2, end - begin))
    return pulses


def _crossing(times: np.ndarray, values: np.ndarray, k: int, level: float) -> float:
    """Time at which a straight line from point k to the next one has a level."""
    share = (level - values[k]) / (values[k + 1] - values[k])
    return float(times[k] + share * (times[k + 1] - times[k]))


def _turns(values: np.ndarray) -> list[int]:
    """Points at which a drive turns by more than a hundredth of its range; the first and the last one among them."""
    least = _SMALLEST * np.ptp(values)
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

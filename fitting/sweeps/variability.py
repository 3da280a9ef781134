"""Read noise and cycle-to-cycle spread, to first order."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

import memjax as mj

from ..residuals import MAD
from .instrument import device_of
from .problem import Problem
from .summary import EVENTS, Waveform

_LEAST_FLOOR = 1e-3
"""Share of the floor that the noise beside the relative one is at the least."""


def read_noise(waves: Sequence[Waveform], floor: float) -> dict[str, float]:
    r"""Read noise of the instrument: `relative` and `floor_A` [A], to be added as squares.

    `relative` is the robust standard deviation of ln |i| from one point and one sweep to the next, over
    2, of points well above the floor whose sweeps agree on the branch; 0 of one sweep. `floor_A` makes
    that of |i| of the points below them what it is; it is at most the floor, and the floor of one sweep.
    """
    steps, low_steps, low_sizes = [], [], []
    for w in waves:
        size = 10 ** w.median_log() - floor
        # With the floor that the logarithm holds, 30 floors: beside these the floor is 3 %.
        clear = w.used & (size > 29 * floor)
        # Where the sign of a current is uncertain its modulus scatters less than it does.
        low = w.used & ~clear & (size > floor)
        # Of neighbouring sweeps: a sweep takes part in the median of all, from which few would be less far.
        step = np.diff(np.diff(w.log_response, axis=0), axis=1)
        steps.append(step[:, clear[1:] & clear[:-1]].ravel())
        pairs = low[1:] & low[:-1]
        step = np.diff(np.diff(10**w.log_response, axis=0), axis=1)[:, pairs]
        low_steps.append(step.ravel())
        squares = (size[1:] ** 2 + size[:-1] ** 2)[pairs] / 2
        low_sizes.append(np.broadcast_to(squares, step.shape).ravel())
    step = np.concatenate(steps)
    # Twice a difference of two: four times the variance of one.
    relative = MAD * np.median(np.abs(step)) / 2 * np.log(10) if step.size > 8 else 0.0
    step, square = np.concatenate(low_steps) / 2, relative**2 * np.concatenate(low_sizes)
    additive = _additive(step, square, floor) if step.size > 8 else floor
    return {"relative": float(relative), "floor_A": float(additive)}


def _additive(
    step: Float[np.ndarray, " steps"], square: Float[np.ndarray, " steps"], floor: float
) -> float:
    """Noise [A] that makes the robust standard deviation of the steps 1, beside a variance that is known [A^2]."""

    def excess(log_noise: float) -> float:
        return MAD * np.median(np.abs(step) / np.sqrt(square + np.exp(2 * log_noise))) - 1

    low, high = np.log(_LEAST_FLOOR * floor), np.log(floor)
    if excess(high) >= 0:
        return floor
    if excess(low) <= 0:
        return _LEAST_FLOOR * floor
    return float(np.exp(cast(float, brentq(excess, low, high))))


def cycle_spread(
    problem: Problem, waves: Sequence[Waveform], *, jacobian: np.ndarray
) -> dict[str, dict]:
    """Spread of parameters from cycle to cycle that the spread of switching and hold voltages asks for, at an optimum.

    By parameter: `sigma_ln` (standard deviation of its logarithm), `from` (the event that it explains), `sweeps`.

    Notes
    -----
    First order: the variance of an event's row over sweeps, less 1/12 for the sampling in whole
    rows, over the squared derivative of the row by ln(parameter). Growth (`mu`) explains when the
    device switches; of the decay rates the one that moves the return most, and switching least,
    explains when it returns.
    """
    if not isinstance(device_of(problem.device), mj.DiffusiveMemristor):
        return {}
    weights = np.asarray(problem.group.event_weight)
    n, size = len(problem.free), weights.size
    # The last rows but those of the prior are the events, weighed; slopes are those of rows without the weight.
    rows = np.asarray(jacobian)[-n - size : -n].reshape(*weights.shape, n)
    slopes = np.abs(rows / np.where(weights > 0, weights, np.inf)[..., None])
    out: dict[str, dict] = {}
    for a, w in enumerate(waves):
        for leg, polarity in enumerate(w.polarities):
            tail = "_neg" if polarity < 0 and "mu_neg" in problem.free else ""
            for event, names in ((0, ("mu",)), (2, ("theta", "gamma1", "gamma2"))):
                e = w.events[:, leg, event]
                e = e[np.isfinite(e)]
                columns = [problem.free.index(m + tail) for m in names if m + tail in problem.free]
                if len(e) < 8 or not columns:
                    continue
                lead = slopes[a, leg, event] - slopes[a, leg, 0] * (event > 0)
                best = columns[int(np.argmax(lead[columns]))]
                slope, scatter = slopes[a, leg, event, best], np.var(e, ddof=1) - 1 / 12
                if slope >= 1 and scatter > 0 and problem.free[best] not in out:
                    out[problem.free[best]] = {
                        "sigma_ln": float(min(np.sqrt(scatter) / slope, 1.0)),
                        "from": EVENTS[event],
                        "sweeps": len(e),
                    }
    return out

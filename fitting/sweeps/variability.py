"""Read noise and cycle-to-cycle spread, to first order."""

from collections.abc import Sequence

import numpy as np

import memjax as mj
from memjax.params import known

from .problem import Problem
from .summary import MAD, Waveform


def read_noise(waves: Sequence[Waveform], floor: float) -> dict[str, float]:
    r"""Read noise of the instrument: `relative` and `floor_A`, the floor [A] as it is given.

    `relative` is the robust standard deviation of ln |i| from one point to the next, over sqrt 2, of points well above
    the floor whose sweeps agree on the branch.
    """
    steps = []
    for w in waves:
        clear = w.used & (w.median_log() > np.log10(30 * floor))
        step = np.diff(w.log_response, axis=1) - np.diff(w.median_log())
        steps.append(step[:, clear[1:] & clear[:-1]].ravel())
    step = np.concatenate(steps)
    relative = MAD * np.median(np.abs(step)) / np.sqrt(2) * np.log(10) if step.size > 8 else 0.0
    return {"relative": float(relative), "floor_A": float(floor)}


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
    if not isinstance(problem.device, mj.DiffusiveMemristor):
        return {}
    weights = np.asarray(problem.group.event_weight)
    n, size = len(problem.free), weights.size
    rows = np.asarray(jacobian)[-n - size : -n].reshape(*weights.shape, n)
    slopes = rows / np.where(weights > 0, weights, np.inf)[..., None]
    out: dict[str, dict] = {}
    for a, w in enumerate(waves):
        for leg, polarity in enumerate(w.polarities):
            tail = "_neg" if polarity < 0 and "mu_neg" in problem.free else ""
            for event, names in ((0, ("mu",)), (2, ("theta", "gamma1", "gamma2"))):
                found = _spread(problem, w, slopes[a, leg], leg, event, [m + tail for m in names])
                if found and found[0] not in out:
                    out[found[0]] = found[1]
    return out


def _spread(
    problem: Problem, w: Waveform, slopes, leg: int, event: int, names: list[str]
) -> tuple[str, dict] | None:
    """Parameter and spread that explain one event of one leg; None where there is too little to go by."""
    e = w.events[:, leg, event]
    e = e[np.isfinite(e)]
    names = [m for m in known(problem.device, names) if m in problem.free]
    if len(e) < 8 or not names:
        return None
    columns = [problem.free.index(m) for m in names]
    best = columns[
        int(np.argmax(np.abs(slopes[event, columns]) - np.abs(slopes[0, columns]) * (event > 0)))
    ]
    slope = abs(slopes[event, best])
    scatter = np.var(e, ddof=1) - 1 / 12
    if slope < 1 or scatter <= 0:
        return None
    sigma = float(min(np.sqrt(scatter) / slope, 1.0))
    return problem.free[best], {
        "sigma_ln": sigma,
        "from": ("rise", "release", "fall")[event],
        "sweeps": len(e),
    }

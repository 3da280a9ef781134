"""Whether a fit describes what a circuit does: its spikes by their summaries, or the trace of a node."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..constants import MODEL_SIGMA, VOLTAGE_SIGMA
from ..residuals import scatter_about_neighbours
from ..verdict import (
    DEVIATION,
    WITHIN,
    Verdict,
    graded_curve,
    graded_ratio,
    graded_residuals,
    verdict_of,
)
from .moments import left_out, summaries_of, train_features

REGULAR = 0.05
"""Spread of the logarithm of a time below which spikes count as regular: 5 %, however regular they are."""

_BINS = 16  # levels of the drive at each of which a curve without memory has one value
_PER_BIN = 8  # rows for each of them at least

_SHARE = (
    10 ** (DEVIATION[0] * VOLTAGE_SIGMA / MODEL_SIGMA) - 1,
    10 ** (DEVIATION[1] * VOLTAGE_SIGMA / MODEL_SIGMA) - 1,
)
"""Systematic deviations of a good and of a usable trace [its range]: those of a voltage of sweeps, 6 and 12 %."""


def judge_summaries(
    names: Sequence[str],
    measured: Float[np.ndarray, " summaries"],
    simulated: Float[np.ndarray, " summaries"],
    sigma: Float[np.ndarray, " summaries"],
) -> Verdict:
    """The verdict by summaries of spike trains, which are logarithms, and standard deviations of their difference.

    Each may be off by a factor beyond two of these: `fitting.circuits.moments.SUMMARIES`.
    """
    marks, numbers = [], {}
    for name, *pair, error in zip(names, measured, simulated, sigma, strict=True):
        least = np.log(REGULAR) if name.endswith("spread") else -np.inf
        here, there = (max(float(x), least) if np.isfinite(x) else -np.inf for x in pair)
        ratio = float(np.exp(there - here))
        text = f"{name.replace('_', ' ')} of the spikes is {ratio:.2g} of the measured one"
        marks.append(graded_ratio(ratio, text, error=WITHIN * float(error)))
        numbers[f"{name}_ratio"] = ratio
    return verdict_of(marks, "rate, intervals and latencies agree with the data", **numbers)


def judge_trains(
    names: Sequence[str],
    measured: Sequence[Float[np.ndarray, " _"]],
    simulated: Sequence[Float[np.ndarray, " _"]],
    window: tuple[float, float],
) -> Verdict:
    """The verdict by the summaries of two sets of trains [s] in a window [s], with their jackknife errors."""
    length, values, variance = window[1] - window[0], [], np.zeros(len(names))
    for trains in (measured, simulated):
        features = train_features(trains, *window)
        values.append(summaries_of(features.mean(axis=0), names, length))
        if len(trains) > 1:
            replicates = summaries_of(left_out(features), names, length)
            known = np.isfinite(replicates) & np.isfinite(values[-1])
            deviations = np.subtract(
                replicates, values[-1], out=np.zeros_like(replicates), where=known
            )
            variance += (len(trains) - 1) / len(trains) * np.sum(deviations**2, axis=0)
    return judge_summaries(names, values[0], values[1], np.sqrt(variance))


def judge_trace(
    measured: Float[np.ndarray, " rows"],
    simulated: Float[np.ndarray, " rows"],
    drive: Float[np.ndarray, "rows ports"],
) -> Verdict:
    """The verdict on a trace [V or A], and on what drove it at its rows.

    Notes
    -----
    A curve without memory has one value at each level of the drive: for a constant one it is a constant. Systematic
    residuals count as a share of the trace's range. The noise of a row is that about its neighbours.
    """
    off, extent = simulated - measured, max(float(np.ptp(measured)), np.finfo(float).tiny)
    mark, numbers = graded_residuals(off, _SHARE, "of the range", scale=extent)
    noise = scatter_about_neighbours(measured)
    marks, gain = graded_curve(
        off,
        _without_memory(measured, drive),
        noise,
        what="the trace",
        beyond="a curve without memory of the drive",
    )
    whole = float(np.sum((measured - np.mean(measured)) ** 2))
    share = 1 - float(np.sum(off**2)) / whole if whole > 0 else None
    good = "the trace and its residuals agree with the data"
    return verdict_of([mark, *marks], good, gain=gain, explained_variance=share, **numbers)


def _without_memory(x: np.ndarray, drive: np.ndarray) -> np.ndarray:
    """Residuals of the best sum of functions of the drive at each port, constant between levels of it."""
    bins = max(min(_BINS, len(x) // _PER_BIN), 1)
    columns = []
    for u in drive.T:
        place = (u - np.min(u)) / max(float(np.ptp(u)), np.finfo(float).tiny)
        columns.append(np.eye(bins)[np.minimum((bins * place).astype(int), bins - 1)])
    design = np.concatenate(columns, axis=1)
    return x - design @ np.linalg.lstsq(design, x, rcond=None)[0]

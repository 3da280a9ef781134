"""Whether a device's relaxation describes a decay: what it explains beyond a constant, how much, and how fast."""

import numpy as np
from jaxtyping import Float

from ..residuals import MEDIAN, scatter_about_neighbours
from ..verdict import (
    DEVIATION,
    SURE,
    Verdict,
    graded_change,
    graded_curve,
    graded_ratio,
    graded_residuals,
    verdict_of,
)

_ENDS, _FEWEST = 100, 3  # readings that make either end: one in a hundred, three at least
_CLEAR = (
    10.0  # changes over the noise of a reading from which on the time of the half of them is known
)


def judge_decay(
    t: Float[np.ndarray, " rows"],
    measured: Float[np.ndarray, " rows"],
    simulated: Float[np.ndarray, " rows"],
) -> Verdict:
    """The verdict on a relaxation, by log10 of measured and simulated resistance [decades of ohm] at times [s].

    Notes
    -----
    The change is that of the median of the last hundredth of the readings against the first. Its half is done at the
    row that parts readings beyond the half from the others with the fewest on the wrong side. The noise of a reading is
    that about its neighbours.
    """
    off, noise = simulated - measured, scatter_about_neighbours(measured)
    mark, numbers = graded_residuals(off, DEVIATION, "decades")
    marks, gain = graded_curve(
        off, measured - np.mean(measured), noise, what="the decay", beyond="a constant resistance"
    )
    few = max(len(t) // _ENDS, _FEWEST)
    ends = [(float(np.median(x[:few])), float(np.median(x[-few:]))) for x in (measured, simulated)]
    change, drawn = (last - first for first, last in ends)
    error = noise * MEDIAN * float(np.sqrt(2 / few))
    least = max(SURE * error, float(np.finfo(float).eps))
    marks.append(graded_change(change, drawn, least=least, error=error, name="the change"))
    ratio, half = (drawn / change if abs(change) >= least else None), None
    if ratio is not None and ratio > 0 and abs(change) > _CLEAR * noise:
        halves = [_half(x, *pair) for x, pair in zip((measured, simulated), ends, strict=True)]
        here, there = (0.5 * (t[k] + t[k + 1]) - t[0] for k in halves)
        half = float(there / here)
        text = f"half of the change is done after {there:.3g} s where {here:.3g} s was measured"
        marks.append(graded_ratio(half if abs(halves[0] - halves[1]) > 1 else 1.0, text))
    good = "change, half time and residuals agree with the data"
    return verdict_of(
        [mark, *marks], good, gain=gain, change_ratio=ratio, half_time_ratio=half, **numbers
    )


def _half(x: np.ndarray, first: float, last: float) -> int:
    """Last row before half of the change is done; one has to follow."""
    before = (x - first) / (last - first) < 0.5
    return min(int(np.argmax(np.cumsum(np.where(before, 1, -1)))), len(x) - 2)

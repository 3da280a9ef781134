"""Spikes read off the position of the particle, intervals between them, and their statistical error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

UP, DOWN = -0.5, -0.8
"""A spike: x rises through UP after it was below DOWN; its time is that of UP, linear between rows."""


def spike_times(
    t: Float[np.ndarray, " rows"],
    x: Float[np.ndarray, " rows"],
    *,
    up: float = UP,
    down: float = DOWN,
) -> Float[np.ndarray, " spikes"]:
    """Times of the spikes of one member."""
    side = np.where(x < down, -1, np.where(x > up, 1, 0))
    sure = np.flatnonzero(side)
    k = sure[1:][(side[sure[1:]] == 1) & (side[sure[:-1]] == -1)]
    return t[k - 1] + (up - x[k - 1]) / (x[k] - x[k - 1]) * (t[k] - t[k - 1])


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """Moments of the intervals between spikes.

    Parameters
    ----------
    mean, cv : float
        Mean, and standard deviation over mean.
    mean_se, cv_se : float
        Standard errors, from leaving out one member at a time.
    count, unfinished : int
        Intervals, and those whose end was not seen.
    """

    mean: float
    cv: float
    mean_se: float
    cv_se: float
    count: int
    unfinished: int


def _moments(sums: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 2"]:
    """Mean and coefficient of variation from number, sum and sum of squares; NaN of nothing."""
    with np.errstate(invalid="ignore"):
        mean = sums[..., 1] / sums[..., 0]
        variance = sums[..., 2] / sums[..., 0] - mean**2
        return np.stack([mean, np.sqrt(np.maximum(variance, 0.0)) / mean], axis=-1)


def jackknife(parts: Float[np.ndarray, "members ..."]) -> Float[np.ndarray, "..."]:
    """Standard error from the estimates that each leave one member out."""
    n = len(parts)
    return np.sqrt((n - 1) / n * np.sum((parts - parts.mean(axis=0)) ** 2, axis=0))


def begun(train: np.ndarray, start: float, stop: float) -> Bool[np.ndarray, " spikes"]:
    """Which spikes fall within [start, stop)."""
    return (train >= start) & (train < stop)


def intervals(
    trains: Sequence[Float[np.ndarray, " spikes"]], start: float, stop: float
) -> Intervals:
    """All intervals that begin within [start, stop), followed to their ends.

    Long intervals are then as likely to be counted as short ones, which those that lie within a window are not.

    Parameters
    ----------
    trains : sequence of Float[np.ndarray, "spikes"]
        Times of spikes of each member.
    start, stop : float
        When intervals may begin; the trains go on long enough after it for (nearly) all to end.
    """
    lengths = [np.diff(s)[begun(s, start, stop)[:-1]] for s in trains]
    starts = sum(int(np.sum(begun(s, start, stop))) for s in trains)
    sums = np.array([[len(d), d.sum(), (d**2).sum()] for d in lengths], float)
    total = sums.sum(axis=0)
    mean, cv = _moments(total)
    mean_se, cv_se = jackknife(_moments(total - sums))
    count = int(total[0])
    return Intervals(
        mean=float(mean),
        cv=float(cv),
        mean_se=float(mean_se),
        cv_se=float(cv_se),
        count=count,
        unfinished=starts - count,
    )

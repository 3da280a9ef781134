"""Spikes read off the position of the particle, and intervals between them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from memjax.observables import (
    IsiStatistics as Intervals,
    detect,
    in_window as begun,
    isi_statistics,
    jackknife,
)

__all__ = ["DOWN", "UP", "Intervals", "begun", "intervals", "jackknife", "spike_times"]

UP, DOWN = -0.5, -0.8
"""A spike: x rises through UP after it was below DOWN; its time is that of UP, linear between rows."""


def spike_times(
    t: Float[np.ndarray, " rows"], x: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " spikes"]:
    """Times of the spikes of one member."""
    return detect(t, x, level=UP, rearm=DOWN)


def intervals(
    trains: Sequence[Float[np.ndarray, " spikes"]], start: float, stop: float
) -> Intervals:
    """All intervals that begin within [start, stop), followed to their ends."""
    return isi_statistics(trains, start=start, stop=stop)

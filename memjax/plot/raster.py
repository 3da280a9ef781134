"""Spike rasters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Array

from ..observables import SpikeTrain
from ..observables.spikes import Train
from .arguments import check_arrays
from .axes import axes_or_new, label_time
from .style import MEASURED


def raster(
    trains: Sequence[Train],
    *,
    ax: Any = None,
    start: float | None = None,
    stop: float | None = None,
    color: str = MEASURED,
) -> Any:
    """Draw each spike as a dash, one row for each train.

    Parameters
    ----------
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s]; the first train is the lowest row.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    start, stop : float, optional
        Ends of the axis [s]; by default those of the trains' windows, or of all spikes.
    color
        How to draw.
    """
    example = "raster(detect_all(trace.t, trace.state[name], level=...))"
    check_arrays("raster", example, trains=trains)
    if isinstance(trains, np.ndarray | Array) and trains.ndim == 1 and trains.dtype != object:
        trains = [np.asarray(trains)]  # one train
    ax = axes_or_new(ax)
    windows = [(s.start, s.stop) for s in trains if isinstance(s, SpikeTrain)]
    times = [s.times if isinstance(s, SpikeTrain) else np.asarray(s) for s in trains]
    ends = np.concatenate([np.zeros(0), *times, *(np.asarray(w) for w in windows)])
    low = start if start is not None else ends.min(initial=np.inf)
    high = stop if stop is not None else ends.max(initial=-np.inf)
    if times:
        ax.eventplot(times, colors=color, linelengths=0.8, linewidths=1.0)
    if low < high:
        ax.set_xlim(low, high)
        label_time(ax.xaxis, np.array([low, high]))
    else:
        ax.set_xlabel("Time (s)")
    ax.set(ylabel="Train", ylim=(-0.6, max(len(times), 1) - 0.4))
    ax.yaxis.get_major_locator().set_params(integer=True)
    return ax

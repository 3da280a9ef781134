"""Distributions of the intervals between spikes."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float

from ..errors import BoundsError
from ..runtime.flags import check_flags
from .arguments import check_arrays
from .axes import axes_or_new, prefix, show_in
from .style import SECOND


def isi_histogram(
    intervals: Float[np.ndarray | Array, " intervals"],
    *,
    ax: Any = None,
    log: bool = False,
    bins: int = 40,
    color: str = SECOND,
    label: str = "",
) -> Any:
    """Draw how many intervals have which length.

    Parameters
    ----------
    intervals : Float[np.ndarray, "intervals"]
        Intervals [s]. The axis shows s, ms, µs or ns.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    log : bool
        Whether lengths, and the bins, are on a logarithmic axis.
    bins : int
        Number of bins between the shortest and the longest (from 0 on without `log`).
    color, label
        How to draw.

    Raises
    ------
    BoundsError
        For an interval that is no positive finite number.
    """
    check_flags({"log": log}, where="plot.isi_histogram")
    check_arrays("isi_histogram", "isi_histogram(np.diff(spikes))", intervals=intervals)
    ax, isi = axes_or_new(ax), np.asarray(intervals, float)
    if not (np.isfinite(isi) & (isi > 0)).all():
        raise BoundsError("an interval that is no positive finite number", where="isi_histogram")
    ax.set_ylabel("Intervals")
    if not isi.size:
        ax.text(0.5, 0.5, "no intervals", transform=ax.transAxes, ha="center")
        ax.set_xlabel("Interval between spikes (s)")
        return ax
    low, high = isi.min(), isi.max() * (1 + 1e-9)
    edges = np.linspace(0.0, high, bins + 1)
    if log:
        spread = max(np.log(high / low), 0.1)
        edges = np.sqrt(low * high) * np.exp(spread * np.linspace(-0.5, 0.5, bins + 1))
        edges[[0, -1]] = min(edges[0], low), max(edges[-1], high)
        ax.set_xscale("log")
    else:
        ax.set_xlim(0.0, high)
    ax.hist(isi, edges, color=color, alpha=0.75, label=label or None)
    factor, unit = prefix(np.median(isi))
    show_in(ax.xaxis, factor)
    ax.set_xlabel(f"Interval between spikes ({unit})")
    if label:
        ax.legend()
    return ax

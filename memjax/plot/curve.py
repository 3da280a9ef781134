"""Figures of merit with errors, beside published ones: plasticity windows, paired pulses, refractory periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float

from ..observables import StdpWindow
from ..runtime.deprecated import forward_keywords
from .arguments import check_arrays
from .axes import axes_or_new, prefix, show_in
from .style import MEASURED, MUTED, SIMULATED

Points = Float[np.ndarray | Array, " points"]
Bars = Float[np.ndarray | Array, "*sides points"]
Published = Sequence[Float[np.ndarray | Array, "..."]]
Log = Literal["", "x", "y", "xy"]


@dataclass(frozen=True)
class CurveStyle:
    """How a curve is drawn.

    Parameters
    ----------
    color, label : str
        Of matplotlib; no label is no entry of the legend.
    line : str
        Line style of matplotlib, "" for points alone.
    """

    color: str = SIMULATED
    label: str = ""
    line: str = "-"


@forward_keywords(groups={"look": CurveStyle})
def curve(
    x: Points,
    y: Points,
    error: Bars | None = None,
    *,
    xlabel: str = "",
    ylabel: str = "",
    ax: Any = None,
    log: Log = "",
    published: Published | None = None,
    look: CurveStyle | None = None,
) -> Any:
    """Draw points with error bars, and hollow ones that were published.

    Parameters
    ----------
    x, y : Float[np.ndarray, "points"]
        Points.
    error : Float[np.ndarray, "points"] or Float[np.ndarray, "2 points"], optional
        Length of each bar on either side, or below and above, in the unit of `y`.
    xlabel, ylabel : str
        Names of the axes, with units.
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    log : {"", "x", "y", "xy"}
        Axes that are logarithmic.
    published : sequence of two or three arrays, optional
        x, y and, where there are, errors of published points.
    look : CurveStyle, optional
        Color, label and line.
    """
    check_arrays("curve", "curve(x, y)", x=x, y=y)
    ax = axes_or_new(ax)
    bars = None if error is None else np.asarray(error)
    look = look or CurveStyle()
    marks = {"capsize": 3, "ms": 5, "zorder": 2.5}
    points = np.asarray(x), np.asarray(y), bars
    ax.errorbar(*points, fmt="o", ls=look.line, color=look.color, label=look.label or None, **marks)
    if published is not None:
        published_columns = [np.asarray(p) for p in published]
        hollow = {"mfc": "white", "mec": MEASURED, "ecolor": MEASURED, "label": "published"}
        ax.errorbar(*published_columns, fmt="s", **(marks | hollow | {"ms": 7, "zorder": 2.2}))
    ax.set(
        xlabel=xlabel,
        ylabel=ylabel,
        xscale="log" if "x" in log else "linear",
        yscale="log" if "y" in log else "linear",
    )
    if ax.get_legend_handles_labels()[0]:
        ax.legend()
    return ax


def _label_axis(axis: Any, name: str, values: Sequence[Any], unit: str) -> None:
    """Name an axis and show it in the multiple of its unit that suits all values."""
    factor, symbol = prefix(np.concatenate([np.ravel(v) for v in values]), unit=unit)
    show_in(axis, factor)
    axis.set_label_text(f"{name} ({symbol})")


def _column(points: Points, published: Published | None, k: int) -> list[Any]:
    """A column of our values, and the same column of the published ones."""
    return [points] if published is None else [points, published[k]]


def stdp(
    dt: Points,
    dw: Points,
    error: Bars | None = None,
    *,
    ax: Any = None,
    window: StdpWindow | None = None,
    published: Published | None = None,
    color: str = SIMULATED,
    label: str = "",
) -> Any:
    """Draw the change of weight against the time between spikes.

    Parameters
    ----------
    dt : Float[np.ndarray, "points"]
        Time of the postsynaptic spike minus that of the presynaptic one [s].
    dw : Float[np.ndarray, "points"]
        Relative change of the weight [1], shown in %.
    error : Float[np.ndarray, "points"] or Float[np.ndarray, "2 points"], optional
        Length of each bar on either side, or below and above [1].
    ax : matplotlib.axes.Axes, optional
        Where to draw, and what is returned; a new figure's axes by default.
    window : StdpWindow, optional
        Exponentials to draw through the points.
    published : sequence of two or three arrays, optional
        dt, dw and, where there are, errors of published points.
    color, label
        How to draw.
    """
    check_arrays("stdp", "stdp(dt, dw)", dt=dt, dw=dw)
    ax = axes_or_new(ax)
    for draw in (ax.axhline, ax.axvline):
        draw(0, color=MUTED, lw=0.8)
    if window is not None:
        _exponentials(ax, window, float(np.abs(dt).max()))
    curve(
        dt,
        dw,
        error,
        ax=ax,
        ylabel="Change of weight (%)",
        published=published,
        look=CurveStyle(color, label, line=""),
    )
    show_in(ax.yaxis, 0.01)
    _label_axis(ax.xaxis, "Δt = t(post) − t(pre)", _column(dt, published, 0), "s")
    return ax


def _exponentials(ax: Any, window: StdpWindow, longest: float) -> None:
    """A exp(-|dt| / tau) on each side that there is."""
    size = np.linspace(0, longest, 201)
    label = "A exp(−|Δt| / τ)"
    for side, sign in ((window.positive, 1), (window.negative, -1)):
        if side is not None:
            fit = side.amplitude * np.exp(-size / side.tau)
            ax.plot(sign * size, fit, color=MEASURED, lw=1.2, label=label)
            label = None


def ppf(
    interval: Points,
    ratio: Points,
    error: Bars | None = None,
    *,
    ax: Any = None,
    log: Log = "x",
    published: Published | None = None,
    color: str = SIMULATED,
    label: str = "",
) -> Any:
    """Draw the paired-pulse ratio against the interval: above 1 facilitation, below depression.

    Parameters
    ----------
    interval : Float[np.ndarray, "points"]
        Interval between the two pulses [s].
    ratio : Float[np.ndarray, "points"]
        Paired-pulse ratio [1].
    error, ax, log, published, color, label
        As `curve` has them.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = axes_or_new(ax)
    ax.axhline(1, color=MUTED, lw=0.8)
    name = "Paired-pulse ratio"
    options = {"ax": ax, "log": log, "published": published, "look": CurveStyle(color, label)}
    curve(interval, ratio, error, ylabel=name, **options)
    if "y" in log:
        show_in(ax.yaxis, 1.0)
    _label_axis(ax.xaxis, "Interval", _column(interval, published, 0), "s")
    return ax


def refractory(
    r: Points,
    isi: Points,
    error: Bars | None = None,
    *,
    ax: Any = None,
    log: Log = "xy",
    published: Published | None = None,
    color: str = SIMULATED,
    label: str = "",
) -> Any:
    """Draw the mean interval between spikes against the resistance that sets it.

    Parameters
    ----------
    r : Float[np.ndarray, "points"]
        Resistance [ohm].
    isi : Float[np.ndarray, "points"]
        Mean interval, or refractory period [s].
    error, ax, log, published, color, label
        As `curve` has them.

    Returns
    -------
    matplotlib.axes.Axes
    """
    look = CurveStyle(color, label)
    ax = curve(r, isi, error, ax=ax, log=log, published=published, look=look)
    _label_axis(ax.xaxis, "Resistance", _column(r, published, 0), "Ω")
    _label_axis(ax.yaxis, "Mean interval between spikes", _column(isi, published, 1), "s")
    return ax

"""Quantities against the number of the cycle, with their trends."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..observables import Series, trend
from .style import MEASURED, MUTED, SECOND, SIMULATED

_NAMES = {
    "v_th": "V_th", "v_hold": "V_hold", "r_on": "R_on", "r_off": "R_off", "hrs": "HRS", "lrs": "LRS",
}  # fmt: skip
_AXES = {"V": "Voltage (V)", "ohm": "Resistance (Ω)", "S": "Conductance (S)", "A": "Current (A)"}
_COLORS = {
    "v_th": SIMULATED, "v_hold": SECOND, "r_on": SIMULATED, "r_off": SECOND, "hrs": SECOND, "lrs": SIMULATED,
}  # fmt: skip
_DECADES = 2.0
"""Decades of cycles from which on their axis is logarithmic."""


def trends(series: Sequence[Series], *, figure: Any = None) -> Any:
    """Draw values by cycle, a panel for voltages and one for resistances, with straight lines for their trends.

    Parameters
    ----------
    series : sequence of Series
        See `memjax.observables.series_of_sweeps`. Of several devices the points are grey and medians are drawn.
    figure : matplotlib.figure.Figure, optional
        Where to draw; a new one by default.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from .picture import Picture

    known = [s for s in series if np.isfinite(s.values).any()]
    units = list(dict.fromkeys(s.unit for s in known)) or ["V"]
    figure = Picture(figsize=(7.2, 3.6 * len(units))) if figure is None else figure
    axes = np.atleast_1d(figure.subplots(len(units), 1, sharex=True))
    for ax, unit in zip(axes, units, strict=True):
        panel_series = [s for s in known if s.unit == unit]
        for kind in dict.fromkeys((s.quantity, s.polarity) for s in panel_series):
            _draw(ax, [s for s in panel_series if (s.quantity, s.polarity) == kind])
        ax.set_ylabel(_AXES[unit])
        if unit != "V":
            ax.set_yscale("log")
        if panel_series:
            ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    last = max((s.cycle[-1] for s in known), default=1)
    if np.log10(last) >= _DECADES:
        axes[-1].set_xscale("log")
    axes[-1].set_xlabel("Cycle")
    return figure


def _draw(ax: Any, same: Sequence[Series]) -> None:
    """One quantity: of one device its points and its trend, of several the medians of all over grey points."""
    first = same[0]
    color, side = _COLORS[first.quantity], {1: " +", -1: " -", 0: ""}[first.polarity]
    filled = first.polarity >= 0
    name, marker = _NAMES[first.quantity] + side, "o" if filled else "v"
    look = {
        "marker": marker,
        "ms": 3,
        "ls": "none",
        "mfc": color if filled else "none",
        "color": color,
    }
    if len(same) == 1:
        ax.plot(first.cycle, first.values, label=_words(name, first), **look)
        _line(ax, first, color)
        return
    for s in same:
        ax.plot(s.cycle, s.values, ".", ms=1.5, color=MUTED, alpha=0.4)
    cycles = np.unique(np.concatenate([s.cycle for s in same]))
    columns = np.full((len(same), len(cycles)), np.nan)
    for row, s in zip(columns, same, strict=True):
        row[np.searchsorted(cycles, s.cycle)] = s.values
    some = np.isfinite(columns).any(axis=0)
    middle = np.nanmedian(columns[:, some], axis=0)
    ax.plot(
        cycles[some], middle, color=color, lw=1.4, label=f"{name}, median of {len(same)} devices"
    )


def _words(name: str, series: Series) -> str:
    """Name of a quantity with its slope and how sure it is."""
    t = trend(series)
    if t.per_decade is None or t.per_decade_error is None:
        return name
    unit = "V" if series.unit == "V" else "dec"
    z = "" if t.z_per_decade is None else f", z {t.z_per_decade:.1f}"
    return f"{name}\n({t.per_decade:+.2g} ± {t.per_decade_error:.1g}) {unit}/decade{z}"


def _line(ax: Any, series: Series, color: str) -> None:
    """The straight line in the logarithm of the cycle through the mean of the values."""
    t, known = trend(series), np.isfinite(series.values)
    if t.per_decade is None:
        return
    x = np.log10(series.cycle[known])
    y = np.log10(series.values[known]) if series.in_decades else series.values[known]
    line = np.mean(y) + t.per_decade * (x - np.mean(x))
    ax.plot(10**x, 10**line if series.in_decades else line, color=MEASURED, lw=1, zorder=3)

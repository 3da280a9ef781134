"""One picture of a whole object: of a trace or measurement, of ranges of parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from ..core.result import Trace
from ..errors import BoundsError
from .axes import prefix, show_in
from .iv import iv
from .style import MEASURED, MUTED, SIMULATED, style
from .traces import traces

_KINDS = ("auto", "iv", "time")

_LEVELS = 8
"""Values of the source above which a drive is a sweep, which is drawn as current against voltage."""

_LINES, _STATES = 12, 4
"""Members and states that are drawn over time."""


def png(figure: Any, *, dpi: float | int | None = None) -> bytes:
    """The bytes of a figure as PNG, in its own resolution by default."""
    from .picture import png as as_png

    return as_png(figure, dpi=dpi)


def overview(trace: Any, *, kind: str = "auto") -> Any:
    """Draw a trace or a measurement: current against voltage, or signals over time.

    Parameters
    ----------
    trace : Trace or Measurement
        What was simulated or measured.
    kind : {"auto", "iv", "time"}
        "iv" is current against voltage, logarithmic beside linear; "time" is voltage, current and the first four
        states over time, of at most 12 members, sweeps one after the other. "auto" is "iv" where the source takes
        more than eight values (a sweep or a sine), else "time" (pulses, a constant).

    Returns
    -------
    matplotlib.figure.Figure
        Notebooks show it; `savefig` writes it.

    Raises
    ------
    MemjaxError
        If matplotlib is not installed.
    SolveError
        For a trace of which a solve failed: `Trace.good` drops such members.
    BoundsError
        For another kind, or a picture over time of a measurement without time.
    """
    if kind not in _KINDS:
        raise BoundsError(f"kind {kind!r}", where="plot", allowed=", ".join(_KINDS))
    if isinstance(trace, Trace):
        trace.check()
    with style():
        return _over_time(trace) if (kind == "time" or _is_pulsed(trace, kind)) else _loops(trace)


def _is_pulsed(trace: Any, kind: str) -> bool:
    """Whether "auto" draws over time."""
    if kind != "auto" or getattr(trace, "t", None) is None:
        return False
    notes = getattr(trace, "notes", {})
    driven = notes.get("driven", getattr(trace, "driven", "voltage"))
    source = np.asarray(trace.i if driven == "current" else trace.v)
    return np.unique(source.reshape(-1, source.shape[-1])[0]).size <= _LEVELS


def _loops(trace: Any) -> Any:
    """Current against voltage, logarithmic and linear."""
    from .picture import Picture

    figure = Picture(figsize=(8.0, 3.4))
    left, right = figure.subplots(1, 2)
    color = SIMULATED if isinstance(trace, Trace) else MEASURED
    iv(trace, ax=left, color=color, width=0.9, alpha=0.6)
    size = np.abs(np.asarray(trace.i))
    size = size[np.isfinite(size) & (size > 0)]
    if size.size:  # where the voltage is about 0 a simulated current may be anything
        left.set_ylim(np.quantile(size, 0.02) / 3, 3 * np.max(size))
    iv(trace, ax=right, color=color, width=0.9, alpha=0.6, log=False)
    return figure


def _over_time(trace: Any) -> Any:
    """Voltage, current and states over time."""
    from .picture import Picture

    if trace.t is None:
        raise BoundsError("a measurement without time", where="plot", allowed="kind='iv'")
    v, i = (np.atleast_2d(np.asarray(x)) for x in (trace.v, trace.i))
    rows = np.unique(np.linspace(0, len(v) - 1, min(len(v), _LINES)).astype(int))
    panels = {"Voltage (V)": v[rows], "Current (A)": i[rows]}
    units = getattr(trace, "units", {})
    for name, x in list(getattr(trace, "state", {}).items())[:_STATES]:
        unit = units.get(name, "1")
        label = name if unit == "1" else f"{name} ({unit})"
        panels[label] = np.moveaxis(np.asarray(x)[rows], 1, -1)
    figure = Picture(figsize=(6.4, 1.0 + 1.3 * len(panels)))
    axes = figure.subplots(len(panels), sharex=True)
    color = SIMULATED if isinstance(trace, Trace) else MEASURED
    traces(_continuous_time(trace), panels, axes=axes, color=color)
    for ax, (name, unit), x in zip(
        axes, (("Voltage", "V"), ("Current", "A")), (v, i), strict=False
    ):
        factor, symbol = prefix(np.nanmax(np.abs(x)) / 2, unit=unit)
        show_in(ax.yaxis, factor)
        ax.set_ylabel(f"{name} ({symbol})")
    figure.align_ylabels(axes)
    if len(rows) < len(v):
        axes[0].set_title(f"{len(rows)} of {len(v)} members")
    return figure


def _continuous_time(trace: Any) -> Float[np.ndarray, " rows"]:
    """Time [s], that of each sweep after the one before it."""
    t, sweep = np.asarray(trace.t, float), np.asarray(trace.sweep)
    cuts = np.flatnonzero(np.diff(sweep)) + 1
    end, parts = 0.0, []
    for part in np.split(t, cuts):
        time = part if part[0] >= end else part + end
        parts.append(time)
        end = time[-1]
    return np.concatenate(parts)


def ranges(
    names: Sequence[str],
    low: Float[np.ndarray, " names"],
    middle: Float[np.ndarray, " names"],
    high: Float[np.ndarray, " names"],
    *,
    label: str = "",
) -> Any:
    """Draw ranges of parameters over their middle values, a row each.

    Parameters
    ----------
    names : sequence of str
        What the rows are called.
    low, middle, high : Float[np.ndarray, "names"]
        Ends and middle of each range [any unit]. A range whose middle is 0 has no row.
    label : str
        What the range is, such as "90 % interval".

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MemjaxError
        If matplotlib is not installed.
    """
    low, middle, high = (np.asarray(x, float) for x in (low, middle, high))
    shown = np.flatnonzero((middle != 0) & np.isfinite(low) & np.isfinite(high))
    with style():
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        from .picture import Picture

        figure = Picture(figsize=(6.4, 1.2 + 0.3 * len(shown)))
        ax = figure.add_subplot()
        ends = np.stack([low[shown], high[shown]]) / middle[shown]
        rows = np.arange(len(shown))
        ax.axvline(1, color=MUTED, lw=0.8)
        ax.hlines(rows, *np.sort(ends, axis=0), color=SIMULATED, lw=3)
        ax.plot(np.ones(len(rows)), rows, "o", color=MEASURED, ms=4)
        if ends.size and np.min(ends) > 0:
            ax.set_xscale("log")
            wide = np.max(ends) / np.min(ends) > 100
            subs = (
                (1.0,)
                if wide
                else (1.0, 2.0, 5.0)
                if np.ptp(np.log10(ends)) > 0.5
                else range(1, 10)
            )
            ax.xaxis.set_major_locator(LogLocator(subs=subs))
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        ax.set_yticks(rows, [names[int(k)] for k in shown])
        ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel=f"{label or 'Range'} over the value")
    return figure

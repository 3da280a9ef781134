"""Axes of pictures: a new one where none is given, and ticks with a prefix of the unit while data stay in SI."""

from typing import Any

import numpy as np

_PREFIXES = {
    1e9: "G",
    1e6: "M",
    1e3: "k",
    1.0: "",
    1e-3: "m",
    1e-6: "µ",
    1e-9: "n",
    1e-12: "p",
    1e-15: "f",
    1e-18: "a",
}

_SHORT = 2.3
"""Decades of a logarithmic axis up to which 2 and 5 have a tick as well."""


def axes_or_new(ax: Any) -> Any:
    """The axes themselves, or those of a new figure where there are none."""
    if ax is None:
        from .picture import Picture

        ax = Picture().add_subplot()
    return ax


def prefix(values: Any, *, unit: str = "s") -> tuple[float, str]:
    """Factor and name of the multiple of a unit that suits the numbers.

    Parameters
    ----------
    values : array
        Numbers in the unit itself; their sign does not matter.
    unit : str
        The unit: "s" (none above it is used), "Ω", ...

    Returns
    -------
    tuple of float and str
        Such as (1e-3, "ms"): the largest multiple that is at most the geometric mean of smallest
        and largest finite number that is not 0.
    """
    size = np.abs(np.asarray(values, float)).ravel()
    size = size[np.isfinite(size) & (size > 0)]
    middle = np.sqrt(size.min()) * np.sqrt(size.max()) if size.size else 1.0
    steps = [f for f in _PREFIXES if not (unit == "s" and f > 1)]
    factor = next((f for f in steps if f <= middle * (1 + 1e-9)), steps[-1])
    return factor, _PREFIXES[factor] + unit


def show_in(axis: Any, factor: float) -> None:
    """Let an axis (`ax.xaxis`, `ax.yaxis`) show its numbers over `factor`; a logarithmic one, plain numbers."""
    from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, NullFormatter

    def text(value, _):
        return Formatter.fix_minus(f"{value / factor:.6g}")

    axis.set_major_formatter(FuncFormatter(text))
    if axis.get_scale() == "log":
        low, high = axis.get_data_interval()
        short = low > 0 and np.log10(high / low) < _SHORT
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if short else (1.0,)))
        axis.set_minor_formatter(NullFormatter())


def label_time(axis: Any, times: Any, *, name: str = "Time") -> None:
    """Name an axis of times [s], such as "Time (ms)", and show its numbers so."""
    extent = np.ptp(times) if np.size(times) else 0.0
    factor, unit = prefix(extent / 2 or 1.0)
    show_in(axis, factor)
    axis.set_label_text(f"{name} ({unit})")

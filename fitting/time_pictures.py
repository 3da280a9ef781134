"""Pictures of pulses against time: what was driven, what was measured, and what the fit makes of it."""

from typing import Any

import numpy as np

import memjax as mj
from memjax.plot.style import MEASURED, MUTED, SECOND, SIMULATED

from .figures import axes_grid, engineering

_SHOWN = 3  # sweeps that are drawn, from the first to the last

CURVES = "curves.csv"
"""Measured curves under one pulse each, as many as a picture shows."""


def figure_currents(measured: mj.Measurement, simulated: mj.Measurement) -> Any:
    """Measured and simulated response against time, what was driven above it, of up to three sweeps."""
    labels = measured.labels
    shown = labels[np.unique(np.linspace(0, len(labels) - 1, _SHOWN).astype(int))]
    units = ("V", "A") if measured.driven == "voltage" else ("A", "V")
    size = np.abs(measured.response[np.isin(measured.sweep, shown)])
    figure, axes = axes_grid(len(shown), 2, height=2.6, sharex="col", height_ratios=(1, 2.5))
    for (top, ax), label in zip(axes.T, shown, strict=True):
        record, drawn = (x.select(x.sweep == label) for x in (measured, simulated))
        top.plot(
            np.asarray(record.t) - np.asarray(record.t)[0], record.applied, color=SECOND, lw=1.0
        )
        for x, color, word in ((record, MEASURED, "measured"), (drawn, SIMULATED, "simulated")):
            t = np.asarray(x.t) - np.asarray(x.t)[0]
            ax.plot(t, np.abs(x.response), color=color, lw=1.0, alpha=0.85, label=word)
        _scaled(ax, size)
        top.set(title=f"sweep {label}")
        ax.set(xlabel="Time")
        engineering(ax.xaxis, "s")
        ax.locator_params(axis="x", nbins=5)
        for panel, unit in zip((top, ax), units, strict=True):
            if panel.get_yscale() == "linear":
                engineering(panel.yaxis, unit)
    names = ("Voltage", "|Current|") if units[0] == "V" else ("Current", "|Voltage|")
    for ax, name, unit in zip(axes[:, 0], names, units, strict=True):
        ax.set_ylabel(name + f" ({unit})" * (ax.get_yscale() == "log"))
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _scaled(ax: Any, size: np.ndarray) -> None:
    """A logarithmic axis where what was measured spans more than a decade, of which noise about zero is not shown."""
    low, high = np.quantile(size[size > 0], [0.01, 1.0]) if np.any(size > 0) else (0.0, 0.0)
    if low > 0 and high > 10 * low:
        ax.set_yscale("log")
        ax.set_ylim(low / 3, high * 3)


def figure_curves(table: Any, transients: dict) -> Any:
    """Measured currents of curves under one pulse each against time, and that of the best values.

    `table` is what `CURVES` holds: curve, t_s from the onset of its pulse, v_V, i_A; `transients` is the part of that
    name of a fit.json.
    """
    typical, pulse = transients["typical"], transients["pulse"]
    figure, (axes,) = axes_grid(2, height=4.4)
    groups = [x for _, x in table.groupby("curve")]
    size = np.abs(table["i_A"].to_numpy())
    for ax, scale in zip(axes, ("log", "linear"), strict=True):
        for k, x in enumerate(groups):
            label = f"measured, {len(groups)} curves" if k == 0 else None
            ax.plot(x["t_s"], np.abs(x["i_A"]), color=MUTED, lw=0.8, alpha=0.7, label=label)
        t = np.array(typical["t_s"]) - pulse["onset_s"]
        look = {"color": SIMULATED, "lw": 1.8, "label": "best values, without noise"}
        ax.plot(t, np.abs(typical["i_A"]), **look)
        levels = {
            transients["threshold_A"],
            transients.get("off_threshold_A", transients["threshold_A"]),
        }
        for n, level in enumerate(sorted(levels)):
            ax.axhline(level, color=SECOND, ls=":", lw=0.9, label=None if n else "threshold")
        ax.axvspan(0, pulse["width_s"], color=SECOND, alpha=0.08, lw=0, label="pulse")
        ax.set(xlabel="Time since the onset", ylabel="|Current|", yscale=scale)
        engineering(ax.xaxis, "s")
        ax.set_xlim(max(t[0], table["t_s"].min()), min(t[-1], table["t_s"].max()))
        if scale == "log":
            least = max(float(np.quantile(size[size > 0], 0.02)), 1e-13)
            ax.set(ylim=(least / 3, 3 * float(size.max())), ylabel="|Current| (A)")
        else:
            engineering(ax.yaxis, "A")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure

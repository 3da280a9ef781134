"""The picture of a choice: all models over the data, and each of them alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.plot.style import MUTED

from ..figures import axes_grid
from ..fit_json import load
from ..kinds import Kind

COLORS = ("#d1495b", "#00798c", "#edae49", "#66418a", "#3d7a3b", "#8c564b")
"""Of the models that are drawn; no picture of more is legible."""

_SHOWN = 20  # curves that are drawn at the most

_UNITS = {"V": "Voltage", "A": "|Current|", "s": "Time", "ohm": "Resistance", "S": "Conductance"}


def figure_of(folder: Path, models: Sequence[str], kind: Kind) -> Any:
    """Measured values grey, those of each model in a colour of its own: all in one panel, then one by one.

    `folder` is that of a choice, with a fit directory for each model; `kind` says which columns are drawn.
    """
    axes = kind.curve[:2] if kind.curve else ("", "")
    measured = pandas.read_csv(folder / models[0] / "measured.csv")
    tables = [_simulated(folder / n, kind) for n in models]
    columns = min(len(models) + 1, 4)
    rows = -(-(len(models) + 1) // columns)
    size = {"width": 4.2, "height": 3.6 + 0.4 / rows}
    figure, grid = axes_grid(columns, rows, **size, sharex=True, sharey=True)
    grid = grid.ravel()
    for k, ax in enumerate(grid):
        ax.set_visible(k <= len(models))
        _lines(ax, measured, axes, color=MUTED, lw=1.8, alpha=0.7, label="measured")
        for n, name in enumerate(models):
            if k in (0, n + 1):
                _lines(ax, tables[n], axes, color=COLORS[n], lw=1.2, label=name)
        ax.set_title(["all models", *models][k] if k <= len(models) else "", fontsize=11)
    _scaled(grid, np.abs(measured[axes[1]].to_numpy()), axes)
    handles = grid[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(models) + 1)
    return figure


def _simulated(place: Path, kind: Kind) -> pandas.DataFrame:
    """What a fit makes of the data."""
    if kind.curve is not None and kind.curve.simulated is not None:
        return kind.curve.simulated(load(place))
    return pandas.read_csv(place / "simulated.csv")


def _lines(ax: Any, table: pandas.DataFrame, axes: Sequence[str], label: str, **look: Any) -> None:
    """Curves of a table, sweep by sweep; the median of cycles where a column numbers these."""
    x, y = axes
    if "cycle" in table:
        table = table.groupby(x)[y].median().reset_index()
    curves = [c for _, c in table.groupby("sweep", sort=False)] if "sweep" in table else [table]
    for n in np.unique(np.linspace(0, len(curves) - 1, _SHOWN).astype(int)):
        ax.plot(curves[n][x], np.abs(curves[n][y]), label="" if n else label, **look)


def _scaled(grid: Any, size: np.ndarray, axes: Sequence[str]) -> None:
    """Labels, and a logarithmic axis where what was measured spans more than a decade."""
    low, high = np.quantile(size[size > 0], [0.01, 1.0]) if np.any(size > 0) else (0.0, 1.0)
    if high > 10 * low > 0:
        grid[0].set(yscale="log", ylim=(low / 5, high * 3))
    else:
        grid[0].set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    units = [c.rpartition("_") for c in axes]
    for ax in grid:
        ax.set(**{f"{at}label": f"{_UNITS.get(u, c)} ({u})" if mark else c
                  for at, c, (_, mark, u) in zip("xy", axes, units)})  # fmt: skip
        ax.label_outer()

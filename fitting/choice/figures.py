"""The picture of a choice: all models over the data, and each of them alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.plot import style
from memjax.plot.style import MUTED

COLORS = ("#d1495b", "#00798c", "#edae49", "#66418a", "#3d7a3b", "#8c564b")
"""Of the models that are drawn; no picture of more is legible."""

_SHOWN = 20
"""Curves that are drawn at the most."""

_UNITS = {"V": "Voltage", "A": "|Current|", "s": "Time", "ohm": "Resistance", "S": "Conductance"}


def picture(folder: Path, models: list[str], axes: tuple[str, str], path: Path) -> None:
    """Measured values grey, simulated ones in a colour for each model: all in one panel, then one by one.

    Parameters
    ----------
    folder : Path
        Of a choice, with a fit directory for each model.
    models : list of str
        Those that are drawn.
    axes : tuple of (str, str)
        Columns that are drawn, horizontal and vertical.
    path : Path
        The picture.
    """
    from matplotlib.figure import Figure

    tables = {n: pandas.read_csv(folder / n / "simulated.csv") for n in models}
    measured = pandas.read_csv(folder / models[0] / "measured.csv")
    columns = min(len(models) + 1, 4)
    rows = -(-(len(models) + 1) // columns)
    with style():
        figure = Figure(figsize=(4.2 * columns, 3.6 * rows + 0.4))
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for k, ax in enumerate(grid):
            shown = models if k == 0 else models[k - 1 : k]
            ax.set_visible(bool(shown))
            _lines(ax, measured, axes, color=MUTED, lw=1.6, alpha=0.8, label="measured")
            for name in shown:
                label = name if k == 0 else None
                _lines(
                    ax, tables[name], axes, color=COLORS[models.index(name)], lw=1.2, label=label
                )
            ax.set_title("all models" if k == 0 else "".join(shown), fontsize=11)
        _scaled(grid, np.abs(measured[axes[1]].to_numpy()), axes)
        figure.legend(loc="outside lower center", ncols=len(models) + 1)
        figure.savefig(path)


def _lines(
    ax: Any, table: pandas.DataFrame, axes: tuple[str, str], *, label: Any, **look: Any
) -> None:
    """Curves of a table, sweep by sweep; the median of cycles where a column numbers these."""
    if "cycle" in table:
        table = table.groupby(axes[0], as_index=False)[axes[1]].median()
    curves = [x for _, x in table.groupby("sweep", sort=False)] if "sweep" in table else [table]
    for n in np.unique(np.linspace(0, len(curves) - 1, _SHOWN).astype(int)):
        x, y = (curves[n][c].to_numpy(float) for c in axes)
        ax.plot(x, np.abs(y), label=label if n == 0 else None, **look)


def _scaled(grid: Any, size: np.ndarray, axes: tuple[str, str]) -> None:
    """Labels, and a logarithmic axis where what was measured spans more than a decade."""
    from matplotlib.ticker import EngFormatter

    low, high = np.quantile(size[size > 0], [0.01, 1.0]) if np.any(size > 0) else (1.0, 1.0)
    units = [c.rpartition("_")[2] if "_" in c else "" for c in axes]
    names = [_UNITS.get(u, c) + f" ({u})" * bool(u) for u, c in zip(units, axes, strict=True)]
    if high > 10 * low:
        grid[0].set_yscale("log")
        grid[0].set_ylim(low / 5, high * 3)
    else:
        grid[0].set_ylim(low - 0.5 * (high - low), high + 0.5 * (high - low))
        grid[0].yaxis.set_major_formatter(EngFormatter(units[1]))
        names[1] = names[1].partition(" (")[0]
    for ax in grid:
        ax.set(xlabel=names[0], ylabel=names[1])
        ax.label_outer()


__all__ = ["COLORS", "picture"]

"""The picture of the fits: which model suits which set, and the best of each beside what was measured."""

from pathlib import Path

import numpy as np

import memjax as mj


def _table(axes, entries: list[dict]) -> None:
    """Median errors of models on sets; lighter is better."""
    models = list(dict.fromkeys(e["model"] for e in entries))
    sets = list(dict.fromkeys(e["set"] for e in entries))
    grid = np.full((len(models), len(sets)), np.nan)
    for e in entries:
        if e["error"] is not None:
            grid[models.index(e["model"]), sets.index(e["set"])] = e["error"]
    shown = np.log10(np.clip(grid, 0.02, 5.0))
    axes.imshow(shown, cmap="Blues", aspect="auto", vmin=np.log10(0.02), vmax=np.log10(5.0))
    for (row, column), x in np.ndenumerate(grid):
        text = "no fit" if np.isnan(x) else f"{x:.2f}"
        dark = not np.isnan(x) and x > 0.5
        axes.text(column, row, text, ha="center", va="center", color="w" if dark else "k")
    axes.set_yticks(range(len(models)), models)
    axes.set_xticks(range(len(sets)), [s.replace("_", "\n", 1) for s in sets])
    axes.set_title("median error of the current\n(decades; vo2: relative)")


def _loop(axes, name: str, measured: mj.Measurement, entries: list[dict]) -> None:
    """A set and its best two models."""
    size = np.abs(measured.i)
    axes.semilogy(measured.v, size, ".", color="0.6", ms=4, label="measured")
    usable = sorted((e for e in entries if e["error"] is not None), key=lambda e: e["error"])
    for e, colour in zip(usable[:2], ("#D55E00", "#0072B2"), strict=False):
        label = f"{e['model']}: {e['error']:.2f}"
        axes.semilogy(measured.v, np.abs(e["i"]), color=colour, lw=1, label=label)
    axes.set_ylim(0.3 * np.quantile(size[size > 0], 0.005), 3 * size.max())
    axes.set_xlabel("v [V]")
    axes.set_ylabel("|i| [A]")
    axes.set_title(name)
    axes.legend(fontsize=8)


def draw(entries: list[dict], measured: dict[str, mj.Measurement], path: Path) -> None:
    """Draw what has been fitted so far.

    Parameters
    ----------
    entries : list of dict
        `model`, `set`, `error`, and `i`: the simulated current [A] at the measured points.
    measured : dict of str to Measurement
        The sets.
    path : Path
        The picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, 1 + len(measured), figsize=(5 + 5 * len(measured), 6), layout="constrained"
    )
    _table(axes[0], entries)
    for ax, (name, m) in zip(axes[1:], measured.items(), strict=True):
        _loop(ax, name, m, [e for e in entries if e["set"] == name])
    figure.savefig(path, dpi=120)
    plt.close(figure)


_COLOURS = {
    "good": "#009E73",
    "usable": "#F0E442",
    "poor": "#D55E00",
    "refused": "#BBBBBB",
    "out of time": "#56B4E9",
    "crashed": "k",
}
"""Of verdicts."""


def draw_verdicts(rows: list[dict], models: list[str], path: Path) -> None:
    """Draw the verdicts on models (rows) fitted to loops of models (columns), with the ratio of the areas in each.

    Parameters
    ----------
    rows : list of dict
        `model`, `source`, `word`, and `area_ratio` where there is one.
    models : list of str
        In the order of the axes.
    path : Path
        The picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    side = 2.5 + 0.5 * len(models)
    figure, axes = plt.subplots(figsize=(side + 1, side), layout="constrained")
    for r in rows:
        x, y = models.index(r["source"]), models.index(r["model"])
        own = x == y
        cell = plt.Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=_COLOURS[r["word"]])
        cell.set(edgecolor="k" if own else "w", linewidth=2 if own else 1, zorder=2 if own else 1)
        axes.add_patch(cell)
        ratio = r.get("area_ratio")
        text = "" if ratio is None else _short(ratio)
        axes.text(x, y, text, ha="center", va="center", fontsize=7, zorder=3)
    axes.set_xlim(-0.6, len(models) - 0.4)
    axes.set_ylim(len(models) - 0.4, -0.6)
    axes.set_xticks(range(len(models)), models, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(models)), models)
    axes.set_xlabel("loop of")
    axes.set_ylabel("fitted model")
    axes.set_title("verdicts, and area of the simulated over that of the measured loop")
    marks = [Patch(color=c, label=w) for w, c in _COLOURS.items()]
    axes.legend(handles=marks, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _short(ratio: float) -> str:
    """A ratio in a few characters."""
    return f"{ratio:.2f}" if abs(ratio) < 9.995 else f"{ratio:.0f}" if abs(ratio) < 1e4 else "> 1e4"

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

"""Errors of derivatives by device and way, and against the distance of rows, drawn from the records of one run."""

import json
from pathlib import Path

import numpy as np

from benchmarks.cases.derivatives.problems import QUANTITIES
from benchmarks.cases.derivatives.rows import NAMES
from benchmarks.records import of_run

LABELS = {
    "v_th": "switching voltage",
    "v_hold": "hold voltage",
    "charge": "charge",
    "energy": "energy",
    "delay": "delay",
}
MARKERS = dict(zip(QUANTITIES, "osD^v", strict=True))
COLOURS = {"rows": "#D55E00", "events and integrals": "#0072B2"}
"""Of Okabe and Ito."""

_LEAST = 1e-9
"""Error below which nothing is told apart: that of the secants."""


def _against_distance(ax, rows: list[dict], tolerance: float) -> None:
    """Both ways against the distance of rows."""
    of = [r for r in rows if r["variant"].startswith("rows of")]
    for way, colour in COLOURS.items():
        here = [r["extra"] for r in of if r["extra"]["way"] == way]
        for name in NAMES:
            style = dict(color=colour, marker=MARKERS[name], ms=7, fillstyle="none")
            dash = "-" if name == "v_th" else "--"
            distances, away = [e["distance_s"] for e in here], [e[name] for e in here]
            label = f"{LABELS[name]}, {way}"
            ax.plot(distances, np.maximum(away, _LEAST), ls=dash, label=label, **style)
    ax.axhline(tolerance, color="0.5", ls=":", lw=1.2, label=f"allowed: {tolerance:g}")
    ax.set(xscale="log", yscale="log", xlabel="distance of rows [s]")
    ax.set(ylabel="error over the largest derivative", title="diffusive, all parameters")
    ax.legend(fontsize=8)


def _by_problem(ax, rows: list[dict], ending: str, tolerance: float) -> None:
    """Errors of every quantity in each problem, forward (filled) and reverse (open)."""
    of = [r for r in rows if r["problem"].endswith(ending) and r["extra"].get("mode")]
    problems = list(dict.fromkeys(r["problem"] for r in of))
    for k, name in enumerate(QUANTITIES):
        for mode, fill in (("forward", "full"), ("reverse", "none")):
            here = [r for r in of if r["extra"]["mode"] == mode and name in r["extra"]]
            at = [problems.index(r["problem"]) + 0.12 * (k - 2) for r in here]
            y = [max(r["extra"][name], _LEAST) for r in here]
            style = dict(ls="", color=f"C{k}", marker=MARKERS[name], ms=8, fillstyle=fill)
            ax.plot(at, y, label=f"{LABELS[name]}, {mode}", **style)
    ax.axhline(tolerance, color="0.5", ls=":", lw=1.2, label=f"allowed: {tolerance:g}")
    names = [p.removesuffix(ending).rstrip(", ") for p in problems]
    ax.set_xticks(range(len(problems)), names, rotation=20)
    ax.set(yscale="log", ylabel="error over the largest derivative", title=ending)
    ax.legend(fontsize=7, ncols=2)


def draw(rows: list[dict], *, quiet: float, noisy: float):
    """The figure of the records of one run, with the errors that are allowed without and with noise."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(20, 6), layout="constrained")
    axes = figure.subplots(1, 3)
    _against_distance(axes[0], rows, quiet)
    _by_problem(axes[1], rows, "without noise", quiet)
    _by_problem(axes[2], rows, "noise held", noisy)
    for ax in axes:
        ax.grid(which="major", alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def write(path: Path, run_id: str, *, quiet: float, noisy: float) -> Path:
    """Write derivatives.png and derivatives.json beside the records of a run, and return the picture's path.

    Parameters
    ----------
    path : Path
        The file of records.
    run_id : str
        Which run.
    quiet, noisy : float
        Errors that are allowed without and with noise.
    """
    rows = of_run(path, "derivatives", run_id)
    target = path.with_name("derivatives.json")
    target.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf8")
    draw(rows, quiet=quiet, noisy=noisy).savefig(target.with_suffix(".png"), dpi=100)
    return target.with_suffix(".png")

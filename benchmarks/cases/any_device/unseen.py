"""Sweeps that a fit of `hybrid` has not seen, of every measured set of `sets.SETS`.

``python -m benchmarks.cases.any_device.unseen FOLDER [NAME ...]`` fits every second sweep of the sets that are named,
all by default, and keeps a row of numbers (NAME.json) and a picture (NAME.png) of each in FOLDER; a row that is there
already is taken as it is. It ends with a table.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.timing import lap
from fitting.sweeps.halves import halves

from .left import Left, left_of
from .sets import SCREENED, SETS, Set, cycle_scatter


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A fit of every second sweep of a set, and what it leaves.

    Parameters
    ----------
    fit : fitting.FitResult
        The fit.
    known, unseen : Left
        What it leaves of the sweeps that were fitted, and of the others.
    scatter : float
        Standard deviation of a cycle from another one [decades], NaN where none are alike.
    seconds : float
        Time of the fit [s].
    """

    fit: ft.FitResult
    known: Left
    unseen: Left
    scatter: float
    seconds: float

    def row(self) -> dict[str, Any]:
        """Numbers and words of the trial."""
        known, unseen = self.known, self.unseen
        return {
            "points": int(known.residuals.size),
            "seconds": self.seconds,
            "fitted": known.clear_rms,
            "unseen": unseen.clear_rms,
            "median_unseen": float(np.median(np.abs(unseen.residuals))),
            "scatter": None if np.isnan(self.scatter) else self.scatter,
            "verdict": known.verdict,
            "verdict_unseen": unseen.verdict,
            "reason_unseen": unseen.reason,
        }


def trial_of(name: str) -> Trial:
    """Fit every second sweep of a set."""
    one = SETS[name]
    data = one.read()
    fitted, unseen = within(*halves(data, point_time=one.point_time))
    seconds, fit = lap(lambda: solved(one, data, unseen))
    known = left_of(fit, fitted, one.point_time, data)
    others = left_of(fit, unseen, one.point_time, data)
    scatter = cycle_scatter(fitted, unseen)
    return Trial(fit=fit, known=known, unseen=others, scatter=scatter, seconds=seconds)


def within(
    fitted: list[mj.Measurement], unseen: list[mj.Measurement]
) -> tuple[list[mj.Measurement], list[mj.Measurement]]:
    """Both halves of a set, the one that is fitted such that the other lies within its voltages.

    What a device does beyond the voltages of its data they do not say: of amplitudes the widest one is fitted.
    """
    pairs = [np.concatenate([m.applied for m in half]) for half in (fitted, unseen)]
    beyond = [float(x.max() - x.min()) for x in pairs]
    return (unseen, fitted) if beyond[1] > (1 + WIDER) * beyond[0] else (fitted, unseen)


WIDER = 0.1
"""Share by which the range of the voltages of one half is larger where it is another amplitude, and no noise."""


def solved(
    one: Set, data: Sequence[mj.Measurement], unseen: Sequence[mj.Measurement]
) -> ft.FitResult:
    """The fit of the sweeps of a set that are not among the unseen ones, which acted on the device as well."""
    problem = ft.SweepProblem(
        data, mj.HybridDevice(), point_time=one.point_time, free_bench=one.free_bench,
        screened=SCREENED["full"], points=0, hold_out=[int(x) for m in unseen for x in m.labels],
    )  # fmt: skip
    return ft.solve(problem, seed=0)


def draw(trial: Trial, path: Path) -> None:
    """Draw sweeps that were fitted (left) and those that were not (right), measured and simulated."""
    import matplotlib.pyplot as plt

    with mj.plot.style():
        figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
        for axis, left, title in zip(
            axes, (trial.known, trial.unseen), ("fitted", "not fitted"), strict=True
        ):
            for w, simulated in zip(left.waves, left.simulated, strict=True):
                axis.semilogy(w.v, 10 ** w.median_log(), ".", ms=3, color="0.6")
                axis.semilogy(w.v, 10 ** simulated[: len(w.v)], lw=1, color="C1")
            axis.set(xlabel="Voltage (V)", title=f"{title}: {left.verdict}")
        axes[0].set_ylabel("|Current| (A)")
        figure.savefig(path, dpi=80)
        plt.close(figure)


def table_of(rows: dict[str, dict[str, Any]]) -> str:
    """Rows as a table of Markdown."""
    lines = [
        "| set | points | unseen, decades | fitted | scatter between cycles | verdict of fitted, of unseen | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, r in rows.items():
        scatter = "none alike" if r["scatter"] is None else f"{r['scatter']:.3f}"
        residuals = f"{r['unseen']:.3f} | {r['fitted']:.3f} | {scatter}"
        words = f"{r['verdict']}, {r['verdict_unseen']} | {r['seconds']:.0f}"
        lines.append(f"| `{name}` | {r['points']} | {residuals} | {words} |")
    return "\n".join(lines)


def kept_row(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The row that a file holds; where there is none it is made, and kept there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(make(), indent=1), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def _drawn_row(name: str, picture: Path) -> dict[str, Any]:
    """The row of a set, whose picture is drawn too."""
    trial = trial_of(name)
    draw(trial, picture)
    return trial.row()


def run(words: list[str]) -> int:
    """Fit the sets that are named where FOLDER has no row of them, and print the table; the exit status."""
    jax.config.update("jax_enable_x64", True)
    files = {n: Path(words[0]) / f"{n.replace(' ', '-')}.json" for n in words[1:] or SETS}
    rows = {n: kept_row(f, partial(_drawn_row, n, f.with_suffix(".png"))) for n, f in files.items()}
    print(table_of(rows))
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

"""Volatile switches by a law of physics alone and with learned corrections: voltages of switching, and unseen cycles.

``python -m benchmarks.cases.any_device.switching FOLDER [NAME ...]`` fits every second half-sweep of the sets that are
named, all by default, by each of `MODELS`, and keeps a row of numbers of each (NAME-MODEL.json) in FOLDER; a row that
is there already is taken as it is. It ends with a table.
"""

import itertools
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

import fitting as ft
import memjax as mj
from fitting.sweeps.halves import halves

from .left import left_of
from .sets import SCREENED, Set
from .unseen import kept_row

MODELS = ("diffusive", "diffusive+hybrid")
"""A law of physics, and the same with learned corrections."""


def _usc(which: str, points: int | None, *sweeps: int) -> Set:
    """Half-sweeps to either polarity, of which the authors' own simulation holds a point for 10 ms."""
    file = f"clean/usc_diffusive_dc_{which}.csv"
    return Set(files=(file,), point_time=0.01, sweeps=(sweeps[0], sweeps[1]), points=points)


SETS = {
    "usc_diffusive_dc_symmetric": _usc("symmetric", 80, 0, 24),
    "usc_diffusive_dc_asymmetric": _usc("asymmetric", None, 88, 109),
}
"""Twelve or thirteen half-sweeps of each diffusive set."""

READ = ("v_th", "v_hold")
"""Voltages that are read off a half-sweep."""


def medians(
    data: Any, thresholds: mj.observables.Thresholds
) -> dict[tuple[str, str], tuple[float, float]]:
    """Median and standard deviation [V] of each voltage at each polarity, of those at which it was passed at all."""
    summary = mj.observables.summarise(mj.observables.switching(data, **thresholds.options))
    out = {}
    for polarity in ("positive", "negative"):
        for name in READ:
            row = summary.get(polarity, {}).get(f"{name}_V", {})
            if row.get("median") is not None:
                out[name, polarity] = row["median"], row["sd"] or 0.0
    return out


def off_by(
    fit: ft.FitResult, unseen: Sequence[mj.Measurement], point_time: float | None
) -> dict[str, dict[str, float | None]]:
    """What medians of simulated half-sweeps are off from those of half-sweeps that were not fitted [V].

    By voltage and polarity, with the standard deviation between the measured ones; None where the simulation, unlike
    the data, never passes the threshold.
    """
    (data,) = unseen
    options: dict[str, Any] = dict(point_time=point_time, bench=fit.bench, deterministic=True)
    trace = mj.simulate_like(fit.device, data, **options).check()
    simulated, rows = medians(trace, fit.thresholds), {}
    for key, (median, spread) in medians(data, fit.thresholds).items():
        error = simulated[key][0] - median if key in simulated else None
        rows["_".join(key)] = {"error": error, "measured": median, "spread": spread}
    return rows


def row_of(one: Set, model: str, screened: int) -> dict[str, Any]:
    """Numbers and words of a fit of every second half-sweep of a set."""
    seen, unseen = halves(one.read(), point_time=one.point_time)
    problem = ft.SweepProblem(
        seen, mj.model(model), point_time=one.point_time, screened=screened, points=0
    )
    begun = time.process_time()
    fit = ft.solve(problem, seed=0)
    seconds = time.process_time() - begun
    known, others = (left_of(fit, half, one.point_time) for half in (seen, unseen))
    return {
        "points": int(known.residuals.size),
        "seconds": seconds,
        "fitted": known.rms,
        "unseen": others.rms,
        "median_unseen": float(np.median(np.abs(others.residuals))),
        "verdict": known.verdict,
        "verdict_unseen": others.verdict,
        "voltages": off_by(fit, unseen, one.point_time),
        "corrections": [n for n in fit.notes if "times what the model gives" in n],
    }


def table_of(rows: dict[tuple[str, str], dict[str, Any]]) -> str:
    """Rows as a table of Markdown: errors of medians in mV, positive and negative, beside the standard deviation."""
    heads = ["set", "model", "V_th, mV", "V_hold, mV", "unseen, decades (median)", "fitted"]
    heads += ["verdict of fitted, of unseen", "seconds of a processor"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (name, model), r in rows.items():
        cells = [f"`{name}`", f"`{model}`", *(_errors(r["voltages"], n) for n in READ)]
        cells += [f"{r['unseen']:.3f} ({r['median_unseen']:.3f})", f"{r['fitted']:.3f}"]
        cells += [f"{r['verdict']}, {r['verdict_unseen']}", f"{r['seconds']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _errors(voltages: dict[str, dict[str, float | None]], name: str) -> str:
    """Errors of a voltage at each polarity with what the data scatter by."""
    words = []
    for key, row in voltages.items():
        if key.startswith(name):
            error = "never" if row["error"] is None else f"{round(1e3 * row['error']):+d}"
            words.append(f"{error} (scatter {1e3 * (row['spread'] or 0.0):.0f})")
    return ", ".join(words)


def run(words: list[str]) -> int:
    """Fit the sets that are named where FOLDER has no row of them, and print the table; the exit status."""
    jax.config.update("jax_enable_x64", True)
    rows = {}
    for name, model in itertools.product(words[1:] or SETS, MODELS):
        make = partial(row_of, SETS[name], model, SCREENED["full"])
        rows[name, model] = kept_row(Path(words[0]) / f"{name}-{model}.json", make)
    print(table_of(rows))
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

"""Drift of what was written, by a law that was fitted to measured runs of many cells."""

import os
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.records import ROOT, Recorder
from benchmarks.timing import Times, lap
from fitting.retention.laws import compare
from memjax.crossbar import Programmed, Retention, conductances_of
from memjax.data import DecayRecord, read_records
from memjax.errors import BoundsError

DATA = Path(os.environ.get("MEMJAX_DATA", ROOT.parent / "shared" / "data")) / "clean"
TIME = 1e5
"""At which an array that was written is looked at [s]."""

MEASURED = 3e4
"""Of the runs [s]: shorter ones are left out."""

_POINTS, _FIRST = 100, 3
"""Times of the mean of all runs, and readings whose median a run begins with."""


@dataclass(frozen=True)
class Drift:
    """A law, and how far cells drifted that it was not fitted to.

    Parameters
    ----------
    law : Retention
        With the spread from cell to cell.
    others : Float[np.ndarray, "runs"]
        Logarithms of what those cells kept of their conductances at `MEASURED`.
    """

    law: Retention
    others: Float[np.ndarray, " runs"]


def _kept(records: list[DecayRecord], t: Float[np.ndarray, " times"]) -> np.ndarray:
    """Logarithms of conductances at times, less those at the start: a row for each run."""
    rows = [
        np.interp(t, r.t - r.t[0], np.log(r.r)) - np.log(np.median(r.r[:_FIRST])) for r in records
    ]
    return -np.stack(rows)


def fitted_drift(record: Recorder) -> Drift | None:
    """The law of the mean of every other run, with the spread of these runs."""
    path = DATA / "tio2_volatile_drift.csv"
    if not path.exists():
        record.write("drift, fitted law", status="skipped", reason=f"no {path}: set MEMJAX_DATA")
        return None
    runs = [x for x in read_records(path) if isinstance(x, DecayRecord)]
    runs = [x for x in runs if x.t[-1] - x.t[0] >= MEASURED]
    fitted, others = runs[0::2], runs[1::2]
    t = np.linspace(0.0, MEASURED, _POINTS)
    logs = _kept(fitted, t)
    mean = logs.mean(axis=0)
    start = float(np.median([np.median(r.r[:_FIRST]) for r in fitted]))
    pooled = DecayRecord(label="mean of runs", t=t, r=start * np.exp(-mean))
    spread = float(logs[:, -1].std() / abs(mean[-1]))
    for fit in compare(pooled):
        law = Retention(fit.name, fit.values, spread=spread)
        try:
            law.share(TIME)
        except BoundsError:
            continue
        return Drift(law, _kept(others, t[-1:])[:, 0])
    return None


def _held_out(record: Recorder, drift: Drift) -> None:
    """Mean drift of an array of equal cells by the law, beside that of measured cells it was not fitted to."""
    array = mj.Crossbar(np.full((64, 64), 1e-5), wires=mj.crossbar.Wires(1.0, 1.0))
    seconds, after = lap(lambda: drift.law.after(array, MEASURED))
    logs = np.log(np.asarray(after.conductances) / 1e-5).ravel()
    parts = [x.var() / x.size for x in (logs, drift.others)]
    z = (logs.mean() - drift.others.mean()) / np.sqrt(sum(parts))
    record.ok(
        "drift of other cells", Times(run=[seconds]), error=float(abs(z)), tolerance=4.0,
        reference="z of the mean logarithm, of measured cells that the law was not fitted to",
        problem=f"{drift.others.size} TiO2 cells after {MEASURED:g} s", n=drift.others.size, dtype="float64",
        extra={
            "law": drift.law.law, "values": drift.law.values, "spread": drift.law.spread,
            "mean_log": [float(logs.mean()), float(drift.others.mean())],
            "rms_log": [float(np.sqrt(np.mean(x**2))) for x in (logs, drift.others)],
        },
    )  # fmt: skip


def drift_of(
    record: Recorder, done: Programmed, law: Retention, variant: str, problem: str
) -> None:
    """Drift of what was written, by a law whose exponent differs from cell to cell."""
    seconds, after = lap(lambda: law.after(done.array, TIME))
    g, ends = np.asarray(conductances_of(after, 0.1)), _range_of(done)
    share = np.log(g / done.conductances) / np.log(law.share(TIME))
    # What a law takes beyond the range of a device stays at its end.
    free = (g > ends[0] * (1 + 1e-9)) & (g < ends[1] * (1 - 1e-9))
    off = (share[free] - 1) / law.spread
    z = (np.sum(off**2) - off.size) / np.sqrt(2 * off.size)
    rms = [float(np.sqrt(np.mean((x / done.targets - 1) ** 2))) for x in (done.conductances, g)]
    record.ok(
        variant, Times(run=[seconds]), error=float(abs(z)), reference="z of the variance of exponents",
        tolerance=4.0, problem=problem, n=g.size, dtype="float64",
        extra={
            "rms_relative_before": rms[0], "rms_relative_after": rms[1], "time_s": TIME, "free": float(free.mean()),
        },
    )  # fmt: skip


def _range_of(done: Programmed) -> tuple[float, float]:
    """Smallest and largest conductance that the cells have [S]."""
    shape = done.targets.shape
    ends = [
        float(conductances_of(done.array.with_states({"x": jnp.full(shape, x)}), 0.1)[0, 0])
        for x in (0.0, 1.0)
    ]
    return min(ends), max(ends)


def drift_by_data(record: Recorder, done: Programmed, problem: str) -> None:
    """The fitted law, beside other cells and on an array that was written."""
    drift = fitted_drift(record)
    if drift is None:
        return
    _held_out(record, drift)
    drift_of(record, done, drift.law, "drift, fitted law", problem)

"""Every model fitted to measured sweeps, files and loops of other models: misfits, crashes, verdicts."""

import json
import time
from dataclasses import dataclass, field

import jax
import numpy as np

import memjax as mj
from benchmarks.cases.device_fits import every_file, optima, pictures, verdicts
from benchmarks.cases.device_fits.alarm import alarm
from benchmarks.cases.device_fits.settings import DATA, FORMS
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.errors import MemjaxError

LIMIT = 90
"""Processor time after which a search stops with what it has [s]."""

LONGER = {"jart-vcm": 300}
"""The same of models whose solves are expensive: an implicit current."""

GOAL = 0.2
"""Median error that at least one model stays below on each set [decades; relative where the set says so]."""


@dataclass(frozen=True, kw_only=True)
class Set:
    """Measured sweeps of one device, and what is known of the bench.

    Parameters
    ----------
    file : str
        Pattern below the folder of the data.
    relative : bool
        Whether errors are relative instead of decades.
    point_time : float or None
        Hold time of a point [s], where the file has no time: rates are relative to it.
    bench : Bench
        What stood around the device.
    sweeps : int or None
        The first so many sweeps are fitted, and all compared; None for all.
    smoke : tuple of str
        Models of the short run.
    """

    file: str
    relative: bool = False
    point_time: float | None = None
    bench: mj.Bench = field(default_factory=mj.Bench)
    sweeps: int | None = None
    smoke: tuple[str, ...] = ()


SETS = {
    "knowm_iv": Set(file="clean/knowm_iv.csv", point_time=0.01, sweeps=1, smoke=("mms",)),
    "vo2_iv_sweep": Set(
        file="raw/vo2_iv_sweep/*.csv", relative=True, smoke=("threshold-switch", "linear-drift")
    ),
    "sto_nb_iv_timed": Set(
        file="raw/sto_nb_iv_timed/Radius_100_um__003*.csv",
        bench=mj.Bench(series_resistance=40.0),
        smoke=("yakopcic",),
    ),
}
"""The sets. The 40 ohm of `sto_nb_iv_timed` are the slope of its voltage over its current at the highest currents."""


def fitted(model: str, chosen: Set, measured: mj.Measurement, limit: int):
    """Fit of a model, its simulated current [A] at the measured points, and the median error."""
    import fitting as ft

    device = mj.params.replace(mj.device_class(model)(), FORMS.get(model, {}))
    options = {"point_time": chosen.point_time, "bench": chosen.bench}
    first = measured.select(np.isin(measured.sweep, measured.labels[: chosen.sweeps]))
    with alarm(limit):
        result = ft.solve(ft.SweepProblem([first], device, screened=64, **options))
    trace = mj.simulate_like(
        result.device,
        measured,
        point_time=chosen.point_time,
        bench=result.problem.bench,
        deterministic=True,
    ).check()
    i = np.asarray(trace.i).ravel()
    return result, i, error(i, measured.i, relative=chosen.relative)


def error(simulated: np.ndarray, measured: np.ndarray, *, relative: bool) -> float:
    r"""Median over the points of the error of the current: of log10 \|i\| [decades], or relative."""
    seen = measured != 0
    i, true = simulated[seen], measured[seen]
    away = np.abs(i / true - 1) if relative else np.abs(np.log10(np.abs(i / true) + 1e-30))
    return float(np.median(away))


def _one(record: Recorder, model: str, name: str, measured: mj.Measurement, limit: int) -> dict:
    """Fit and record one model on one set."""
    begun, chosen = time.perf_counter(), SETS[name]
    entry: dict = {"model": model, "set": name, "error": None, "reason": ""}
    try:
        result, i, entry["error"] = fitted(model, chosen, measured, limit)
    except (MemjaxError, KeyboardInterrupt) as reason:
        entry["reason"] = str(reason) or f"nothing usable within {limit} s of processor time"
        record.write(model, status="failed", reason=entry["reason"], problem=name)
        return entry
    entry |= {
        "seconds": time.perf_counter() - begun,
        "reversed": result.problem.bench.reversed,
        "interrupted": result.interrupted,
        "failed_solves": result.search.failed / max(result.search.evaluations, 1),
        "parameters": {n: float(mj.params.get(result.device, n)) for n in result.problem.free},
        "i": i.tolist(),
    }
    record.ok(
        model,
        Times(run=[entry["seconds"]]),
        error=entry["error"],
        reference="measured current, " + ("relative" if chosen.relative else "decades"),
        problem=name,
        n=len(i),
        dtype="float64",
        extra={k: entry[k] for k in ("reversed", "interrupted", "failed_solves", "parameters")},
    )
    return entry


def run(size: str, record: Recorder) -> None:
    """All models on all sets, on every file, and on loops of each other; starts that lie decades apart."""
    jax.config.update("jax_enable_x64", True)
    _sets(size, record)
    every_file.run(size, record)
    verdicts.run(size, record)
    optima.run(size, record)


def _sets(size: str, record: Recorder) -> None:
    """All models on all sets; the best of each set has to stay below `GOAL`."""
    entries, seen = [], {}
    for name, chosen in SETS.items():
        files = sorted(DATA.glob(chosen.file))
        if not files:
            reason = f"no {chosen.file} in {DATA}: set MEMJAX_DATA"
            record.write("all models", status="skipped", reason=reason, problem=name)
            continue
        seen[name] = measured = mj.read(files[0])
        models = chosen.smoke if size == "smoke" else mj.device_names()
        found = [_one(record, m, name, measured, LONGER.get(m, LIMIT)) for m in models]
        entries += found
        usable = [e for e in found if e["error"] is not None]
        best = min(usable, key=lambda e: e["error"], default=None)
        if best is not None:
            record.ok(
                f"best of all: {best['model']}",
                Times(run=[best["seconds"]]),
                error=best["error"],
                tolerance=GOAL,
                reference="measured current",
                problem=name,
            )
        pictures.draw(entries, seen, record.path.with_name("device_fits.png"))
        text = json.dumps([{k: x for k, x in e.items() if k != "i"} for e in entries], indent=1)
        record.path.with_name("device_fits.json").write_text(text, encoding="utf-8")


CASE = Case(name="device_fits", run=run, baseline="mms", suites=("devices",), limit_s=10 * 3600.0)

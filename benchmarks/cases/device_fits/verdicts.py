"""Every model fitted to a loop of every other one: a fit whose loop is not the measured one has to be called poor.

``python -m benchmarks.cases.device_fits.verdicts DIR`` runs this study alone, and goes on where it was stopped.
"""

import importlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

import memjax as mj
from benchmarks.cases.device_fits import pictures
from benchmarks.cases.device_fits.alarm import alarm
from benchmarks.cases.device_fits.alone import run_alone
from benchmarks.cases.device_fits.settings import FORMS
from benchmarks.records import Recorder
from benchmarks.timing import Times
from fitting.app.explore.drives import SWEEPS
from fitting.sweeps.problem import PATIENT
from memjax.errors import MemjaxError
from memjax.observables import excursions


class Loop(NamedTuple):
    """A sweep to both polarities: preset of the device, amplitude [V], time [s]."""

    preset: str
    amplitude: float
    duration: float


LOOPS = {m: Loop(s.preset, s.peak, s.period) for m, s in SWEEPS.items()} | {
    "diffusive": Loop("wang2024-dc-symmetric", 0.5, 1.0),
    "diffusive-spice": Loop("wang2024-spice-pulses", 1.2, 10.0),
    "second-order": Loop("illustration", 2.0, 0.1),
    "and-ts": Loop("ostrovskii2025", 0.3, 1e-3),
    "threshold-switch": Loop("vo2-galloni2024", 25.0, 100.0),
    "vteam": Loop("illustration", 0.5, 0.1),
    "yakopcic": Loop("tiotto", 0.3, 0.1),
    "stanford-pku": Loop("port", 0.3, 1.0),
    "jart-vcm": Loop("v1b", 0.8, 0.01),
    "mms": Loop("knowm", 0.3, 0.01),
    "ecm": Loop("illustration", 0.8, 1.0),
}
"""Where each model shows its loop: by the sweep of its picture unless it stands here."""

POINTS = 160
"""Points of a sweep: one shape, so that a model's program is compiled once for all data."""

NOISE, FLOOR = 0.01, 1e-13
"""Noise of a reading, relative and beside that [A]."""

SCREENED, SCATTER = 32, 0.2
"""Starts of a search; most scatter of those about the truth, for a model's own loop [natural log units]."""

_INSIDE = 8.0
"""Farthest coordinate of a start: where a value is on its bound but for 3 parts in 10,000."""

LIMIT, LONGER = 10, {"ag-filament": 20, "ecm": 20, "langevin-chain": 20, "jart-vcm": 20}
"""Processor time after which a search stops with what it has [s], but for the first fit of a model."""

FIRST = 200
"""The same of the first fit of each model in a run, which compiles its program [s]."""

FACTOR = 2.0
"""By how much the area of a loop may be off before the fit has to be called poor."""

WORDS = ("good", "usable", "poor", "refused", "out of time", "crashed")
"""How a fit ends."""

SMOKE = ("mms", "and-ts", "yakopcic")

NAME = "verdicts.json"


def device_of(model: str) -> mj.AbstractDevice:
    """A model with the form that is deterministic, and suits loops."""
    return mj.params.replace(mj.device_class(model)(), FORMS.get(model, {}))


def truth_of(model: str) -> mj.AbstractDevice:
    """A model with the values of its preset."""
    preset = f"{model}/{LOOPS[model].preset}"
    return mj.params.replace(device_of(model), mj.presets.load(preset)[1])


@contextmanager
def _near(truth: mj.AbstractDevice) -> Iterator[None]:
    """Starts of a search about the truth beside the guess: a small search is to find what it knows to be there."""
    there = importlib.import_module("fitting.sweeps.prepare")

    def starts(found, free, *, device, center, count, seed):
        values = {n: mj.params.get(truth, n) for n in free}
        z = np.asarray(mj.params.unconstrain(mj.params.replace(device, values), list(free)))
        z = np.clip(z, -_INSIDE, _INSIDE)  # a truth on a bound is infinitely far
        away = np.random.default_rng(seed).normal(size=(count, len(free)))
        away *= np.linspace(0, SCATTER, count)[::-1, None]
        return np.concatenate([center[None], (z + away)[1:]])  # the last is the truth

    with patch.object(there, "starts", starts):
        yield


def loop_of(model: str) -> mj.Measurement:
    """A sweep of a model's preset, read with noise."""
    _, amplitude, duration = LOOPS[model]
    stimulus = mj.triangle_sweep(amplitude, 4 * amplitude / duration, negative=amplitude)
    t = np.linspace(0.0, duration, POINTS + 1)[1:]
    trace = mj.simulate(truth_of(model), stimulus, save=t, deterministic=True).check()
    v, i = (np.asarray(x).ravel() for x in (trace.v, trace.i))
    rng = np.random.default_rng(0)
    i = i * (1 + NOISE * rng.normal(size=POINTS)) + FLOOR * rng.normal(size=POINTS)
    none = np.zeros(POINTS, bool)
    about = {"sweep": none.astype(int), "at_compliance": none, "reader": "simulated"}
    return mj.Measurement(v=v, i=i, t=t, **about)


def area_ratio(v: np.ndarray, measured: np.ndarray, simulated: np.ndarray) -> float:
    """Area of simulated over that of measured loops, both polarities together; negative the other way round."""
    areas = np.array(
        [[_area(v[p.start : p.stop], i[p.start : p.stop]) for i in (measured, simulated)]
         for p in excursions(v)]
    )  # fmt: skip
    return float(np.sum(np.sign(areas[:, 0]) * areas[:, 1]) / np.sum(np.abs(areas[:, 0])))


def _area(v: np.ndarray, i: np.ndarray) -> float:
    """Signed area of a loop [V A]."""
    return float(np.trapezoid(np.append(i, i[0]), np.append(v, v[0])))


def judged(model: str, source: str, measured: mj.Measurement, limit: float) -> dict:
    """The verdict on a model's fit to the loop of another, and how far the loop's area is off."""
    import fitting as ft

    begun, about = time.perf_counter(), {"model": model, "source": source}
    own = model == source
    device = truth_of(model) if own else device_of(model)
    try:
        with alarm(limit), _near(device) if own else nullcontext():
            result = ft.solve(ft.SweepProblem([measured], device, screened=SCREENED))
    except (Exception, KeyboardInterrupt) as error:  # crashes are what the study is to find
        return about | _failed(error) | {"seconds": time.perf_counter() - begun}
    # At the tolerances of the search, which solved it: some of the devices that it finds take very many steps.
    policy = replace(result.problem.policy, max_steps=10 * PATIENT.max_steps)
    how: dict = dict(bench=result.problem.bench, policy=policy, deterministic=True)
    trace = mj.simulate_like(result.device, measured, **how).check()
    ratio = area_ratio(measured.v, measured.i, np.asarray(trace.i).ravel())
    found = {"word": result.verdict.word, "reason": result.verdict.reason, "area_ratio": ratio}
    found |= {"verdict": result.verdict.as_json(), "interrupted": result.interrupted}
    return about | found | {"loss": result.loss, "seconds": time.perf_counter() - begun}


def _failed(error: BaseException) -> dict:
    """Word and reason of a fit that gave nothing."""
    if isinstance(error, KeyboardInterrupt):
        return {"word": "out of time", "reason": "nothing usable by then"}
    word = "refused" if isinstance(error, MemjaxError) else "crashed"
    return {"word": word, "reason": f"{type(error).__name__}: {error}"}


def off(row: dict) -> bool:
    """Whether the loop's area is off by more than `FACTOR`."""
    ratio = row.get("area_ratio")
    return ratio is not None and not 1 / FACTOR <= ratio <= FACTOR


def run(size: str, record: Recorder) -> None:
    """All models on loops of all, what has been fitted before left out; two counts that have to be zero."""
    path = record.path.with_name(NAME)
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    models: list[str] = list(SMOKE) if size == "smoke" else mj.device_names()
    loops = {m: loop_of(m) for m in models}
    done, compiled = {(r["model"], r["source"]) for r in rows}, set()
    # A model's own loop is fitted about the truth, by a program of its own.
    for model, source in _pairs(models):
        if (model, source) not in done:
            program = (model, model == source)
            limit = LONGER.get(model, LIMIT) if program in compiled else FIRST
            compiled.add(program)
            rows.append(judged(model, source, loops[source], limit))
            path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    rows = [r for r in rows if r["model"] in models and r["source"] in models]
    pictures.draw_verdicts(rows, models, path.with_suffix(".png"))
    _recorded(record, rows)


def _pairs(models: list[str]) -> list[tuple[str, str]]:
    """Fitted models and sources of loops: own ones first, then all in turn, and models that take long last."""
    n = len(models)
    pairs = [(models[j], models[(j + k) % n]) for k in range(n) for j in range(n)]
    return sorted(pairs, key=lambda p: p[0] in LONGER)


def _recorded(record: Recorder, rows: list[dict]) -> None:
    """Own data that are not called good, and loops that are off and not called poor."""
    own = [r for r in rows if r["model"] == r["source"]]
    for name, chosen, wrong in (
        ("own loops not called good", own, lambda r: r["word"] != "good"),
        ("crashes", rows, lambda r: r["word"] == "crashed"),
        ("loops off by more than a factor of 2 not called poor", rows, lambda r: off(r) and r["word"] != "poor"),
    ):  # fmt: skip
        found = [
            f"{r['model']} on {r['source']}: {r['word']}, {r['reason']}" for r in chosen if wrong(r)
        ]
        record.ok(
            name,
            Times(run=[r["seconds"] for r in chosen]),
            error=float(len(found)),
            tolerance=0.0,
            reference="verdicts as they should be, in numbers of others",
            problem="verdicts",
            n=len(chosen),
            dtype="float64",
            extra={"wrong": found, "off": sum(map(off, chosen))}
            | {w: sum(r["word"] == w for r in chosen) for w in WORDS},
        )  # fmt: skip


def main(words: list[str]) -> int:
    """Run this study alone: a folder for its files, and the size."""
    run_alone("verdicts", run, words)
    return 0


if __name__ == "__main__":
    from memjax.runtime.jax_setup import prepare_jax

    prepare_jax()
    sys.exit(main(sys.argv[1:]))

"""Potentiation and depression, retention, delay and relaxation: measured sets, fitted and held out."""

import json
import os
import time
from pathlib import Path

import jax
import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.records import ROOT, Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from fitting.pulses.content import hold_out, step_spread
from fitting.pulses.fit import PulseFit, cycle_weights, median_error
from memjax.data import PulseProtocol, PulseRecord, read_records
from memjax.errors import MemjaxError

DATA = Path(os.environ.get("MEMJAX_DATA", ROOT.parent / "shared" / "data")) / "clean"
PROTOCOL = PulseProtocol(voltages=(2.5, -2.7), widths=(1.5e-6, 1e-5), period=5e-4, read_voltage=0.2)
"""The pulses of the raw files."""

MODELS = ("yakopcic", "mms", "linear-drift", "vteam")
FIRST = 5
"""Cycles of the first fit; each later one is predicted from all before it."""

CYCLES = 100
"""Simulated cycles."""

NEXT, STEP = 0.05, 0.15
"""What must hold: median relative error of the next cycle, and of the spread of the step."""

RUNS = {"smoke": 40, "full": 3}
"""Every so manieth run of the decays."""

DIFFUSIVE = {"lam": 0.1, "beta": 80.0, "gamma1": 800.0, "gamma2": 10.0, "r0": 0.3, "r_off": 1e9}
"""Values of what delays and relaxations do not tell [SI]."""


def _ratios(model: PulseRecord, data: PulseRecord) -> dict[str, list[float]]:
    """Simulated over measured spread of the step: all pulses and the thirds, of set and of reset."""
    a, b = step_spread(model), step_spread(data)
    return {
        word: [
            a[word]["all"] / b[word]["all"],
            *(x / y for x, y in zip(a[word]["thirds"], b[word]["thirds"], strict=True)),
        ]
        for word in a
    }


def _overall(model: PulseRecord, data: PulseRecord) -> float:
    """The same ratio over all pulses of both kinds."""
    return float(np.std(model.steps) / np.std(data.steps))


def _device(record: PulseRecord, name: str, size: str) -> dict:
    """Fits of one model to the first cycles of one device, and what they say of later ones."""
    begun, model = time.perf_counter(), mj.device_class(name)()
    cuts = [FIRST] if size == "smoke" or name != MODELS[0] else range(FIRST, len(record.g))
    fits: dict[int, PulseFit] = {}
    for cut in cuts:
        fits[cut] = ft.solve(
            ft.PulseProblem(record.select(slice(0, cut)), model, protocol=PROTOCOL)
        )
    ahead = [hold_out(fits[cut], record.select(slice(cut, cut + 1))) for cut in cuts]
    fading = [
        median_error(cycle_weights(k, f.memory) @ record.g[:k], record.g[k])
        for k, f in fits.items()
    ]
    first = fits[FIRST]
    early, late = record.select(slice(0, FIRST)), record.select(slice(FIRST, None))
    simulated = first.simulate(CYCLES)
    row = {
        "device": record.device,
        "model": name,
        "next": float(np.mean([a["next"] for a in ahead])),
        "mean_of_earlier": float(np.mean([a["next_mean"] for a in ahead])),
        "fading_mean": float(np.mean(fading)),
        "next_by_cycle": [a["next"] for a in ahead],
        "misfit": median_error(first.curve(), first.weights @ early.g),
        "step_fitted": _overall(simulated, early),
        "step_held_out": _overall(simulated, late),
        "step_data": _overall(early, late),
        "thirds_fitted": _ratios(simulated, early),
        "thirds_held_out": _ratios(simulated, late),
        "autocorrelation": {
            word: [x["autocorrelation"], step_spread(simulated)[word]["autocorrelation"]]
            for word, x in step_spread(early).items()
        },
        "noise": [] if first.randomness is None else first.randomness.table(),
        "parameters": {n: float(mj.params.get(first.device, n)) for n in first.free},
        "undetermined": list(first.undetermined),
        "seconds": (time.perf_counter() - begun) / len(fits),
    }
    return row


def _pulses(size: str, record: Recorder) -> list[dict]:
    """All models on all devices, device by device."""
    path = DATA / "vcm_potentiation_depression.csv"
    if not path.exists():
        record.write(MODELS[0], status="skipped", reason=f"no {path}: set MEMJAX_DATA")
        return []
    devices, rows = read_records(path), []
    for one in devices[:1] if size == "smoke" else devices:
        if not isinstance(one, PulseRecord):
            continue
        for name in MODELS[:2] if size == "smoke" else MODELS:
            try:
                rows.append(_device(one, name, size))
            except MemjaxError as error:
                record.write(name, status="failed", reason=str(error), problem=one.device)
                continue
            print(f"{name} {one.device}: {rows[-1]['next']:.4f}", flush=True)
    for name in dict.fromkeys(r["model"] for r in rows):
        mine = [r for r in rows if r["model"] == name]
        errors = [r["next"] for r in mine]
        away = [abs(r["step_held_out"] - 1) for r in mine]
        times = Times(run=[r["seconds"] for r in mine])
        extra = {"devices": len(mine), "median": float(np.median(errors)), "rows": mine}
        judged = name == MODELS[0]
        record.ok(
            name,
            times,
            error=max(errors),
            tolerance=NEXT if judged else None,
            reference="next cycle, median relative error of the worst device",
            problem="next cycle",
            dtype="float64",
            extra=extra,
        )
        record.ok(
            name,
            times,
            error=float(np.median(away)),
            tolerance=STEP if judged else None,
            reference="later cycles: relative error of the spread of the step, median of the devices",
            problem="step per pulse",
            extra={"worst": max(away)},
        )
    return rows


def _decays(size: str, record: Recorder) -> list[dict]:
    """Laws and a device on some of the runs."""
    path = DATA / "tio2_volatile_drift.csv"
    if not path.exists():
        record.write("drift", status="skipped", reason=f"no {path}: set MEMJAX_DATA")
        return []
    rows, seconds = [], []
    for one in read_records(path)[:: RUNS[size]]:
        begun = time.perf_counter()
        fit = ft.solve(ft.RetentionProblem(one, mj.DriftMemristor()))  # pyright: ignore[reportArgumentType]
        seconds.append(time.perf_counter() - begun)
        rows.append(
            {
                "run": fit.record.label,
                "best": fit.laws[0].name,
                "changes_by": float(fit.record.r[-1] / fit.record.r[0] - 1),
                "rms": {law.name: law.rms for law in fit.laws},
                "second_half": {law.name: law.ahead for law in fit.laws},
                "aic": {law.name: law.aic for law in fit.laws},
                "device_rms": fit.rms,
            }
        )
        last = fit.record.r[fit.record.t - fit.record.t[0] <= np.ptp(fit.record.t) / 2]
        later = fit.record.r[len(last) :]
        rows[-1]["last_value"] = float(np.median(np.abs(np.median(last[-20:]) - later) / later))
    best = [min(r["rms"].values()) for r in rows]
    record.ok(
        "drift",
        Times(run=seconds),
        error=float(np.median([r["device_rms"] for r in rows])),
        reference="resistance, relative residual (rms), median of the runs",
        problem="retention",
        extra={"rows": rows, "best_law_rms": float(np.median(best))},
    )
    return rows


def _times(record: Recorder) -> dict:
    """Delay and relaxation."""
    path = DATA / "umass_diffusive_relaxation_layer1.csv"
    if not path.exists():
        record.write("diffusive", status="skipped", reason=f"no {path}: set MEMJAX_DATA")
        return {}
    begun, measured = time.perf_counter(), mj.read(path)
    fit = ft.solve(
        ft.TransientProblem(measured, mj.params.replace(mj.DiffusiveMemristor(), DIFFUSIVE))
    )
    took = time.perf_counter() - begun
    values = {n: float(mj.params.get(fit.device, n)) for n in (*fit.free, "alpha")}
    for name, w1 in fit.w1.items():
        record.ok(
            "diffusive",
            Times(run=[took]),
            error=w1["value"] / w1["floor"],
            tolerance=2.0,
            reference="W1 over that of random halves of the measured values",
            problem=name,
            extra=w1 | {"spread": fit.cycle_spread, "parameters": values},
        )
    return {"w1": fit.w1, "spread": fit.cycle_spread, "parameters": values}


def run(size: str, record: Recorder) -> None:
    """The three measured sets."""
    jax.config.update("jax_enable_x64", True)
    found = {"delays": _times(record)}
    found |= {"decays": _decays(size, record), "pulses": _pulses(size, record)}
    text = json.dumps(found, indent=1)
    record.path.with_name("pulse_fits.json").write_text(text, encoding="utf-8")


CASE = Case(name="pulse_fits", run=run, baseline=MODELS[0], suites=("devices",), limit_s=2 * 3600.0)

"""Switching devices in one batch, and some of them alone: time of a device, and how far apart the losses are."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fitting as ft
import memjax as mj
from benchmarks.records import Recorder
from benchmarks.timing import Times

DEVICES, ALONE = 100, 20
"""Devices of the batch, and how many of them are fitted alone."""

NOISE = 0.03
"""Relative read noise, which the fit knows."""

SCATTERED = ("mu", "gamma1", "gamma2", "gamma3", "theta", "r_on", "beta", "lam")
"""Parameters in which devices differ, by 10 %."""

POINT, LIMIT = 0.01, 1e-6
"""Hold time of a point [s], and limit of the source [A]."""

_OPTIONS: dict[str, Any] = {
    "bench": mj.Bench(compliance=LIMIT),
    "point_time": POINT,
    "model_sigma": NOISE / np.log(10),
    "screened": 8,
}


def measured() -> list[mj.Measurement]:
    """Sweeps to 0.8 V and back of 101 points, one of each simulated `diffusive` device, without noise of the ions."""
    rng, device = np.random.default_rng(3), mj.DiffusiveMemristor()
    values = {
        n: float(mj.params.get(device, n)) * np.exp(0.1 * rng.normal(size=(DEVICES, 1)))
        for n in SCATTERED
    }
    v = 0.8 * (1 - np.abs(np.linspace(-1, 1, 101)))
    same = np.zeros(len(v), int)
    about: dict[str, Any] = {"v": v, "sweep": same, "reader": "", "source": {}}
    bare = mj.Measurement(i=np.ones(len(v)), at_compliance=same == 1, **about)
    options = {"point_time": POINT, "bench": _OPTIONS["bench"], "deterministic": True}
    trace = mj.simulate_like(
        device, bare, members=DEVICES, conditions=mj.Conditions(values=values), **options
    ).check()
    i = np.abs(np.asarray(trace.i).reshape(DEVICES, -1))
    i = i * np.exp(NOISE * rng.normal(size=i.shape)) + 1e-13 * np.abs(rng.normal(size=i.shape))
    limited = i > 0.93 * LIMIT
    return [mj.Measurement(i=x, at_compliance=y, **about) for x, y in zip(i, limited, strict=True)]


def _batch(data: Sequence[mj.Measurement]) -> list[ft.Row]:
    devices = {str(k): [m] for k, m in enumerate(data)}
    with tempfile.TemporaryDirectory() as folder:
        about = {"out": Path(folder) / "run", "chunk": len(data), "starts": 2, **_OPTIONS}
        return ft.solve(ft.BatchProblem(devices, mj.DiffusiveMemristor(), **about))


def run(record: Recorder) -> None:
    """The batch twice, the first time with compilation; then devices alone."""
    data, spans, rows = measured(), [], []
    for _ in range(2):
        begin = time.perf_counter()
        rows = _batch(data)
        spans.append(time.perf_counter() - begin)
    alone = [
        ft.solve(ft.SweepProblem(m, mj.DiffusiveMemristor(), **_OPTIONS)).loss for m in data[:ALONE]
    ]
    off = np.array([r.loss for r in rows[:ALONE]], float) / alone - 1
    record.ok(
        "memjax, switching",
        Times(run=[spans[1] / DEVICES], compile=max(spans[0] - spans[1], 0.0)),
        error=float(np.max(off)),
        reference=f"losses of single fits, largest excess of {ALONE}",
        n=DEVICES,
        dtype="float64",
        problem="diffusive, 101 points, 10 free parameters",
        extra={
            "failed": sum(bool(r.failure) for r in rows),
            "within_a_percent": int(np.count_nonzero(np.abs(off) <= 0.01)),
            "relative_losses": off.tolist(),
        },
    )

"""Many devices calibrated in one run: `fitting.fit_batch`, and scipy's least squares one device after the other."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

import fitting as ft
from benchmarks.cases.batch_fits import problem, switching
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times
from memjax.runtime.compile_cache import fuse_small_loops

SIZES = {"smoke": (32, 2), "full": (1000, 20)}
"""Devices, and how many of them scipy is given."""

CHUNK = 1000
RUNS = 2
"""Runs after the one that compiles."""


def by_memjax(data: Sequence[np.ndarray]) -> list[ft.Row]:
    """One run over all devices, in a folder of its own."""
    devices = {str(k): problem.measurement(x) for k, x in enumerate(data)}
    with tempfile.TemporaryDirectory() as folder:
        return ft.solve(
            ft.BatchProblem(
                devices,
                problem.LangevinHeatRC(),
                out=Path(folder) / "run",
                free=problem.NAMES,
                model_sigma=problem.SIGMA / np.log(10),
                screened=2,
                starts=1,
                chunk=CHUNK,
            )
        )


def _timed(fit, *args, **options):
    """Wall time and processor time of all threads [s], and what a fit gave."""
    begin = time.perf_counter(), time.process_time()
    found = fit(*args, **options)
    return time.perf_counter() - begin[0], time.process_time() - begin[1], found


def _logs(rows: Sequence[ft.Row]) -> np.ndarray:
    """Log parameters; not a number after a failure."""
    return np.log([[r.values.get(n, np.nan) for n in problem.NAMES] for r in rows])


def _chi2(q: np.ndarray, data: Sequence[np.ndarray]) -> np.ndarray:
    """Mean square residual of each device by a solve far tighter than that of the peer."""
    squares = [np.mean(problem.residuals(p, x, 1e-8) ** 2) for p, x in zip(q, data)]
    return np.nan_to_num(np.array(squares), nan=np.inf)


def _record(
    record: Recorder, name: str, times: Times, chi2: np.ndarray, truth: np.ndarray, **extra
) -> None:
    """How fast, how well, how often."""
    good = chi2 < 1.1 * truth
    middle = float(np.median(times.run))
    record.ok(
        name,
        times,
        error=float(np.median(chi2 / truth)),
        reference="mean square residual over that of the true parameters, median",
        n=len(chi2),
        dtype="float64",
        problem=f"{len(problem.TIMES) - 1} points, {len(problem.NAMES)} free parameters",
        extra={
            "devices_per_minute": 60 / middle,
            "successes": int(good.sum()),
            "success_rate": float(good.mean()),
            "largest_chi2_ratio_of_successes": float(np.max((chi2 / truth)[good], initial=0.0)),
            **extra,
        },
    )


def run(size: str, record: Recorder) -> None:
    """Half of scipy's devices, the batch, the other half: what else the machine does is shared."""
    fuse_small_loops()  # as the command line does
    jax.config.update("jax_enable_x64", True)
    count, few = SIZES[size]
    truths = problem.truths(count)
    data = [problem.measured(q, k) for k, q in enumerate(truths)]
    truth = _chi2(truths, data)
    slow = [_timed(problem.by_scipy, x) for x in data[: few // 2]]
    first, _, rows = _timed(by_memjax, data)
    later = [_timed(by_memjax, data) for _ in range(RUNS)]
    slow += [_timed(problem.by_scipy, x) for x in data[few // 2 : few]]
    wall, cpu, found = zip(*slow, strict=True)
    chi2, alone = _chi2(np.array(found), data[:few]), float(np.mean(wall))
    own = float(np.mean(cpu))
    _record(record, "scipy", Times(run=[alone]), chi2, truth[:few], seconds=wall, cpu_s=own)
    run_s, processor = [w / count for w, *_ in later], [c / count for _, c, _ in later]
    speed = float(np.median(run_s))
    _record(
        record,
        "memjax",
        Times(run=run_s, compile=max(first - speed * count, 0.0)),
        _chi2(_logs(rows), data),
        truth,
        cpu_s=float(np.median(processor)),
        ratio=alone / speed,
        ratio_of_cpu=own / float(np.median(processor)),
        ratio_with_compilation=alone / (first / count),
        run_to_run="equal" if all(r == rows for *_, r in later) else "different",
    )
    if size == "full":  # its programs take a minute to compile
        switching.run(record)


CASE = Case(name="batch_fits", run=run, baseline="scipy", suites=("fit",), limit_s=3600.0)

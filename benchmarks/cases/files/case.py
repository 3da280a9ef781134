"""Damaged files of every text format, of settings and of workbooks, and one large table."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases.files.damaged import LAYOUTS, OUTCOMES, study
from benchmarks.cases.files.damaged_documents import study as study_documents
from benchmarks.cases.files.documents import DOCUMENTS
from benchmarks.cases.files.outcomes import flaws, table
from benchmarks.cases.files.workbook import results_of_workbooks
from benchmarks.records import Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times

VARIANTS = {"smoke": 20, "full": 1000}
ROWS = {"smoke": 1_000_000, "full": 10_000_000}
PER_SWEEP = 10_000
MOST_MEMORY = 10.0
"""Memory at most, over the size of the file."""

READ = """
import resource, sys, time
from memjax.data import read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
points = len(read(sys.argv[1]).v)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print([points, time.perf_counter() - start, before, peak])
"""


def write_large(path: Path, rows: int) -> None:
    """Write so many rows of noisy loops: sweep, time, voltage, current."""
    rng = np.random.default_rng(0)
    up = np.linspace(0, 1, PER_SWEEP // 4, endpoint=False)
    v = np.concatenate([up, 1 - up, -up, up - 1])
    g = np.where(np.abs(v) > 0.6, 1e-3, 1e-6)
    with path.open("w", encoding="utf-8") as file:
        file.write("sweep,t_s,v_V,i_A\n")
        for sweep in range(rows // PER_SWEEP):
            t = (sweep * PER_SWEEP + np.arange(PER_SWEEP)) * 1e-3
            i = v * g * (1 + 0.02 * rng.standard_normal(PER_SWEEP))
            columns = np.column_stack([np.full(PER_SWEEP, sweep), t, v, i])
            np.savetxt(file, columns, fmt=["%d", "%.6f", "%.6f", "%.9e"], delimiter=",")


def measure_damage(record: Recorder, count: int) -> None:
    """A record for each format: what its damaged variants became."""
    for make in LAYOUTS:
        start = time.perf_counter()
        results = study(count, layouts=(make,))
        counts = Counter(r.outcome for r in results)
        wrong = Counter(f"{r.outcome}: {r.kind}" for r in flaws(results))
        record.ok(
            "damaged files",
            Times(run=[time.perf_counter() - start]),
            error=float(len(flaws(results))),
            tolerance=0.0,
            reference="variants that end in an exception or in other numbers without a word",
            problem=make().name,
            n=len(results),
            dtype="float64",
            extra={"outcomes": {o: counts[o] for o in OUTCOMES}, "wrong": wrong,
                   "table": table(results, OUTCOMES).splitlines()},
        )  # fmt: skip


def measure_documents(record: Recorder, count: int) -> None:
    """A record for each kind of settings, and one for workbooks: what damaged variants became."""
    studies: dict[str, Callable[..., Sequence[Any]]] = {
        make().name: partial(study_documents, documents=(make,)) for make in DOCUMENTS
    }
    studies["workbooks"] = results_of_workbooks
    for name, run_study in studies.items():
        start = time.perf_counter()
        results = run_study(count, 7)
        counts = Counter(r.outcome for r in results)
        wrong = Counter(
            f"{r.outcome}: {r.kind}" for r in results if r.outcome in ("exception", "silent")
        )
        record.ok(
            "damaged settings",
            Times(run=[time.perf_counter() - start]),
            error=float(wrong.total()),
            tolerance=0.0,
            reference="variants that end in an exception, or in something else without a word",
            problem=name,
            n=len(results),
            dtype="float64",
            extra={"outcomes": dict(counts), "wrong": wrong},
        )


def measure_large(record: Recorder, rows: int) -> None:
    """Time and memory of one large table, read in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        write_large(path, rows)
        words = [sys.executable, "-c", READ, str(path)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        points, seconds, before, peak = json.loads(done.stdout)
        size = path.stat().st_size
    unit = 1 if sys.platform == "darwin" else 1024
    ratio = unit * peak / size
    record.ok(
        "large table",
        Times(run=[seconds]),
        error=ratio if points == rows else np.inf,
        tolerance=MOST_MEMORY + unit * before / size,
        reference="memory of the process over the size of the file",
        problem=f"{rows:g} rows, {size / 1e6:.0f} MB",
        n=rows,
        dtype="float64",
        peak_rss_bytes=unit * peak,
        extra={"bytes": size, "rss before": unit * before},
    )


def run(size: str, record: Recorder) -> None:
    """Damage, and size."""
    measure_damage(record, VARIANTS[size])
    measure_documents(record, VARIANTS[size] // 2)
    measure_large(record, ROWS[size])


CASE = Case(
    name="files", run=run, baseline="damaged files", suites=("smoke", "files"), limit_s=3600.0
)

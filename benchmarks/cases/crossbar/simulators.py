"""A matrix as it was written, read by CrossSim and aihwkit, which simulate networks, beside memjax."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.crossbar.problem import (
    Problem,
    bit_line_currents,
    sparse_currents,
    written_problem,
)
from benchmarks.environments import run_peer
from benchmarks.records import Recorder
from benchmarks.timing import measure
from memjax.crossbar import Reading

CROSSSIM, AIHWKIT = "crosssim", "aihwkit"
REFERENCE = "direct solve of the same circuit, largest relative difference of a current"
IDEAL = 1e-12
"""Resistance of a segment [ohm] that counts as none."""

PROBLEMS = {
    "smoke": ((16, 1.0),),
    "full": tuple((n, r) for n in (64, 128) for r in (0.1, 1.0)),
}
TOLERANCES = {"CrossSim": 1e-3, "CrossSim, tolerance of 1e-7": 1e-7}
"""Largest error of a voltage over the largest input at which CrossSim's iteration ends; the first is its own."""


def _script(peer: str) -> Path:
    return Path(__file__).with_name(f"peer_{peer}.py")


def _reference(
    record: Recorder, p: Problem, exact: Float[np.ndarray, " lines"], read: Callable
) -> dict:
    """Record a read by memjax; the job of a peer that reads the same."""
    fields = {"problem": p.name, "n": 1, "dtype": "float64"}
    times, result = measure(read, repeats=11)
    current = np.asarray(cast(Reading, result).current)
    error = float(np.abs(current / exact - 1).max())
    record.ok("memjax", times, error=error, reference=REFERENCE, tolerance=1e-9, **fields)
    return {"wire": p.wire, "repeats": 3, "reference": REFERENCE} | fields | {"dtype": "float32"}


def _whole(record: Recorder, p: Problem, file: Path) -> None:
    """Word lines and bit lines: CrossSim."""
    exact = sparse_currents(p)
    np.savez(file, g=p.g, v=p.v[0], current=exact)
    read = lambda: mj.Crossbar(p.g, wires=mj.crossbar.Wires(p.wire, p.wire)).read(p.v[0])  # noqa: E731
    job = _reference(record, p, exact, read) | {"file": str(file)}
    for variant, tolerance in TOLERANCES.items():
        task = job | {"tolerance": tolerance}
        run_peer(record, CROSSSIM, _script(CROSSSIM), job=task, variant=variant)


def _bit_lines(record: Recorder, p: Problem, file: Path) -> None:
    """Ideal word lines, which are all that aihwkit's formula has."""
    p = replace(p, cells="written cells, ideal word lines")
    exact = bit_line_currents(p)
    np.savez(file, g=p.g, v=p.v[0], current=exact)
    read = lambda: mj.Crossbar(p.g, wires=mj.crossbar.Wires(IDEAL, p.wire)).read(p.v[0])  # noqa: E731
    job = _reference(record, p, exact, read) | {"file": str(file)}
    run_peer(record, AIHWKIT, _script(AIHWKIT), job=job, variant="aihwkit")


def read_by_simulators(size: str, record: Recorder) -> None:
    """All problems of a size."""
    with tempfile.TemporaryDirectory() as folder:
        for lines, wire in PROBLEMS[size]:
            p, file = written_problem(lines, wire), Path(folder) / "array.npz"
            _whole(record, p, file)
            _bit_lines(record, p, file)

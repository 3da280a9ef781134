"""One calibration of the bundled example, shared by all tests and processes."""

import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fitting as ft
import memjax as mj
from memjax.io.request import file_of


@pytest.fixture(scope="session")
def example() -> mj.Measurement:
    """The bundled synthetic sweeps."""
    return mj.read(file_of("example:diffusive-sweeps"))


@pytest.fixture(scope="session")
def truth() -> dict[str, float]:
    """Their true parameters."""
    path = file_of("example:diffusive-sweeps").with_suffix(".truth.json")
    return json.loads(path.read_text())["parameters"]


def _once(path: Path, make: Callable[[], Any]) -> Any:
    """What the first process that asks makes; the others wait for it."""
    lock, part = path.with_suffix(".lock"), path.with_suffix(".part")
    while not path.exists():
        try:
            lock.touch(exist_ok=False)
        except FileExistsError:
            time.sleep(0.2)
            continue
        try:
            part.write_bytes(pickle.dumps(make()))
            part.replace(path)
        finally:
            lock.unlink()
    return pickle.loads(path.read_bytes())


@pytest.fixture(scope="session")
def result(example, tmp_path_factory, testrun_uid) -> ft.FitResult:
    """The fit that the README's first command makes."""
    path = tmp_path_factory.getbasetemp().parent / f"{testrun_uid}.fit"
    return _once(path, lambda: ft.solve(ft.SweepProblem([example], mj.DiffusiveMemristor())))

"""One calibration of the bundled example, shared by all tests of a process."""

import json

import pytest

import fitting as ft
import memjax as mj
from memjax.cli.options import file_of


@pytest.fixture(scope="session")
def example() -> mj.Measurement:
    """The bundled synthetic sweeps."""
    return mj.read(file_of("example:diffusive-sweeps"))


@pytest.fixture(scope="session")
def truth() -> dict[str, float]:
    """Their true parameters."""
    path = file_of("example:diffusive-sweeps").with_suffix(".truth.json")
    return json.loads(path.read_text())["parameters"]


@pytest.fixture(scope="session")
def result(example) -> ft.FitResult:
    """The fit that the README's first command makes, from an eighth of its starts."""
    return ft.fit([example], mj.DiffusiveMemristor(), screened=16)

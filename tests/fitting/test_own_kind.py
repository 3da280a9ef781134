"""A kind of data of another package, as docs/kinds.md shows it: fitted, drawn, joined with a decay."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
POINTS = "[memjax.fits]\nswitching-times = switching_times:KIND\n"
TAU, V_ON, THERMAL = 2e-4, 0.25, 8.617333262e-5 * 300


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """The package as installed: its one module, and what an installer leaves beside it."""
    place = tmp_path_factory.mktemp("package")
    page = (ROOT / "docs" / "kinds.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 84
    (place / "switching_times.py").write_text(code, encoding="utf-8")
    about = place / "switching_times-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: switching-times\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(POINTS)
    v = np.linspace(0.1, 0.5, 15)
    scatter = np.exp(0.1 * np.random.default_rng(1).normal(size=v.size))
    table = np.c_[v, TAU * (1 + np.exp((V_ON - v) / THERMAL)) * scatter]
    header = {"delimiter": ",", "header": "v_V,t_switch_s", "comments": ""}
    np.savetxt(place / "times.csv", table, **header)
    return place


def _memjax(package: Path, *words: str) -> subprocess.CompletedProcess:
    return _python(package, "-m", "memjax", *words)


def _python(package: Path, *words: str) -> subprocess.CompletedProcess:
    path = os.pathsep.join([str(package), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "MPLBACKEND": "agg"}
    return subprocess.run(
        [sys.executable, *words], env=environment, cwd=package,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted(package) -> dict:
    """What the command writes of its data."""
    words = ("--model", "mms", "--uncertainty", "profile", "--out", "own")
    done = _memjax(package, "fit", "times.csv", *words)
    assert done.returncode == 0, done.stderr
    return json.loads((package / "own" / "fit.json").read_text())


@pytest.mark.slow
def test_a_package_adds_a_kind_of_data(package, fitted):
    content = fitted
    assert content["kind"] == "times of switching"
    assert content["uncertainty"]["method"] == "profile"
    for name, true in (("tau", TAU), ("v_on", V_ON)):
        p = content["parameters"][name]
        assert abs(p["value"] - true) < 4 * p["std"]
        low, high = content["uncertainty"]["intervals"][name]
        assert low < p["value"] < high
    assert (package / "own" / "times.png").stat().st_size > 0
    page = (package / "own" / "report.html").read_text(encoding="utf-8")
    assert "<h2>What was assumed</h2>" in page
    assert "<td>standard deviation of ln(t)</td><td>0.1</td>" in page
    assert '<a href="times.svg"><img' in page
    again = _memjax(package, "report", "own")
    assert again.returncode == 0, again.stderr


PYTHON = """
import jax
jax.config.update("jax_enable_x64", True)
import pandas, memjax as mj, fitting as ft
from switching_times import TimesProblem
problem = TimesProblem(pandas.read_csv("times.csv"), mj.MetastableSwitches())
fit = ft.profile(ft.laplace(ft.solve(problem, seed=0)))
fit.save("python")
assert ft.load("python").values == fit.values
"""


@pytest.mark.slow
def test_its_problem_is_solved_and_saved_from_python_as_by_the_command(package, fitted):
    done = _python(package, "-c", PYTHON)
    assert done.returncode == 0, done.stderr
    python = json.loads((package / "python" / "fit.json").read_text())
    assert {k for k in fitted if fitted[k] != python.get(k)} <= {"command", "config", "data"}


@pytest.mark.slow
def test_its_options_and_files_are_checked_as_those_of_any_kind(package):
    done = _memjax(package, "fit", "times.csv", "--model", "mms", "--points", "9", "--out", "wrong")
    assert done.returncode == 2
    assert "--points would be ignored; in a fit of times of switching" in done.stderr

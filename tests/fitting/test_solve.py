"""A problem that is solved from Python leaves the folder that the command line leaves."""

import json

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax.cli import main
from memjax.data import read_records
from tests.fits import threshold_loop

PROVENANCE = ("command", "config", "versions")


def _switch(path):
    rows = zip(*threshold_loop(0.6, 0.3), strict=True)
    path.write_text("\n".join(["v_V,i_A", *(f"{v},{i}" for v, i in rows)]) + "\n")
    problem = ft.SweepProblem(mj.read(path), mj.model("threshold-switch"), point_time=0.01)
    return problem, ["--model", "threshold-switch", "--point-time", "0.01"]


def _decay(path):
    rows = (f"{t},{1e4 + 100 * np.log1p(t / 200)}" for t in np.linspace(0, 3e4, 40))
    path.write_text("\n".join(["t_s,r_ohm", *rows]) + "\n")
    free = ["tau", "x0"]
    problem = ft.RetentionProblem(read_records(path)[0], mj.model("mms"), free=free)
    return problem, ["--model", "mms", "--free", *free]


def _content(folder):
    content = json.loads((folder / "fit.json").read_text())
    content["data"] = [entry["sha256"] for entry in content["data"]]
    return {n: x for n, x in content.items() if n not in PROVENANCE}


@pytest.mark.slow
@pytest.mark.parametrize("made", [_switch, _decay])
def test_a_notebook_writes_the_folder_of_the_command_line(made, tmp_path):
    path = tmp_path / "data.csv"
    problem, words = made(path)
    assert main(["fit", str(path), *words, "--out", str(tmp_path / "command")]) == 0
    fit = ft.solve(problem, seed=0)
    assert ft.laplace(fit).save(tmp_path / "notebook") == tmp_path / "notebook"
    left, right = (_content(tmp_path / n) for n in ("command", "notebook"))
    right["data"] = right["data"] or left["data"]  # a record does not say its file
    assert right == left
    files = sorted(p.name for p in (tmp_path / "command").iterdir())
    assert sorted(p.name for p in (tmp_path / "notebook").iterdir()) == files
    for name in ("measured.csv", "simulated.csv"):
        one, other = ((tmp_path / n / name).read_bytes() for n in ("command", "notebook"))
        assert one == other, name


@pytest.mark.slow
def test_a_fit_is_made_again_from_its_own_file(tmp_path):
    path = tmp_path / "data.csv"
    _, words = _decay(path)
    words += ["--fix", "r_on=5e3", "--bounds", "tau=1e-9,10", "--seed", "3"]
    assert main(["fit", str(path), *words, "--out", str(tmp_path / "first")]) == 0
    again = ["--config", str(tmp_path / "first" / "fit.json"), "--out", str(tmp_path / "second")]
    assert main(["fit", *again]) == 0
    first, second = (_content(tmp_path / n) for n in ("first", "second"))
    assert second == first
    configs = [
        json.loads((tmp_path / n / "fit.json").read_text())["config"] for n in ("first", "second")
    ]
    assert configs[0] == configs[1]
    assert configs[0]["fix"] == {"r_on": 5e3}

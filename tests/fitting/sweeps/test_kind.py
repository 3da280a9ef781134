"""The part of ``memjax fit`` that takes sweeps: what it says and refuses before anything is fitted."""

import json
from importlib import import_module

import numpy as np
import pytest

import memjax as mj
from fitting.optimize.levenberg_marquardt import Progress
from fitting.sweeps.kind import hints
from memjax.cli.program import main
from memjax.errors import BoundsError, FitError


def _sweep(path):
    v = np.concatenate([np.linspace(0, 1, 21), np.linspace(1, 0, 21)[1:]])
    t = 1e-3 * np.arange(len(v))
    np.savetxt(path, np.c_[t, v, 1e-4 * v], delimiter=",", header="t_s,v_V,i_A", comments="")
    return str(path)


def test_randomness_of_a_volatile_model_without_any_is_refused(tmp_path, capsys):
    model = "threshold-switch"
    words = ["fit", _sweep(tmp_path / "a.csv"), "--model", model, "--stochastic"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith(f"memjax: error: {model} has no noise")
    assert not (tmp_path / "out").exists()


def test_pulses_are_told_before_they_are_fitted(tmp_path):
    t = 1e-5 * np.arange(400)
    v = np.where((t > 1e-3) & (t < 2e-3), 0.5, 0.02)
    table = np.c_[t, v, np.where(v > 0.1, 1e-5, 1e-9)]
    np.savetxt(tmp_path / "p.csv", table, delimiter=",", header="t_s,v_V,i_A", comments="")
    (hint,) = hints([mj.read(tmp_path / "p.csv")])
    assert "say --delays" in hint
    assert not hints([mj.read(_sweep(tmp_path / "a.csv"))])


@pytest.mark.study
def test_a_stage_that_fails_leaves_a_folder_and_says_so_in_one_line(tmp_path, capsys, monkeypatch):
    def fails(*args, **options):
        raise BoundsError(f"mu = {np.full((100, 2), 1e12)}")

    monkeypatch.setattr("fitting.sweeps.randomness.calibrate", fails)
    words = [
        "fit",
        "example:diffusive-sweeps",
        "--model",
        "diffusive",
        "--stochastic",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 3
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if "error:" in line]
    (error,) = errors
    assert error.startswith("memjax: error: no randomness was calibrated: mu = [[1.e+12")
    assert error.endswith(f"the fit before that stage is in {tmp_path / 'out'}")
    content = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert content["notes"][-1].startswith("no randomness was calibrated: mu = [[1.e+12")
    assert content["stochastic"] is None
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("timed", [True, False])
def test_a_point_time_means_nothing_only_where_the_files_have_a_time(
    timed, tmp_path, capsys, monkeypatch
):
    """Sweeps that are thinned have one in any case: that of their points."""

    def begun(*args, progress, **options):
        progress("search", Progress(np.zeros((1, 1)), np.ones(1)))
        raise FitError("stopped")

    monkeypatch.setattr(import_module("fitting.sweeps.fit"), "solve_sweeps", begun)
    path = tmp_path / "a.csv"
    _sweep(path)
    if not timed:
        rows = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:]
        np.savetxt(path, rows, delimiter=",", header="v_V,i_A", comments="")
    words = ["fit", str(path), "--model", "mms", "--points", "20", "--point-time", "0.01"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 3
    said = capsys.readouterr().err
    assert "averages of up to" in said
    assert ("--point-time means nothing here" in said) is timed

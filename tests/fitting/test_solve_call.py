"""The configuration of a fit from Python: what options say, and which words tell that no option says the rest."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.solve_call import SolveCall, config_of, same
from memjax.cli import main
from memjax.io.stimulus import load_stimulus

CIRCUIT = mj.Circuit([("input", mj.VoltageSource(), "in", "0"), ("r", mj.Resistor(1e3), "in", "0")])
DATA = "example:diffusive-sweeps"


def _config(problem, *, kind="sweeps", seed=0, **stages):
    """Configuration of a fit that need not be made: it is that of its problem."""
    stages = {"stochastic": None, "profiles": (), "sample": None} | stages
    return config_of(SimpleNamespace(kind=kind, call=SolveCall(problem, seed), **stages))


def test_options_say_bench_temperature_thresholds_and_what_came_behind_the_fit():
    device = mj.params.replace(mj.DiffusiveMemristor(), {"r_off": 2e9})
    device = mj.params.with_bounds(device, {"mu": (1.0, 1e4)})
    bench = mj.Bench(series_resistance=1e3, offset_current=1e-12)
    problem = ft.SweepProblem(
        mj.read(DATA), device, bench=bench, env=mj.Environment(320.0), thresholds=(1e-8, None),
        free=["mu"], fix={"theta": 30.0}, start={"mu": 10.0}, free_bench=["shunt"],
    )  # fmt: skip
    random = SimpleNamespace(draws=32)
    assert _config(problem, seed=3, stochastic=random, profiles=("one",)) == {
        "model": "diffusive", "model_values": {"r_off": 2e9}, "bounds": {"mu": [1.0, 1e4]}, "files": [DATA],
        "series_resistance": 1e3, "offset_current": 1e-12, "temperature": 320.0, "on_threshold": 1e-8,
        "free": ["mu"], "fix": {"theta": 30.0}, "start": {"mu": 10.0}, "free_bench": ["shunt"],
        "seed": 3, "stochastic": True, "draws": 32, "uncertainty": "profile",
    }  # fmt: skip


def test_limits_of_both_polarities_are_those_with_which_the_file_is_read():
    limits = (1e-3, 2e-3)
    bench = mj.Bench(compliance=1e-3, compliance_negative=2e-3)
    problem = ft.SweepProblem(
        mj.read(DATA, compliance=limits), mj.DiffusiveMemristor(), bench=bench
    )
    config = _config(problem)
    assert config["compliance"] == list(limits)
    assert "python" not in config
    unlimited = replace(problem, data=mj.read(DATA))
    assert _config(unlimited)["python"] == ["data"]


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"screened": 4}, ["screened"]),
        ({"hold_out": [2]}, ["hold_out"]),
        ({"device": CIRCUIT}, ["device"]),
    ],
)
def test_what_no_option_says_is_named(changes, lost):
    problem = ft.SweepProblem(mj.read(DATA), mj.DiffusiveMemristor())
    assert "python" not in _config(problem)
    assert _config(replace(problem, **changes))["python"] == lost


def test_data_that_the_files_do_not_hold_are_named(tmp_path):
    measured = mj.read(DATA)
    problem = ft.SweepProblem(replace(measured, i=2 * measured.i), mj.DiffusiveMemristor())
    assert _config(problem)["python"] == ["data"]
    without = replace(measured, source={"file": str(tmp_path / "gone.csv")})
    assert _config(replace(problem, data=without))["python"] == ["data"]


def test_numbers_in_the_place_of_files_are_named_and_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "step.csv").write_text("t_s,v_V\n0,0\n1e-3,1\n")
    circuit, t = mj.model("threshold-switch-neuron"), np.linspace(0, 1e-3, 5)
    options = {"node": "node", "free": ["r_in.r"], "stimulus": load_stimulus("step.csv")}
    problem = ft.TraceProblem((t, t), circuit, **options)
    config = _config(problem, kind="trace of a node")
    assert config["python"] == ["data", "stimulus"]
    (tmp_path / "fit.json").write_text(json.dumps({"config": config}))
    assert main(["fit", "--config", "fit.json", "--out", "again"]) == 2
    assert "data, stimulus of a fit from Python, which no option says" in capsys.readouterr().err


def test_same_looks_into_arrays_and_dataclasses():
    one = mj.read(DATA)
    assert same(one, mj.read(DATA))
    assert not same(one, replace(one, i=one.i + 1e-12))
    assert same([np.nan, (1, "a")], [np.nan, (1, "a")])
    assert not same([1, 2], [1, 3])
    assert not same({"a": 1}, {"b": 1})
    assert not same(1.0, None)

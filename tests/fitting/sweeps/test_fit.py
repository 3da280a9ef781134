"""The whole calibration, on the bundled example."""

import json
from importlib import import_module

import jax
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.app.config import parse_fit
from fitting.sweeps.prepare import prepare
from fitting.sweeps.search import BATCH, Search
from memjax.cli import main
from memjax.core.params import get
from memjax.errors import DataError, ModelError
from memjax.observables import summarise, switching

pytestmark = pytest.mark.slow


def test_true_parameters_come_back_within_three_sigma_or_are_named_undetermined(result, truth):
    rows = {r["name"]: r for r in result.table() if r["free"]}
    away = {n: abs(r["value"] - truth[n]) / r["std"] for n, r in rows.items() if r["determined"]}
    assert len(away) >= 6  # mu, r_on, r_off at least of each polarity: the data say something
    assert max(away.values()) < 3, away


def test_the_fit_says_what_the_data_do_not_determine(result):
    rows = {r["name"]: r for r in result.table() if r["free"]}
    # Bounds of these are two decades apart, or more: errors are compared with values.
    wide = {n for n, r in rows.items() if r["std"] > abs(r["value"])}
    # What is followed by a profile depends on where in its valley a search ends, and that on the processor.
    followed = {p.name for p in result.profiles}
    assert set(result.undetermined) == set(result.reasons)
    assert wide - followed <= set(result.reasons) <= wide | followed
    assert "r_on" not in wide
    np.testing.assert_allclose(np.diag(result.correlation), 1)


def test_simulated_switching_voltages_are_those_of_the_data_to_one_step(result, example):
    trace = mj.simulate_like(result.device, example, bench=result.problem.bench, deterministic=True)
    here, there = summarise(switching(example)), summarise(switching(trace.check().member(0)))
    step = np.max(np.abs(np.diff(example.v[example.sweep == 0])))
    for word in ("positive", "negative"):
        for name, allowed in (("v_th_V", step), ("v_hold_V", 2 * step)):
            assert abs(here[word][name]["median"] - there[word][name]["median"]) <= allowed * 1.001


def test_currents_off_the_limit_agree_to_a_tenth_of_a_decade(result, example):
    trace = mj.simulate_like(result.device, example, bench=result.problem.bench, deterministic=True)
    i = np.abs(np.asarray(trace.i[0]))
    clear = (np.abs(example.i) > 1e-12) & ~example.at_compliance & (i > 0)
    assert np.median(np.abs(np.log10(i[clear] / np.abs(example.i[clear])))) < 0.1


GROWTH = dict(free=["mu", "mu_neg"], fix={"lam": 0.9}, screened=BATCH)
"""Growth of both polarities."""


@pytest.mark.study
def test_equal_seeds_give_equal_numbers(example):
    problem = ft.SweepProblem([example], mj.DiffusiveMemristor(), **GROWTH)
    chosen, again = ft.solve(problem), ft.solve(problem)
    np.testing.assert_array_equal(again.z, chosen.z)
    assert again.loss == chosen.loss
    np.testing.assert_array_equal(again.uncertainty.covariance, chosen.uncertainty.covariance)


def test_an_interrupt_returns_the_best_so_far(example):
    def stop(stage, progress):
        if progress.iterations == 2:
            raise KeyboardInterrupt

    stopped = ft.solve(
        ft.SweepProblem([example], mj.DiffusiveMemristor(), screened=BATCH), progress=stop
    )
    assert stopped.interrupted
    assert np.isfinite(stopped.loss)


def test_an_interrupt_before_a_point_has_a_value_is_no_failure_of_starts(example, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "round", stop)
    with pytest.raises(KeyboardInterrupt):
        ft.solve(ft.SweepProblem([example], mj.DiffusiveMemristor(), screened=BATCH))


def test_free_and_fix_choose_the_parameters_and_a_follower_gets_a_value_of_its_own(example):
    """Of the problem that is solved, at the first point that is screened beside the guess."""
    asked = ft.SweepProblem([example], mj.DiffusiveMemristor(), **GROWTH)
    more = dict(free_bench=(), screened=asked.screened, seed=0)
    prepared = prepare([example], asked.device, **asked.options, **more)
    assert prepared.problem.free == ("mu", "mu_neg")
    device = prepared.problem.at(prepared.candidates[1])
    assert float(device.lam) == pytest.approx(0.9)
    assert get(device, "mu_neg") != get(device, "mu")


def test_wrong_choices_are_named(example):
    with pytest.raises(DataError, match=r"sigma1 cannot be fitted.*--fix"):
        ft.solve(ft.SweepProblem([example], mj.DiffusiveMemristor(), free=["sigma1"]))
    with pytest.raises(ModelError, match=r"unknown parameter 'nu'.*gamma1"):
        ft.solve(
            ft.SweepProblem(example, mj.DiffusiveMemristor(), free=["nu"])
        )  # one measurement needs no list


def test_float32_is_refused(example):
    with jax.enable_x64(False), pytest.raises(mj.errors.PolicyError, match="jax_enable_x64"):
        ft.solve(ft.SweepProblem([example], mj.DiffusiveMemristor()))


def test_options_for_names_may_be_given_again():
    asked = "x.csv --model mms --out o --fix tau=1e-4 x0=0 --fix v_on=0.2 --free r_on --free r_off"
    options = parse_fit(asked.split())
    assert dict(options.fix) == {"tau": 1e-4, "x0": 0.0, "v_on": 0.2}
    assert options.free == ["r_on", "r_off"]


@pytest.mark.study
def test_a_fit_is_on_disk_before_its_posterior_is_drawn(result, tmp_path, capsys, monkeypatch):
    """What takes hours may be stopped: the fit to first order stays."""

    def stopped(*args, **more):
        raise KeyboardInterrupt

    for module, name, stand_in in (
        ("sweeps.fit", "solve_sweeps", lambda *args, **more: result),
        ("inference.refine", "draw_fit", stopped),
    ):
        monkeypatch.setattr(import_module(f"fitting.{module}"), name, stand_in)
    out = tmp_path / "fit"
    words = ["fit", "example:diffusive-sweeps", "--model", "diffusive", "--uncertainty", "nuts"]
    assert main([*words, "--out", str(out)]) == 130
    said = capsys.readouterr().err
    assert "the fit is written already" in said
    assert f"interrupted: the fit to first order is in {out}" in said
    content = json.loads((out / "fit.json").read_text())
    assert content["loss"] == pytest.approx(result.loss)
    assert (out / "report.html").stat().st_size > 0

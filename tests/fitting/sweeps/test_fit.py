"""The whole calibration, on the bundled example."""

import argparse
import json
from dataclasses import replace
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.cli import _configure_fit
from fitting.fit_json import told
from fitting.inference.nuts import _judged
from fitting.inference.profile_likelihood import Profile
from fitting.problem import evaluate
from fitting.sweeps.content import write
from fitting.sweeps.fit import BATCH
from fitting.sweeps.problem import PATIENT
from memjax.cli import main
from memjax.errors import DataError, ModelError
from memjax.fields import parameter_specs as specs_of
from memjax.observables import summarise, switching
from memjax.params import get, known

pytestmark = pytest.mark.slow


def test_true_parameters_come_back_within_three_sigma_or_are_named_undetermined(result, truth):
    rows = {r["name"]: r for r in result.table() if r["free"]}
    away = {n: abs(r["value"] - truth[n]) / r["std"] for n, r in rows.items() if r["determined"]}
    assert len(away) >= 6  # mu, r_on, r_off at least of each polarity: the data say something
    assert max(away.values()) < 3, away


def test_a_search_that_knows_its_noise_runs_the_program_that_it_has(result, monkeypatch):
    """Of the same types: one that is weak would be compiled anew, for as long as all else takes."""
    made = import_module("fitting.sweeps.fit")
    searches = []
    monkeypatch.setattr(
        made, "levenberg_marquardt", lambda search, *a, **k: searches.append(search)
    )
    before = made._Search(result.problem, 0, None, result.search, result.z)
    made._weighed(before, 0.5)
    assert float(searches[0].problem.noise) == 0.5
    problem = result.problem
    fresh = made.Problem.of(problem.device, problem.free, problem.group, bench=problem.bench)
    types = [[jax.typeof(x) for x in jax.tree.leaves(p)] for p in (searches[0].problem, fresh)]
    assert types[0] == types[1]


def test_the_fit_says_what_the_data_do_not_determine(result):
    u = result.uncertainty
    rows = {r["name"]: r for r in result.table() if r["free"]}
    # Bounds of these are two decades apart, or more: errors are compared with values.
    wide = {n for n, r in rows.items() if r["std"] > abs(r["value"])}
    assert set(result.undetermined) == set(result.reasons) == wide
    assert "r_on" not in wide
    np.testing.assert_allclose(np.diag(u.correlation), 1)


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


def test_jacobian_of_currents_and_events_is_that_of_differences(result):
    problem, z = result.problem, result.z
    h, n = 1e-3, len(z)
    moved = np.concatenate([z + h * np.eye(n), z - h * np.eye(n)])
    moved = np.concatenate([moved, np.repeat(z[None], -len(moved) % BATCH + BATCH, axis=0)])
    r = np.concatenate(
        [
            np.asarray(evaluate(problem, jnp.asarray(b))[0])
            for b in np.split(moved, len(moved) // BATCH)
        ]
    )
    differences = ((r[:n] - r[n : 2 * n]) / (2 * h)).T
    exact = np.asarray(evaluate(problem, jnp.asarray(np.repeat(z[None], BATCH, axis=0)))[1][0])
    # A parameter that shifts an event by a row or more, where the event is one of the dynamics and
    # not of a voltage step: the derivative along the flow is that of the shift, to second order.
    events = slice(-n - problem.group.event_weight.size, -n)
    large = np.abs(differences[events]) > 5
    large[1::3] = large[2::3] = False
    assert large.sum() >= 4
    np.testing.assert_allclose(exact[events][large], differences[events][large], rtol=0.05)


def fit_growth(example):
    """Growth of both polarities."""
    options = dict(free=["mu", "mu_neg"], fix={"lam": 0.9}, screened=BATCH)
    return ft.fit([example], mj.DiffusiveMemristor(), **options)


@pytest.fixture(scope="module")
def chosen(example):
    return fit_growth(example)


def test_equal_seeds_give_equal_numbers(chosen, example):
    again = fit_growth(example)
    np.testing.assert_array_equal(again.z, chosen.z)
    assert again.loss == chosen.loss
    np.testing.assert_array_equal(again.uncertainty.covariance, chosen.uncertainty.covariance)


def test_an_interrupt_returns_the_best_so_far(example):
    def stop(stage, progress):
        if progress.iterations == 2:
            raise KeyboardInterrupt

    stopped = ft.fit([example], mj.DiffusiveMemristor(), screened=BATCH, tick=stop)
    assert stopped.interrupted
    assert np.isfinite(stopped.loss)


def test_free_and_fix_choose_the_parameters_and_a_follower_gets_a_value_of_its_own(chosen):
    assert chosen.problem.free == ("mu", "mu_neg")
    assert float(chosen.device.lam) == pytest.approx(0.9)
    assert get(chosen.device, "mu_neg") != get(chosen.device, "mu")


def test_wrong_choices_are_named(example):
    with pytest.raises(DataError, match=r"sigma1 cannot be fitted.*--fix"):
        ft.fit([example], mj.DiffusiveMemristor(), free=["sigma1"])
    with pytest.raises(ModelError, match=r"unknown parameter 'nu'.*gamma1"):
        ft.fit([example], mj.DiffusiveMemristor(), free=["nu"])


def test_a_fit_folder_is_complete_and_its_json_strict(result, tmp_path):
    from memjax.cli.options import file_of

    file = file_of("example:diffusive-sweeps")
    names = write(result, tmp_path, files=[file], truth={"mu": 80.0}, command="memjax fit ...")
    assert {p.name for p in tmp_path.iterdir()} == set(names)
    content = json.loads((tmp_path / "fit.json").read_text())
    assert content["parameters"]["mu"]["value"] == float(result.device.mu)
    assert set(content["parameters"]["mu"]) >= {"value", "unit", "std", "bounds", "free"}
    assert content["uncertainty"]["method"] == "laplace"
    assert content["identifiability"]["sentences"]
    assert content["settings"] == {}  # a diffusive memristor has none
    assert content["data"][0]["sha256"]
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    assert 'src="http' not in page
    simulated = np.genfromtxt(tmp_path / "simulated.csv", delimiter=",", names=True)
    assert len(simulated) == result.n_points
    cycles = np.genfromtxt(tmp_path / "cycles.csv", delimiter=",", names=True)
    assert len(np.unique(cycles["sweep"])) == 20 * len(result.waves)
    assert len(content["distribution"]["positive"]["v_th_V"]) == 100


@pytest.mark.parametrize("solved", [True, False])
def test_a_device_whose_simulation_takes_too_many_steps_is_not_lost(
    result, tmp_path, monkeypatch, solved
):
    """It is simulated at the tolerances of the search; what even these do not solve is said, and no number."""
    store = import_module("fitting.sweeps.content")
    real, asked = store.simulate_like, []

    def simulated(*args, policy=None, **options):
        asked.append(policy)
        few = mj.Stiff(max_steps=3)
        return real(*args, policy=policy if solved and policy else few, **options)

    monkeypatch.setattr(store, "simulate_like", simulated)
    write(result, tmp_path, files=[])
    first, second = asked[:2]
    assert first is None
    assert (second.rtol, second.max_steps) == (result.problem.policy.rtol, PATIENT.max_steps)
    content = json.loads((tmp_path / "fit.json").read_text())
    assert any("could not be solved" in w for w in content["warnings"]) != solved
    found = np.loadtxt(tmp_path / "simulated.csv", delimiter=",", skiprows=1)
    assert np.isfinite(found).all() == solved
    assert (tmp_path / "report.html").exists()


def test_intervals_of_the_method_that_was_asked_for_are_told(result):
    plain = told(result)
    assert plain["method"] == "laplace"
    low, high = plain["intervals"]["mu"]
    assert low < float(result.device.mu) < high
    profile = Profile(name="mu", low=None, high=99.0, level=0.9, values=(), rise=())
    by_profile = told(replace(result, profiles=(profile,)))
    assert by_profile["intervals"]["mu"] == [None, 99.0]
    assert "no lower end" in by_profile["notes"][0]
    rng = np.random.default_rng(0)
    columns = {n: np.exp(rng.normal(size=(2, 200))) for n in result.problem.free}
    sample = _judged(columns, {"diverging": np.zeros((2, 200), bool)}, specs_of(result.device), {})
    drawn = replace(result, sample=sample)
    by_draws = told(drawn)
    assert by_draws["method"] == "nuts"
    assert set(by_draws["r_hat"]) == set(result.problem.free)
    json.dumps(by_draws, allow_nan=False)


@pytest.mark.study
def test_spread_by_simulation_comes_nearer_to_the_distribution(result):
    from fitting.sweeps.randomness import calibrate_spread

    seen = []
    done = calibrate_spread(result, tick=lambda _, p: seen.append(float(p.cost[0])))
    assert min(seen) < seen[0]
    assert all(0 < s["sigma_ln"] < 1.5 for s in done.cycle_spread.values())
    assert known(result.device, done.cycle_spread) == list(done.cycle_spread)


def test_float32_is_refused(example):
    with jax.enable_x64(False), pytest.raises(mj.errors.PolicyError, match="jax_enable_x64"):
        ft.fit([example], mj.DiffusiveMemristor())


def test_options_for_names_may_be_given_again():
    parser = argparse.ArgumentParser()
    _configure_fit(parser)
    asked = "x.csv --model mms --out o --fix tau=1e-4 x0=0 --fix v_on=0.2 --free r_on --free r_off"
    options = parser.parse_args(asked.split())
    assert dict(options.fix) == {"tau": 1e-4, "x0": 0.0, "v_on": 0.2}
    assert options.free == ["r_on", "r_off"]


@pytest.mark.slow
def test_a_fit_is_on_disk_before_its_posterior_is_drawn(result, tmp_path, capsys, monkeypatch):
    """What takes hours may be stopped: the fit to first order stays."""

    def stopped(*args, **more):
        raise KeyboardInterrupt

    for module, name, stand_in in (
        ("sweeps.options", "fit_sweeps", lambda *args, **more: result),
        ("inference.refine", "draw_fit", stopped),
    ):
        monkeypatch.setattr(import_module(f"fitting.{module}"), name, stand_in)
    out = tmp_path / "fit"
    words = ["fit", "example:diffusive-sweeps", "--model", "diffusive", "--uncertainty", "nuts"]
    assert main([*words, "--out", str(out)]) == 130
    assert "min; the fit is written already" in capsys.readouterr().err
    content = json.loads((out / "fit.json").read_text())
    assert content["loss"] == pytest.approx(result.loss)
    assert (out / "report.html").stat().st_size > 0

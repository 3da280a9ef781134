"""Sweeps of one device under several current limits, and readings at a limit that scatter."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import fitting as ft
import memjax as mj
from fitting.batch.stacked_problems import StackedProblems
from fitting.kinds import Origin
from fitting.sweeps.content import write
from fitting.sweeps.ensemble import Coordinate, Ensemble, of_sweeps
from fitting.sweeps.group import edge_of
from fitting.sweeps.limits import LEAST_REACH, reach_of, share_limits
from fitting.sweeps.prepare import prepare
from fitting.sweeps.summary import summarise_sweeps
from memjax.cli import main
from memjax.data.compliance import find_limit

pytestmark = pytest.mark.slow

TIMES = np.linspace(0, 1.0, 101)
DRIVE = mj.Sampled(TIMES, 0.6 * np.sin(2 * np.pi * TIMES))
MODEL = mj.MetastableSwitches()
TRUTH = {"r_on": 500.0, "r_off": 5e3, "v_on": 0.27}
FIX = {"tau": 1e-4, "x0": 0.0, "v_off": 0.8}  # it sets and stays so
PREPARED = dict(bench=None, env=None, point_time=None, free=list(TRUTH), fix=FIX)
LIMITS = {"compliance": [[2e-4, 4e-4]], "compliance_negative": [[3e-4, 3e-4]]}
"""Of two sweeps at positive and at negative voltage [A]; without them up to 1.1 mA flow."""


@pytest.fixture(scope="module")
def measured() -> mj.Measurement:
    """Two sweeps with 1 % of noise of reading."""
    device = mj.params.replace(MODEL, TRUTH | FIX)
    bench = mj.Bench(compliance=1e-3, compliance_negative=1e-3)
    about = dict(bench=bench, save=[TIMES] * 2, deterministic=True)
    trace = mj.simulate(
        device, [DRIVE] * 2, conditions=mj.Conditions(carry_state=False, values=LIMITS), **about
    ).check()
    i = np.asarray(trace.i[0])
    i = i * np.exp(0.01 * np.random.default_rng(0).normal(size=i.size))
    v, t, sweep = np.tile(np.asarray(DRIVE.values), 2), np.tile(TIMES, 2), np.repeat([0, 1], 101)
    found = find_limit(v, i, sweep=sweep)
    own = dict(compliance=found.level, limit=found.values, at_compliance=found.acts)
    return mj.Measurement(t=t, v=v, i=i, sweep=sweep, **own, reader="test", source={})


@pytest.fixture(scope="module")
def result(measured) -> ft.FitResult:
    options = dict(free=list(TRUTH), fix=FIX, model_sigma=0.01)
    return ft.solve(ft.SweepProblem([measured], MODEL, screened=8, **options))


def test_each_sweep_and_polarity_has_the_limit_that_it_had(measured):
    expected = np.array([*LIMITS["compliance"], *LIMITS["compliance_negative"]]).T
    np.testing.assert_allclose(measured.limits(), expected, rtol=5e-3)
    made = prepare([measured], MODEL, **PREPARED, seed=0, screened=4)
    np.testing.assert_allclose(made.problem.group.limits, expected, rtol=5e-3)
    assert any("compliance 0.0002 and 0.0003 and 0.0004 A" in note for note in made.notes)


@pytest.mark.study
def test_residuals_at_the_truth_are_those_of_the_noise_alone_and_in_a_batch(
    measured,
):
    """1 % of noise on what is granted 0.3 decades; a limit that is not its own moves a current by 0.3 decades."""
    made = prepare([measured], MODEL, **PREPARED, seed=0, screened=4)
    z = np.asarray(mj.params.unconstrain(mj.params.replace(MODEL, TRUTH), list(TRUTH)))
    problem = made.problem
    data, ok = problem.data_residuals(z)
    assert ok
    currents = np.asarray(data)[: problem.group.rows.size]
    assert np.max(np.abs(currents)) < 0.1
    many = StackedProblems([problem] * 2, threads=1)
    r, _, well = many.linearise(np.stack([z, z]), np.arange(2))
    assert np.all(well)
    assert np.max(np.abs(r[:, : len(data)] - np.asarray(data))) < 1e-3


@pytest.mark.study
def test_the_truth_comes_back_within_four_sigma_from_sweeps_of_several_limits(result):
    """Of 3 scores one is beyond 4 by chance once in 5000 times."""
    rows = {r["name"]: r for r in result.table()}
    z = {n: (rows[n]["value"] - x) / rows[n]["std"] for n, x in TRUTH.items()}
    assert all(rows[n]["determined"] for n in TRUTH)
    assert max(map(abs, z.values())) < 4, z


@pytest.mark.study
def test_tables_report_and_simulate_keep_to_the_limits(result, measured, tmp_path, capsys):
    table = pd.DataFrame(
        {"sweep": measured.sweep, "t_s": measured.t, "v_V": measured.v, "i_A": measured.i}
    )
    file, folder = tmp_path / "measured.csv", tmp_path / "fit"
    table.to_csv(file, index=False)
    folder.mkdir()
    write(result, folder, Origin(files=(file,)))
    content = json.loads((folder / "fit.json").read_text())
    assert content["bench"]["compliance_by_sweep"] is True
    np.testing.assert_allclose(content["compliances"], [2e-4, 3e-4, 4e-4], rtol=5e-3)
    words = ["--fit", str(folder), "--like", str(file), "--deterministic", "--out"]
    assert main(["simulate", "mms", *words, str(tmp_path / "again.csv")]) == 0
    assert "each sweep is limited as it was measured" in capsys.readouterr().err
    for path in (folder / "simulated.csv", tmp_path / "again.csv"):
        again = pd.read_csv(path)
        for sweep, (positive, negative) in enumerate(measured.limits()):
            i = again["i_A"][again["sweep"] == sweep]
            assert i.max() == pytest.approx(positive, rel=2e-3)
            assert i.min() == pytest.approx(-negative, rel=2e-3)


@pytest.mark.study
def test_simulated_cycles_of_a_stochastic_fit_keep_to_the_limits(result, measured):
    silent = {"relative": 0.0, "floor_A": 0.0}
    experiment = of_sweeps(result.waves, floor=1e-12, seed=0)
    options = dict(bench=result.problem.bench, env=None, policy=mj.Stiff(), draws=2, seed=0)
    of = Ensemble(result.device, [Coordinate("r_on")], experiment, read_noise=silent, **options)
    i, ended = of._currents(of.start()[None])
    assert np.all(ended == 0)
    sweeps = i.reshape(2, 2, -1)
    expected = np.array([*LIMITS["compliance"], *LIMITS["compliance_negative"]])
    np.testing.assert_allclose(sweeps.max(axis=2), [expected[0]] * 2, rtol=5e-3)
    np.testing.assert_allclose(-sweeps.min(axis=2), [expected[1]] * 2, rtol=5e-3)
    np.testing.assert_array_equal(np.unique(of.limit), np.unique(measured.limits()))


def test_a_point_at_the_limit_bounds_the_current_by_the_scatter_of_the_readings(measured):
    (wave, _) = summarise_sweeps(share_limits([measured], mj.Bench()), point_time=None, floor=1e-12)
    at = wave.censored & (wave.v > 0)
    assert at.sum() > 10
    edge = edge_of(wave)[at]
    # 1 % of noise, four standard deviations of it: as far below as a reading is taken for one at the limit.
    assert np.all(edge < np.log10(wave.limits[0] * 0.98))
    assert np.all(edge > np.log10(wave.limits[0] * 0.93))
    assert np.all(np.isinf(edge_of(wave)[~wave.censored]))


def test_the_reach_is_that_of_the_limiter_where_readings_do_not_scatter():
    v, i, at = np.repeat([1.0, -1.0], 5), np.full((3, 10), 1e-6), np.ones((3, 10), bool)
    i[:, v < 0] = 1e-4  # another limit
    assert reach_of(v, i, at) == pytest.approx(-np.log10(1 - LEAST_REACH))
    noisy = i * (1 + 0.03 * np.random.default_rng(0).normal(size=i.shape))
    assert 0.04 < 1 - 10 ** -reach_of(v, noisy, at) < 0.25  # 0.12, of 30 readings
    assert reach_of(v, i, ~at) == pytest.approx(-np.log10(1 - LEAST_REACH))


def test_a_measurement_without_a_limit_has_that_of_the_others_which_it_stays_below(measured):
    free = np.zeros(len(measured.v), bool)
    low = mj.Measurement(
        t=measured.t, v=measured.v, i=1e-6 * measured.v, sweep=measured.sweep, at_compliance=free, reader=""
    )  # fmt: skip
    high = mj.Measurement(
        t=measured.t, v=measured.v, i=1e-2 * measured.v, sweep=measured.sweep, at_compliance=free, reader=""
    )  # fmt: skip
    _, a, b = share_limits([measured, low, high], mj.Bench())
    assert a.compliance == measured.compliance
    assert b.compliance is None
    assert all(
        m.compliance is None for m in share_limits([measured, low], mj.Bench(compliance=1e-3))
    )


LEFT = {"r_on": 500.0, "r_off": 1e5, "v_on": 0.5, "v_off": 0.5, "tau": 1e3, "x0": 0.999}
"""A resistance of 500 ohm, by which up to 2 mA of the source's 0.2 mA would flow: its states take minutes to change."""


def sweep_at_a_limit(series: float | None = None, reversed: bool = False) -> mj.Measurement:
    """A sweep whose source holds the current at 2e-4 A, with the voltage that it then measures."""
    device, bench = (
        mj.params.replace(MODEL, LEFT),
        mj.Bench(compliance=2e-4, series_resistance=series, reversed=reversed),
    )
    v = np.concatenate([np.linspace(0.01, 1.0, 100), np.linspace(0.99, 0.01, 99)])
    t = np.arange(v.size) * 0.01
    options = dict(bench=bench, save=t, deterministic=True)
    trace = mj.simulate(device, mj.Sampled(t, v), **options).check()
    i, inside = np.asarray(trace.i[0]), np.asarray(trace.v_device[0])
    left = np.where(i > 0.999 * 2e-4, inside + (series or 0.0) * i, v)
    at_limit = i > 0.999 * 2e-4
    own = dict(compliance=2e-4, at_compliance=at_limit, sweep=np.zeros(v.size, int))
    return mj.Measurement(t=t, v=left, i=i, **own, reader="test", source={})


@pytest.mark.study
@pytest.mark.parametrize("series", [None, 200.0])
def test_at_the_limit_the_voltage_that_is_left_is_compared(series):
    """Twice the resistance at one current doubles the device's part of what is left, whatever the current says."""
    m, fix = sweep_at_a_limit(series), {n: x for n, x in LEFT.items() if n != "r_on"}
    assert np.count_nonzero(m.applied != m.v) > 50
    about = PREPARED | dict(bench=mj.Bench(series_resistance=series), free=["r_on"], fix=fix)
    problem = prepare([m], MODEL, **about, seed=0, screened=2).problem
    left, weight = (np.ravel(x) for x in (problem.group.left, problem.group.left_weight))
    series = series or 0.0
    assert np.all(weight[m.at_compliance] > 0)
    np.testing.assert_allclose(left[weight > 0], np.log10(2e-4 * (500.0 + series)), atol=2e-3)
    known = m.applied > 1.1 * 2e-4 * (1000.0 + series)  # where both are at the limit
    for r_on in (500.0, 1000.0):
        z = mj.params.unconstrain(mj.params.replace(MODEL, LEFT | {"r_on": r_on}), ["r_on"])
        residuals = np.asarray(problem.data_residuals(z)[0])[: left.size][known]
        away = np.log10((r_on + series) / (500.0 + series)) * weight[known]
        # The states take 0.3 % of the current, a soft limit 0.1 %: 2e-3 decades.
        allowed = 2e-3 * weight[known].max()
        np.testing.assert_allclose(residuals, away / np.hypot(1, away / 10), atol=allowed)


def test_without_its_voltage_a_device_at_the_limit_is_not_determined():
    """The same sweep as a file that holds what was applied: its points bound the current from below, and no more."""
    m = sweep_at_a_limit()
    told = replace(m, v=m.applied)
    fix = {n: x for n, x in LEFT.items() if n != "r_on"}
    made = prepare([told], MODEL, **PREPARED | dict(free=["r_on"], fix=fix), seed=0, screened=2)
    assert made.problem.group.left is None

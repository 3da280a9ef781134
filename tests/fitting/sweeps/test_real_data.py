"""The sets that the calibration was made for (they lie beside the checkout, never in it)."""

from dataclasses import replace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from benchmarks.cases.device_fits.case import error
from memjax.data.compliance import find_limit
from memjax.observables import summarise, switching

pytestmark = pytest.mark.slow


@pytest.mark.study
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("name", "step"),
    [("symmetric", 0.006), ("asymmetric", 0.008)],
)
def test_medians_of_the_published_sweeps_are_met(shared_data, name, step):
    m = mj.read(shared_data / "clean" / f"usc_diffusive_dc_{name}.csv")
    result = ft.solve(ft.SweepProblem([m], mj.DiffusiveMemristor(), point_time=0.01))
    trace = mj.simulate_like(
        result.device, m, point_time=0.01, bench=result.problem.bench, deterministic=True
    ).check()
    here, there = summarise(switching(m)), summarise(switching(trace.member(0)))
    for word in ("positive", "negative"):
        if here[word]["switched"]:
            off = here[word]["v_th_V"]["median"] - there[word]["v_th_V"]["median"]
            assert abs(off) <= step * 1.001
        hold = here[word]["v_hold_all_V"]["median"] - there[word]["v_hold_all_V"]["median"]
        assert abs(hold) <= 0.012 * 1.001
        assert there[word]["switched"] == (
            here[word]["excursions"] if here[word]["switched"] else 0
        )
    i = np.abs(np.asarray(trace.i[0]))
    clear = (np.abs(m.i) > 1e-12) & ~m.at_compliance & (i > 0)
    assert np.median(np.abs(np.log10(i[clear] / np.abs(m.i[clear])))) <= 0.3
    if name == "asymmetric":
        assert float(result.device.mu_neg) == 0


@pytest.mark.study
@pytest.mark.timeout(900)
def test_noise_of_reading_moves_no_determined_parameter_by_more_than_its_error(shared_data):
    """Of the points of the symmetric sweeps two thirds are at the limit: read as currents they are "known" too well."""
    m = mj.read(shared_data / "clean" / "usc_diffusive_dc_symmetric.csv")
    i = m.i * (1 + 0.01 * np.random.default_rng(1).normal(size=len(m.i)))
    found = find_limit(m.v, i, sweep=m.sweep)
    noisy = replace(m, i=i, compliance=found.level, limit=found.values, at_compliance=found.acts)
    tables = [
        {
            r["name"]: r
            for r in ft.solve(
                ft.SweepProblem([x], mj.DiffusiveMemristor(), point_time=0.01)
            ).table()
            if r["free"]
        }
        for x in (m, noisy)
    ]
    for a, b in zip(*(t.values() for t in tables), strict=True):
        if a["determined"] or b["determined"]:
            assert abs(a["value"] - b["value"]) <= min(a["std"], b["std"]), (a, b)
    assert not any(tables[1][n]["determined"] for n in ("theta", "gamma3"))


@pytest.mark.study
def test_a_model_draws_the_loop_of_another_device(shared_data):
    """A Mott switch: median relative error of at most 0.2. The case device_fits has all models and sets."""
    m = mj.read(shared_data / "clean" / "vo2_iv_sweep.csv")
    m = m.select(m.sweep == m.labels[0])
    result = ft.solve(ft.SweepProblem([m], mj.ThresholdSwitch(), screened=16))
    trace = mj.simulate_like(
        result.device,
        m,
        point_time=result.point_time,
        bench=result.problem.bench,
        deterministic=True,
    ).check()
    i = np.asarray(trace.i).ravel()
    assert error(i, m.i, relative=True) <= 0.2

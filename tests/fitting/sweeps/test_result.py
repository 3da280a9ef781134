"""What a fit of sweeps says of itself."""

from dataclasses import replace

import numpy as np
import pytest

import fitting as ft
import memjax as mj


@pytest.mark.slow
def test_a_fit_says_its_points_its_largest_voltage_and_its_covariance(result):
    assert result.n_points == sum(w.log_response.size for w in result.waves)
    assert result.largest_voltage == max(np.max(np.abs(w.v)) for w in result.waves)
    np.testing.assert_array_equal(result.covariance, result.uncertainty.covariance)
    assert result.freedom == result.uncertainty.freedom
    assert set(result.identifiability.names) == set(result.problem.free)


@pytest.mark.integration
def test_a_fit_to_no_more_points_than_parameters_is_not_good(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text("time (s),voltage (V),current (A)\n0,0.2,2e-6\n0.01,0.5,9e-6\n0.02,1.0,6e-5\n")
    fit = ft.solve(ft.SweepProblem(mj.read(path), mj.model("mms"), screened=2))
    assert (fit.verdict.word, fit.verdict.reason) == (
        "usable",
        "3 points and events for 7 parameters",
    )


@pytest.mark.study
def test_a_fit_draws_what_its_report_does(result, example, monkeypatch):
    """Both polarities, logarithmic above linear, simulated cycles behind; here the measured ones stand in for these."""
    v, i = (np.asarray(x)[None] for x in (example.v, example.i))
    _, sweep = np.unique(example.sweep, return_inverse=True)
    about = dict(
        v=v, i=i, v_device=v, i_device=i, state={}, result=np.zeros((1, sweep.max() + 1), int)
    )
    trace = mj.Trace(t=np.asarray(example.t), sweep=sweep, **about)
    monkeypatch.setattr(type(result), "cycles", lambda self: trace)
    figure = result.plot()
    assert len(figure.axes) == 4
    labels = {line.get_label() for line in figure.axes[0].lines}
    assert {"measured", "simulated", "simulated cycles"} <= labels


@pytest.mark.study
def test_simulated_cycles_of_a_wide_spread_stay_within_bounds(start):
    """Of the table and the picture of a report: a search may end at a spread that the data do not settle."""
    wide = replace(start, cycle_spread={"mu": {"sigma_ln": 15.0}})
    assert len(wide.cycles().v) > 0

"""Pictures of a report."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.figures import save_all
from fitting.sweeps.figures import (
    _around,
    _legs,
    _rising,
    figure_correlation,
    figure_cycles,
    figure_iv,
    figure_residuals,
    figure_set_reset,
    figure_switching,
    figure_trends,
)
from fitting.sweeps.trends import trends
from memjax.observables import Thresholds
from memjax.observables.thresholds import NEVER
from memjax.plot import style
from tests.fits import measured_loops, threshold_loop


def test_limits_of_an_axis_leave_room():
    assert _around([1.0, 2.0]) == pytest.approx((0.9, 2.1))
    assert _around([0.5]) == pytest.approx((0.49, 0.51))
    low, high = _around([])
    assert low < high


def test_the_way_up_ends_at_the_peak():
    up = _rising(np.array([0.0, 0.5, 1.0, 0.5, 0.1]))
    assert up[1:].tolist() == [True, True, False, False]


@pytest.mark.slow
def test_pictures_are_drawn(tmp_path):
    m = measured_loops(*(threshold_loop(0.4 + 0.05 * k, 0.2) for k in range(3)))
    with style():
        drawn = {
            "iv": figure_iv(m, m, compliances={1: [1e-6], -1: []}, thresholds=Thresholds()),
            "residuals": figure_residuals(m, m),
            "cycles": figure_cycles(m, m),
            "correlation": figure_correlation(["a", "b"], np.eye(2)),
            "trends": figure_trends(trends(m)),
        }
        names = save_all(drawn, tmp_path)
    assert len(names) == 10
    for name in names:
        assert (tmp_path / name).stat().st_size > 5000, name


def test_a_polarity_of_single_points_has_no_panel():
    v, i = threshold_loop(0.4, 0.2)
    with_a_point = np.concatenate([[-0.02], v]), np.concatenate([[-1e-9], i])
    assert list(_legs(measured_loops(with_a_point, with_a_point))) == [1]


@pytest.mark.slow
def test_measured_and_simulated_excursions_are_cut_alike():
    m = measured_loops(*(threshold_loop(0.4 + 0.05 * k, 0.2) for k in range(2)))
    other = m.v.copy()
    other[np.argmax(m.v) // 2] = -0.2  # a stray point: nothing else crosses zero
    measured = replace(m, v=other)
    data, model = _legs(measured), _legs(m, measured)
    assert {k: len(x) for k, x in data.items()} == {k: len(x) for k, x in model.items()}
    assert len(data[1]) != len(_legs(m)[1])
    with style():
        figure_iv(measured, m, compliances={1: [1e-6], -1: []}, thresholds=Thresholds())


def three_loops():
    return measured_loops(*(threshold_loop(0.4 + 0.05 * k, 0.2) for k in range(3)))


def test_thresholds_and_limits_stand_in_the_legend_and_on_no_curve():
    m = three_loops()
    with style():
        figure = figure_iv(m, m, compliances={1: [1e-6], -1: []}, thresholds=Thresholds())
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[-3:] == ["compliance 1e-06 A", "on-threshold 1e-08 A", "hold-threshold 1e-11 A"]
    assert not [text for ax in figure.axes for text in ax.texts]


def titles(figure):
    return [ax.get_title() for ax in figure.axes]


@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        (1e-8, ["Switching voltage, positive polarity (n = 3)", "Hold voltage, positive polarity (n = 3)"]),
        (NEVER[1], ["Switching voltage, positive polarity (n = 3)"]),
    ],
    ids=["with", "without"],
)  # fmt: skip
def test_hold_voltages_have_a_panel_where_there_is_a_hold_threshold(hold, expected):
    m = three_loops()
    with style():
        figure = figure_switching(m, m, {}, thresholds=Thresholds(on=1e-8, hold=hold))
    assert titles(figure) == expected


def test_a_panel_counts_what_exists_and_says_of_how_many():
    values = {"v_set": np.array([0.5, np.nan, 0.6]), "r_on": np.array([1e3, 1.001e3, 1.002e3])}
    with style():
        figure = figure_set_reset(values, values, label="simulated")
    assert titles(figure) == ["|Set voltage| (n = 2 of 3)", "On-resistance (n = 3)"]
    low, high = figure.axes[1].get_xlim()
    assert high - low > 0.1 * 1e3  # a difference of 0.2 % does not fill the panel


@pytest.mark.parametrize(("factor", "text"), [(1.01, "0.0043"), (1.5, "0.18")])
def test_the_median_residual_has_digits_that_mean_something(factor, text):
    m = three_loops()
    with style():
        figure = figure_residuals(m, replace(m, i=factor * m.i))
    assert figure.axes[1].get_title() == f"median |residual| {text} decades"

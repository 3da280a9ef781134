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
    figure_trends,
)
from fitting.sweeps.trends import trends
from memjax.observables import Thresholds
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
            "iv": figure_iv(m, m, compliances=[1e-6], thresholds=Thresholds()),
            "residuals": figure_residuals(m, m),
            "cycles": figure_cycles(m, m),
            "correlation": figure_correlation(["a", "b"], np.eye(2)),
            "trends": figure_trends(trends(m)),
        }
        names = save_all(drawn, tmp_path)
    assert len(names) == 10
    for name in names:
        assert (tmp_path / name).stat().st_size > 5000, name


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
        figure_iv(measured, m, compliances=[1e-6], thresholds=Thresholds())

"""Fits of spike trains and of several files show themselves with the picture of their report."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.circuits.estimate import Estimate
from fitting.circuits.fit import SpikeFit
from fitting.circuits.spikes import SpikeCalibration, compare_trains
from fitting.targets.report import tolerances
from tests.fits import LINE_START, fitted_line

PICTURE = "data:image/png;base64,"
WINDOW = (0.0, 0.1)


def spike_fit() -> SpikeFit:
    """A resistor that is known, a capacitor that is not, and three summaries."""
    circuit = mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("r", mj.Resistor(2e6), "in", "gate"),
            ("c", mj.Capacitor(1e-9), "gate", "0"),
        ]
    )
    estimate = Estimate(
        circuit=circuit,
        values={"r.r": 2e6, "c.c": 1e-9},
        std={"r.r": 1e5, "c.c": 2e-9},
        correlation=np.eye(2),
        undetermined=("c.c",),
    )
    return SpikeFit(
        estimate=estimate, summaries=("rate", "latency_mean", "isi_mean"), measured=np.array([1.0, 2.0, 3.0]),
        simulated=np.array([1.1, 1.8, 3.0]), sigma=np.array([0.1, 0.1, 0.2]), chi2=5.0, freedom=1,
        predicted_reduction=0.1, converged=True, iterations=3, simulations=40,
    )  # fmt: skip


def test_a_fit_to_spikes_draws_its_summaries_in_standard_deviations():
    fit = spike_fit()
    (points,) = (line for line in fit.plot().axes[0].lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(points.get_xdata(), [1.0, -2.0, 0.0])
    page = fit._repr_html_()
    assert PICTURE in page
    assert "c.c is not determined" in page
    assert "r.r = 2e+06 +- 1e+05 ohm" in repr(fit)
    assert "c.c = 1e-09 +- 2e-09 F, not determined" in repr(fit)
    assert "not determined" in fit.estimate._repr_html_()


def test_a_calibration_to_spikes_draws_its_trains_as_its_report_does():
    rng = np.random.default_rng(0)
    sides = [tuple(np.cumsum(rng.gamma(4, 1e-3, 15)) for _ in range(6)) for _ in range(2)]
    comparison = compare_trains(*sides, window=WINDOW, seed=0)
    calibration = SpikeCalibration(
        fit=spike_fit(), trains=sides[0], simulated=sides[1], dt=1e-5, save=1e-4, members=96, seed=0, steps=(),
        comparison=comparison, warnings=("<few> trains",), window=WINDOW,
    )  # fmt: skip
    raster, intervals, _ = calibration.plot().axes
    assert raster.get_title() == "Spikes"
    assert intervals.get_title().startswith("W1")
    page = calibration._repr_html_()
    assert PICTURE in page
    assert "&lt;few&gt; trains" in page
    assert "6 measured and 6 simulated trains" in repr(calibration)


@pytest.mark.integration
def test_a_joint_fit_draws_the_picture_of_each_file():
    fits = [fitted_line(("r_on", "tau"), rows=20, seed=k) for k in range(2)]
    fit = ft.solve(ft.JointProblem(fits, LINE_START, labels=["dc.csv", "pulses.csv"]))
    figure = fit.plot(cycles=False)
    assert [text.get_text() for text in figure.texts] == ["dc.csv", "pulses.csv"]
    # The pictures, and not blank ones, as high as they were drawn.
    for ax, part in zip(figure.axes, fit.parts, strict=True):
        drawn = ax.images[0].get_array()
        size = part.fit.plot(cycles=False).get_size_inches()
        assert drawn.shape[1] / drawn.shape[0] == pytest.approx(size[0] / size[1], rel=0.02)
        assert np.ptp(drawn[..., :3]) > 100
    assert PICTURE in fit._repr_html_()


def test_targets_are_drawn_in_their_tolerances():
    row = {
        "name": "v_th",
        "value": 0.5,
        "tolerance": 0.01,
        "simulated": 0.515,
        "scatter": 0.02,
        "met": False,
    }
    other = row | {"name": "v_hold", "simulated": None}
    (ax,) = tolerances({"wanted": [row, other]}).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ["v_th"]
    offs = [np.asarray(line.get_xdata(), float) for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(offs, [[1.5]])

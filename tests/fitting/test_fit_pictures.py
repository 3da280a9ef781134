"""Fits of spike trains and of several files show themselves with the picture of their report."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.circuits.fit import SpikeFit
from fitting.circuits.moments import MomentResiduals, SimulatedMoments
from fitting.circuits.report import spike_content
from fitting.circuits.trains import FreshTrains, compare_trains
from fitting.optimize.levenberg_marquardt import Progress
from fitting.targets.report import tolerances
from memjax.errors import DataError
from tests.fits import LINE_START, fitted_line

PICTURE = "data:image/png;base64,"
WINDOW = (0.0, 0.1)


def spike_fit(**more) -> SpikeFit:
    """A resistor that is known, a capacitor that is not, and three summaries."""
    circuit = mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("r", mj.Resistor(2e6), "in", "gate"),
            ("c", mj.Capacitor(1e-9), "gate", "0"),
        ]
    )
    free = ("r.r", "c.c")
    z, sigma = np.asarray(mj.params.unconstrain(circuit, free)), np.array([0.1, 0.1, 0.2])
    measured, simulated = np.array([1.0, 2.0, 3.0]), np.array([1.1, 1.8, 3.0])
    how = ("gate.v", 0.2, None, 1, WINDOW, ("rate", "latency_mean", "isi_mean"))
    drive, policy = mj.Sampled([0.0, 0.1], [1.0, 1.0]), mj.Fixed(1e-5)
    bench = SimulatedMoments(circuit, drive, free, *how, 96, 0, policy, 1e-4, None)
    problem = MomentResiduals(
        device=circuit, free=free, center=z, simulated=bench, target=measured, root=np.diag(1 / sigma), step=0.2
    )  # fmt: skip
    return SpikeFit(
        device=circuit, problem=problem, z=z, loss=2.5, search=Progress(z[None], np.array([2.5])),
        covariance=np.diag([0.05**2, 2.0**2]), summaries=bench.names, measured=measured, simulated=simulated,
        sigma=sigma, predicted_reduction=0.1, converged=True, unsettled=("c.c",), **more,
    )  # fmt: skip


def test_a_fit_to_spikes_draws_its_summaries_in_standard_deviations():
    fit = spike_fit()
    (points,) = (line for line in fit.plot().axes[0].lines if len(line.get_xdata()) == 3)
    np.testing.assert_allclose(points.get_xdata(), [1.0, -2.0, 0.0])
    page = fit._repr_html_()
    assert PICTURE in page
    assert "not determined: c.c" in page
    assert "r.r = 2e+06 +- 1e+05 ohm" in repr(fit)
    assert "c.c = 1e-09 +- 2e-09 F, not determined" in repr(fit)


def test_a_fit_to_spikes_with_fresh_trains_draws_them_as_its_report_does():
    rng = np.random.default_rng(0)
    sides = [tuple(np.cumsum(rng.gamma(4, 1e-3, 15)) for _ in range(6)) for _ in range(2)]
    comparison = compare_trains(*sides, window=WINDOW, seed=0)
    fresh = FreshTrains(measured=sides[0], simulated=sides[1], comparison=comparison, steps=())
    fit = spike_fit(fresh=fresh, warnings=("<few> trains",))
    raster, intervals, _ = fit.plot().axes
    assert raster.get_title() == "Spikes"
    assert intervals.get_title().startswith("W1")
    page = fit._repr_html_()
    assert PICTURE in page
    assert "&lt;few&gt; trains" in page


def test_a_fit_to_spikes_is_a_fit_like_others_and_old_names_warn():
    fit = spike_fit()
    assert fit.chi2 == 5.0
    assert fit.chi2_freedom == 1
    assert fit.probability == pytest.approx(0.0253, rel=1e-2)
    assert fit.undetermined == ("c.c",)
    low, high = fit.intervals(0.9)["r.r"]
    assert np.log(high / low) == pytest.approx(2 * 1.6449 * 0.05, rel=1e-3)
    assert [r["name"] for r in fit.table() if not r["determined"]] == ["c.c"]
    with pytest.warns(
        DeprecationWarning, match="estimate of SpikeFit goes: say the SpikeFit itself"
    ):
        assert fit.estimate is fit
    with pytest.warns(DeprecationWarning, match=r"circuit of SpikeFit goes: say SpikeFit\.device"):
        assert fit.circuit is fit.device
    with pytest.raises(DataError, match="a fit of moments alone"):
        spike_content(fit)


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

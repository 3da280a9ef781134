"""What a calibration by simulation says: intervals of profiles, covariance, warnings."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from fitting.stochastic.result import Stochastic, logarithmic


def _result() -> Stochastic:
    rng = np.random.default_rng(0)
    drawn = np.exp(0.1 * rng.normal(size=400))
    grid = np.linspace(0.5, 1.5, 41)
    return Stochastic(
        estimator="", device=None, cycle_spread={}, noise=(), values={"mu": 1.0, "theta": 2.0},
        std={"mu": 0.1, "theta": 0.4}, undetermined=(), replicates={"mu": drawn, "theta": 2 * drawn**2},
        profiles={"mu": (grid, 0.5 * ((grid - 1) / 0.1) ** 2)}, prior={}, settled=True, loss=1.0,
        loss_noise=0.1, draws=16, step=1e-3, failed=0.0,
        comparison=[{"label": "positive", "joint": {"p": 0.5}}], step_p=[0.4], simulated=[],
    )  # fmt: skip


def test_an_interval_of_a_parabola_is_that_of_a_normal_law():
    half = 0.1 * np.sqrt(chi2.ppf(0.9, 1))
    np.testing.assert_allclose(_result().intervals()["mu"], [1 - half, 1 + half], atol=1e-3)
    assert logarithmic((np.exp(-0.2), np.exp(0.4))) == pytest.approx(0.3)


def test_the_covariance_has_the_widths_of_the_profiles_and_the_correlation_of_the_replicates():
    found = _result().covariance
    np.testing.assert_allclose(np.sqrt(np.diag(found)), [0.1, 0.2], rtol=5e-3)  # n - 1 of 400
    assert found[0, 1] == pytest.approx(0.02, rel=5e-3)


def test_what_speaks_against_it_is_said():
    assert _result().warnings == ()
    far = [{"label": "negative", "joint": {"p": 0.001}}]
    told = replace(_result(), step_p=[0.002], settled=False, comparison=far).warnings
    assert len(told) == 3
    assert "p = 0.002" in told[0]
    assert "lower bounds" in told[1]
    assert told[2].endswith("negative")


def test_medians_and_spreads_that_are_off_are_named_and_rare_cycles_far_off_too():
    def warnings(**drawn):
        simulated = {"median": 1.0, "sd": 0.1, "typical_sd": 0.1} | drawn
        one = {
            "label": "cycles",
            "r_on": {"measured": {"median": 1.0, "sd": 0.1}, "simulated": simulated},
        }
        return " ".join(replace(_result(), comparison=[one], correlation=np.eye(1)).warnings)

    assert not warnings()
    assert "the median of r_on is 1.2 of the measured one" in warnings(median=1.2)
    assert "the spread of r_on is 0.7 of the measured one" in warnings(sd=0.07, typical_sd=0.07)
    rare = warnings(sd=5.0)
    assert (
        "rare ones far off make the standard deviation of all r_on 50 of the measured one" in rare
    )
    assert "typically show 1" in rare


@pytest.mark.parametrize(("loss", "is_said"), [(6.6, False), (6.7, True)])
def test_spreads_whose_cycles_are_not_like_the_measured_ones_are_not_trusted(loss, is_said):
    # Two features have four moments: a hundredth of chi squared of four lies beyond 13.28.
    one = {"measured": {"median": 1.0, "sd": 0.1}}
    one["simulated"] = {"median": 1.0, "sd": 0.1, "typical_sd": 0.1}
    comparison = [{"label": "cycles", "r_on": one, "r_off": one}]
    result = replace(_result(), comparison=comparison, correlation=np.eye(2), loss=loss)
    assert any("do not trust the spreads" in x for x in result.warnings) == is_said

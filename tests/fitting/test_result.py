"""One rule for errors, intervals, and what is not determined."""

from dataclasses import dataclass, field, replace as replace_fields
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

import memjax as mj
from fitting.inference.profile_likelihood import Profile
from fitting.parameters import to_parameter_units
from fitting.result import AbstractFit
from fitting.verdict import Verdict
from memjax.core.params import replace, unconstrain

NAMES = ("r_on", "v_on", "x0")


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit(AbstractFit):
    """A fit of three parameters."""

    device: Any
    z: np.ndarray
    covariance: np.ndarray
    freedom: float = 7.0
    largest_voltage: float | None = 1.0
    model: str = "mms"
    profiles: tuple = ()
    loss: float = 1.25
    search: Any = None
    problem: Any = field(
        default_factory=lambda: SimpleNamespace(free=NAMES, noise=1.0, prior_weight=1 / 7)
    )
    stochastic: Any = None


def fit(sigma=(0.1, 0.1, 0.1), values=None, **more) -> Fit:
    device = replace(mj.MetastableSwitches(), {"x0": 0.5, "v_on": 0.3} | (values or {}))
    z = np.asarray(unconstrain(device, NAMES))
    return Fit(device=device, z=z, covariance=np.diag(np.square(sigma)), **more)


def test_intervals_are_those_of_student_in_the_coordinates():
    found = fit()
    reach = stats.t.ppf(0.95, 7.0) * 0.1
    expected = to_parameter_units(found.device, NAMES, found.z - reach, found.z + reach)
    assert found.intervals(0.9) == expected
    wider = fit(freedom=1.0).intervals(0.9)
    assert all(wider[n][0] < expected[n][0] < expected[n][1] < wider[n][1] for n in NAMES)


def test_what_is_not_determined_has_a_reason_each():
    found = fit(sigma=(0.1, 0.1, 2.0), values={"v_on": 1.9})
    assert found.undetermined == ("x0", "v_on")
    assert "exceeds" in found.reasons["x0"]
    assert "largest voltage" in found.reasons["v_on"]
    assert fit(values={"v_on": 1.9}, largest_voltage=None).undetermined == ()


def test_a_logit_beside_its_bound_is_not_determined_by_its_small_slope():
    near = {"x0": 1e-3}
    open_range = fit(sigma=(0.1, 0.1, 2.0), values=near)
    assert open_range.std["x0"] < 0.01  # a quarter of the range would be 0.25
    assert open_range.undetermined == ("x0",)
    assert fit(sigma=(0.1, 0.1, 0.2), values=near).undetermined == ()


def test_a_profile_says_what_is_determined_where_there_is_one():
    """r_on is known to a tenth to first order: an open end, or one a factor of 100 away, says otherwise."""
    own = fit()
    about: dict[str, Any] = dict(name="r_on", level=0.9, values=(), rise=())
    value = own.values["r_on"]
    cases = [(value / 1.2, value * 1.2, True), (value / 100, value * 1.2, False)]
    cases += [(None, value * 1.2, False), (value / 1.2, None, False)]
    for low, high, determined in cases:
        profiled = replace_fields(own, profiles=(Profile(low=low, high=high, **about),))
        assert ("r_on" not in profiled.undetermined) is determined, (low, high)


def test_what_simulation_says_of_a_parameter_replaces_what_the_fit_says():
    simulated = SimpleNamespace(
        values={"x0": 0.5, "noisy": 0.1}, std={"x0": 0.01, "noisy": 0.02}, undetermined=("noisy",), replicates={},
        intervals=lambda level: {"x0": (0.48, 0.52)},
    )  # fmt: skip
    found = fit(sigma=(0.1, 0.1, 9.0), stochastic=simulated)
    assert found.undetermined == ("noisy",)
    assert (found.std["x0"], found.intervals()["x0"]) == (0.01, (0.48, 0.52))
    rows = {r["name"]: r for r in found.table()}
    assert rows["noisy"]["free"]
    assert not rows["noisy"]["determined"]
    assert rows["tau"]["std"] is rows["tau"]["interval_90"] is None


def test_a_fit_says_what_it_is_in_a_few_lines():
    lines = repr(fit(sigma=(0.1, 0.1, 2.0))).splitlines()
    assert lines[0] == "Fit(mms, loss 1.25)"
    assert lines[2].startswith("  v_on = 0.3 +- ")
    assert lines[2].endswith(" V")
    assert lines[3].endswith(", not determined")
    assert len(lines) == 4


def test_a_fit_with_a_verdict_says_its_word():
    worth = Verdict(word="poor", reason="the decay is missed")
    own = fit()
    object.__setattr__(own, "verdict", worth)
    assert repr(own).startswith("Fit(mms, poor, loss 1.25)")
    assert "poor (the decay is missed), loss 1.25" in own._repr_html_()


@pytest.mark.slow
def test_a_fit_shows_its_intervals_parameters_and_remarks():
    own = fit(sigma=(0.1, 5.0, 0.1))
    page = own._repr_html_()
    assert "data:image/png;base64," in page
    assert "<td>r_on</td>" in page
    assert "not determined: v_on (" in page
    figure = own.plot()
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == list(NAMES)
    assert "90 % interval" in figure.axes[0].get_xlabel()


def test_what_is_as_wide_as_the_prior_is_not_determined_however_small_its_error_beside_a_bound():
    """A resistance of 1e12 ohm but for 3 per mille, by a coordinate that the data leave as wide as the prior."""
    found = fit(sigma=(5.0, 0.1, 0.1), values={"r_on": 0.999e12})
    assert found.std["r_on"] < 0.1 * found.values["r_on"]
    assert found.reasons["r_on"] == "the data say no more of it than the prior does"
    assert "r_on" not in fit(sigma=(0.5, 0.1, 0.1)).reasons


@pytest.mark.wrong_types  # of a calibration it has what is asked of it
def test_correlations_of_what_was_calibrated_are_those_of_its_replicates():
    draws = np.exp(np.random.default_rng(0).normal(size=50))
    of = lambda **replicates: SimpleNamespace(replicates=replicates)  # noqa: E731
    drawn = fit(stochastic=of(r_on=draws, x0=1 / draws)).correlation
    np.testing.assert_allclose(drawn, [[1, 0, -1], [0, 1, 0], [-1, 0, 1]], atol=1e-12)
    # Of a device with learned functions none of what is calibrated is free.
    np.testing.assert_array_equal(fit(stochastic=of(k_set=draws)).correlation, np.eye(3))

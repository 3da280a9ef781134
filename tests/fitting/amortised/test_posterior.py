"""What is answered and what is not, by a density of which only the calibration is made up."""

from dataclasses import replace

import numpy as np
import pytest

from fitting.amortised.posterior import DevicePosteriors
from memjax.errors import DataError, MemjaxWarning

from .conftest import BOUNDS, measurement, of_passing


@pytest.mark.slow
def test_arrays_and_measurements_give_the_same_posteriors(untrained, currents):
    a = untrained.posterior(currents[:3])
    b = untrained.posterior([measurement(i) for i in currents[:3]])
    for name, (low, high) in BOUNDS.items():
        np.testing.assert_allclose(a.draws[name], b.draws[name], rtol=1e-5)
        assert a.draws[name].shape == (3, 255)
        assert np.all((low <= a.draws[name]) & (a.draws[name] <= high))
    assert a.labels == ("0", "1", "2")
    assert a.units == {"r_on": "ohm", "v_on": "V"}
    assert untrained.posterior(measurement(currents[0]), labels=["x"]).labels == ("x",)


@pytest.mark.slow
def test_a_density_that_is_not_calibrated_is_refused_unless_it_may_be(untrained, currents):
    poor = replace(untrained, calibration=of_passing(BOUNDS, passed=False))
    with pytest.raises(DataError, match=r"ranks of r_on are not uniform \(p = 0\.0001\)"):
        poor.posterior(currents)
    assert len(poor.posterior(currents[:2], uncalibrated=True).labels) == 2
    assert "not uniform" in repr(poor)
    assert "calibrated" in repr(untrained)


@pytest.mark.slow
def test_what_was_not_simulated_is_named_and_not_answered(untrained, currents):
    other = currents[:3].copy()
    other[1] = 1e-2  # no device conducts that
    with pytest.warns(MemjaxWarning, match="1 of 3 devices are outside of what was simulated"):
        result = untrained.posterior(other)
    assert [bool(w) for w in result.outside] == [False, True, False]
    assert "times as far from the mean" in result.outside[1]
    assert [np.isnan(x).all() for x in result.draws["r_on"]] == [False, True, False]
    far = untrained.posterior(other, extrapolate=True, warn=False)
    assert np.isfinite(far.draws["r_on"]).all()
    assert far.outside == result.outside
    # A device beside others has the draws that it has alone.
    np.testing.assert_array_equal(
        far.draws["r_on"][0], untrained.posterior(other[:1]).draws["r_on"][0]
    )


@pytest.mark.slow
def test_readings_that_are_no_numbers_are_filled_in_and_told_up_to_a_share(untrained, currents):
    few = currents[:3].copy()
    few[0, [5, 30]] = np.nan
    few[1, :10] = np.nan
    few[2] = np.nan
    result = untrained.posterior(few, warn=False)
    assert result.notes[0] == "4.9% of the readings are no numbers"
    assert result.outside[0] == ""
    assert "24% of the readings are no numbers (allowed: 10%)" in result.outside[1]
    assert "100% of the readings" in result.outside[2]
    exact = untrained.posterior(currents[:1])
    for name in BOUNDS:
        assert np.isfinite(result.draws[name][0]).all()
        assert np.isnan(result.draws[name][1:]).all()
        away = result.median()[name][0] - exact.median()[name][0]
        assert abs(away) < exact.std()[name][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, i: p.posterior(i[:, :-1]), r"currents of shape \(256, 40\); .*\(devices, 41\)"),
        (lambda p, i: p.posterior(i, draws=5), "5 draws"),
        (lambda p, i: p.posterior(i[:2], labels=["a"]), "1 labels of 2 devices"),
        (lambda p, i: p.posterior([]), "no measurement"),
    ],
)
def test_wrong_arguments_are_one_line(untrained, currents, change, message):
    with pytest.raises(DataError, match=message):
        change(untrained, currents)


@pytest.fixture(scope="module")
def posteriors():
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal([1.0, 5.0], [[0.04, 0.03], [0.03, 0.09]], size=(3, 4000))
    x[2] = np.nan
    return DevicePosteriors(
        labels=("a", "b", "c"),
        units={"mu": "1/(V s)", "w": "1"},
        draws={"mu": x[..., 0], "w": x[..., 1]},
        outside=("", "", "too far"),
        notes=("", "one reading", ""),
    )


def test_medians_intervals_and_correlations_are_those_of_the_draws(posteriors):
    error = 4 / np.sqrt(4000)
    np.testing.assert_allclose(posteriors.median()["mu"][:2], 1.0, atol=1.2533 * 0.2 * error)
    np.testing.assert_allclose(posteriors.std()["w"][:2], 0.3, rtol=error / np.sqrt(2))
    ends = posteriors.interval(0.9)["mu"][:2]
    np.testing.assert_allclose(ends, [[1 - 0.329, 1 + 0.329]] * 2, atol=0.03)
    correlation = posteriors.correlation()
    np.testing.assert_allclose(correlation[:2, 0, 1], 0.5, atol=0.75 * error)
    np.testing.assert_allclose(correlation[:2, 0, 0], 1.0)
    assert np.isnan(correlation[2]).all()


def test_a_row_of_the_table_is_a_device(posteriors):
    table = posteriors.to_pandas()
    assert list(table["device"]) == ["a", "b", "c"]
    assert list(table["outside"]) == [
        "",
        "",
        "too far",
    ]
    assert np.isnan(table.loc[2, "mu"])
    assert table.loc[0, "mu_low"] < table.loc[0, "mu"]
    assert set(table.columns) >= {"mu", "mu_std", "mu_low", "mu_high", "w", "notes"}


def test_it_says_what_it_is(posteriors):
    text = " ".join(repr(posteriors).split())
    assert "3 devices, 4000 draws each" in text
    assert "1 outside of what was simulated" in text

"""Posteriors of devices as numbers and as a table."""

import numpy as np
import pytest

from fitting.amortised.result import DevicePosteriors


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

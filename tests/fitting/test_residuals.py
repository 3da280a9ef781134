"""What a fit leaves of its data."""

import numpy as np
import pytest

from fitting.residuals import Residuals, far_from_others, named_far, variance_of_median


def test_only_rows_of_curves_that_count_are_typical():
    sigma, series = np.array([0.1, 0.1, np.inf, 5.0]), np.array([0, 0, 0, -1])
    values = np.array([1.0, -3.0, 0.0, 9.0])
    own = Residuals(values=values, sigma=sigma, series=series, unit="decades")
    assert own.points == 3
    assert own.typical == pytest.approx(0.2)
    alone = Residuals(values=values, sigma=sigma, series=np.full(4, -1), unit="")
    assert alone.typical is None


def test_curves_far_from_the_others_are_named_and_ordinary_scatter_is_not():
    rng = np.random.default_rng(0)
    curves = 0.05 * rng.normal(size=(200, 1)) + 0.01 * rng.normal(size=(200, 50))
    assert far_from_others(curves) == []
    curves[[7, 31], 20:] += np.array([[0.8], [-0.5]])
    (k, away, z), (other, _, _) = far_from_others(curves)
    assert (k, other) == (7, 31)
    assert away == pytest.approx(0.8, abs=0.2)  # z = 4 of 0.05
    assert z > 5
    assert far_from_others(curves[5:9]) == []  # too few to say which is the odd one
    about = dict(name="sweeps", what="they count")
    (note,) = named_far(curves, range(1, 201), **about)
    assert ": 8 (0." in note
    assert "32 (0." in note
    assert note.endswith("; they count")
    assert named_far(curves[8:30], range(22), **about) == []


def test_of_many_curves_that_are_far_the_first_are_named():
    curves = 1e-3 * np.random.default_rng(0).normal(size=(60, 30))
    curves[:20] += 1.0
    (note,) = named_far(curves, range(60), name="sweeps", what="they count")
    assert " and 12 more; they count" in note


def test_a_median_of_few_numbers_scatters_by_its_own_variance():
    """Exact variances of medians of normal numbers: of 1 and 2 those of a mean, of 3 1 - sqrt(3) / pi."""
    rng = np.random.default_rng(0)
    assert variance_of_median(1) == pytest.approx(1.0)
    assert variance_of_median(2) == pytest.approx(0.5, rel=0.05)
    assert variance_of_median(3) == pytest.approx(1 - np.sqrt(3) / np.pi, rel=0.025)
    for count in (4, 5, 6, 9, 20):
        drawn = np.var(np.median(rng.normal(size=(40_000, count)), axis=1))
        # The relative error of a variance of 40,000 numbers is 0.7 %: z = 4, and what the offsets are off by.
        assert variance_of_median(count) == pytest.approx(drawn, rel=4 * 0.007 + 0.015)

"""Ranks and coverage of draws that are right, too narrow, or shifted."""

import numpy as np
import pytest

from fitting.amortised.calibration import CLASSES, LEVELS, calibrate, figure, uniform_p
from fitting.figures import save

DEVICES, DRAWS, WIDTH = 1000, 255, 0.6


def of(scale=1.0, shift=0.0, seed=0):
    """The calibration of draws from posteriors that are known, but for a factor and a shift."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(DEVICES, 1))
    weight = 1 - WIDTH**2
    data = truth * weight + WIDTH * np.sqrt(weight) * rng.normal(size=truth.shape)
    draws = data[:, None] + shift + scale * WIDTH * rng.normal(size=(DEVICES, DRAWS, 1))
    return calibrate(("a",), truth, draws)


def test_posteriors_that_are_right_pass():
    result = of()
    assert result.passed
    assert result.failures == []
    error = np.sqrt(np.array(LEVELS) * (1 - np.array(LEVELS)) / DEVICES)
    assert np.all(np.abs(result.coverage[:, 0] - LEVELS) < 4 * error)
    # The variance is less by 1 - 0.36.
    assert result.contraction[0] == pytest.approx(1 - WIDTH**2, abs=0.02)


@pytest.mark.parametrize(("scale", "shift"), [(0.75, 0.0), (1.4, 0.0), (1.0, 0.2)])
def test_posteriors_that_are_wrong_are_named(scale, shift):
    result = of(scale, shift)
    assert not result.passed
    assert any("ranks of a are not uniform (p = " in f for f in result.failures)


def test_intervals_that_hold_too_few_are_named():
    result = of(0.6)
    assert any("intervals of 90 % of a hold" in f for f in result.failures)
    content = result.as_json()
    assert content["failures"] == result.failures
    assert content["passed"] is False
    assert content["parameters"]["a"]["coverage"]["0.9"] < 0.85


@pytest.mark.integration
def test_the_probability_of_uniform_ranks_is_uniform():
    """Twice the smaller of two: below 0.1 in at most a tenth of the cases, and not in far fewer."""
    rng = np.random.default_rng(1)
    p = [uniform_p(rng.integers(0, DRAWS + 1, DEVICES), DRAWS) for _ in range(400)]
    share = np.mean(np.array(p) < 0.1)
    assert 0.05 - 4 * np.sqrt(0.05 * 0.95 / 400) < share < 0.1 + 4 * np.sqrt(0.1 * 0.9 / 400)


@pytest.fixture(scope="module")
def calibration():
    """Of one parameter that is right and one whose posteriors are too narrow."""
    rng = np.random.default_rng(0)
    truth, draws = rng.normal(size=(400, 2)), rng.normal(size=(400, 255, 2))
    return calibrate(("mu", "theta"), truth, draws * [1.0, 0.7])


def test_it_shows_the_devices_of_each_class_and_the_coverage(calibration):
    *ranks, coverage = figure(calibration).axes
    assert len(ranks) == 2
    for k, ax in enumerate(ranks):
        heights = [b.get_height() for b in ax.patches if b.get_width() < 2 / CLASSES]
        assert sum(heights) == 400
        assert ax.get_title().startswith(f"{calibration.names[k]}: p = ")
    lines = {x.get_label(): x.get_ydata() for x in coverage.lines}
    np.testing.assert_allclose(lines["theta"], calibration.coverage[:, 1])


def test_it_is_written_as_png_and_svg(calibration, tmp_path):
    save(figure(calibration), tmp_path / "a.png")
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "a.svg"}

"""Verdicts on conductances per pulse, on curves made by hand."""

import numpy as np
import pytest

from fitting.pulses.verdict import judge_curve

KINDS = np.repeat([0, 1], 40)
N = np.arange(41)


def curve(up: float, down: float, bend: float = 15.0) -> np.ndarray:
    """log10 of a conductance that saturates on the way up by so many decades, and on the way down."""
    rise = (1 - np.exp(-N / bend)) / (1 - np.exp(-40 / bend))
    return np.concatenate([-5 + up * rise, -5 + up - down * rise[1:]])


def word(measured, simulated, noise=0.002, kinds=KINDS):
    return judge_curve(measured, simulated, kinds, noise=noise)


def test_the_same_curve_is_good_and_noise_about_it_too():
    noise = 0.01 * np.random.default_rng(0).normal(size=81)
    found = word(curve(0.3, 0.3) + noise, curve(0.3, 0.3), noise=0.01)
    assert found.word == "good"
    assert found.numbers["gain"] > 0.9
    assert found.numbers["potentiation_ratio"] == pytest.approx(
        1, abs=0.15
    )  # z = 3 of sqrt(2) 0.01 in 0.3


def test_a_constant_conductance_is_poor_however_small_its_residuals():
    measured = curve(0.2, 0.2)
    means = [np.mean(measured[1:][k == KINDS]) for k in (0, 1)]
    flat = np.concatenate([[means[0]], np.array(means)[KINDS]])
    found = word(measured, flat)
    assert np.max(np.abs(flat - measured)) < 0.15
    assert found.word == "poor"
    assert found.numbers["gain"] == pytest.approx(
        0, abs=0.02
    )  # but for the noise that is taken off


@pytest.mark.parametrize(("down", "expected"), [(0.27, "good"), (0.2, "usable"), (0.1, "poor")])
def test_the_change_of_each_polarity_counts(down, expected):
    found = word(curve(0.3, 0.3), curve(0.3, down))
    assert found.word == expected
    if expected != "good":
        assert found.reason.startswith("the depression is")


def test_pulses_that_do_nothing_ask_for_nothing_and_a_device_that_moves_is_poor():
    noise = 0.005 * np.random.default_rng(1).normal(size=81)
    still = -5 + noise
    assert word(still, np.full(81, -5.0), noise=0.005).word == "good"
    found = word(still, curve(0.1, 0.1), noise=0.005)
    assert found.word == "poor"
    assert "where none was measured" in found.reason


def test_alternating_pulses_are_judged_by_the_sums_of_their_steps():
    kinds = np.tile([0, 1], 20)
    steps = np.where(kinds == 0, 0.1, -0.1)
    measured = -5 + np.concatenate([[0.0], np.cumsum(steps)])
    found = word(measured, -5 + 0.6 * (measured + 5), kinds=kinds)
    assert found.word == "usable"
    assert found.numbers["depression_ratio"] == pytest.approx(0.6)

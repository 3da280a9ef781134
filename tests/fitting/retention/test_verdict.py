"""Verdicts on decays, on resistances made by hand."""

import numpy as np
import pytest

from fitting.retention.verdict import judge_decay

T = np.linspace(0.0, 1e3, 400)


def decay(tau: float, size: float = 0.1, *, noise: float = 0.0) -> np.ndarray:
    """log10 of a resistance that rises by so many decades within a time [s]."""
    away = noise * np.random.default_rng(0).normal(size=T.size)
    return 4 + size * -np.expm1(-T / tau) + away


def test_the_law_that_made_a_decay_is_good_under_noise():
    found = judge_decay(T, decay(200, noise=0.005), decay(200))
    assert found.word == "good"
    assert found.numbers["gain"] > 0.9
    assert found.numbers["half_time_ratio"] == pytest.approx(1, abs=0.1)


def test_a_constant_resistance_is_poor_and_so_is_a_decay_where_none_was_measured():
    constant = np.full(T.size, np.mean(decay(200)))
    found = judge_decay(T, decay(200), constant)
    assert found.word == "poor"
    assert found.numbers["gain"] == pytest.approx(0, abs=1e-3)
    still = decay(200, 0.0, noise=0.005)
    assert judge_decay(T, still, np.full(T.size, 4.0)).word == "good"
    assert "where none was measured" in judge_decay(T, still, decay(200)).reason


@pytest.mark.parametrize(("size", "expected"), [(0.09, "good"), (0.07, "usable"), (0.045, "poor")])
def test_the_change_counts(size, expected):
    found = judge_decay(T, decay(300), decay(300, size))
    assert found.word == expected
    assert found.numbers["change_ratio"] == pytest.approx(size / 0.1, rel=0.02)


@pytest.mark.parametrize(("tau", "expected"), [(110, "good"), (150, "usable"), (40, "poor")])
def test_the_time_of_half_the_change_counts(tau, expected):
    found = judge_decay(T, decay(100, noise=0.002), decay(tau))
    assert found.word == expected
    if expected == "poor":
        assert found.reason.startswith("half of the change is done after")

"""Verdicts on delays and relaxations, on times drawn from laws that are known."""

import numpy as np
import pytest

from fitting.transients.verdict import judge_times


def times(count: int, seed: int, *, longer: float = 1.0, wider: float = 1.0) -> dict:
    """Log-normal delays, longer and wider by factors, and relaxations [s]."""
    rng = np.random.default_rng(seed)
    delay = 1e-3 * longer * np.exp(0.5 * wider * rng.normal(size=count))
    return {"delay": delay, "relaxation": 5e-3 * np.exp(0.3 * rng.normal(size=count))}


@pytest.mark.parametrize(
    ("longer", "wider", "word", "reason"),
    [
        (1.0, 1.0, "good", "agree"),
        (1.6, 1.0, "usable", "the median delay is 1."),
        (3.0, 1.0, "poor", "the median delay is "),
        (1.0, 0.3, "poor", "the spread of the delay"),
        (1.0, 1.8, "usable", "the spread of the delay"),
    ],
)
def test_medians_and_spreads_of_many_curves_count(longer, wider, word, reason):
    found = judge_times(times(2000, 1), times(4000, 2, longer=longer, wider=wider))
    assert found.word == word
    assert reason in found.reason
    assert found.numbers["delay_ratio"] == pytest.approx(longer, rel=0.1)
    assert found.numbers["delay_spread_ratio"] == pytest.approx(wider, rel=0.1)


def test_few_curves_say_little():
    """Seven: the error of a median is a fifth, of a spread two fifths."""
    assert judge_times(times(7, 3), times(4000, 2, longer=1.6)).word == "good"
    assert judge_times(times(2000, 3), times(4000, 2, longer=1.6)).word == "usable"


def test_curves_that_never_switch_have_no_relaxation_and_are_poor():
    never = times(400, 2)
    never["relaxation"] = np.full(400, np.nan)
    found = judge_times(times(40, 1), never)
    assert str(found) == "poor (too few curves have a simulated relaxation)"

"""What all verdicts share: the worst comparison decides, and a ratio may be off by what chance makes."""

import numpy as np
import pytest

from fitting.verdict import (
    AbstractVerdict,
    Mark,
    Verdict,
    graded_change,
    graded_curve,
    graded_gain,
    graded_ratio,
    systematic,
    verdict_of,
)


def test_the_worst_mark_decides_and_numbers_that_are_none_are_left_empty():
    marks = [Mark(1, 9.0, "a"), Mark(2, 1.1, "b"), Mark(2, 1.2, "c"), Mark(0, 0.5, "d")]
    found = verdict_of(marks, "all agrees", gain=0.5, ratio=np.inf, half=None)
    assert str(found) == "poor (c)"
    assert found.as_json() == {
        "word": "poor",
        "reason": "c",
        "gain": 0.5,
        "ratio": None,
        "half": None,
    }
    assert str(verdict_of(marks[3:], "all agrees")) == "good (all agrees)"
    assert isinstance(found, AbstractVerdict)
    assert Verdict(word="good", reason="x").as_json() == {"word": "good", "reason": "x"}


@pytest.mark.parametrize(
    ("ratio", "error", "level"),
    [(1.24, 0.0, 0), (0.81, 0.0, 0), (1.3, 0.0, 1), (0.6, 0.0, 1), (2.1, 0.0, 2), (0.0, 9.0, 2), (-1.0, 0.0, 2),
     (float("nan"), 0.0, 2), (1.3, 0.1, 0), (2.1, 0.1, 1)],
)  # fmt: skip
def test_a_ratio_is_off_either_way_by_what_is_beyond_its_error(ratio, error, level):
    assert graded_ratio(ratio, "", error=error).level == level


@pytest.mark.parametrize(("gain", "level"), [(0.9, 0), (0.4, 1), (0.0, 2), (-3.0, 2)])
def test_what_explains_no_more_than_a_curve_without_memory_is_poor(gain, level):
    assert graded_gain(gain, "").level == level


def test_noise_is_no_residual_of_a_curve_and_nothing_is_explained_where_it_is_all():
    rng = np.random.default_rng(0)
    noise, signal = 0.01 * rng.normal(size=400), np.linspace(-0.02, 0.02, 400)
    about = dict(what="it", beyond="a constant")
    marks, gain = graded_curve(noise, signal + noise, 0.01, **about)
    assert (
        gain > 0.9
    )  # n = 400: the variance of noise is known to 7 %, the signal has 1.3 times as much
    assert marks[0].level == 0
    assert graded_curve(noise, noise, 0.01, **about) == ([], None)


def test_a_change_where_none_was_measured_is_poor_and_a_wrong_size_is_named():
    about = dict(least=0.02, error=0.001, name="the decay")
    assert graded_change(0.001, 0.1, **about).level == 2
    assert graded_change(0.001, 0.03, **about).level == 0
    mark = graded_change(0.1, 0.06, **about)
    assert (mark.level, mark.text) == (1, "the decay is 0.6 of the measured one (+0.1 decades)")
    assert graded_change(0.1, -0.1, **about).level == 2


def test_noise_is_not_systematic_and_gaps_count_for_nothing():
    x = np.random.default_rng(1).normal(size=2000)
    size, rho = systematic([np.where(np.arange(2000) % 7, x, np.nan)])
    assert size == pytest.approx(1, rel=0.1)
    assert abs(rho) < 4 / np.sqrt(1400)
    assert systematic([np.full(9, 0.2)])[1] == pytest.approx(1)
    assert systematic([np.full(9, np.nan)]) == (0.0, 0.0)

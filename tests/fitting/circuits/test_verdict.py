"""Verdicts on spikes and traces of circuits, made by hand."""

import numpy as np
import pytest

from fitting.circuits.moments import SUMMARIES
from fitting.circuits.verdict import judge_summaries, judge_trace, judge_trains

T = np.arange(400)
STEPS = np.where(T % 100 < 50, 1.0, 0.0)[:, None]
CHARGED = np.where(STEPS[:, 0] > 0, -np.expm1(-(T % 50) / 15), np.exp(-(T % 50) / 15))


def trains(count: int, seed: int, interval: float = 1e-3, shape: float = 16.0) -> list:
    """Spikes [s] of a gamma process, of so many in a window of 0.1 s."""
    rng = np.random.default_rng(seed)
    steps = rng.gamma(shape, interval / shape, size=(count, 400))
    return [x[x < 0.1] for x in np.cumsum(steps, axis=1)]


@pytest.mark.parametrize(("interval", "word"), [(1e-3, "good"), (1.6e-3, "usable"), (3e-3, "poor")])
def test_fresh_trains_are_judged_by_rate_intervals_and_latencies(interval, word):
    found = judge_trains(SUMMARIES, trains(40, 1), trains(80, 2, interval), (0.0, 0.1))
    assert found.word == word
    assert found.numbers["rate_ratio"] == pytest.approx(1e-3 / interval, rel=0.05)


def test_trains_without_a_spike_where_some_were_measured_are_poor():
    found = judge_trains(SUMMARIES, trains(4, 1), [np.zeros(0)] * 4, (0.0, 0.1))
    assert found.word == "poor"
    assert found.numbers["rate_ratio"] == 0


def test_a_spread_of_a_percent_is_as_regular_as_none():
    pair = np.log([0.01]), np.log([0.001])
    assert judge_summaries(["isi_spread"], *pair, np.zeros(1)).word == "good"
    assert judge_summaries(["isi_mean"], *pair, np.zeros(1)).word == "poor"


def test_the_trace_that_was_measured_is_good_under_noise():
    noise = 0.02 * np.random.default_rng(0).normal(size=T.size)
    found = judge_trace(CHARGED + noise, CHARGED, STEPS)
    assert found.word == "good"
    assert found.numbers["gain"] > 0.9
    assert found.numbers["explained_variance"] > 0.9


def test_a_trace_that_follows_its_drive_at_once_is_poor_though_it_explains_most_of_the_variance():
    without = np.where(STEPS[:, 0] > 0, *(np.mean(CHARGED[STEPS[:, 0] == k]) for k in (1, 0)))
    found = judge_trace(CHARGED, without, STEPS)
    assert found.word == "poor"
    assert found.numbers["explained_variance"] > 0.3
    assert found.numbers["gain"] == pytest.approx(
        0, abs=0.02
    )  # but for the noise that is taken off


def test_residuals_of_a_tenth_of_the_range_are_usable_and_missed_spikes_poor():
    found = judge_trace(CHARGED, CHARGED - 0.08, STEPS)
    assert found.word == "usable"
    assert "of the range" in found.reason
    spikes = np.where(T % 25 == 0, 1.0, 0.0)
    assert judge_trace(spikes, np.zeros(T.size), np.ones((T.size, 1))).word == "poor"


def test_drives_of_several_ports_are_followed_at_once():
    drives = np.concatenate([STEPS, np.roll(STEPS, 30, axis=0)], axis=1)
    at_once = drives @ np.array([1.0, -0.5])
    found = judge_trace(at_once + CHARGED, at_once + CHARGED, drives)
    assert found.word == "good"
    with_memory = judge_trace(at_once + CHARGED, at_once + np.mean(CHARGED), drives)
    assert with_memory.word == "poor"

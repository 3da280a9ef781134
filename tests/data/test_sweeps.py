"""Where sweeps begin, on waveforms of which a person knows."""

import itertools

import numpy as np
import pytest

from memjax.data.sweeps import cut


def ramp(*corners, step=0.05):
    """Staircase through the corners, each level once."""
    parts = [np.array(corners[:1], dtype=float)]
    for a, b in itertools.pairwise(corners):
        n = round(abs(b - a) / step)
        parts.append(a + (b - a) * np.arange(1, n + 1) / n)
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("corners", "lengths"),
    [
        ([0, 1, 0], [41]),
        ([0, 1, 0, 1, 0], [41, 40]),
        ([0, 1, -1, 0], [81]),
        ([0, 1, -1, 1, -1, 0], [81, 80]),
        ([0, -1, 1, -1, 1, 0], [81, 80]),
        ([1, -2, 1], [121]),
        ([1, -2, 1, -2, 1], [121, 120]),
        ([-1, 1], [41]),
        ([0, 1, 0, 1, 0, -1, 0], [41, 40, 40]),  # sides do not alternate: each is a sweep
        ([0.2, 1, 0.2, 1, 0.2], [33, 32]),
        ([0, 0.2, 0, 0.5, 0, 1, 0], [9, 20, 40]),
    ],
)
def test_closed_excursions_are_sweeps(corners, lengths):
    assert np.bincount(cut(ramp(*corners))[0]).tolist() == lengths


def test_rest_level_that_is_measured_twice_goes_half_to_either_loop():
    loop = ramp(0, 1, -1, 0)
    assert np.bincount(cut(np.tile(loop, 4))[0]).tolist() == [81] * 4


def test_ramps_that_jump_back_begin_at_their_rest_level():
    assert np.bincount(cut(np.tile(ramp(-1, 1), 3))[0]).tolist() == [41] * 3


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("points", [40, 400])
def test_noise_of_two_percent_does_not_change_the_count(seed, points):
    x = np.sin(2 * np.pi * np.arange(10 * points) / points)
    noisy = x + 0.02 * np.random.default_rng(seed).normal(size=x.size)
    number, why = cut(noisy)
    assert number[-1] + 1 == 10
    assert "both sides" in why
    assert np.abs(np.bincount(number) - points).max() <= 0.05 * points


def test_pulses_are_one_record_and_are_said_to_be():
    x = np.where(np.arange(1000) % 100 < 20, 1.0, 0.1)
    number, why = cut(x + 1e-3 * np.random.default_rng(0).normal(size=1000))
    assert number.max() == 0
    assert "pulses" in why


def test_constant_and_noise_alone_are_one_record():
    assert cut(np.full(100, 0.1))[0].max() == 0
    assert cut(np.random.default_rng(0).normal(size=1000))[0].max() == 0

"""Noise of readings that are nothing but noise."""

import numpy as np
import pytest

from fitting.sweeps.quiet_rows import masked_medians, noise_of_level_rows, noise_of_quiet_rows
from fitting.sweeps.summary import noise_floor
from tests.fits import measured_loops

NOISE = 1e-13
V = np.concatenate([np.arange(1, 81), np.arange(79, 0, -1)]) / 80


def _loops(count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sweeps of a device that is off for 0.6 of its rows, and carries 1 uA when on."""
    rng = np.random.default_rng(seed)
    on = 1e-6 * V * ((V > 0.7) | (np.arange(V.size) > 80) & (V > 0.3))
    clean = (on * (1 + 0.03 * rng.normal(size=V.size)) for _ in range(count))
    return [(V, x + NOISE * rng.normal(size=V.size)) for x in clean]


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_a_device_that_is_off_comes_back(seed):
    """Of 250 windows some 50 share no row of their differences: a robust deviation errs by 16 %: z = 3."""
    noise = noise_floor(measured_loops(*_loops(4, seed)))
    assert 0.52 * NOISE < noise < 1.48 * NOISE


def test_a_current_above_its_noise_and_sweeps_of_few_points_have_no_quiet_rows():
    rng = np.random.default_rng(0)
    line = 1e-9 * V * (1 + 0.03 * rng.normal(size=V.size))
    one = np.zeros(V.size, int)
    assert noise_of_quiet_rows(line[None], one) == 0
    assert noise_of_quiet_rows(NOISE * rng.normal(size=(1, 6)), np.zeros(6, int)) == 0
    assert noise_of_quiet_rows(NOISE * rng.normal(size=(1, V.size)), np.arange(V.size) // 5) == 0


def test_a_tenth_of_quiet_rows_is_known_beside_currents_that_bend():
    """Of some 30 windows a robust deviation errs by 40 %, as they overlap, the median of ten by 16 %: z = 3."""
    rng = np.random.default_rng(1)
    bent = 1e-13 * np.sinh(12 * V) * (V > 0.2)
    devices = bent + NOISE * rng.normal(size=(10, V.size))
    noise = noise_of_quiet_rows(devices, np.zeros(V.size, int))
    assert 0.52 * NOISE < np.median(noise) < 1.48 * NOISE


def test_the_noise_of_a_leakage_that_hardly_changes_comes_back():
    """The lowest tenth of moduli gives a third of it and less: neighbours are low alike."""
    rng = np.random.default_rng(2)
    on = 1e-6 * (V > 0.7)
    devices = 1e-12 + on * (1 + 0.03 * rng.normal(size=(20, V.size)))
    devices += NOISE * rng.normal(size=devices.shape)
    one = np.zeros(V.size, int)
    noise = noise_of_level_rows(devices, one)
    # Of some 15 windows that overlap a robust deviation errs by 40 %, the median of twenty by 11 %: z = 3.
    assert 0.67 * NOISE < np.median(noise) < 1.33 * NOISE
    # A line through 0 is no level, and sweeps of two rows have no three neighbours.
    assert noise_of_level_rows(1e-9 * V[None] * (1 + 0.03 * rng.normal(size=V.size)), one) == 0
    assert noise_of_level_rows(devices, np.arange(V.size) // 2).tolist() == [0.0] * 20


def test_medians_of_what_counts():
    found = masked_medians(
        np.array([[3.0, 1.0, 2.0], [4.0, 8.0, 6.0], [1.0, 2.0, 3.0]]),
        np.array([[True, True, True], [True, True, False], [False, False, False]]),
    )
    np.testing.assert_array_equal(found, [2.0, 6.0, np.nan])

"""Waveforms as the arrays of a problem: what counts, and by how much."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fitting.sweeps.group import (
    EVENT_SIGMA,
    MODEL_SIGMA,
    SMALL,
    edge_of,
    floored,
    pack,
    sigma_events,
    sigma_log,
)
from fitting.sweeps.quiet_rows import raised_by_noise
from fitting.sweeps.summary import summarise_sweeps
from memjax.errors import DataError
from tests.fits import measured_loops, threshold_loop


def _waves(*loops):
    return summarise_sweeps([measured_loops(*loops)], point_time=1e-3, floor=1e-14)


def test_equal_sweeps_have_the_errors_that_are_granted():
    (wave,) = _waves(threshold_loop(0.5, 0.2), threshold_loop(0.5, 0.2))
    np.testing.assert_allclose(sigma_log(wave), MODEL_SIGMA)
    # Without scatter an event has its sampling in whole rows and the model's share.
    np.testing.assert_allclose(sigma_events(wave)[0, 0], np.hypot(12**-0.5, EVENT_SIGMA))


def test_a_group_is_padded_to_common_lengths_and_nothing_counts_there():
    plus, minus = _waves(threshold_loop(0.5, 0.2), threshold_loop(0.6, 0.3, sign=-1.0))
    group = pack([plus, minus], floor=1e-14, limit=None)
    assert group.target.shape == (2, 41)
    assert np.all(np.diff(group.rows, axis=1) > 0)
    assert float(group.small_sigma) == SMALL * MODEL_SIGMA
    np.testing.assert_allclose(group.target[0], plus.median_log())
    assert np.all(group.event_weight[:, 0, [0, 2]] > 0)
    assert np.all(pack([plus], floor=1e-14, limit=None, events=False).event_weight == 0)


def test_points_at_a_limit_lie_at_that_of_the_bench_where_it_names_one():
    (wave,) = _waves(threshold_loop(0.5, 0.2), threshold_loop(0.5, 0.2))
    wave = replace(wave, censored=np.arange(41) == 20, limits=(1e-6, 1e-6), reach=0.01)
    assert edge_of(wave)[20] == pytest.approx(-6.01)
    assert edge_of(wave, (1e-5, 1e-5))[20] == pytest.approx(-5.01)
    assert np.all(np.isneginf(np.delete(edge_of(wave), 20)))


@pytest.mark.integration
def test_sweeps_of_two_sources_make_no_group():
    (wave,) = _waves(threshold_loop(0.5, 0.2))
    other = replace(wave, stimulus=replace(wave.stimulus, quantity="current"))
    with pytest.raises(DataError, match="sweeps of different kinds"):
        pack([wave, other], floor=1e-14, limit=None)


def test_only_jumps_count_as_events():
    """The same passage of a threshold by steps of 0.4 decades, and at once."""
    rows = np.arange(41)
    v = np.interp(rows, [0, 20, 40], [0.05, 1.05, 0.05])
    slow = 1e-12 * 10 ** (0.4 * np.minimum(rows, 40 - rows))
    (wave,) = _waves((v, slow))
    assert np.isfinite(wave.events[0, 0, 0])
    assert not np.any(pack([wave], floor=1e-16, limit=None).event_weight)
    (wave,) = _waves(threshold_loop(0.5, 0.2))
    assert pack([wave], floor=1e-14, limit=None).event_weight[0, 0, 0] > 0


@pytest.mark.parametrize("count", [1, 4])
def test_a_current_beside_noise_has_the_mean_logarithm_of_its_readings(count):
    """Means of 20,000 medians; z below 4, beside the error of lines between levels: h^2 / 8 of its bend."""
    noise, rng = 1e-13, np.random.default_rng(0)
    waves = _waves(*[threshold_loop(0.5, 0.2)] * count)
    floor = noise / 2
    group = pack(waves, floor=floor, quiet=noise, limit=None)
    silent = pack(waves, floor=floor, limit=None)
    between = np.max(np.abs(np.diff(raised_by_noise(0.5, count), 2))) / 8
    for share in (1e-5, 0.3, 0.5, 1.0, 2.0, 5.0, 30.0, 1e3):
        current = share * noise
        readings = np.abs(current + noise * rng.normal(size=(20_000, count)))
        medians = np.median(np.log10(readings + floor), axis=1)
        log = np.full((1, 1), np.log10(current))
        seen = float(floored(group, log)[0, 0])
        error = np.std(medians) / np.sqrt(len(medians))
        assert seen == pytest.approx(np.mean(medians), abs=4 * error + between)
        # Where no reading is nothing, the current is what it is.
        assert 10 ** float(floored(silent, log)[0, 0]) - floor == pytest.approx(current, rel=1e-9)


def test_a_derivative_of_a_current_beside_noise_is_its_secant():
    group = pack(_waves(threshold_loop(0.5, 0.2)), floor=5e-14, quiet=1e-13, limit=None)
    at = lambda x: floored(group, jnp.full((1, 1), x))[0, 0]  # noqa: E731
    for x in (-17.01, -13.51, -13.01, -12.61, -10.51):
        secant = (at(x + 1e-5) - at(x - 1e-5)) / 2e-5
        assert float(jax.grad(at)(x)) == pytest.approx(float(secant), abs=1e-6)

"""Noise and errors of many fits at once are those of each alone."""

import dataclasses

import numpy as np
import pytest

from fitting.problem import PRIOR_SIGMA
from fitting.residuals import variance_of_median
from fitting.sweeps.covariance import uncertainty, uncertainty_of_each
from fitting.sweeps.group import MODEL_SIGMA
from fitting.sweeps.noise_estimate import (
    NoiseEstimates,
    _scatter_of_read_noise,
    noise_of_each,
)
from tests.fitting.sweeps.test_covariance import (
    FREE,
    NO_EVENTS,
    POINTS,
    SLOPES,
    problem,
    uneven,
    wandering,
    waveform,
)

PRIOR = np.eye(FREE) / PRIOR_SIGMA


def _fits(*sweeps):
    """Problems, waveforms, residuals and Jacobians of constant curves, by their sweeps."""
    jacobian = np.concatenate([SLOPES / MODEL_SIGMA, NO_EVENTS, PRIOR])
    waves = [[waveform(x)] for x in sweeps]
    residuals = [np.append(w[0].median_log() / MODEL_SIGMA, np.zeros(3 + FREE)) for w in waves]
    jacobians = [jacobian * (1 + 0.1 * k) for k in range(len(sweeps))]
    return [problem(1.0) for _ in sweeps], waves, np.stack(residuals), np.stack(jacobians)


@pytest.fixture
def fits():
    """One with uneven errors, one with correlated ones, one whose derivatives exploded."""
    rng = np.random.default_rng(0)
    made = _fits(uneven(rng, 1), wandering(rng, 1), uneven(rng, 1))
    made[3][2, 7] = 1e37
    return made


def _same(one, other) -> None:
    """Two uncertainties, equal but for the order of sums."""
    for field in dataclasses.fields(one):
        a, b = (getattr(x, field.name) for x in (one, other))
        if isinstance(a, np.ndarray | float):
            np.testing.assert_allclose(a, b, rtol=1e-9, err_msg=field.name)
        else:
            assert a == b, field.name


@pytest.mark.wrong_types
def test_fits_at_once_are_those_of_each_alone(fits):
    problems, waves, r, j = fits
    z = np.zeros((3, FREE))
    found = uncertainty_of_each(problems, waves, z=z, residuals=r, jacobian=j)
    noise = noise_of_each(problems, waves, residuals=r, jacobian=j)
    sources = [x.source for x in found]
    assert "neighbours correlated by" in sources[1]
    assert sources[2].endswith("exploded derivatives: 1")
    for k, known in enumerate(found):
        _same(known, uncertainty(problems[k], waves[k], z=z[k], residuals=r[k], jacobian=j[k]))
        assert known.noise == pytest.approx(noise[k], rel=1e-12)


@pytest.mark.wrong_types
def test_a_fit_without_a_decomposition_leaves_the_others_as_they_are(fits):
    problems, waves, r, j = fits
    sound = noise_of_each(problems, waves, residuals=r, jacobian=j)
    j[1, 0, 0] = np.nan
    noise = noise_of_each(problems, waves, residuals=r, jacobian=j)
    assert np.isnan(noise[1])
    np.testing.assert_allclose(noise[[0, 2]], sound[[0, 2]], rtol=1e-12)
    found = uncertainty_of_each(problems, waves, z=np.zeros((3, FREE)), residuals=r, jacobian=j)
    assert isinstance(found[1], np.linalg.LinAlgError)
    with pytest.raises(np.linalg.LinAlgError):
        uncertainty(problems[1], waves[1], z=np.zeros(FREE), residuals=r[1], jacobian=j[1])


@pytest.mark.wrong_types
def test_fits_of_repeated_sweeps_stand_beside_those_of_one():
    rng = np.random.default_rng(1)
    problems, waves, r, j = _fits(uneven(rng, 1), uneven(rng, 8))
    found = uncertainty_of_each(problems, waves, z=np.zeros((2, FREE)), residuals=r, jacobian=j)
    assert [x.sweeps for x in found] == [1, 8]
    assert found[1].source == "200 resamplings of the sweeps"
    assert found[1].cycle_score.shape == (8, FREE)
    assert POINTS > found[0].freedom > FREE


@pytest.mark.wrong_types
def test_the_place_of_an_event_within_its_row_is_no_better_known_of_many_sweeps():
    """All sweeps have it in the same row: its error is that of one of them."""
    rng = np.random.default_rng(2)
    for sweeps in (4, 16):
        wave = waveform(0.02 * rng.normal(size=(sweeps, POINTS)))
        wave = dataclasses.replace(wave, events=np.full((sweeps, 1, 3), 7.5))
        about = problem(1.0)
        about.group.event_weight = np.full((1, 1, 3), 2.0)
        slopes = np.concatenate([SLOPES / MODEL_SIGMA, [[0.0, 1.0, 0.0]] * 3])
        root, freedom = _scatter_of_read_noise(about, [wave], slopes, slopes[:, :1])
        np.testing.assert_array_equal(root[:, FREE:], root[:, :1])
        np.testing.assert_allclose(root[-3:, 1], 2 / np.sqrt(12))
        expected = 0.02 * np.sqrt(variance_of_median(sweeps)) / MODEL_SIGMA
        # The size is known from so many degrees of freedom, the relative noise from 4 sweeps to 5 %: z = 4.
        band = 4 * np.hypot(np.sqrt(0.5 / freedom), 0.05)
        assert root[0, 0] / slopes[0, 0] == pytest.approx(expected, rel=band)


@pytest.mark.wrong_types
@pytest.mark.parametrize("sweeps", [1, 8])
@pytest.mark.parametrize("made", [uneven, wandering])
def test_noise_along_a_direction_is_that_of_the_derivatives(sweeps, made):
    """d'Sd is the diagonal of J'SJ where directions are columns of J: of residuals, read noise and resampled sweeps."""
    problems, waves, r, j = _fits(made(np.random.default_rng(3), sweeps))
    data = j[:, :-FREE]
    alone = NoiseEstimates(problems, waves, r, j, 0)
    both = NoiseEstimates(problems, waves, r, j, 0, 2 * data)
    np.testing.assert_allclose(both.root, alone.root, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(both.along[0], 4 * np.sum(alone.root[0] ** 2, axis=0), rtol=1e-9)
    assert alone.along.shape == (1, 0)

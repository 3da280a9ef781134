"""Whether a fit describes sweeps to their scatter, and what events count that are known to a row."""

import dataclasses

import numpy as np
import pytest

from fitting.residuals import variance_of_median
from fitting.sweeps import noise_estimate, scatter
from fitting.sweeps.group import EVENT_SIGMA, MODEL_SIGMA, Group
from fitting.sweeps.scatter import counts_by_sampling, exceeds_scatter, known_to_a_row
from tests.fitting.sweeps.test_covariance import (
    FREE,
    NO_EVENTS,
    POINTS,
    SLOPES,
    problem,
    waveform,
)

JACOBIAN = np.concatenate([SLOPES / MODEL_SIGMA, NO_EVENTS, np.eye(FREE)])


@pytest.mark.wrong_types
def test_residuals_beyond_the_scatter_of_the_sweeps_are_noticed():
    """Medians of noise are what the sweeps scatter by; a bow of one noise is not, nor a wave in one sweep."""
    rng = np.random.default_rng(3)
    bow = 0.02 * np.sin(np.linspace(0, 6, POINTS))

    def notices(noise, off):
        wave = waveform(noise)
        r = np.append((wave.median_log() + off) / MODEL_SIGMA, np.zeros(3 + FREE))
        return exceeds_scatter(problem(1.0), [wave], r, JACOBIAN)

    four = 0.02 * rng.normal(size=(4, POINTS))
    assert not notices(four, 0.0)
    assert notices(four, bow)
    assert not notices(four[:1], 0.0)
    assert notices(four[:1], 2 * bow)


@pytest.mark.wrong_types
def test_a_reading_within_the_floor_is_no_sign_of_another_model():
    """Its logarithm is far from normal, however well the model describes it."""
    rng = np.random.default_rng(4)
    wave = waveform(0.02 * rng.normal(size=(4, POINTS)))
    r = np.append(wave.median_log() / MODEL_SIGMA, np.zeros(3 + FREE))
    r[POINTS - 1] = 10.0
    about = problem(1.0)
    assert exceeds_scatter(about, [wave], r, JACOBIAN)
    about.group.target[0, -1] = np.log10(about.group.floor)
    assert not exceeds_scatter(about, [wave], r, JACOBIAN)


@dataclasses.dataclass
class About:
    """What of a problem is looked at."""

    free: tuple[str, ...]
    group: Group


def _with_events(sweeps, rows):
    """A problem of one waveform whose event lies in these rows, and the waveform."""
    rng = np.random.default_rng(5)
    events = np.stack([np.reshape(rows, (sweeps, 1)), *[np.full((sweeps, 1), np.nan)] * 2], axis=2)
    wave = waveform(0.02 * rng.normal(size=(sweeps, POINTS)))
    wave = dataclasses.replace(wave, events=events)
    weights = np.array([[[1 / np.sqrt(1 / 12 + EVENT_SIGMA**2), 0.0, 0.0]]])
    group = Group(**(dict.fromkeys(f.name for f in dataclasses.fields(Group)) | vars(problem(1.0).group)
        | {"event_weight": weights}))  # fmt: skip
    return About(("a", "b", "c"), group), [wave]


@pytest.mark.wrong_types
def test_an_event_that_is_known_to_a_row_counts_by_its_sampling_beside_the_noise_of_currents():
    about, waves = _with_events(4, [7.5] * 4)
    assert not counts_by_sampling(about, waves)
    group = known_to_a_row(about, waves)
    assert group is not None
    # The scatter of 120 points and 4 sweeps is known to 4 standard errors of sqrt(2 / 360) / 2.
    noise = 0.02 * np.sqrt(variance_of_median(4)) / MODEL_SIGMA
    weight = np.asarray(group.event_weight)[0, 0]
    assert weight[0] == pytest.approx(noise * np.sqrt(12), rel=4 * np.sqrt(0.5 / 360))
    assert not weight[1:].any()
    about.group = group
    assert known_to_a_row(about, waves) is None  # they count so already
    assert counts_by_sampling(about, waves)


@pytest.mark.wrong_types
def test_a_current_near_the_floor_counts_by_its_noise_where_an_event_is_known_to_a_row(monkeypatch):
    """Of rows at three times a noise that the others hardly feel."""
    about, (wave,) = _with_events(4, [7.5] * 4)
    floor, noise = about.group.floor, 0.02 / np.log10(np.e)
    size = np.where(np.arange(POINTS) < POINTS // 4, 3.0 * floor / noise, 1e6 * floor)
    logs = np.log10(size + floor) + wave.log_response - wave.median_log()
    wave = dataclasses.replace(wave, log_response=logs)
    monkeypatch.setattr(
        noise_estimate, "read_noise", lambda *_: {"relative": noise, "floor_A": 3 * floor}
    )
    weight = np.asarray(known_to_a_row(about, [wave]).weight)[0]
    spread = np.hypot(noise * size, 3 * floor) / (size + floor)
    expected = np.min(spread) / spread
    np.testing.assert_allclose(weight / np.max(weight), expected, rtol=1e-3)


@pytest.mark.wrong_types
def test_events_that_scatter_and_those_of_few_sweeps_count_as_before():
    assert known_to_a_row(*_with_events(4, [7.5, 7.5, 8.5, 7.5])) is not None
    assert known_to_a_row(*_with_events(4, [7.5, 7.5, 9.5, 7.5])) is None
    assert known_to_a_row(*_with_events(3, [7.5] * 3)) is None
    about, waves = _with_events(4, [7.5] * 4)
    object.__setattr__(about.group, "event_weight", np.zeros((1, 1, 3)))
    assert known_to_a_row(about, waves) is None


@pytest.mark.wrong_types
def test_few_rows_that_scatter_by_far_more_make_a_misfit_of_chance_likelier(monkeypatch):
    """1.6 times the expected sum of squares: 4 standard errors where 120 rows are alike, 1.3 where 12 make the sum."""
    rng = np.random.default_rng(6)
    wave = waveform(0.02 * rng.normal(size=(4, POINTS)))
    expected = np.mean(np.var(wave.log_response, axis=0, ddof=1)) * variance_of_median(4)
    off = wave.median_log() * np.sqrt(1.6 * expected / np.mean(wave.median_log() ** 2))
    r = np.append(off / MODEL_SIGMA, np.zeros(3 + FREE))
    few, alike = np.where(np.arange(POINTS) < 12, 1.0, 1e-3), np.ones(POINTS)
    for variance, granted, misses in ((alike, 0.0, True), (few, 0.0, False), (alike, 1.0, False)):
        monkeypatch.setattr(scatter, "read_variance", lambda *_, v=variance: v)
        assert exceeds_scatter(problem(1.0), [wave], r, JACOBIAN, granted=granted) is misses

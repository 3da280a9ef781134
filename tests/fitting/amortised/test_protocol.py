"""Measurements on the times of a protocol."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.amortised.protocol import SweepProtocol, align_all
from memjax.errors import DataError

from .conftest import TIMES, VOLTS, measurement

CURRENT = 1e-4 * (1.2 + np.sin(2 * np.pi * TIMES))


def test_the_protocol_of_a_measurement_knows_its_waveforms_and_their_order():
    labels = np.repeat(np.arange(3), len(TIMES))
    v, i = np.concatenate([VOLTS, -VOLTS, VOLTS]), np.tile(CURRENT, 3)
    m = measurement(i, np.tile(TIMES, 3), v, sweep=labels)
    protocol = SweepProtocol.of(m, relative=0.02)
    assert protocol.order == (0, 1, 0)
    assert len(protocol.stimuli) == 2
    np.testing.assert_allclose(protocol.voltages[1], -VOLTS)
    assert protocol.edges.tolist() == [0, 41, 82, 123]
    assert protocol.limit() is None
    assert protocol.gap == pytest.approx(0.025)


def test_read_noise_is_that_of_the_sweeps_or_has_to_be_said():
    with pytest.raises(DataError, match="say nothing of the read noise"):
        SweepProtocol.of(measurement(CURRENT))
    rng, many = np.random.default_rng(0), 12
    noise = np.exp(0.03 * rng.normal(size=(many, len(TIMES))))
    labels = np.repeat(np.arange(many), len(TIMES))
    m = measurement(
        (CURRENT * noise).ravel(), np.tile(TIMES, many), np.tile(VOLTS, many), sweep=labels
    )
    # A robust standard deviation of 480 differences, each of two readings, about the median of 12 sweeps.
    assert SweepProtocol.of(m, floor=1e-12).relative == pytest.approx(0.03, rel=0.2)


def test_the_current_limit_is_that_of_the_measurement():
    at = CURRENT > 2e-4
    m = measurement(np.minimum(CURRENT, 2e-4), at_compliance=at, compliance=2e-4)
    protocol = SweepProtocol.of(m, relative=0.02)
    assert float(protocol.bench.compliance) == 2e-4
    np.testing.assert_allclose(protocol.limit(), 2e-4)
    other = replace(m, compliance=1e-3)
    with pytest.raises(DataError, match=r"limit of 0\.001 A; .*that of the protocol: 0\.0002 A"):
        protocol.align(other)


def test_readings_at_the_times_of_the_protocol_stay_as_they_are(protocol):
    m = measurement(-CURRENT)
    aligned = protocol.align(m)
    np.testing.assert_allclose(aligned.i, CURRENT, rtol=1e-12)
    assert (aligned.lost, aligned.notes) == (0.0, ())


def test_other_times_are_interpolated_by_the_logarithm(protocol):
    t = np.linspace(0, 1, 301)
    m = measurement(1e-4 * np.exp(3 * t), t, 0.6 * np.sin(2 * np.pi * t))
    np.testing.assert_allclose(protocol.align(m).i, 1e-4 * np.exp(3 * TIMES), rtol=1e-6)


def test_readings_that_are_no_numbers_are_filled_in_and_counted(protocol):
    i = 1e-4 * np.exp(TIMES)
    lost = i.copy()
    lost[[3, 20, 21]] = np.nan
    aligned = protocol.align(measurement(lost))
    np.testing.assert_allclose(aligned.i, i, rtol=1e-4)
    assert aligned.lost == pytest.approx(3 / 41)
    filled, shares = protocol.fill(np.stack([i, lost]))
    np.testing.assert_allclose(filled[1], aligned.i)
    np.testing.assert_allclose(shares, [0, 3 / 41])
    assert np.isnan(protocol.align(measurement(np.full(41, np.nan))).i).all()


def test_more_sweeps_than_the_protocol_has_are_told(protocol):
    labels = np.repeat([0, 1], len(TIMES))
    m = measurement(np.tile(CURRENT, 2), np.tile(TIMES, 2), np.tile(VOLTS, 2), sweep=labels)
    i, _, notes = align_all(protocol, [m])
    assert i.shape == (1, 41)
    assert notes == [["1 sweeps more than the protocol has were not used"]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"v": 1.1 * VOLTS}, r"differs from the protocol's by \d"),
        ({"t": 1.1 * TIMES}, r"a sweep of 1\.1 s"),
        ({"t": None}, "no time column"),
        ({"driven": "current"}, "an imposed current"),
    ],
)
def test_another_protocol_is_refused_in_one_line(protocol, changes, message):
    with pytest.raises(DataError, match=message) as caught:
        protocol.align(measurement(CURRENT, **changes))
    assert len(caught.value.lines) == 1


def test_fewer_sweeps_are_refused(protocol):
    twice = replace(protocol, order=(0, 0))
    with pytest.raises(DataError, match="1 sweeps"):
        twice.align(measurement(CURRENT))


@pytest.mark.wrong_types
def test_a_noise_that_is_none_is_refused(protocol):
    with pytest.raises(DataError, match="relative"):
        replace(protocol, relative=-1.0)
    with pytest.raises(DataError, match="floor"):
        replace(protocol, floor=0.0)
    with pytest.raises(DataError, match="in place of a measurement"):
        protocol.align(CURRENT)


def test_a_file_without_time_is_a_staircase():
    v = np.concatenate([np.linspace(0, 0.5, 21), np.linspace(0.475, 0, 20)])
    m = measurement(1e-6 * (1 + v), None, v)
    protocol = SweepProtocol.of(m, relative=0.02, point_time=0.01)
    assert protocol.rows[0][-1] == pytest.approx(0.41)
    assert isinstance(protocol.stimuli[0], mj.Sampled)
    assert protocol.align(m).lost == 0

"""Delay and relaxation, on curves made by hand, of many at once, and measured."""

import dataclasses

import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError
from memjax.observables import (
    delays,
    find_pulses,
    pulse_responses,
    relaxations,
    summarise_pulses,
)


@dataclasses.dataclass
class Curves:
    t: np.ndarray | None
    v: np.ndarray
    i: np.ndarray
    sweep: np.ndarray


T = np.arange(10) * 1e-3
V = np.array([0.1, 0.1, 1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1])
#              0    1    2    3    4    5    6    7    8    9
I = np.array([0.0, 0.0, 0.0, 0.5, 1.5, 9.0, 9.0, 3.0, 0.0, 0.0]) * 1e-6


def curves(i, v=V, t=T):
    return Curves(t, v, np.asarray(i), np.zeros(len(v), int))


@pytest.mark.integration
def test_a_pulse_begins_and_ends_at_half_its_height():
    (pulse,) = find_pulses(T, V)
    assert pulse.onset == pytest.approx(1.5e-3)
    assert pulse.end == pytest.approx(5.5e-3)
    assert (pulse.amplitude, pulse.stop) == (1.0, T[-1])


def test_pulses_of_both_polarities_are_found_in_order_and_noise_makes_none():
    rng = np.random.default_rng(0)
    t = np.arange(4000) * 1e-6
    v = 0.05 + 0.01 * rng.normal(size=t.size)
    v[500:900] += 1
    v[1500:1600] -= 0.9
    v[2500:3900] += 0.95
    found = find_pulses(t, v)
    assert [p.amplitude for p in found] == pytest.approx([1.05, -0.85, 1.0], abs=0.01)
    assert [p.onset for p in found] == pytest.approx([499.5e-6, 1499.5e-6, 2499.5e-6], abs=1e-7)
    assert [p.stop for p in found] == [found[1].onset, found[2].onset, t[-1]]
    assert find_pulses(t, np.full(t.size, 0.3) + 0.01 * rng.normal(size=t.size)) == []


def test_a_pulse_cut_off_by_the_record_counts_from_its_ends():
    assert find_pulses(T[:4], V[2:6]) == []
    (pulse,) = find_pulses(T[:6], V[2:8])
    assert (pulse.onset, pulse.end) == (0.0, pytest.approx(3.5e-3))


def test_times_lie_on_straight_lines_between_rows():
    (r,) = pulse_responses(curves(I), threshold=1e-6)
    assert r.delay == pytest.approx(3.5e-3 - 1.5e-3)
    assert r.relaxation == pytest.approx((7 + 2 / 3) * 1e-3 - 5.5e-3)
    assert r.switched
    assert r.relaxed
    assert (r.width, r.watched) == (pytest.approx(4e-3), pytest.approx(3.5e-3))
    (r,) = pulse_responses(curves(I), threshold=1e-6, off_threshold=6e-6)
    assert r.relaxation == pytest.approx(6.5e-3 - 5.5e-3)


def test_what_was_not_seen_is_infinite_and_counted():
    never, stuck = np.full(10, 1e-9), np.where(T > 3.2e-3, 5e-6, 0.0)
    early = np.where(T < 5.2e-3, 5e-6, 0.0)
    found = [pulse_responses(curves(i))[0] for i in (never, stuck, early, I)]
    assert [r.delay for r in found] == pytest.approx([np.inf, 1.7e-3, 0.0, 2e-3])
    assert np.isnan(found[0].relaxation)
    assert [r.relaxation for r in found[1:3]] == [np.inf, 0.0]
    assert found[0].to_json()["delay_s"] is None
    about = summarise_pulses(found)
    assert (about["pulses"], about["switched"]) == (4, 3)
    assert about["delay_s"]["censored"] == about["relaxation_s"]["censored"] == 1
    # Kaplan-Meier: half of all four have switched by the second value
    assert about["delay_s"]["median"] == pytest.approx(1.7e-3)


def test_a_median_beyond_what_was_seen_is_none():
    never = pulse_responses(curves(np.full(10, 1e-9)))
    assert summarise_pulses(never * 3)["delay_s"]["median"] is None
    about = summarise_pulses([*pulse_responses(curves(I)), *never, *never])
    assert (about["delay_s"]["censored"], about["delay_s"]["median"]) == (2, None)


def test_many_curves_at_once_are_the_curves_one_by_one():
    rng = np.random.default_rng(1)
    many = np.abs(rng.normal(size=(3, 4, 10))) * 1e-6
    at_once = delays(T, many, onset=1.5e-3, end=5.5e-3), relaxations(T, many, end=5.5e-3)
    for k in np.ndindex(3, 4):
        assert at_once[0][k] == delays(T, many[k], onset=1.5e-3, end=5.5e-3)
        assert at_once[1][k] == relaxations(T, many[k], end=5.5e-3)


def test_data_that_cannot_answer_are_refused():
    for bad in (dict(i=I, t=None), dict(i=I, v=np.full(10, 0.2))):
        with pytest.raises(BoundsError):
            pulse_responses(curves(**bad))
    for threshold in (0.0, np.nan):
        with pytest.raises(BoundsError, match="threshold"):
            pulse_responses(curves(I), threshold=threshold)


@pytest.mark.integration
def test_the_published_statistics_of_measured_pulses(shared_data):
    """195 curves: delay 1.05 +- 0.40 ms and relaxation 3.57 +- 0.86 ms to 1 uA, from 2.0 to 6.0 ms."""
    m = mj.read(shared_data / "clean" / "umass_diffusive_relaxation_layer1.csv")
    found = pulse_responses(m, threshold=1e-6)
    about = summarise_pulses(found)
    assert (about["pulses"], about["switched"], about["clipped"]) == (195, 195, 195)
    d, r = about["delay_s"], about["relaxation_s"]
    assert (d["mean"], d["sd"]) == (
        pytest.approx(1.05e-3, abs=5e-6),
        pytest.approx(0.40e-3, abs=5e-6),
    )
    assert (r["mean"], r["sd"]) == (
        pytest.approx(3.57e-3, abs=5e-6),
        pytest.approx(0.86e-3, abs=5e-6),
    )
    assert (r["min"], r["max"]) == (
        pytest.approx(2.0e-3, abs=5e-5),
        pytest.approx(6.0e-3, abs=5e-5),
    )
    with pytest.raises(BoundsError, match="below the limit"):
        pulse_responses(m, threshold=2e-5)

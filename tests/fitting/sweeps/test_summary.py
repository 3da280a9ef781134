"""What a measurement says, before anything is fitted."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.summary import (
    MANY,
    MOST,
    far_sweeps,
    is_sudden,
    noise_floor,
    spread_waves,
    summarise_sweeps,
    without_strays,
)
from memjax.errors import DataError
from tests.fits import measured_loops, threshold_loop


def test_sweeps_of_one_waveform_are_grouped_and_their_events_are_medians():
    m = measured_loops(
        threshold_loop(0.5, 0.2),
        threshold_loop(0.6, 0.2),
        threshold_loop(0.7, 0.3),
        threshold_loop(0.5, 0.1, sign=-1),
    )
    plus, minus = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    assert plus.polarities == (1,)
    assert minus.polarities == (-1,)
    assert plus.n_sweeps == 3
    # On the way up 0.6 V is row 12, on the way down 0.2 V is row 36: half a row before each.
    np.testing.assert_allclose(plus.median_events(), [[11.5, 35.5, 35.5]])
    np.testing.assert_allclose(minus.median_events(), [[9.5, 37.5, 37.5]])


def test_a_forming_cycle_beside_many_others_is_no_half_of_the_data():
    high = np.interp(np.arange(41), [0, 20, 40], [0, 2, 0])
    cycles = [(high, np.maximum(high, 1e-3) / 1e6), *[threshold_loop(0.5, 0.2)] * MANY]
    waves = summarise_sweeps([measured_loops(*cycles)], point_time=1e-3, floor=1e-14)
    kept, strays = without_strays(waves, chosen=False)
    assert [w.labels.tolist() for w in strays] == [[0]]
    assert [w.n_sweeps for w in kept] == [MANY]
    assert without_strays(waves, chosen=True) == (waves, [])
    assert without_strays(waves[:1], chosen=False) == (waves[:1], [])
    few = summarise_sweeps([measured_loops(*cycles[:-1])], point_time=1e-3, floor=1e-14)
    assert len(without_strays(few, chosen=False)[0]) == 2


def test_many_waveforms_of_their_own_are_thinned_evenly_unless_someone_chose_them():
    cycles = [threshold_loop(0.5 + 0.01 * k, 0.2) for k in range(2 * MOST + 1)]
    waves = summarise_sweeps([measured_loops(*cycles)], point_time=1e-3, floor=1e-14)
    # Loops that have one voltage are one waveform; here each counts as one of its own.
    (whole,) = waves
    waves = [
        replace(
            whole,
            labels=whole.labels[k : k + 1],
            log_response=whole.log_response[k : k + 1],
            events=whole.events[k : k + 1],
        )
        for k in range(2 * MOST + 1)
    ]
    kept, (note,) = spread_waves(waves, chosen=False)
    labels = [int(w.labels[0]) for w in kept]
    assert (labels[0], labels[-1], len(labels)) == (0, 2 * MOST, MOST)
    assert set(np.diff(labels)) <= {2, 3}
    assert note.startswith(f"of {2 * MOST + 1} waveforms {MOST}, spread evenly")
    assert spread_waves(waves, chosen=True) == (waves, [])
    assert spread_waves(waves[:MOST], chosen=False) == (waves[:MOST], [])


def test_a_sweep_that_never_switches_beside_others_is_named_by_its_number():
    """Its row-wise median hides it; that of a sweep that switches a little later is no news."""
    cycles = [threshold_loop(v, 0.2) for v in (0.5, 0.55, 0.5, 1.5, 0.5, 0.5, 0.45, 0.5)]
    m = measured_loops(*cycles)
    m = replace(m, sweep=m.sweep + 20, at_compliance=np.zeros(len(m.v), bool))
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-16)
    (note,) = far_sweeps(waves, 1e-16)
    assert note.startswith(
        "sweeps far from the others at a quarter of the points or more (robust z): 23 ("
    )
    alike = measured_loops(*cycles[:3], *cycles[4:])
    assert far_sweeps(summarise_sweeps([alike], point_time=1e-3, floor=1e-16), 1e-16) == []


def test_rows_between_the_first_and_the_last_switching_sweep_do_not_count():
    m = measured_loops(threshold_loop(0.5, 0.2), threshold_loop(0.7, 0.2))
    (w,) = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    assert not w.used[10:15].any()
    assert w.used[2:9].all()


def test_points_at_the_limit_are_censored():
    m = measured_loops(threshold_loop(0.5, 0.2))
    (w,) = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    np.testing.assert_array_equal(w.censored, m.at_compliance)
    assert w.censored.any()
    assert not (w.censored & w.used).any()


@pytest.mark.integration
def test_a_bipolar_loop_has_two_legs():
    (v1, i1), (v2, i2) = threshold_loop(0.5, 0.2), threshold_loop(0.6, 0.3, sign=-1)
    m = measured_loops((np.concatenate([v1, v2]), np.concatenate([i1, i2])))
    (w,) = summarise_sweeps([m], point_time=1e-3, floor=1e-14)
    assert w.polarities == (1, -1)
    np.testing.assert_allclose(w.median_events()[:, 0], [9.5, 41 + 11.5])


def test_the_noise_floor_is_the_noise_of_the_lowest_currents():
    rng = np.random.default_rng(0)
    v, i = threshold_loop(0.5, 0.2)
    i = np.where(np.abs(i) < 1e-9, 1e-12, i)
    loops = [(v, i + 2e-13 * rng.normal(size=i.size) * (np.abs(i) < 1e-9)) for _ in range(40)]
    # Among the lowest tenth of |i| neighbours differ by less than any two values do: a factor of 2.
    assert 0.5e-13 < noise_floor(measured_loops(*loops)) < 4e-13


def test_no_excursion_of_the_voltage_is_an_error():
    flat = mj.Measurement(
        v=np.zeros(5),
        i=np.ones(5),
        sweep=np.zeros(5, int),
        at_compliance=np.zeros(5, bool),
        reader="test",
    )
    with pytest.raises(DataError, match="no excursion of the voltage"):
        summarise_sweeps([flat], point_time=1e-3, floor=1e-14)


def test_a_response_that_passes_a_threshold_in_small_steps_is_no_event():
    """A line of 0.2 decades a row, and a jump of five decades: only rows about the jump do not count."""
    rows = np.arange(41)
    v = np.interp(rows, [0, 20, 40], [0.05, 1.05, 0.05])
    slow = 1e-12 * 10 ** (0.2 * np.minimum(rows, 40 - rows) * 2)
    (wave,) = summarise_sweeps([measured_loops((v, slow))], point_time=1e-3, floor=1e-16)
    assert np.isfinite(wave.events[0, 0, 0])
    assert not wave.sudden().any()
    assert wave.used[int(wave.events[0, 0, 0])]
    (wave,) = summarise_sweeps(
        [measured_loops(threshold_loop(0.5, 0.2))], point_time=1e-3, floor=1e-14
    )
    assert wave.sudden()[0, [0, 2]].all()
    assert not wave.used[9:11].any()
    events = np.full((3, 1, 3), np.nan)
    assert not is_sudden(np.zeros((3, 5)), events, np.ones(5)).any()


def test_a_current_that_follows_the_voltage_to_nothing_does_not_jump():
    """A resistance that stays is below any threshold beside 0 V: where that is says the voltage, not the device."""
    v = np.array([0.4, 0.3, 0.2, 0.1, 0.01, 0.0])
    events = np.array([[[3.5, np.nan, np.nan]]])
    ohmic, opens = np.log10(v / 1e4 + 1e-12), np.log10(np.where(v > 0.05, v / 1e4, v / 1e8) + 1e-12)
    assert not is_sudden(ohmic[None], events, v)[0, 0]
    assert is_sudden(opens[None], events, v)[0, 0]
    # To a voltage of 0 any current ends.
    assert not is_sudden(opens[None], events + 1, v)[0, 0]


def test_a_response_of_zero_throughout_is_an_error_that_says_so():
    v, i = threshold_loop(0.5, 0.2)
    with pytest.raises(DataError, match=r"the current is 0 throughout.*memjax read"):
        summarise_sweeps([measured_loops((v, 0 * i))], point_time=1e-3, floor=1e-14)

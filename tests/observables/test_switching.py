"""Switching voltages, ratios and areas, on arrays made by hand and on measured ones."""

import dataclasses

import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError
from memjax.observables import (
    excursions,
    hysteresis_area,
    on_off_ratio,
    summarise,
    switching,
    switching_of,
)


@dataclasses.dataclass
class Sweeps:
    v: np.ndarray
    i: np.ndarray
    sweep: np.ndarray


UP = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
V = np.concatenate([UP, UP[-2::-1]])
#                 0      .1     .2     .3    .4    .5    .4    .3    .2     .1     0
I = np.array([1e-13, 1e-12, 1e-12, 2e-8, 1e-6, 1e-6, 1e-6, 1e-6, 5e-9, 5e-12, 1e-13])


def test_voltages_are_sampled_ones_by_their_thresholds():
    found = switching_of(V, I)
    assert (found.v_th, found.v_hold) == (0.3, 0.1)
    assert (found.switched, found.returned, found.polarity) == (True, True, 1)
    assert (found.rise, found.release, found.fall) == (3, 8, 9)


def test_thresholds_are_arguments():
    found = switching_of(V, I, on_threshold=1e-7, hold_threshold=1e-8)
    assert (found.v_th, found.v_hold) == (0.4, 0.2)


def test_a_current_at_the_threshold_is_not_above_it():
    i = np.where(V == 0.3, 1e-8, np.where(V > 0.3, 1e-6, 1e-12))
    assert switching_of(V, i).v_th == 0.4


def test_negative_sweeps_give_positive_voltages_whether_the_current_is_signed_or_not():
    for i in (-I, I):
        found = switching_of(-V, i)
        assert (found.v_th, found.v_hold, found.polarity) == (0.3, 0.1, -1)


def test_a_sweep_that_never_switches_or_never_returns_says_so():
    never = switching_of(V, np.full(11, 1e-12))
    assert (never.v_th, never.switched, never.v_hold, never.returned) == (None, False, 0.5, True)
    stuck = switching_of(V, np.where(np.arange(11) > 3, 1e-6, I))
    assert (stuck.v_th, stuck.v_hold, stuck.switched, stuck.returned) == (0.3, None, True, False)


def test_a_spike_on_the_falling_branch_is_no_switching():
    i = np.full(11, 1e-12)
    i[7] = 1e-6
    assert not switching_of(V, i).switched


def test_one_reading_that_jumps_is_no_switching():
    spike, dips = np.full(11, 1e-12), I.copy()
    spike[3], dips[6] = 1e-6, 1e-13
    assert not switching_of(V, spike).switched
    f = switching_of(V, dips)
    assert (f.rise, f.release, f.fall) == (3, 8, 9)
    spike[3], spike[5] = 1e-12, 1e-6
    assert (
        switching_of(V, spike).v_th == 0.5
    )  # at the peak, where coarse steps may pass it in one row


def test_a_bipolar_loop_has_two_excursions_that_meet_at_rest():
    loop = np.concatenate([V, -V[1:]])
    parts = excursions(loop)
    assert [(p.start, p.stop) for p in parts] == [(0, 11), (11, 21)]
    data = Sweeps(loop, np.concatenate([I, I[1:]]), np.zeros(21, int))
    assert [(f.polarity, f.v_th, f.v_hold) for f in switching(data)] == [
        (1, 0.3, 0.1),
        (-1, 0.3, 0.1),
    ]


def test_rows_of_the_second_excursion_are_counted_in_the_sweep():
    loop = np.concatenate([V, -V[1:]])
    found = switching(Sweeps(loop, np.concatenate([I, I[1:]]), np.zeros(21, int)))
    assert loop[found[1].rise] == pytest.approx(-0.3)


def test_a_voltage_of_zero_has_no_excursion():
    assert excursions(np.zeros(5)) == []
    assert switching(Sweeps(np.zeros(5), np.zeros(5), np.zeros(5, int))) == []


def test_sweeps_are_told_apart_by_their_labels_in_the_order_in_which_they_occur():
    data = Sweeps(np.tile(V, 3), np.concatenate([I, 1e-4 * I, I]), np.repeat([7, 3, 5], 11))
    found = switching(data)
    assert [(f.sweep, f.switched) for f in found] == [(7, True), (3, False), (5, True)]


def test_counts_and_distributions_leave_nothing_out():
    stuck = np.where(np.arange(11) > 3, 1e-6, I)
    currents = [I, np.full(11, 1e-12), stuck, np.roll(I, 1)]
    data = Sweeps(np.tile(V, 4), np.concatenate(currents), np.repeat(np.arange(4), 11))
    s = summarise(switching(data))
    positive = s["positive"]
    assert (s["excursions"], positive["switched"], positive["never_switched"]) == (4, 3, 1)
    assert positive["never_returned"] == 1
    assert positive["v_th_V"]["n"] == 3
    assert positive["v_th_V"]["median"] == 0.3
    assert positive["v_hold_V"]["n"] == 2
    assert positive["v_hold_all_V"]["n"] == 3
    assert "negative" not in s


@pytest.mark.parametrize("bad", [0.0, -1e-8, np.nan, np.inf])
@pytest.mark.parametrize("name", ["on_threshold", "hold_threshold"])
def test_a_threshold_that_is_no_positive_current_is_refused(name, bad):
    with pytest.raises(BoundsError, match=f"{name.replace('_', '-')} = .*finite current > 0 A"):
        switching(Sweeps(V, I, np.zeros(11, int)), **{name: bad})


def test_the_area_of_an_ellipse_and_of_a_rectangle():
    t = np.linspace(0, 2 * np.pi, 2001)[:-1]
    area = hysteresis_area(3 * np.cos(t), 2 * np.sin(t))
    assert area == pytest.approx(6 * np.pi, rel=1e-5)
    assert hysteresis_area(3 * np.cos(-t), 2 * np.sin(-t)) == pytest.approx(area)
    square = hysteresis_area(np.array([0.0, 2.0, 2.0, 0.0]), np.array([1.0, 1.0, 4.0, 4.0]))
    assert square == pytest.approx(6.0)


def test_a_resistor_has_no_area_and_a_ratio_of_one():
    assert hysteresis_area(V, 2e-3 * V) == pytest.approx(0.0, abs=1e-18)
    assert on_off_ratio(V[1:-1], 2e-3 * V[1:-1]) == pytest.approx(1.0)


def test_the_on_off_ratio_is_the_largest_at_one_voltage():
    i = np.where(np.arange(11) <= 5, 1e-3 * V, 0.1 * V)
    i[3] *= 0.5
    i[5] = 0.1 * V[5]
    assert on_off_ratio(V[1:-1], i[1:-1]) == pytest.approx(200.0)


def test_the_on_off_ratio_is_read_where_both_branches_were_measured():
    # The falling branch ends at 0.4 V: what it carried there says nothing about 0.1 V.
    v = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.4])
    i = np.array([1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 5e-6])
    assert on_off_ratio(v, i) == pytest.approx(5.0)


def test_a_branch_of_one_point_has_no_ratio():
    assert on_off_ratio(UP, UP) is None
    assert on_off_ratio(UP[::-1], UP) is None


def test_json_names_carry_units():
    keys = set(switching_of(V, I).to_json())
    assert {"v_th_V", "v_hold_V", "hysteresis_area_VA", "sweep", "polarity", "switched"} <= keys


def test_a_measured_device_gives_the_voltages_that_were_read_off_independently(shared_data):
    # Medians by the same definitions, computed with numpy alone from the csv file.
    data = mj.read(shared_data / "clean" / "usc_diffusive_dc_symmetric.csv")
    s = summarise(switching(data))
    assert (s["positive"]["excursions"], s["negative"]["excursions"]) == (51, 49)
    assert s["positive"]["v_th_V"]["median"] == pytest.approx(0.258, abs=5e-4)
    assert s["negative"]["v_th_V"]["median"] == pytest.approx(0.294, abs=5e-4)
    assert s["positive"]["v_hold_V"]["median"] == pytest.approx(0.012, abs=5e-4)
    assert s["negative"]["v_hold_V"]["median"] == pytest.approx(0.084, abs=5e-4)

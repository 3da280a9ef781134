"""Thresholds of current sweeps: on arrays made by hand, on a simulation, on a measured sweep."""

import numpy as np
import pytest

import memjax as mj
from memjax.observables import snap_back_of, summarise, switching

AMPS = np.concatenate([np.arange(0, 9), np.arange(7, -1, -1)]) * 1e-4
#                 0   1    2    3    4    5    6    7    8    7    6    5    4    3    2    1    0
VOLTS = np.array([0, 1.0, 2.0, 3.0, 4.0, 2.5, 2.4, 2.3, 2.2, 2.1, 2.0, 2.1, 2.2, 2.8, 2.0, 1.0, 0])


def _measured(v, i, driven="current") -> mj.Measurement:
    return mj.Measurement(
        v=v, i=i, sweep=np.zeros(len(v), int), driven=driven, reader="made here",
        at_compliance=np.zeros(len(v), bool),
    )  # fmt: skip


def test_threshold_is_the_last_voltage_before_it_falls_and_hold_the_lowest_before_it_climbs_back():
    found = snap_back_of(VOLTS, AMPS)
    assert (found.v_th, found.v_hold) == (4.0, 2.0)
    assert (found.rise, found.release, found.fall) == (4, None, 13)
    assert (found.switched, found.returned, found.polarity) == (True, True, 1)
    assert found.on_off_ratio == pytest.approx(4.0 / 2.2)  # at 4e-4 A


def test_the_other_polarity_gives_the_same_voltages():
    found = snap_back_of(-VOLTS, -AMPS)
    assert (found.v_th, found.v_hold, found.polarity) == (4.0, 2.0, -1)


@pytest.mark.integration
def test_a_resistance_and_a_saturating_voltage_do_not_switch():
    for v in (1e4 * AMPS, 3 * np.tanh(AMPS / 2e-4)):
        found = snap_back_of(v, AMPS)
        assert (found.v_th, found.v_hold) == (None, None)
        assert (found.switched, found.returned) == (False, False)


def test_a_measurement_is_read_by_what_was_driven():
    (by_current,) = switching(_measured(VOLTS, AMPS))
    (by_voltage,) = switching(_measured(VOLTS, AMPS, "voltage"))
    assert by_current.v_th == 4.0
    assert by_voltage.v_th == 1.0  # the first point above 1e-8 A, which says nothing


@pytest.mark.slow
def test_a_simulated_current_sweep_is_read_as_one():
    sweep = mj.triangle_sweep(1e-4, rate=1e-3, quantity="current")
    trace = mj.simulate(mj.model("linear-drift"), sweep)
    assert trace.member(0).driven == "current"
    assert not any(found.switched for found in switching(trace))


def test_two_excursions_in_one_sweep_are_two_readings():
    found = switching(_measured(np.append(VOLTS, -VOLTS[1:]), np.append(AMPS, -AMPS[1:])))
    assert [f.polarity for f in found] == [1, -1]
    summary = summarise(found)
    assert summary["positive"]["v_th_V"]["median"] == summary["negative"]["v_th_V"]["median"] == 4.0

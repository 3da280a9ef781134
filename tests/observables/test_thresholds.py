"""Thresholds: the published ones where they make sense, else what the jumps of the data say."""

import numpy as np
import pytest

import memjax as mj
from memjax.observables import NEVER, Thresholds, find_thresholds, switching

UP = np.arange(41) / 40
VOLTS = np.concatenate([UP, UP[-2::-1]])
OUT = np.arange(81) <= 40


def _measured(i, driven="voltage") -> mj.Measurement:
    return mj.Measurement(
        v=np.tile(VOLTS, 3), i=np.tile(i, 3), sweep=np.repeat(np.arange(3), 81), driven=driven,
        reader="made here", at_compliance=np.zeros(243, bool),
    )  # fmt: skip


def _switch(off: float, on: float) -> np.ndarray:
    """A device of two resistances [ohm] that switches at 0.6 V and returns at 0.3 V."""
    lit = (VOLTS >= 0.6) & OUT | (VOLTS > 0.3) & ~OUT
    return VOLTS / np.where(lit, on, off)


@pytest.mark.integration
def test_published_thresholds_stand_where_the_leakage_is_below_them():
    assert find_thresholds(_measured(_switch(1e12, 1e6))) == Thresholds()


def test_a_device_that_leaks_more_is_read_by_its_own_jumps():
    m = _measured(_switch(1e5, 1e3))
    found = find_thresholds(m)
    # Between the rows of the jump: 0.575 V over 1e5 ohm and 0.625 V over 1e3 ohm at the least and the most.
    assert 0.575 / 1e5 < found.on < 0.625 / 1e3
    assert 0.275 / 1e5 < found.hold < 0.325 / 1e3
    assert {f.v_th for f in switching(m, **found.options)} == {0.6}
    assert {f.v_hold for f in switching(m, **found.options)} == {0.3}
    assert {f.v_th for f in switching(m)} == {UP[1]}  # by the published ones: its first point


def test_a_resistance_never_switches():
    m = _measured(VOLTS / 1e3)
    found = find_thresholds(m)
    assert (found.on, found.hold) == NEVER
    assert str(found).startswith("no thresholds: most currents do not jump up on the way out")
    assert "factor" not in str(found)
    assert not any(f.switched for f in switching(m, **found.options))


@pytest.mark.parametrize("row", [8, 30])
def test_one_reading_that_jumps_is_no_jump_of_a_device(row):
    i = VOLTS / 1e3
    i[row] *= 3
    assert (find_thresholds(_measured(i)).on, find_thresholds(_measured(i)).hold) == NEVER


def test_an_imposed_current_needs_none():
    assert find_thresholds(_measured(VOLTS / 1e3, "current")) == Thresholds()


def test_leakage_that_falls_through_the_hold_threshold_is_no_hold_voltage():
    """It leaks 1e-11 A at 0.21 V where it is off, while it turned off at 0.3 V."""
    m = _measured(_switch(2.1e10, 1e6))
    assert {f.v_hold for f in switching(m)} == {0.2}
    found = find_thresholds(m)
    assert found.on == Thresholds().on
    assert 0.275 / 2.1e10 < found.hold < 0.325 / 1e6
    assert "leakage falls through 1e-11 A" in str(found)
    assert {f.v_hold for f in switching(m, **found.options)} == {0.3}


def test_a_device_that_never_lets_go_has_no_hold_voltage():
    """It switches at 0.6 V and stays on, with a current that goes with the square of the voltage."""
    up = np.arange(401) / 400
    v = np.concatenate([up, up[-2::-1]])
    i = np.where((np.arange(801) <= 400) & (v < 0.6), 1e-13 * v, 2e-8 * v**2)
    about = dict(sweep=np.zeros(801, int), at_compliance=np.zeros(801, bool), reader="made here")
    m = mj.Measurement(v=v, i=i, **about)
    assert all(f.returned for f in switching(m))  # at 22 mV, by the published ones
    found = find_thresholds(m)
    assert (found.on, found.hold) == (Thresholds().on, NEVER[1])
    assert not any(f.returned for f in switching(m, **found.options))


def test_a_device_is_known_by_all_of_its_files():
    leaks, tight = _measured(_switch(1e5, 1e3)), _measured(_switch(1e12, 1e6))
    assert find_thresholds(tight, leaks, leaks) == find_thresholds(leaks)


def test_a_snap_to_the_current_limit_is_switching_at_the_voltage_before():
    """The file holds what is left of 0.6 V and more at 1 mA."""
    i = np.minimum(_switch(1e5, 1e2), 1e-3)
    limited = i >= 1e-3
    v = np.where(limited, 0.1, VOLTS)
    about = dict(sweep=np.zeros(81, int), at_compliance=limited, reader="made here")
    (found,) = switching(mj.Measurement(v=v, i=i, **about), on_threshold=1e-4)
    assert found.switched
    assert found.v_th == pytest.approx(0.575)
    thresholds = find_thresholds(mj.Measurement(v=v, i=i, **about))
    assert 0.575 / 1e5 < thresholds.on < 1e-3


@pytest.mark.parametrize("finer", [1, 40])
def test_a_jump_is_one_however_closely_it_was_sampled(finer):
    """It switches within 1 % of a volt: in one row of 40 to a volt, in sixteen of 1600."""
    v = np.interp(np.arange(80 * finer + 1) / finer, np.arange(81), VOLTS)
    out = np.arange(len(v)) <= 40 * finer
    on = np.clip((v - np.where(out, 0.6, 0.3)) / 0.01, 0, 1)
    i = v * 10 ** (-5 + 2 * on)
    about = dict(
        sweep=np.zeros(len(v), int), at_compliance=np.zeros(len(v), bool), reader="made here"
    )
    found = find_thresholds(mj.Measurement(v=v, i=i, **about))
    assert 0.55e-5 < found.on < 0.65e-3
    assert 0.25e-5 < found.hold < 0.35e-3
    (read,) = switching(mj.Measurement(v=v, i=i, **about), **found.options)
    assert read.v_th == pytest.approx(0.6, abs=0.0251)
    assert read.v_hold == pytest.approx(0.3, abs=0.0251)


def test_a_drop_of_the_current_is_said_where_no_threshold_is_found():
    """A reset at 0.6 V on the way out, from 1 kohm to 80 kohm, where the way back stays."""
    m = _measured(VOLTS / np.where((VOLTS < 0.6) & OUT, 1e3, 8e4))
    found = find_thresholds(m)
    assert (found.on, found.hold) == NEVER
    assert str(found).endswith("at one voltage these differ by up to a factor of 80")


def test_a_threshold_that_no_current_passes_is_called_none():
    on, hold = NEVER
    assert str(Thresholds(on=on, hold=3e-7)).startswith("on-threshold none, hold-threshold 3e-07 A")
    assert str(Thresholds(on=3e-7, hold=hold)).startswith(
        "on-threshold 3e-07 A, hold-threshold none"
    )

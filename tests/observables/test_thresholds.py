"""Thresholds: the published ones where they make sense, else what the jumps of the data say."""

import numpy as np
import pytest

import memjax as mj
from memjax.observables import NEVER, Thresholds, find_thresholds, switching

pytestmark = pytest.mark.fast

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
    assert str(found).startswith("nothing switches")
    assert not any(f.switched for f in switching(m, **found.options))


def test_an_imposed_current_needs_none():
    assert find_thresholds(_measured(VOLTS / 1e3, "current")) == Thresholds()

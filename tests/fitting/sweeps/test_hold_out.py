"""Sweeps that act on a device and count for nothing else."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.sweeps.hold_out import counted_sweeps, prepare_counted
from fitting.sweeps.prepare import prepare
from memjax.errors import DataError

LOOP = np.concatenate(
    [np.linspace(0, 1, 11), np.linspace(1, -1, 21)[1:], np.linspace(-1, 0, 11)[1:]]
)
OPTIONS = {"bench": None, "env": None, "free": None, "fix": None, "seed": 0, "screened": 4}


def _sweeps(*tops: float) -> mj.Measurement:
    """Loops of a resistor that is halved on the way back, to so many volts each."""
    v = np.concatenate([x * LOOP for x in tops])
    i = v * np.tile(np.where(np.diff(np.abs(LOOP), prepend=0.0) >= 0, 1e-4, 2e-4), len(tops))
    label, limited = np.repeat(np.arange(len(tops)), len(LOOP)), np.zeros(v.size, bool)
    return mj.Measurement(v=v, i=i, sweep=label, at_compliance=limited, reader="made here")


def test_a_sweep_that_is_held_out_drives_a_learned_device_and_has_no_weight():
    m = _sweeps(1.0, 1.2, 1.0)
    device = mj.HybridDevice()
    part = prepare_counted([m], device, hold_out=[1], point_time=0.01, **OPTIONS)
    whole = prepare([m], device, point_time=0.01, **OPTIONS)
    weight, every = (np.asarray(p.problem.group.weight)[0] for p in (part, whole))
    held = m.sweep == 1
    assert np.all(weight[held] == 0)
    assert np.all(weight[~held] == every[~held])
    np.testing.assert_array_equal(
        part.problem.group.stimuli.values, whole.problem.group.stimuli.values
    )
    assert not np.any(part.waves[0].used[held])


def test_a_search_begins_without_the_currents_that_are_held_out():
    m = _sweeps(1.0, 1.0, 1.0)
    other = _sweeps(1.0, 1.0, 1.0)
    other.i[m.sweep == 1] *= 30
    first, second = (
        prepare_counted([x], mj.HybridDevice(), hold_out=[1], point_time=0.01, **OPTIONS)
        for x in (m, other)
    )
    np.testing.assert_array_equal(first.candidates, second.candidates)


def test_of_other_devices_sweeps_that_are_held_out_are_left_out():
    m = _sweeps(1.0, 1.2, 1.0)
    part = prepare_counted([m], mj.Vteam(), hold_out=[1], point_time=0.01, **OPTIONS)
    alone = prepare([m.select(m.sweep != 1)], mj.Vteam(), point_time=0.01, **OPTIONS)
    np.testing.assert_array_equal(part.problem.group.target, alone.problem.group.target)


def test_a_sweep_that_is_held_out_has_to_be_one_and_leave_others():
    m = _sweeps(1.0, 1.2)
    assert [list(x.labels) for x in counted_sweeps([m], [1])] == [[0]]
    with pytest.raises(DataError, match="no sweep 7 to hold out"):
        counted_sweeps([m], [1, 7])
    with pytest.raises(DataError, match="all sweeps are held out"):
        ft.solve(ft.SweepProblem([m], mj.HybridDevice(), point_time=0.01, hold_out=[0, 1]))

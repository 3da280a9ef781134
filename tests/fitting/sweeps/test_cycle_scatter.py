"""Scatter between cycles that are fitted one after the other."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.cycle_scatter import (
    scatter_of_closings,
    scatter_of_cycles,
    typical_scatter,
    with_cycles,
)
from fitting.sweeps.learned import in_sequence
from fitting.sweeps.summary import summarise_sweeps
from tests.helpers import z_score

POINTS = 101
VOLTS = np.concatenate([np.linspace(0, 1, 51), np.linspace(1, 0, 51)[1:]])


def _cycles(shifts: np.ndarray, tops: np.ndarray | None = None) -> mj.Measurement:
    """Cycles of a resistor whose currents are off by so many decades."""
    count = len(shifts)
    v = np.concatenate([VOLTS * x for x in (np.ones(count) if tops is None else tops)])
    i = 1e-6 * v * 10 ** np.repeat(shifts, POINTS)
    limited = np.zeros(v.size, bool)
    label = np.repeat(np.arange(count), POINTS)
    return mj.Measurement(v=v, i=i, sweep=label, at_compliance=limited, reader="made here")


def test_the_scatter_of_cycles_is_that_of_a_cycle_from_its_neighbour():
    rng = np.random.default_rng(0)
    m = _cycles(np.zeros(400))
    m = replace(m, i=m.i * 10 ** (0.1 * rng.normal(size=m.i.size)))
    # 99 rows are independent of each other; the one of 0 V has no logarithm.
    assert abs(z_score(scatter_of_cycles(m)[1:100] ** 2, 0.1**2)) < 4


def test_a_drift_is_no_scatter():
    m = _cycles(np.linspace(0, 1, 11))
    clear = scatter_of_cycles(m)[1:50]
    assert clear == pytest.approx(0.1 / np.sqrt(2))


def test_the_scatter_of_set_voltages_is_that_of_neighbours():
    """Loops that close at 0.4, 0.6 and 0.4 V."""
    m = _cycles(np.zeros(3))
    back = np.arange(m.v.size) % POINTS > 50
    at = np.repeat([0.4, 0.6, 0.4], POINTS)
    m = replace(m, i=np.where(back | (m.v > at + 1e-9), 10.0, 1.0) * m.i)
    assert scatter_of_closings(m) == {"set": pytest.approx(0.2 / np.sqrt(2), abs=0.02)}


def test_cycles_of_other_voltages_say_nothing_of_each_other():
    m = _cycles(np.array([0.0, 0.5]), np.array([1.0, 2.0]))
    assert np.all(np.isnan(scatter_of_cycles(m)))


def test_only_waveforms_that_are_whole_measurements_have_cycles():
    m = _cycles(np.array([0.0, 0.2, 0.0]))
    summarised = summarise_sweeps([m], point_time=1e-3, floor=1e-16)
    assert typical_scatter(with_cycles(summarised, [m])) == 0.0
    joined = summarise_sweeps(in_sequence([m]), point_time=1e-3, floor=1e-16)
    assert typical_scatter(with_cycles(joined, [m])) == pytest.approx(0.2 / np.sqrt(2))
    assert typical_scatter(joined) == 0.0

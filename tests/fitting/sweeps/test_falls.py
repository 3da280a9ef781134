"""Negative differential resistances that the data do not have."""

import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.falls import FALL, fall_marks, largest_fall
from fitting.sweeps.group import misfit, pack
from fitting.sweeps.summary import summarise_sweeps
from fitting.sweeps.verdict import judge

UP = np.linspace(0, 1, 51)
VOLTS = np.concatenate([UP, UP[-2::-1], -UP[1:], -UP[-2::-1]])
BACK = np.tile(np.arange(101) > 50, 2)[:-1]
CLEAN = -6 + np.log10(np.abs(VOLTS) + 0.01) + 0.5 * BACK * np.sin(np.pi * np.abs(VOLTS)) * 0.5
WIGGLE = np.where(VOLTS > 0.8, np.log10(1 - 6 * np.maximum(VOLTS - 0.9, 0.0)), 0.0)
"""Of a function that bends too little: 40 % beyond 0.9 V lack at 1 V, and the current falls there."""


def _waves(measured):
    m = mj.Measurement(
        v=VOLTS, i=np.sign(VOLTS) * 10**measured, sweep=np.zeros(len(VOLTS), int), reader="made here",
        at_compliance=np.zeros(len(VOLTS), bool),
    )  # fmt: skip
    return summarise_sweeps([m], point_time=1e-3, floor=1e-16)


def _verdict(measured, simulated):
    waves = _waves(measured)
    group = pack(waves, floor=1e-16, limit=None, events=False)
    rows = jnp.zeros(group.event_rows.shape)
    r = np.asarray(misfit(group, jnp.asarray(simulated)[None], events=rows))
    return judge(waves, group, r, simulated[None])


def test_a_fall_is_below_what_was_reached():
    assert largest_fall(np.array([0.0, 1.0, 0.7, 0.9, 1.5, 1.3])) == pytest.approx(0.3)
    assert largest_fall(np.arange(3.0)) == 0.0
    assert largest_fall(np.zeros(0)) == 0.0


def test_a_current_that_falls_where_the_measured_one_rises_is_not_good():
    found = _verdict(CLEAN, CLEAN + WIGGLE)
    assert found.word == "usable"
    assert "% while the voltage rises, where the measured one does not, positive" in found.reason
    assert _verdict(CLEAN, CLEAN).word == "good"


def test_a_fall_that_the_data_have_and_one_within_their_scatter_are_no_flaw():
    assert _verdict(CLEAN + WIGGLE, CLEAN + WIGGLE).word == "good"
    deeper = _verdict(CLEAN + WIGGLE, CLEAN + 1.1 * WIGGLE)
    assert "falls" not in deeper.reason
    noise = 0.2 * np.random.default_rng(0).normal(size=len(VOLTS))
    assert "falls" not in _verdict(CLEAN + noise, CLEAN + 0.3 * WIGGLE).reason


@pytest.mark.parametrize(("fall", "marks"), [(0.8 * FALL, 0), (1.2 * FALL, 1)])
def test_falls_are_told_from_a_share_of_the_current_on(fall, marks):
    """The exact fall of a straight line that turns down at its last row."""
    waves = _waves(np.log10(np.abs(VOLTS) + 0.01) - 6)
    simulated = waves[0].median_log().copy()
    simulated[50] = simulated[49] - fall
    none = lambda w: np.zeros(len(w.v))  # noqa: E731
    assert len(fall_marks(waves, simulated[None], 1e-16, none)) == marks

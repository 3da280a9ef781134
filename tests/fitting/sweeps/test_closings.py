"""Set and reset voltages of loops made by hand."""

import numpy as np

import memjax as mj
from fitting.sweeps.closings import closing_marks
from fitting.sweeps.summary import summarise_sweeps

UP = np.linspace(0, 1, 51)
VOLTS = np.concatenate([UP, UP[-2::-1]])
BACK = np.arange(101) > 50


def marks(measured, simulated, *, scatter: float):
    """Marks of a simulated loop beside a measured one, log10 of their currents, with a scatter of rows [decades]."""
    m = mj.Measurement(
        v=VOLTS, i=10**measured, sweep=np.zeros(101, int), reader="made here",
        at_compliance=np.zeros(101, bool),
    )  # fmt: skip
    waves = summarise_sweeps([m], point_time=1e-3, floor=1e-16)
    return closing_marks(waves, simulated[None], lambda w: np.full(len(w.v), scatter))


def test_a_set_voltage_counts_by_its_distance():
    """Where currents grow with the voltage, ways that part at low ones make no area."""

    def closing(at: float) -> np.ndarray:
        return -8 + 4 * VOLTS + BACK * (0.1 + 0.3 * np.clip((at - VOLTS) / 0.05, 0, 1))

    (mark,) = marks(closing(0.2), closing(0.53), scatter=0.0)
    assert mark.level == 2
    assert mark.text == "set at 0.52 V where 0.19 V was measured"
    (same,) = marks(closing(0.2), closing(0.2), scatter=0.0)
    assert same.level == 0


def test_set_voltages_that_noise_scatters_are_granted_their_scatter():
    """Ways that are hardly apart close anywhere: other noise of the same loop is no other device."""
    shallow = -6 + np.log10(VOLTS + 0.01) + 0.06 * BACK * (VOLTS < 0.9)
    levels = [
        mark.level
        for seed in range(20)
        for mark in marks(
            shallow + 0.015 * np.random.default_rng(seed).normal(size=101), shallow, scatter=0.015
        )
    ]
    assert len(levels) == 20
    assert levels.count(0) >= 19  # one in twenty lies farther off than nearly all do

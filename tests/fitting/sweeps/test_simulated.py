"""Simulated responses as a verdict takes them, and their sign."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.simulated import counted_responses, simulated_opposed
from fitting.sweeps.summary import summarise_sweeps

FLOOR = 1e-12
DEVICE = mj.Vteam()


def problem_of(bench: mj.Bench) -> Problem:
    """A loop of 1 V of `vteam`, whose data do not matter."""
    half = np.linspace(0, 1, 13)
    v = np.concatenate([half, half[-2::-1], -half[1:], -half[-2::-1]])
    limited = np.zeros(len(v), bool)
    m = mj.Measurement(
        v=v, i=1e-3 * v, t=None, sweep=np.zeros(len(v), int), at_compliance=limited, reader="", source={}
    )  # fmt: skip
    waves = summarise_sweeps([m], point_time=1e-3, floor=FLOOR)
    group = pack(waves, floor=FLOOR, limit=None, events=False)
    return Problem.of(DEVICE, ("r_on", "r_off"), group, bench=bench)


def test_currents_of_a_pinched_device_have_the_sign_of_the_voltage():
    problem = problem_of(mj.Bench())
    assert simulated_opposed(problem, np.asarray(problem.center)) is None


@pytest.mark.integration
def test_an_offset_of_the_reading_turns_currents_smaller_than_itself():
    plain = problem_of(mj.Bench())
    z, v = np.asarray(plain.center), np.asarray(plain.group.stimuli.values)
    alone = np.sign(v) * 10 ** counted_responses(plain, z)
    offset = 0.8 * float(np.max(alone[v < 0.3]))
    opposed = simulated_opposed(replace(plain, bench=mj.Bench(offset_current=offset)), z)
    assert opposed is not None
    clear = v != 0
    np.testing.assert_array_equal(opposed[clear], ((alone + offset) * v < 0)[clear])
    assert 0 < np.count_nonzero(opposed[clear]) < np.count_nonzero(clear) / 2

"""Fits of staircases behind a series resistance: what failed was the charging of a node at each of their steps."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.failures import no_start
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.summary import summarise_sweeps

POINT, FLOOR = 0.01, 1e-14
"""Time for which a value is held [s], and noise of the instrument [A]."""


def _problem(device, bench: mj.Bench, peak: float = 0.5) -> Problem:
    """The fit of a staircase of 101 points that the device itself gave."""
    v = peak * np.sin(2 * np.pi * np.arange(101) / 100)
    rows = POINT * (1 + np.arange(len(v)))
    options = dict(bench=bench, save=rows, deterministic=True)
    i = np.asarray(mj.simulate(device, mj.staircase(v, POINT), **options).check().i[0])
    about = dict(sweep=np.zeros(len(v), int), at_compliance=np.zeros(len(v), bool))
    measured = mj.Measurement(v=v, i=i, **about, reader="made here")
    waves = summarise_sweeps([measured], point_time=POINT, floor=FLOOR)
    limit = None if bench.compliance is None else (bench.compliance, bench.compliance)
    group = pack(waves, floor=FLOOR, limit=limit, events=device.volatile)
    return Problem.of(device, ("r_on",) if hasattr(device, "r_on") else ("a1",), group, bench=bench)


CASES = {
    "mms": (mj.model("mms"), mj.Bench(10.0)),
    "yakopcic": (mj.Yakopcic(), mj.Bench(40.0)),
    "yakopcic at a limit": (mj.Yakopcic(), mj.Bench(compliance=1e-3)),
    "diffusive": (mj.DiffusiveMemristor(), mj.Bench(1e3, compliance=1e-6)),
}


PLAIN = ("yakopcic", "diffusive")


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.study] * (c not in PLAIN)) for c in CASES]
)
def test_a_model_fits_its_own_staircase(case):
    """With the steps of a fit's first search; events are those of the rows, not of currents that charge a node."""
    problem = _problem(*CASES[case])
    residuals, ok = jax.jit(lambda z: problem.data_residuals(z))(problem.center)
    assert ok
    # Sampling in whole rows leaves half a row of an event, at a standard deviation of 0.38 rows.
    assert np.max(np.abs(residuals)) < 0.5 / np.sqrt(1 / 12 + 0.25**2)


def test_an_error_says_how_the_solves_ended():
    problem = _problem(mj.Vteam(), mj.Bench(100.0))
    few = replace(problem, policy=mj.Stiff(max_steps=10))
    said = str(no_start("no start could be solved", few, np.asarray(problem.center)[None]))
    assert "1 of 1 solves took more than 10 steps" in said
    assert "--point-time" in said
    assert "ended well, but with currents or derivatives" in str(
        no_start("no start", problem, np.asarray(problem.center)[None])
    )

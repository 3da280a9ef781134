"""An error of a search says how its solves ended."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.failures import no_start
from tests.fits import staircase_problem


@pytest.mark.study
def test_an_error_says_how_the_solves_ended():
    problem = staircase_problem(mj.Vteam(), mj.Bench(100.0))
    few = replace(problem, policy=mj.Stiff(max_steps=10))
    said = str(no_start("no start could be solved", few, np.asarray(problem.center)[None]))
    assert "1 of 1 solves took more than 10 steps" in said
    assert "--point-time" in said
    assert "ended well, but with currents or derivatives" in str(
        no_start("no start", problem, np.asarray(problem.center)[None])
    )

"""Fits of staircases behind a series resistance: what failed was the charging of a node at each of their steps."""

import jax
import numpy as np
import pytest

import memjax as mj
from tests.fits import staircase_problem

pytestmark = pytest.mark.slow

CASES = {
    "mms": (mj.model("mms"), mj.Bench(10.0)),
    "yakopcic": (mj.Yakopcic(), mj.Bench(40.0)),
    "yakopcic at a limit": (mj.Yakopcic(), mj.Bench(compliance=1e-3)),
    "diffusive": (mj.DiffusiveMemristor(), mj.Bench(1e3, compliance=1e-6)),
}


PLAIN = ("yakopcic", "diffusive")


@pytest.mark.few(1)
@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=[pytest.mark.study] * (c not in PLAIN)) for c in CASES]
)
def test_a_model_fits_its_own_staircase(case):
    """With the steps of a fit's first search; events are those of the rows, not of currents that charge a node."""
    problem = staircase_problem(*CASES[case])
    residuals, ok = jax.jit(lambda z: problem.data_residuals(z))(problem.center)
    assert ok
    # Sampling in whole rows leaves half a row of an event, at a standard deviation of 0.38 rows.
    assert np.max(np.abs(residuals)) < 0.5 / np.sqrt(1 / 12 + 0.25**2)

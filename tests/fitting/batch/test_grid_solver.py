"""Residuals and slopes on grids that follow their solutions are those of the adaptive solver."""

import numpy as np
import pytest

from fitting.batch.grid_solver import FINE, LANES, GridSolver, _parts
from fitting.problem import stacked
from fitting.sweeps.prepare import prepare
from tests.fits import WAFER_FIX, WAFER_FREE, WAFER_MODEL

pytestmark = pytest.mark.slow

CHUNK = 4


@pytest.mark.study
def test_grids_give_the_residuals_and_slopes_of_the_adaptive_solver(wafer):
    options = dict(
        bench=None, env=None, point_time=None, free=WAFER_FREE, fix=WAFER_FIX, model_sigma=0.3
    )
    made = [
        prepare(wafer[f"d{k}"], WAFER_MODEL, **options, seed=0, screened=8) for k in range(CHUNK)
    ]
    jobs = np.arange(2 * CHUNK)
    z = np.concatenate([m.candidates[:2] for m in made])
    solver = GridSolver(stacked([m.problem for m in made]), jobs // 2)
    solver.rtol = FINE
    r, jacobian, ok = solver.linearise(z, jobs)
    exact, well = solver.adaptive(z, jobs)
    step = 1e-4
    for k in range(len(WAFER_FREE)):
        move = step * np.eye(len(WAFER_FREE))[k]
        ahead, behind = (solver.residuals(z + s * move, jobs) for s in (1, -1))
        slope = (ahead - behind) / (2 * step)
        # Central differences: of the square of the step, and of the tolerance where a grid has changed.
        assert np.max(np.abs(slope - jacobian[:, :, k])) < 1e-2 * np.max(np.abs(jacobian))
    assert np.all(ok & well)
    # A thousandth of the 0.3 decades that a residual of 1 stands for.
    assert np.max(np.abs(r - exact)) < 1e-3


@pytest.mark.parametrize("count", [1, 8, 12, 13, 24, 61])
def test_every_job_is_in_one_block_that_is_at_least_as_large(count):
    parts = _parts(count)
    assert np.concatenate([p for p, _ in parts]).tolist() == list(range(count))
    assert all(len(p) <= size and size in LANES for p, size in parts)

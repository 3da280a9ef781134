"""Residuals and slopes on grids of steps are those of the adaptive solver."""

import threading

import jax
import numpy as np
import pytest

import memjax as mj
from fitting.batch.grid_solver import FINE, GridSolver
from fitting.batch.search import Search, searched
from fitting.problem import linearise, stacked
from fitting.sweeps.prepare import prepare
from tests.fits import WAFER_FIX, WAFER_FREE, WAFER_MODEL

pytestmark = pytest.mark.slow


CHUNK = 4


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


@pytest.mark.study
def test_slopes_across_a_switching_that_no_grid_resolves_are_those_of_the_adaptive_solver():
    """The gap closes in microseconds between rows of 10 ms; on grids, slopes by mu behind that are off by a fifth."""
    v = 0.45 * (1 - np.abs(np.linspace(-1, 1, 121)))
    t, bench = 0.01 * np.arange(121), mj.Bench(compliance=1e-6)
    device = mj.params.replace(
        mj.DiffusiveMemristor(), {"alpha": 0.06, "r_on": 1.8e5, "mu": 80.0, "r_off": 4e10}
    )
    trace = mj.simulate(device, mj.Sampled(t, v), save=t, bench=bench, deterministic=True).check()
    i = np.asarray(trace.i[0])
    assert i.max() > 0.9e-6  # it switches
    limited, same = i > 0.98e-6, np.zeros(121, int)
    sweep = mj.Measurement(t=t, v=v, i=i, sweep=same, at_compliance=limited, reader="", source={})
    free = ["mu", "r_off"]
    fix = {n: x for n, x in mj.params.to_dict(device).items() if n not in free}
    options = dict(bench=bench, env=None, point_time=None, free=free, fix=fix, seed=0)
    made = prepare([sweep], device, screened=1, **options)
    search = Search(chunk=1, screened=1, starts=1, seed=0)
    ((z, r, jacobian),) = searched([made], search, threading.Event())
    assert np.mean(r**2) < 0.1  # of what is granted to the model
    _, exact, ok = jax.jit(linearise)(made.problem, z)
    assert ok
    # But for the row of the switching itself: it lies within one step of the solve, whose slope is rough.
    later = np.arange(len(r)) != len(t)
    assert np.max(np.abs(jacobian - exact)[later]) < 0.03 * np.max(np.abs(exact)[later])

"""Residuals and slopes on grids of steps are those of the adaptive solver."""

import threading

import jax
import numpy as np
import pytest

import memjax as mj
from fitting.batch.grid_solver import FINE, GridSolver
from fitting.batch.search import Search, _adaptively, find_optima
from fitting.problem import linearise, stacked
from fitting.sweeps.prepare import prepare

pytestmark = pytest.mark.study


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
    ((z, r, jacobian),) = find_optima([made], search, threading.Event())
    assert np.mean(r**2) < 0.1  # of what is granted to the model
    _, exact, ok = jax.jit(linearise)(made.problem, z)
    assert ok
    # But for the row of the switching itself: it lies within one step of the solve, whose slope is rough.
    later = np.arange(len(r)) != len(t)
    assert np.max(np.abs(jacobian - exact)[later]) < 0.03 * np.max(np.abs(exact)[later])


def test_where_no_grid_follows_a_switching_it_is_said_and_the_adaptive_solver_searches():
    """A switch that closes in a thousandth of the time between points: a step from row to row sees nothing of it."""
    device = mj.params.replace(
        mj.model("threshold-switch"),
        {"v_th": 0.61, "v_hold": 0.29, "r_on": 1e3, "r_off": 1e5, "tau": 1e-5, "w": 1e-3},
    )
    v, rows = 1.0 - np.abs(np.linspace(-1, 1, 81)), 0.01 * (1 + np.arange(81))
    trace = mj.simulate(device, mj.staircase(v, 0.01), save=rows, deterministic=True).check()
    about = dict(sweep=np.zeros(81, int), at_compliance=np.zeros(81, bool), reader="", source={})
    sweep = mj.Measurement(v=v, i=np.asarray(trace.i[0]), **about)
    options = dict(bench=None, env=None, point_time=0.01, free=["v_th", "v_hold"], fix=None)
    made = prepare([sweep], device, **options, seed=0, screened=1)
    truth = np.asarray(mj.params.unconstrain(device, made.problem.free))
    z = truth + 0.05 * np.random.default_rng(0).normal(size=(8, 2))
    solver = GridSolver(stacked([made.problem] * 8), np.arange(8))
    solver.rtol = FINE
    r, halt = solver.residuals(z, np.arange(8)), threading.Event()
    exact, ok, _ = made.problem.observe(z)
    away = np.max(np.abs(r - exact), axis=1)
    # An event that is a row off is off by 2.6 standard deviations; others are where they are to a tenth of one.
    assert np.all(ok & ((away < 0.1) | (away > 2.0)))
    assert np.all(~solver.resolved[away > 0.1])
    lost = np.flatnonzero(away > 0.1)[0]
    search = Search(chunk=8, screened=1, starts=1, seed=0)
    ((_, found, _),) = _adaptively([made], z[[lost]], search, halt)
    assert np.sum(found**2) < np.sum(exact[lost] ** 2)

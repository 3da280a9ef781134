"""Sweeps of a small wafer, and of a device that switches."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.prepare import prepare
from memjax.errors import DataError
from tests.fits import WAFER_DEVICES, WAFER_DRIVE, WAFER_MODEL, WAFER_TIMES


@pytest.fixture(scope="session")
def truth():
    """Resistances and voltages of a small wafer."""
    rng = np.random.default_rng(0)
    middle = {"r_on": 500.0, "r_off": 5e3, "v_on": 0.27, "v_off": 0.27}
    return {n: x * np.exp(0.1 * rng.normal(size=WAFER_DEVICES)) for n, x in middle.items()}


@pytest.fixture(scope="session")
def wafer(truth):
    """A sweep of each device with 1 % of noise; one that cannot be read, one of another length, one without data."""
    values = {n: x[:, None] for n, x in truth.items()}
    options = dict(save=WAFER_TIMES, members=WAFER_DEVICES, conditions=mj.Conditions(values=values))
    trace = mj.simulate(WAFER_MODEL, WAFER_DRIVE, deterministic=True, **options).check()
    rng = np.random.default_rng(1)

    def measured(i, t, v):
        limited, sweep = np.zeros(len(i), bool), np.zeros(len(i), int)
        i = i * np.exp(0.01 * rng.normal(size=len(i)))
        return [
            mj.Measurement(t=t, v=v, i=i, sweep=sweep, at_compliance=limited, reader="", source={})
        ]

    # From the row at time 0 on: a measurement's time starts with its first row.
    v, i = np.asarray(WAFER_DRIVE.values), np.asarray(trace.i)
    found: dict = {f"d{k}": measured(i[k], WAFER_TIMES, v) for k in range(WAFER_DEVICES)}
    found["short"] = measured(i[0][:80], WAFER_TIMES[:80], v[:80])

    def broken():
        raise DataError("no column of current", where="broken.csv")

    return found | {"broken": broken}


@pytest.fixture(scope="session")
def sweep_options():
    """What stood around a device that switches."""
    return {"point_time": 0.01, "bench": mj.Bench(compliance=1e-6), "model_sigma": 0.013}


@pytest.fixture(scope="session")
def sweep(sweep_options):
    """A sweep of a diffusive device that switches."""
    v = 0.8 * (1 - np.abs(np.linspace(-1, 1, 101)))
    about = dict(v=v, sweep=np.zeros(101, int), reader="", source={})
    bare = mj.Measurement(i=np.ones(101), at_compliance=np.zeros(101, bool), **about)
    options = dict(point_time=0.01, bench=sweep_options["bench"], deterministic=True)
    trace = mj.simulate_like(mj.DiffusiveMemristor(), bare, **options).check()
    i = np.abs(np.asarray(trace.i[0])) * np.exp(0.03 * np.random.default_rng(0).normal(size=101))
    return mj.Measurement(i=i, at_compliance=i > 0.93e-6, **about)


@pytest.fixture(scope="session")
def switching(sweep, sweep_options):
    """What is to be fitted to it."""
    about = dict(env=None, free=None, fix=None, seed=0, screened=8, **sweep_options)
    return prepare([sweep], mj.DiffusiveMemristor(), **about)


@pytest.fixture(scope="session")
def three(switching):
    """Problems of one shape: of that device, of another with other targets and another centre, and the first again."""
    problem = switching.problem
    target = np.asarray(problem.group.target) + 0.1
    center = np.asarray(problem.center) + 0.2
    other = replace(problem, group=replace(problem.group, target=target), center=center)
    return [problem, other, problem]

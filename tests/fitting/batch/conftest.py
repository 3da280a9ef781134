"""Sweeps of a small wafer."""

import numpy as np
import pytest

import memjax as mj
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
    options = dict(save=WAFER_TIMES, members=WAFER_DEVICES, values=values)
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

"""Cycles of a noisy device, shared by the tests of its randomness."""

from dataclasses import replace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.summary import noise_floor, summarise_sweeps
from memjax.core.params import get, replace as with_values
from memjax.noise import cycle_factors
from tests.fits import NOISE_SPREAD, NOISE_TRUTH

NOISE_CYCLES = 60


@pytest.fixture(scope="session")
def noisy_device(result):
    """The truth: the device of the example's fit, with noise."""
    return with_values(result.device, NOISE_TRUTH)


@pytest.fixture(scope="session")
def noisy_cycles(noisy_device, result) -> mj.Measurement:
    """Cycles of one staircase, each with its own noise and parameters."""
    v = 0.5 * np.concatenate([np.arange(1, 41), np.arange(39, -1, -1)]) / 40
    factors = cycle_factors(5, NOISE_SPREAD, members=1, sweeps=NOISE_CYCLES)
    trace = mj.simulate(
        noisy_device,
        [mj.staircase(v, 0.01)] * NOISE_CYCLES,
        save=[0.01 * np.arange(1, len(v) + 1)] * NOISE_CYCLES,
        bench=mj.Bench(compliance=1e-6),
        conditions=mj.Conditions(values={n: get(noisy_device, n) * x for n, x in factors.items()}),
        seed=5,
    ).check()
    noise = 1 + 0.02 * np.random.default_rng(0).normal(size=trace.i[0].shape)
    i, sweep = np.asarray(trace.i[0]) * noise, np.asarray(trace.sweep)
    return mj.Measurement(
        v=np.asarray(trace.v[0]), i=i, sweep=sweep, at_compliance=i >= 0.99e-6, reader="test"
    )


@pytest.fixture(scope="session")
def start(result, noisy_cycles):
    """The example's fit as a fit of these cycles."""
    floor = noise_floor(noisy_cycles)
    waves = summarise_sweeps([noisy_cycles], point_time=0.01, floor=floor)
    return replace(result, waves=waves, read_noise={"relative": 0.02, "floor_A": floor})

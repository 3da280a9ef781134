"""Read noise of an instrument, and spread of a device that it knows nothing of."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.group import pack
from fitting.sweeps.problem import Problem
from fitting.sweeps.summary import summarise_sweeps
from fitting.sweeps.variability import cycle_spread, read_noise
from tests.fits import measured_loops


def _waves(noise: float):
    rng = np.random.default_rng(0)
    v = np.concatenate([np.arange(1, 101), np.arange(99, 0, -1)]) / 100
    loops = [(v, 1e-6 * v * np.exp(noise * rng.normal(size=v.size))) for _ in range(6)]
    return summarise_sweeps([measured_loops(*loops)], point_time=1e-3, floor=1e-14)


@pytest.mark.parametrize("noise", [0.005, 0.05])
def test_noise_of_a_line_comes_back(noise):
    """Of 5 * 198 steps, neighbours of which share a point or a sweep, a robust deviation errs by 4 %: z = 3."""
    found = read_noise(_waves(noise), 1e-14)
    assert found["relative"] == pytest.approx(noise, rel=0.12)
    assert found["floor_A"] <= 1e-14


@pytest.mark.parametrize("noise", [1e-10, 3e-10])
def test_noise_beside_the_relative_one_comes_back_though_the_floor_is_above_it(noise):
    """Currents between 1 and 30 floors: 10 points a sweep and more, whose robust deviation errs by 15 %: z = 3."""
    rng = np.random.default_rng(2)
    v = np.concatenate([np.arange(1, 401), np.arange(399, 0, -1)]) / 400
    size, floor = 1e-7 * v, 5e-10
    errors = [
        0.03 * size * rng.normal(size=v.size) + noise * rng.normal(size=v.size) for _ in range(8)
    ]
    loops = [(v, size + e) for e in errors]
    waves = summarise_sweeps([measured_loops(*loops)], point_time=1e-3, floor=floor)
    read = read_noise(waves, floor)
    assert read["relative"] == pytest.approx(0.03, rel=0.12)
    assert read["floor_A"] == pytest.approx(noise, rel=0.45)


def test_only_threshold_switches_have_a_spread_to_first_order():
    waves, device = _waves(0.01), mj.model("mms")
    group = pack(waves, floor=1e-14, limit=None)
    problem = Problem.of(device, ("r_on",), group, bench=mj.Bench())
    assert cycle_spread(problem, waves, jacobian=np.zeros((500, 1))) == {}


def test_noise_of_few_sweeps_is_no_smaller_than_that_of_many():
    """Deviations of four sweeps from their median are a fifth too small; 600 steps know a robust one to 5 %."""
    rng = np.random.default_rng(1)
    v = np.concatenate([np.arange(1, 101), np.arange(99, 0, -1)]) / 100
    loops = [(v, 1e-6 * v * np.exp(0.03 * rng.normal(size=v.size))) for _ in range(4)]
    waves = summarise_sweeps([measured_loops(*loops)], point_time=1e-3, floor=1e-14)
    assert read_noise(waves, 1e-14)["relative"] == pytest.approx(0.03, rel=0.1)

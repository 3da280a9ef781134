"""Spread from cycle to cycle of devices that keep their state: its errors, and truth that comes back."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy.special import polygamma

import fitting as ft
from benchmarks.cases.randomness.set_reset import DEVICE, measured
from fitting.stochastic.moments import Choice, Moments
from fitting.sweeps.cycle_moments import _replicates, calibrate_cycles
from fitting.sweeps.cycle_search import Point
from fitting.sweeps.randomness import calibrate

SLOPE = np.array([[2.0, 0.0], [0.0, 0.5]])


@pytest.mark.wrong_types  # of a search it has what is asked of it
@pytest.mark.parametrize("cycles", [5, 40])
def test_errors_are_those_of_the_moments_of_so_many_cycles(cycles):
    sd = np.array([0.1, 0.3])
    target = Moments(center=np.zeros(2), sd=sd, correlation=np.eye(2), cycles=cycles)
    choice = Choice(names=("a", "b"), features=(0, 1), slope=SLOPE, scatter=1.0)
    root = np.linalg.inv(SLOPE) @ np.diag(sd)
    at = SimpleNamespace(target=target, seed=0)
    drawn = _replicates(Point(search=at, choice=choice, move=np.zeros(2), root=root))
    of_median, n = target.errors[0] / np.diag(SLOPE), cycles - 1
    # Variances: n / (n - 2) of Student's t; trigamma(n / 2) / 4 of the logarithm of a root of chi squared.
    wanted = [*(of_median * np.sqrt(n / (n - 2))), *(np.full(2, np.sqrt(polygamma(1, n / 2)) / 2))]
    # Four standard errors of 400 draws; t of 4 degrees of freedom has no fourth moment, its deviation scatters more.
    np.testing.assert_allclose(drawn.std(axis=0), wanted, rtol=0.5 if cycles == 5 else 0.15)


@pytest.mark.study
def test_the_spread_of_cycles_comes_back():
    truth = {"v_on": 0.08, "v_off": 0.05, "r_on": 0.1, "r_off": 0.3}
    with jax.enable_x64(True):
        data = measured(DEVICE, truth, cycles=40, seed=1)
        done = calibrate(ft.solve(ft.SweepProblem(data, DEVICE, free=[*truth, "x0"])))
    found = done.stochastic
    assert found.settled
    assert found.correlation.shape == (4, 4)
    for name, sigma in truth.items():
        key = f"sigma_ln({name})"
        z = np.log(found.values[key] / sigma) / (found.std[key] / found.values[key])
        assert abs(z) < 3, name
        assert done.cycle_spread[name]["sigma_ln"] == found.values[key]
    (group,) = found.comparison
    assert group["joint"]["p"] > 0.01
    low, high = found.intervals()["v_on"]
    assert low < high


@pytest.mark.integration
def test_too_few_cycles_calibrate_nothing_and_say_so():
    with jax.enable_x64(True):
        start = ft.solve(
            ft.SweepProblem(
                measured(DEVICE, {"v_on": 0.05}, cycles=3, seed=0),
                DEVICE,
                free=["v_on", "r_on"],
                screened=8,
            )
        )
        done = calibrate_cycles(start)
    assert done.stochastic is None
    assert "4 cycles" in done.notes[-1]

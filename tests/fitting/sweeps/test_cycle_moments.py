"""Spread from cycle to cycle of devices that keep their state: its errors, and truth that comes back."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from scipy.special import polygamma

import fitting as ft
import memjax as mj
from benchmarks.cases.randomness.set_reset import DEVICE, measured
from fitting.stochastic.moments import Choice, Moments
from fitting.sweeps.cycle_moments import _candidates, _replicates, calibrate_cycles
from fitting.sweeps.cycle_search import Point
from fitting.sweeps.randomness import calibrate
from memjax.device.hybrid import NODES, node_names

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


@pytest.mark.study
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


@pytest.mark.wrong_types  # of a fit it has what is asked of it
def test_learned_functions_move_as_a_whole_and_none_of_their_nodes_alone():
    learned = SimpleNamespace(device=mj.HybridDevice())
    assert _candidates(learned) == ("k_set", "k_reset", "g", "contrast")
    device = mj.params.replace(mj.model("vteam+hybrid"), {"level3": 0.1, "x0": 0.1})
    free = ("r_on", "v_on", "x0", *device.functions["level"])
    problem = SimpleNamespace(free=free)
    corrected = SimpleNamespace(device=device, problem=problem, at_bound=("v_on",))
    assert _candidates(corrected) == ("r_on",)


@pytest.mark.study
def test_the_spread_of_learned_functions_comes_back():
    v = 1.5 * np.linspace(-1, 1, NODES)
    functions = {"off": -12 + 0.8 * np.abs(v), "gain": 4 - np.abs(v)}
    functions |= {"set": -6 + 14 * v, "reset": -6 - 14 * v}
    values = {n: float(x) for f, y in functions.items() for n, x in zip(node_names(f), y)}
    device = mj.params.replace(mj.HybridDevice(v_low=-1.5, v_high=1.5, x0=0.02), values)
    truth = {"k_set": 0.8, "k_reset": 0.6, "g": 0.2, "contrast": 0.1}
    with jax.enable_x64(True):
        data = measured(device, truth, cycles=40, seed=1)
        # What is fitted is the start alone: the functions are those of the truth.
        done = calibrate(ft.solve(ft.SweepProblem(data, device, free=["x0"], screened=8)))
    found = done.stochastic
    assert found.settled
    for name, sigma in truth.items():
        key = f"sigma_ln({name})"
        z = np.log(found.values[key] / sigma) / (found.std[key] / found.values[key])
        assert abs(z) < 3, name
    assert found.comparison[0]["joint"]["p"] > 0.01

"""Strength of the prior of a function by the data."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import memjax as mj
from fitting.sweeps.learned import PRIORS, basis_at, prior_precision
from fitting.sweeps.strength import SETTLED, has_moved, strength_at
from memjax.device.hybrid import NODES, node_names

pytestmark = pytest.mark.wrong_types  # of a problem what the update asks of it

NAMES = node_names("level")
NOISE = 0.3
DEVICE = mj.model("vteam+hybrid")
DESIGN = basis_at(np.linspace(-1, 1, 200), -1.0, 1.0)


def problem_with(strength: float) -> Any:
    """What the update asks of a problem, of the nodes of one correction."""
    values = np.array([strength, 1.0, 1.0])
    return SimpleNamespace(device=DEVICE, free=NAMES, center=np.zeros(NODES), strength=values)


def precision_at(strength: float) -> np.ndarray:
    precision = prior_precision(DEVICE, NAMES)
    assert precision is not None
    return precision.at(np.array([strength, 1.0, 1.0]))


def updated(data: np.ndarray) -> float:
    """Strength at which updates have settled, for data that are linear in the nodes."""
    strength = 1.0
    for _ in range(60):
        information = DESIGN.T @ DESIGN / NOISE**2
        z = np.linalg.solve(information + precision_at(strength), DESIGN.T @ data / NOISE**2)
        new = strength_at(problem_with(strength), z, DESIGN, NOISE)
        assert new is not None
        assert new[1:].tolist() == [1.0, 1.0]  # functions that are not free
        strength = float(new[0])
    return strength


def test_the_strength_is_that_of_the_largest_marginal_likelihood():
    rng = np.random.default_rng(0)
    nodes = np.linalg.cholesky(np.linalg.inv(precision_at(4.0))) @ rng.normal(size=NODES)
    data = DESIGN @ nodes + NOISE * rng.normal(size=len(DESIGN))

    def loss(log_strength: float) -> float:
        prior = np.linalg.inv(precision_at(float(np.exp(log_strength))))
        covariance = DESIGN @ prior @ DESIGN.T + NOISE**2 * np.eye(len(data))
        return float(np.linalg.slogdet(covariance)[1] + data @ np.linalg.solve(covariance, data))

    best = minimize_scalar(loss, bounds=(-4.0, 8.0), method="bounded", options={"xatol": 1e-6})
    assert np.log(updated(data)) == pytest.approx(best.x, abs=1e-4)


def test_a_function_that_nothing_calls_for_is_held_at_none():
    assert updated(np.zeros(len(DESIGN))) == PRIORS["level"].strongest


def test_a_model_without_learned_functions_has_no_strength():
    problem = SimpleNamespace(device=mj.Vteam(), free=("r_on",), center=np.zeros(1), strength=None)
    assert strength_at(problem, np.zeros(1), np.ones((3, 1)), NOISE) is None
    assert not has_moved(problem, None)


def test_strengths_have_moved_beyond_what_settles_them():
    problem = problem_with(1.0)
    assert not has_moved(problem, np.array([np.exp(0.9 * SETTLED), 1.0, 1.0]))
    assert has_moved(problem, np.array([1.0, np.exp(-1.1 * SETTLED), 1.0]))

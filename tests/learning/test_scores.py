"""Scores and controls."""

import numpy as np
import pytest

from memjax.errors import BoundsError
from memjax.learning import control_states, delayed_inputs, fit_ridge, memory_capacity, nrmse


def test_the_mean_scores_one_and_the_truth_zero():
    y = np.random.default_rng(0).normal(size=100)
    assert nrmse(np.full(100, y.mean()), y) == pytest.approx(1.0)
    assert nrmse(y, y) == 0
    with pytest.raises(BoundsError, match="does not change"):
        nrmse(np.zeros(3), np.ones(3))


def test_a_delay_line_remembers_all_that_it_holds_and_nothing_else():
    u = np.random.default_rng(1).uniform(size=3000)
    capacity = memory_capacity(delayed_inputs(u, 6), u, delays=10)
    np.testing.assert_allclose(capacity[:5], 1.0, atol=1e-6)
    # Squared correlations of n = 1490 independent steps have mean 1/n and variance 2/n^2.
    assert np.all(capacity[5:] < (1 + 4 * np.sqrt(2)) / 1490)


def test_the_control_has_no_memory():
    u = np.random.default_rng(2).uniform(size=2000)
    states = control_states(u, 30)
    assert np.all(memory_capacity(states, u, delays=5) < 0.02)
    assert nrmse(fit_ridge(states, u**2)(states)[:, 0], u**2) < 1e-3

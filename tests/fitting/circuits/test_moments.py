"""Simulated moments: the bias that a noisy Jacobian makes."""

import numpy as np
import pytest

from fitting.circuits.moments import jacobian_noise_bias

pytestmark = pytest.mark.slow


def test_the_bias_that_noise_of_a_jacobian_makes_is_the_information_that_is_taken_off():
    n, rng = 50, np.random.default_rng(0)
    each = rng.normal(size=(2000, n, 2, 1))  # repeats: a mean over n, which is 0 but for its noise
    true = np.mean(np.sum(each.mean(axis=1) ** 2, axis=(1, 2)))
    left_out = (x.mean(axis=0) - x for x in each)
    bias = np.mean([jacobian_noise_bias(x / (n - 1), np.eye(2))[0, 0] for x in left_out])
    assert bias == pytest.approx(true, rel=0.1)

"""Estimates from an information matrix: directions that the data leave open."""

import numpy as np
import pytest

from fitting.circuits.estimate import lifted_inverse

pytestmark = pytest.mark.slow


def test_directions_without_information_are_null():
    covariance, null = lifted_inverse(np.diag([100.0, 0.0, -3.0]))
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.1, 5, 5])
    np.testing.assert_allclose(null, [0, 1, 1])

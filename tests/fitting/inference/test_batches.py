"""Batches of one size, and lanes that stay where they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from fitting.inference.batches import Batches, Lanes
from fitting.problem import TOGETHER

pytestmark = pytest.mark.wrong_types  # of a problem they have what is asked of it


def counting(backend):
    """A problem of squares, and the number of points that are numbers at each call."""
    counts = []

    def linearise(z):
        assert len(z) == TOGETHER
        counts.append(int(np.sum(np.all(np.isfinite(z), axis=1))))
        return z**2, 2 * z[:, None] * np.eye(z.shape[1]), np.ones(len(z), bool)

    problem = SimpleNamespace(linearise=linearise, backend=backend)
    problem.for_many_calls = lambda: problem
    return problem, counts


@pytest.mark.parametrize(("backend", "last"), [("cc 14", 2), ("xla (none)", TOGETHER)])
def test_points_of_any_number_come_back_and_a_kernel_solves_no_others(backend, last):
    problem, counts = counting(backend)
    z = np.arange(2.0 * (TOGETHER + 2)).reshape(-1, 2)
    r, jacobian, ok = Batches(problem)(z)
    np.testing.assert_array_equal(r, z**2)
    np.testing.assert_array_equal(np.diagonal(jacobian, axis1=1, axis2=2), 2 * z)
    assert ok.shape == (len(z),)
    assert counts == [TOGETHER, last]


def test_lanes_that_stay_are_not_solved_again():
    problem, counts = counting("cc 14")
    lanes = Lanes(problem)
    z = np.arange(6.0).reshape(3, 2)
    first = lanes(z)
    moved = z.copy()
    moved[1] += 1
    r, jacobian, _ = lanes(moved)
    np.testing.assert_array_equal(r, moved**2)
    np.testing.assert_array_equal(jacobian[1], 2 * np.diag(moved[1]))
    np.testing.assert_array_equal(first[0], z**2)
    lanes(moved)
    assert counts == [3, 1]

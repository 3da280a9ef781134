"""Joint problems: what is exact for linear ones."""

import numpy as np
import pytest

from fitting.joint.fit import fit_jointly
from fitting.joint.problem import joined, weight_of
from fitting.problem import TOGETHER
from tests.fits import LINE_NAMES, LINE_START, fitted_line

pytestmark = pytest.mark.fast


def test_a_weight_is_one_over_the_noise_that_a_fit_states_whatever_the_rows():
    for rows, scale in ((20, 1.0), (20, 7.0), (200, 0.1)):
        fit = fitted_line(("r_on", "tau"), rows=rows, seed=1, scale=scale)
        np.testing.assert_allclose(weight_of(fit), 1 / scale, rtol=1e-6)


def test_the_state_at_the_start_is_each_files_own():
    fits = [fitted_line(LINE_NAMES, rows=30, seed=k) for k in range(2)]
    problem, starts = joined(LINE_START, fits)
    assert problem.free == LINE_NAMES[:3]
    assert problem.place(0) == [0, 1, 2, 3]
    assert problem.place(1) == [0, 1, 2, 4]
    assert starts.shape == (TOGETHER, 5)
    np.testing.assert_allclose(starts[0, [3, 4]], [fits[0].z[3], fits[1].z[3]])
    found = fit_jointly(fits, LINE_START)
    assert "x0" not in found.values
    assert [n.partition(" is its own")[0] for n in found.notes] == ["x0 of file 1", "x0 of file 2"]


def test_a_problem_agrees_with_its_secants():
    problem, starts = joined(
        LINE_START, [fitted_line(LINE_NAMES, rows=9, seed=k) for k in range(2)]
    )
    z, step = starts[-1], 1e-5
    _, jacobian, _ = problem.linearise(z[None])
    moved = z + step * np.concatenate([np.eye(len(z)), -np.eye(len(z))])
    r, _, _ = problem.linearise(moved)
    secant = (r[: len(z)] - r[len(z) :]).T / (2 * step)
    np.testing.assert_allclose(jacobian[0], secant, atol=1e-5 * np.abs(secant).max())

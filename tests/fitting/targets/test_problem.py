"""Residuals of wanted numbers."""

import numpy as np
import pytest

import memjax as mj
from fitting.targets.problem import TargetResiduals, center_of
from fitting.targets.target import Target

_TARGETS = (Target("v_th", 0.5, 0.01), Target("on_off", 1e4, 0.1))


@pytest.fixture
def problem() -> TargetResiduals:
    """Two targets, shifted by what noise changes."""
    return TargetResiduals(
        device=mj.model("diffusive"), free=("mu",), center=np.zeros(1), targets=_TARGETS, protocols=(), places=(),
        members=1, seed=0, points=2, offset=(0.1, -0.2),
    )  # fmt: skip


@pytest.mark.wrong_types
def test_a_tolerance_is_one_and_a_shift_moves_the_zero(problem):
    share = np.array([1.02, 1.1])
    zero = np.array([0.5, 1e4]) * np.exp([-0.1, 0.2])
    np.testing.assert_allclose(problem.off(zero[None]), 0, atol=1e-7)
    # Soft L1 of one tolerance.
    np.testing.assert_allclose(problem.off((zero * share)[None]), np.sqrt(2 * (np.sqrt(2) - 1)))
    assert np.all(np.isnan(problem.off(np.array([[np.nan, 1.0]]))) == [[True, False]])


@pytest.mark.wrong_types
def test_logarithms_come_back(problem):
    found = np.array([[0.2, 1e9], [0.55, 9e3]])
    np.testing.assert_allclose(problem.logs(problem.off(found)), np.log(found), rtol=1e-9)


def test_members_that_show_nothing_do_not_count_unless_they_are_most():
    nan = np.nan
    found = np.array([[1.0, nan], [3.0, nan], [8.0, 2.0], [nan, nan]])
    trains = (Target("rate", 1.0), Target("interval", 1.0))
    np.testing.assert_allclose(center_of(found, _TARGETS), [3.0, nan])
    np.testing.assert_allclose(center_of(found, trains), [4.0, nan])

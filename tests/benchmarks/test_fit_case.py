"""The fit problem: its solver agrees with itself across methods, and the data are its noise."""

import numpy as np
import pytest

from benchmarks.cases.fit import problem


@pytest.mark.integration
@pytest.mark.parametrize(("method", "tolerance"), [("LSODA", 1e-4), ("Radau", 1e-4)])
def test_a_loose_solve_is_far_below_the_noise(method, tolerance):
    loose = problem.current(problem.log_truth(), method=method, rtol=1e-6, atol=1e-9)
    off = np.log(loose[problem.SEEN] / problem.exact()[problem.SEEN])
    assert np.abs(off).max() < tolerance < problem.SIGMA / 10


def test_the_sweep_switches_to_compliance_and_returns():
    seen = problem.exact()
    up, down = seen[:51], seen[51:]
    assert up[1] == pytest.approx(0.01 / problem.TRUTH["r_off"], rel=0.01)
    assert up.max() == problem.COMPLIANCE
    # Unlocked and bridging at the end of the way back: the resistance is r_on.
    assert down[-2] == pytest.approx(0.01 / problem.TRUTH["r_on"], rel=1e-6)


def test_a_state_that_hardly_leaves_the_boundary_still_ends():
    marginal = np.log([63.22905844992411, 65.6261962917913, 0.011952358433723387, 1.7e5, 1e11])
    seen = problem.current(marginal, method="LSODA", rtol=1e-6, atol=1e-9)
    assert np.isfinite(seen).all()


@pytest.mark.integration
def test_the_data_scatter_by_one_percent():
    noise = np.log(problem.data()[problem.SEEN] / problem.exact()[problem.SEEN])
    assert noise.std() == pytest.approx(problem.SIGMA, rel=0.2)


@pytest.mark.slow
def test_the_distance_of_the_truth_is_nought_and_grows_with_the_parameters():
    options = {"method": "Radau", "rtol": 1e-9, "atol": 1e-12}
    truth = problem.log_truth()
    assert problem.distance(truth, **options) < 1e-12
    # Off by 1 % in r_off alone: seen only where the device is off, 28 of the 99 points.
    off = truth + np.array([0, 0, 0, 0, np.log(1.01)])
    assert problem.distance(off, **options) == pytest.approx(0.00995 * np.sqrt(28 / 99), rel=0.05)

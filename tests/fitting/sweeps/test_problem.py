"""Residuals of sweeps and their derivatives."""

import numpy as np
import pytest


@pytest.mark.slow
def test_jacobian_of_currents_and_events_is_that_of_differences(result):
    problem, z = result.problem, result.z
    h, n = 1e-3, len(z)
    moved = np.concatenate([z + h * np.eye(n), z - h * np.eye(n)])
    r, _, _ = problem.observe(moved)
    differences = ((r[:n] - r[n:]) / (2 * h)).T
    at_z, jacobian, _ = problem.linearise(z[None])
    exact = jacobian[0]
    # Without derivatives the same residuals, but for steps that rounding decides on: rtol 1e-5 of the solve.
    np.testing.assert_allclose(problem.observe(z[None])[0], at_z, atol=1e-2)
    # A parameter that shifts an event by a row or more, where the event is one of the dynamics and
    # not of a voltage step: the derivative along the flow is that of the shift, to second order.
    events = slice(-n - problem.group.event_weight.size, -n)
    large = np.abs(differences[events]) > 5
    large[1::3] = large[2::3] = False
    assert large.sum() >= 4
    np.testing.assert_allclose(exact[events][large], differences[events][large], rtol=0.05)

"""Residuals of sweeps and their derivatives."""

import jax.numpy as jnp
import numpy as np
import pytest

from fitting.problem import evaluate
from fitting.sweeps.fit import BATCH

pytestmark = pytest.mark.slow


def test_jacobian_of_currents_and_events_is_that_of_differences(result):
    problem, z = result.problem, result.z
    h, n = 1e-3, len(z)
    moved = np.concatenate([z + h * np.eye(n), z - h * np.eye(n)])
    moved = np.concatenate([moved, np.repeat(z[None], -len(moved) % BATCH + BATCH, axis=0)])
    r = np.concatenate(
        [
            np.asarray(evaluate(problem, jnp.asarray(b))[0])
            for b in np.split(moved, len(moved) // BATCH)
        ]
    )
    differences = ((r[:n] - r[n : 2 * n]) / (2 * h)).T
    exact = np.asarray(evaluate(problem, jnp.asarray(np.repeat(z[None], BATCH, axis=0)))[1][0])
    # A parameter that shifts an event by a row or more, where the event is one of the dynamics and
    # not of a voltage step: the derivative along the flow is that of the shift, to second order.
    events = slice(-n - problem.group.event_weight.size, -n)
    large = np.abs(differences[events]) > 5
    large[1::3] = large[2::3] = False
    assert large.sum() >= 4
    np.testing.assert_allclose(exact[events][large], differences[events][large], rtol=0.05)

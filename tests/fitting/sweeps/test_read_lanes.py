"""Derivatives of the rows of solved lanes, against secants of the rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.lanes import by_point
from fitting.sweeps.prepare import prepare
from fitting.sweeps.read_lanes import linearise_lanes, observe_lanes
from memjax.lanes.cc import library

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.integration,
]

LIMIT = 3e-4
"""Compliance of the loop [A], met before the device would carry all."""

STEP = 1e-5
"""Of a secant in a coordinate: its error is of the order of the square, that of rounding 1e-11."""


def problem(model):
    """A loop of 41 points that sets to its limit, with an offset of the reading that is fitted."""
    t = np.linspace(0, 1, 41)
    v = 0.5 * np.sin(2 * np.pi * t)
    i = np.minimum(v / np.where((t > 0.2) & (t < 0.7), 1e3, 5e3), LIMIT)
    data = mj.Measurement(
        t=t, v=v, i=i, sweep=np.zeros(41, int), at_compliance=i == LIMIT, reader="test"
    )
    return prepare(
        [data], mj.model(model), bench=mj.Bench(compliance=LIMIT), env=None, point_time=None, free=None, fix=None,
        seed=0, screened=1,
    ).problem  # fmt: skip


@pytest.mark.parametrize("model", ["mms", "diffusive", "hybrid"])
def test_derivatives_are_those_of_secants_along_the_solve(model):
    whole = problem(model)
    kernel = whole.for_many_calls()
    center, along = np.asarray(whole.center), np.random.default_rng(0)
    # Off the centre, where straight functions have a kink.
    z = center + 0.1 * along.normal(size=len(center))
    lanes = jax.tree.map(lambda x: x[0], by_point(kernel._lanes(z[None], derive=True), 1))
    kept, z, n = (
        kernel.problem,
        jnp.asarray(z),
        len(z),
    )  # derivatives are filled up beyond these coordinates
    r, jacobian, ok = jax.jit(linearise_lanes)(kept, z, lanes)
    assert ok
    observed = jax.jit(observe_lanes)
    for _ in range(4):
        e = along.normal(size=n)
        moved = [
            observed(
                kept,
                z + h * e,
                lanes._replace(
                    y=lanes.y + h * lanes.dy[..., :n] @ e,
                    step_y=lanes.step_y + h * lanes.step_dy[..., :n] @ e,
                ),
            )[0]
            for h in (-STEP, 0.0, STEP)
        ]
        np.testing.assert_allclose(moved[1], r, rtol=1e-12, atol=1e-12)
        secant = (moved[2] - moved[0]) / (2 * STEP)
        np.testing.assert_allclose(
            jacobian @ e, secant, rtol=1e-5, atol=1e-6 * np.max(np.abs(secant))
        )

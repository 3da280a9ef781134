"""A problem of sweeps inside of a program, against the same outside of it."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.prepare import prepare
from fitting.sweeps.traced_kernel import TracedKernel
from memjax.lanes.cc import library

pytestmark = [
    pytest.mark.skipif(library.find_compiler() is None, reason="no compiler of C"),
    pytest.mark.integration,
]


def problem():
    """A loop of metastable switches of 41 points."""
    t = np.linspace(0, 1, 41)
    v = 0.5 * np.sin(2 * np.pi * t)
    i = v / np.where(t < 0.3, 2e3, 1e3)
    data = mj.Measurement(
        t=t, v=v, i=i, sweep=np.zeros(41, int), at_compliance=np.zeros(41, bool), reader="test"
    )
    return prepare(
        [data], mj.model("mms"), bench=None, env=None, point_time=None, free=None, fix=None, seed=0, screened=1
    ).problem  # fmt: skip


def test_residuals_and_derivatives_are_those_of_the_problem():
    whole = problem()
    traced = whole.in_program
    assert isinstance(traced, TracedKernel)
    z = np.asarray(whole.center) + 0.1
    r, jacobian, ok = eqx.filter_jit(lambda own, x: own.data_linearised(x))(traced, jnp.asarray(z))
    assert ok
    theirs, slopes, _ = (x[0] for x in whole.linearise(np.repeat(z[None], 8, axis=0)))
    n = len(z)
    # Rows that fill a waveform up have neither weight nor derivative.
    assert 0.5 * float(r @ r) == pytest.approx(0.5 * float(theirs[:-n] @ theirs[:-n]), rel=1e-9)
    np.testing.assert_allclose(jacobian.T @ r, slopes[:-n].T @ theirs[:-n], rtol=1e-7, atol=1e-9)

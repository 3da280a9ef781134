"""Retention: the laws' truth comes back, and the device's; delays and relaxations of synthetic curves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.retention.fit import halves
from memjax.data import DecayRecord
from memjax.errors import DataError

pytestmark = pytest.mark.slow

T = np.linspace(0.0, 3e4, 400)
Z = 4.0


def test_a_device_relaxes_as_it_was_made():
    """A drift memristor that loses a tenth of its length: the curve within the noise of the readings, z < 4."""
    device = mj.params.replace(
        mj.DriftMemristor(), {"h0": 8e-9, "beta": 2e-22, "r_on": 5e3, "r_off": 4e4}
    )
    clean = fit_curve(device)
    rng = np.random.default_rng(3)
    record = DecayRecord(label="x", t=T[::8], r=clean * (1 + 1e-3 * rng.normal(size=clean.size)))
    found = ft.solve(ft.RetentionProblem(record, mj.DriftMemristor()))
    assert np.max(np.abs(found.curve / clean - 1)) < Z * 1e-3
    assert found.rms < 1.5e-3
    drawn = {line.get_label(): line.get_ydata() for line in found.plot().axes[0].lines}
    np.testing.assert_allclose(drawn["drift, 0 V"], found.curve / 1e3)
    np.testing.assert_allclose(drawn["measured"], record.r / 1e3)
    with pytest.raises(DataError, match="no relaxation known"):
        ft.solve(ft.RetentionProblem(record, mj.Vteam()))


def fit_curve(device: mj.AbstractDevice) -> np.ndarray:
    """Resistance of a device at 0 V, by the adaptive solver."""
    rest = mj.Sampled(np.array([0.0, T[-1]]), np.zeros(2), "linear", "voltage")
    trace = mj.simulate(device, rest, save=T[::8], deterministic=True).check()
    v, env = jnp.asarray(0.01), mj.Environment()
    look = jax.vmap(lambda s: v / device.current(jnp.zeros(()), s, v, env))
    return np.asarray(look({k: x[0] for k, x in trace.state.items()}))


@pytest.mark.study
def test_a_fit_to_the_first_half_is_compared_with_the_second():
    """The same device at all readings, whether these are handed over or were its own."""
    device = mj.params.replace(
        mj.DriftMemristor(), {"h0": 8e-9, "beta": 2e-22, "r_on": 5e3, "r_off": 4e4}
    )
    rng = np.random.default_rng(5)
    clean = fit_curve(device)
    record = DecayRecord(label="x", t=T[::8], r=clean * (1 + 1e-3 * rng.normal(size=clean.size)))
    seen, held = halves(record)
    assert (seen.t[-1], held.t[0]) == (record.t[24], record.t[25])
    found = ft.solve(ft.RetentionProblem(seen, mj.DriftMemristor()))
    own, ahead = found.residuals(), found.residuals(held)
    np.testing.assert_allclose(own.values * own.sigma, np.log(found.curve / seen.r), atol=1e-12)
    whole = found.problem.at(jnp.asarray(found.z))
    predicted = fit_curve(whole)[25:]
    # To a thousandth of a reading's noise: another solver.
    np.testing.assert_allclose(ahead.values * ahead.sigma, np.log(predicted / held.r), atol=1e-6)
    with pytest.raises(DataError, match="none is held out"):
        halves(DecayRecord(label="x", t=T[:9], r=clean[:9]))

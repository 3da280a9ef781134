"""The closed forms themselves: each solves its equation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from tests.systems.exact import LinearDrift, OrnsteinUhlenbeck

pytestmark = pytest.mark.fast

ENV = mj.Environment()


@pytest.mark.parametrize("t", [0.0, 0.1, 1.0])
def test_the_mean_of_ornstein_uhlenbeck_solves_its_equation(t):
    device, t, v = OrnsteinUhlenbeck(), jnp.asarray(t), jnp.asarray(0.3)
    rate = jax.grad(lambda t: device.mean(t, v))(t)
    expected = device.drift(t, {"x": device.mean(t, v)}, v, ENV)["x"]
    np.testing.assert_allclose(rate, expected, rtol=1e-12)
    # d var/dt = sigma^2 - 2 k var.
    growth = jax.grad(device.variance)(t)
    balance = device.sigma**2 - 2 * device.k * device.variance(t)
    np.testing.assert_allclose(growth, balance, rtol=1e-12)


@pytest.mark.parametrize("flux", [-0.5, 0.0, 0.5])
def test_the_linear_drift_memristor_solves_its_equation(flux):
    device, flux, v = LinearDrift(w0=0.5), jnp.asarray(flux), jnp.asarray(0.7)
    per_flux = jax.grad(device.exact)(flux)
    rate = device.drift(0.0, {"w": device.exact(flux)}, v, ENV)["w"]
    np.testing.assert_allclose(per_flux * v, rate, rtol=1e-12)
    np.testing.assert_allclose(device.exact(jnp.asarray(0.0)), 0.5, rtol=1e-12)

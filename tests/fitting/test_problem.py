"""What problems of all kinds have in common: prior, ties, derivatives."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

import memjax as mj
from fitting.problem import (
    PRIOR_SIGMA,
    AbstractDifferentiable,
    shift_by_prior,
)
from memjax.core.params import get

NAMES = ("r_on", "v_on")


class Values(AbstractDifferentiable):
    """Two parameters, measured as they are."""

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[Array, " free"]
    target: Float[Array, " free"]
    noise: Float[Array, ""]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    def data_residuals(self, z):
        """Distance of the logarithms from their targets."""
        values = jnp.stack([jnp.asarray(get(self.at(z), n)) for n in self.free])
        return jnp.log(values) - self.target, jnp.isfinite(z).all()


def problem(noise: float = 1.0, **more) -> Values:
    device = mj.MetastableSwitches()
    about = dict(device=device, free=NAMES, target=jnp.zeros(2), noise=jnp.asarray(noise, float))
    return Values(center=mj.params.unconstrain(device, NAMES), **about, **more)


def test_the_prior_comes_last_and_weighs_against_the_noise():
    z = np.asarray(problem().center) + 1.0
    for noise in (1.0, 0.1, 0.0):
        r, jacobian, ok = problem(noise).linearise(z[None])
        assert ok[0]
        np.testing.assert_allclose(r[0, 2:], noise / PRIOR_SIGMA)
        np.testing.assert_allclose(jacobian[0, 2:], np.eye(2) * noise / PRIOR_SIGMA)


def test_the_prior_shifts_what_it_does_along_what_the_data_know_and_nothing_else():
    rng = np.random.default_rng(0)
    slopes, data = rng.normal(size=(30, 3)) * [1.0, 0.5, 0.0], rng.normal(size=30)
    prior, center = 0.3 * np.eye(3), np.array([2.0, -1.0, 4.0])
    jacobian = np.concatenate([slopes, prior])
    target = np.concatenate([data, prior @ center])
    z = np.linalg.lstsq(jacobian, target, rcond=None)[0]
    without = np.linalg.lstsq(slopes[:, :2], data, rcond=None)[0]
    shift = shift_by_prior(jacobian @ z - target, jacobian)
    np.testing.assert_allclose(shift, [*(z[:2] - without), 0.0], atol=1e-12)


@pytest.mark.integration
def test_derivatives_are_those_of_secants():
    """Central differences of 1e-4: an error of second order, 1e-8 of values of order one."""
    z, step = np.asarray(problem().center), 1e-4
    _, jacobian, _ = problem().linearise(z[None])
    ends = z + step * np.concatenate([np.eye(2), -np.eye(2)])
    r, _, _ = problem().linearise(ends)
    np.testing.assert_allclose(jacobian[0], (r[:2] - r[2:]).T / (2 * step), atol=1e-7)


def test_a_tied_parameter_follows_the_free_one():
    tied = problem(ties=(("v_off", "v_on"),))
    device = tied.at(tied.center + 0.3)
    assert float(get(device, "v_off")) == float(get(device, "v_on"))
    assert float(get(problem().at(tied.center + 0.3), "v_off")) == float(get(tied.device, "v_off"))


def test_a_point_that_is_no_number_is_no_success():
    _, _, ok = problem().linearise(np.array([[np.nan, 0.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(ok, [False, True])

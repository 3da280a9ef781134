"""Laws in float32, where they are written otherwise than in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.robustness.sampling import draw_sets
from memjax.core import params
from memjax.core.fields import parameter_specs
from memjax.core.transforms import Logit, from_spec
from memjax.device.laws import gap_ratio, safe_sqrt


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.02, 0.2, 5.0])
def test_the_gap_is_as_exact_in_float32_as_its_length(decay):
    """Off by no more than three units in the last place of 1 - x and of the exponent."""
    x = jnp.linspace(0, 1, 2001, dtype=jnp.float32)
    exact = np.asarray(gap_ratio(x.astype(float), jnp.float64(decay)))
    found = np.asarray(gap_ratio(x, jnp.float32(decay)))
    assert found.dtype == np.float32
    unit = 2.0**-24 / decay
    allowed = 3 * (unit + 2.0**-22) * (exact + np.exp(-1 / decay) / -np.expm1(-1 / decay))
    assert np.all(np.abs(found - exact) <= allowed)
    assert found[-1] <= 1e-6
    assert np.all(found >= 0)


@pytest.mark.integration
def test_the_root_in_float32_is_the_root():
    x = jnp.concatenate([-jnp.logspace(-9, 9, 400), jnp.zeros(1), jnp.logspace(-9, 9, 400)])
    exact = np.asarray(safe_sqrt(x, 1e-6))
    found = np.asarray(safe_sqrt(x.astype(jnp.float32), 1e-6))
    np.testing.assert_allclose(found, exact, rtol=2e-6, atol=1e-30)
    slope = jax.vmap(jax.grad(lambda y: safe_sqrt(y, 1.0)))(jnp.zeros(1, jnp.float32))
    assert np.all(np.isfinite(slope))


@pytest.mark.slow
def test_gradients_of_the_smallest_currents_are_float32_in_reverse_mode():
    """Currents of jart-vcm, whose squares are no float32: forward and reverse mode agree."""
    env = mj.Environment()
    with jax.enable_x64(False):
        sets = draw_sets(mj.JartVcm(), 100)
        volts = jnp.asarray([-2.0, -0.1, -1e-3, 1e-3, 0.1, 2.0])

        def total(device, v):
            between = {"n_disc": 3 * device.initial(env)["n_disc"]}  # at a bound the limits cancel
            return jnp.arcsinh(device.drift(0.0, between, v, env)["n_disc"])

        def both(device, slope, v):
            gradient = jax.grad(total)(device, v)
            parts = [a * b for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(slope))]
            forward = jax.jvp(lambda d: total(d, v), (device,), (slope,))[1]
            return forward, sum(parts), sum(jnp.abs(x) for x in parts)

        lanes = jax.vmap(jax.vmap(both, (None, None, 0)), (0, 0, None))
        forward, reverse, terms = (np.asarray(x) for x in jax.jit(lanes)(*sets[:2], volts))
    assert np.all(np.isfinite(forward) & np.isfinite(reverse))
    # Both are sums of terms, which cancel in few sets.
    apart = np.abs(forward - reverse) / (1e-3 + np.abs(forward) + terms)
    assert np.mean(apart < 1e-3) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "v", "density"),
    [(4479, -1.5368448495864868, 0.5501058101654053), (5936, -1.062140703201294, 0.0)],
)
def test_derivatives_of_the_largest_currents_are_float32(number, v, density):
    """Of jart-vcm at 137 and 1.4 A, just where the barrier vanishes: those of float64, as steep as they are."""
    slopes = []
    for double in (False, True):
        with jax.enable_x64(False):
            one = jax.tree.map(lambda x: x[number], draw_sets(mj.JartVcm(), 10_000)[:2])
        with jax.enable_x64(double):
            numbers = (one[0], _in_units(one[1]), {"n_disc": density}, v)
            numbers = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(float)), numbers)
            slopes.append(_derivative(*numbers))
    assert np.isfinite(slopes[0])
    # The root lies where the slope changes a millionfold within 1e-6 of the voltage.
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=0.1)


def _in_units(slope):
    """A direction of which each step is one in the unit of its parameter, as where these roots were met."""
    transforms = {n: from_spec(s) for n, s in parameter_specs(slope).items()}
    steps = {
        n: params.get(slope, n) * (4 * t.unit / (t.upper - t.lower))
        for n, t in transforms.items()
        if isinstance(t, Logit)
    }
    return params.replace(slope, steps, check=False)


@jax.jit
def _derivative(device, slope, state, v):
    def current(device, v):
        return device.current(0.0, device.project(state), v, mj.Environment())

    return jax.jvp(current, (device, v), (slope, jnp.ones_like(v)))[1]

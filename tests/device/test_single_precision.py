"""Laws in float32, where they are written otherwise than in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from memjax.device.laws import gap_ratio, safe_sqrt


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


def test_the_root_in_float32_is_the_root():
    x = jnp.concatenate([-jnp.logspace(-9, 9, 400), jnp.zeros(1), jnp.logspace(-9, 9, 400)])
    exact = np.asarray(safe_sqrt(x, 1e-6))
    found = np.asarray(safe_sqrt(x.astype(jnp.float32), 1e-6))
    np.testing.assert_allclose(found, exact, rtol=2e-6, atol=1e-30)
    slope = jax.vmap(jax.grad(lambda y: safe_sqrt(y, 1.0)))(jnp.zeros(1, jnp.float32))
    assert np.all(np.isfinite(slope))

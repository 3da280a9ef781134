"""Descent by optax: it keeps the best point, takes back steps to nowhere, and survives an interrupt."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fitting.optimize.adam import descend


def _bowl(z):
    return jnp.sum((z - jnp.array([1.0, -2.0])) ** 2)


@pytest.mark.slow
def test_the_minimum_of_a_bowl_is_reached():
    done = descend(jax.value_and_grad(_bowl), np.zeros(2), steps=200)
    np.testing.assert_allclose(done.z, [1.0, -2.0], atol=0.05)
    assert done.loss == min(done.history)
    assert len(done.history) == 200


def test_a_step_to_where_the_loss_is_no_number_is_taken_back():
    def loss(z):
        return jnp.where(jnp.all(z < 0.15), jnp.sum((z - 1) ** 2), jnp.nan)

    done = descend(jax.value_and_grad(loss), np.zeros(1), steps=20)
    assert np.isfinite(done.loss)
    assert np.isnan(done.history).any()
    assert 0 < done.z[0] < 0.15


def test_an_interrupt_ends_at_the_best_point():
    def tick(done):
        if len(done.history) == 5:
            raise KeyboardInterrupt

    done = descend(jax.value_and_grad(_bowl), np.zeros(2), steps=50, tick=tick)
    assert len(done.history) == 5
    assert done.loss == min(done.history)

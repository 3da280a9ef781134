"""The layer of weights in arrays."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import memjax as mj

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(6, 4))
LOW, HIGH = 1e-6, 1e-4
IDEAL = mj.crossbar.Wires(1e-6, 1e-6)


def test_tiles_without_resistance_in_the_wires_add_up_to_the_product():
    x = RNG.normal(size=(2, 5, 6))
    layer = mj.crossbar.Linear(
        WEIGHT, cells=mj.crossbar.CellRange(LOW, HIGH), wires=IDEAL, tile=(3, 5)
    )
    assert [[a.shape for a in row] for row in layer.arrays] == [[(3, 4), (3, 4)]] * 2
    # Of 6 cells of 1e-4 S at 1e-6 ohm: 1e-9 of the currents, of which pairs leave the difference.
    np.testing.assert_allclose(layer(jnp.asarray(x)), x @ WEIGHT, atol=1e-7)


def test_conductances_are_within_the_range_and_of_the_levels():
    cells = mj.crossbar.CellRange(LOW, HIGH, levels=5)
    layer = mj.crossbar.Linear(WEIGHT, cells=cells, wires=IDEAL, largest=1.0)
    g = np.asarray(layer.conductances)
    step = (1e-4 - 1e-6) / 4
    np.testing.assert_allclose((g - 1e-6) / step, np.round((g - 1e-6) / step), atol=1e-9)
    assert g.min() == pytest.approx(1e-6)
    assert g.max() == pytest.approx(1e-4)
    # One of a pair stands for the modulus of the weight, the other one is low.
    assert np.all(np.minimum(g[:, 0::2], g[:, 1::2]) == pytest.approx(1e-6))


@pytest.mark.slow
def test_a_regression_trained_through_wires_reaches_the_error_of_the_ideal_array():
    rng = np.random.default_rng(2)
    x = jnp.asarray(rng.normal(size=(32, 6)))
    target = x @ WEIGHT + 0.1 * jnp.asarray(rng.normal(size=(32, 4)))
    best = np.linalg.lstsq(np.asarray(x), np.asarray(target), rcond=None)[0]
    ideal = float(jnp.mean((x @ best - target) ** 2))
    cells, wires = mj.crossbar.CellRange(1e-6, 1e-3), mj.crossbar.Wires(50.0, 50.0)
    layer = mj.crossbar.Linear(best, cells=cells, wires=wires, largest=2 * np.abs(best).max())

    def loss(weight):
        return jnp.mean((eqx.tree_at(lambda a: a.weight, layer, weight)(x) - target) ** 2)

    slopes = jax.jit(jax.value_and_grad(loss))
    weight, optimiser, errors = layer.weight, optax.adam(0.1), []
    state = optimiser.init(weight)
    with jax.numpy_dtype_promotion("standard"):  # optax counts in int32
        for _ in range(60):
            error, slope = slopes(weight)
            errors.append(float(error))
            step, state = optimiser.update(slope, state)
            weight = optax.apply_updates(weight, step)
    assert errors[0] > 2 * ideal
    assert errors[-1] < 1.05 * ideal

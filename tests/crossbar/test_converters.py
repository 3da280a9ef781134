"""Levels of inputs and outputs, and layers that have them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj

x = mj.crossbar
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(6, 4))
RANGE, IDEAL = x.CellRange(1e-6, 1e-4), x.Wires(1e-6, 1e-6)


def test_numbers_are_rounded_to_levels_and_cut_at_the_range():
    converters = x.Converters(input_bits=3, input_range=0.3, output_bits=2, output_range=1e-6)
    v = jnp.asarray([0.04, 0.06, -0.16, 0.29, 0.7, 0.0])
    np.testing.assert_allclose(converters.inputs(v), [0, 0.1, -0.2, 0.3, 0.3, 0], atol=1e-15)
    i = jnp.asarray([4e-7, 6e-7, -3e-6])
    np.testing.assert_allclose(converters.outputs(i, None), [0, 1e-6, -1e-6], atol=1e-20)


def test_derivatives_pass_straight_through_inside_of_the_range():
    converters = x.Converters(input_bits=3, input_range=0.3)
    slopes = jax.vmap(jax.grad(converters.inputs))(jnp.asarray([0.04, -0.16, 0.29, 0.7]))
    np.testing.assert_array_equal(slopes, [1, 1, 1, 0])


def test_noise_of_reads_has_its_size():
    converters = x.Converters(read_noise=1e-8)
    noisy = converters.outputs(jnp.full(4000, 1e-6), jax.random.key(0)) - 1e-6
    chi2 = float(jnp.sum((noisy / 1e-8) ** 2))
    assert abs(chi2 - 4000) / np.sqrt(8000) < 4
    np.testing.assert_array_equal(converters.outputs(jnp.full(3, 1e-6), None), 1e-6)


@pytest.mark.slow
def test_a_layer_of_offset_columns_gives_the_product_through_its_converters():
    v = jnp.asarray(RNG.uniform(-1, 1, (10, 6)))
    converters = x.Converters(
        input_bits=8, input_range=0.1, output_bits=14, output_range=1e-4, read_noise=1e-7
    )
    layer = x.Linear(
        WEIGHT,
        cells=x.CellRange(1e-6, 1e-4, write_noise=0.05),
        wires=IDEAL,
        signs="offset",
        tile=(3, 5),
        converters=converters,
    )
    assert [[a.shape for a in row] for row in layer.arrays] == [[(3, 5)]] * 2
    middle = np.asarray(layer.arrays[0][0].conductances)[:, -1]
    np.testing.assert_allclose(middle, 0.5 * (1e-6 + 1e-4))
    levels = np.round(np.asarray(v) * 127) / 127
    scale = np.abs(WEIGHT).max() / (99e-6 * 0.1)
    # Two tiles, of an output and a reference each, rounded to half a level, and doubled.
    rounding = scale * 2 * 2 * 2 * 0.5 * 1e-4 / (2**13 - 1)
    np.testing.assert_allclose(layer(v), levels @ WEIGHT, atol=1.01 * rounding)
    noisy = layer(v, key=jax.random.key(1))
    np.testing.assert_array_equal(noisy, layer(v, key=jax.random.key(1)))
    assert 0.01 < float(jnp.std(noisy - layer(v))) < 1.0


def test_a_pair_has_the_sign_of_its_weight_and_an_offset_the_middle_at_zero():
    pair = x.Linear(WEIGHT, cells=RANGE, wires=IDEAL).conductances
    np.testing.assert_allclose(
        (pair[:, 0::2] - pair[:, 1::2]) / 99e-6, WEIGHT / np.abs(WEIGHT).max(), atol=1e-12
    )
    cells = x.CellRange(1e-6, 1e-4, levels=3)
    zero = 0 * WEIGHT + 1e-30
    offset = x.Linear(zero, cells=cells, wires=IDEAL, largest=1.0, signs="offset")
    np.testing.assert_allclose(offset.conductances, 0.5 * (1e-6 + 1e-4))

"""Batches of inputs by the kernel in C against the same ones by XLA, which is their oracle."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.crossbar import batch_kernel
from memjax.lanes.cc.compiler import find_compiler

from .nodal import random_cells

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(find_compiler() is None, reason="no compiler of C"),
]

ACCURACY = 1e-9
"""Stated of reads in float64, relative."""

# Neither rows nor inputs fill up blocks of the kernel.
SHAPE, INPUTS = (9, 6), 11
CELLS, _ = random_cells(*SHAPE)
INPUT = np.random.default_rng(1).uniform(0.05, 0.3, (INPUTS, SHAPE[0]))
WIRES = mj.crossbar.Wires(3.0, 2.0)
OPEN = np.where(np.arange(SHAPE[0]) == 4, np.inf, 10.0)


def _currents(array):
    return array.read(INPUT).current


def _array(**ends):
    return mj.Crossbar(CELLS, wires=mj.crossbar.Wires(3.0, 2.0, **ends))


def _by_xla(call):
    with mj.use_backend("xla"):
        return call()


def test_all_voltages_are_those_of_xla():
    ends = {"driver": OPEN, "sense": 4.0, "drive_both_ends": True, "sense_both_ends": True}
    v_bit = 0.1 * np.arange(SHAPE[1])
    with mj.use_backend("cc"):
        reading = _array(**ends).read(INPUT, v_bit=v_bit)
    oracle = _by_xla(lambda: _array(**ends).read(INPUT, v_bit=v_bit))
    # Residuals are measured against those of all lines: one that floats is right beside the voltage of the others.
    beside = ACCURACY * float(jnp.abs(oracle.word).max())
    np.testing.assert_allclose(reading.word, oracle.word, atol=beside)
    np.testing.assert_allclose(reading.bit, oracle.bit, atol=beside)
    np.testing.assert_allclose(reading.power.total, oracle.power.total, rtol=ACCURACY)
    assert np.all(reading.iterations > 0)
    assert not np.any(reading.direct)


def _loss(g, v, wire, v_bit):
    reading = mj.Crossbar(g, wires=mj.crossbar.Wires(wire, 2.0)).read(v, v_bit=v_bit)
    return jnp.sum(reading.current @ jnp.arange(1.0, 7.0)) + 1e-3 * jnp.sum(reading.word**2)


def test_derivatives_are_those_of_xla_in_both_modes():
    point = tuple(map(jnp.asarray, (CELLS, INPUT, 3.0, np.full(SHAPE[1], 0.01))))
    every = tuple(range(len(point)))
    slopes = jax.jit(jax.grad(_loss, argnums=every))(*point)
    oracle = _by_xla(lambda: jax.jit(jax.grad(_loss, argnums=every))(*point))
    for x, y in zip(slopes, oracle):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-8 * float(jnp.abs(y).max()))
    _, tangent = jax.jvp(_loss, point, point)
    total = sum(float(jnp.sum(x * y)) for x, y in zip(slopes, point))
    np.testing.assert_allclose(tangent, total, rtol=1e-8)


@pytest.mark.parametrize("both", [False, True], ids=["last nodes", "both ends"])
def test_derivatives_of_currents_alone_are_those_of_xla_in_both_orders(both):
    """Their sources are at the ends of the bit lines, and those of the second derivatives at all nodes."""

    def loss(g, v):
        wires = mj.crossbar.Wires(3.0, 2.0, sense=4.0, sense_both_ends=both)
        return jnp.sum(mj.Crossbar(g, wires=wires).read(v).current ** 2)

    def orders():
        return jax.jit(lambda *p: jax.jvp(jax.grad(loss, argnums=(0, 1)), p, p))(CELLS, INPUT)

    for x, y in zip(jax.tree.leaves(orders()), jax.tree.leaves(_by_xla(orders)), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-8 * float(jnp.abs(y).max()))


def test_batches_of_several_arrays_are_mapped():
    several = jnp.stack([CELLS, 2 * CELLS])
    mapped = jax.vmap(lambda g: _currents(eqx.tree_at(lambda a: a.conductances, _array(), g)))
    one = [_currents(mj.Crossbar(g, wires=WIRES)) for g in several]
    np.testing.assert_allclose(mapped(several), one, rtol=ACCURACY)


def test_float32_reads_to_1e_5():
    single = mj.Crossbar(CELLS.astype(np.float32), wires=WIRES).read(INPUT)
    assert single.current.dtype == jnp.float32
    assert not np.any(single.direct)
    np.testing.assert_allclose(single.current, _currents(_array()), rtol=1e-5)


def test_what_the_polynomial_leaves_is_solved_by_xla(monkeypatch):
    monkeypatch.setattr(batch_kernel, "_CYCLES", 0)  # no iteration is left to the kernel
    array = mj.Crossbar(CELLS[:8], wires=WIRES)  # a shape of its own: traced anew
    v = np.concatenate([INPUT[:, :8], np.zeros((1, 8))])
    reading = array.read(v)
    oracle = _by_xla(lambda: array.read(v))
    np.testing.assert_array_equal(reading.iterations, oracle.iterations)
    np.testing.assert_array_equal(reading.word, oracle.word)

"""Reads of ohmic arrays: against node equations that SciPy solves, and what any network of resistors does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import memjax as mj

from .nodal import array_voltages, random_cells

ACCURACY = 1e-9
"""Stated of reads in float64, relative."""

WIRES = {"word_line": 1.3, "bit_line": 0.7}
SHAPE = (9, 7)
CELLS, INPUT = random_cells(*SHAPE)


def _source_range(v):
    """Lowest and highest voltage of the sources of each input, ground among them, for each node."""
    return np.minimum(v.min(axis=1), 0)[:, None, None], np.maximum(v.max(axis=1), 0)[:, None, None]


@pytest.fixture(scope="module")
def array():
    return mj.Crossbar(CELLS, wires=mj.crossbar.Wires(driver=20.0, sense=5.0, **WIRES))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(8, 8), (128, 96)], ids=str)
def test_voltages_and_currents_agree_with_the_node_equations(shape):
    g, v = random_cells(*shape)
    for wire in (0.1, 1.0, 10.0):
        word, bit = array_voltages(g, v, word_line=wire, bit_line=wire)
        reading = mj.Crossbar(g, wires=mj.crossbar.Wires(wire, wire)).read(v)
        np.testing.assert_allclose(reading.word, word, rtol=ACCURACY)
        np.testing.assert_allclose(reading.bit, bit, rtol=ACCURACY)
        np.testing.assert_allclose(reading.current, np.sum(g * (word - bit), axis=0), rtol=ACCURACY)
        assert str(reading.method) == "conjugate gradients"


@pytest.mark.slow
def test_bit_lines_that_are_solved_in_parts_agree_with_the_node_equations():
    g, v = random_cells(6, 300)  # two parts of 128, and the last 128 anew
    word, bit = array_voltages(g, v, word_line=1.0, bit_line=10.0)
    reading = mj.Crossbar(g, wires=mj.crossbar.Wires(1.0, 10.0)).read(v)
    np.testing.assert_allclose(reading.word, word, rtol=ACCURACY)
    np.testing.assert_allclose(reading.bit, bit, rtol=ACCURACY)


@pytest.mark.slow
@pytest.mark.parametrize(
    "ends",
    [
        {"driver": 300.0, "sense": 80.0},
        {"drive_both": True, "sense_both": True, "driver": 3.0},
        {"driver": np.where(np.arange(9) % 3 == 1, np.inf, 10.0)},
        {"sense": np.where(np.arange(7) < 5, np.inf, 2.0), "sense_both": True},
        {"sense": np.inf},
    ],
    ids=["resistances", "both ends", "floating word lines", "floating bit lines", "nothing sensed"],
)
def test_ends_of_lines_are_where_the_node_equations_have_them(ends):
    word, bit = array_voltages(CELLS, INPUT, **WIRES, **ends)
    names = {"drive_both": "drive_both_ends", "sense_both": "sense_both_ends"}
    wires = mj.crossbar.Wires(**WIRES, **{names.get(k, k): x for k, x in ends.items()})
    reading = mj.Crossbar(CELLS, wires=wires).read(INPUT)
    np.testing.assert_allclose(reading.word, word, rtol=ACCURACY)
    np.testing.assert_allclose(reading.bit, bit, rtol=ACCURACY)
    np.testing.assert_allclose(reading.sense_voltage, bit[-1], rtol=ACCURACY)
    # What no cell takes reaches the sense nodes, and a floating line takes none: its cells' currents add up to 0.
    lost = np.abs(np.asarray(reading.current) - np.asarray(reading.cell_current).sum(axis=0))
    assert lost.max() <= ACCURACY * float(jnp.abs(reading.cell_current).max())


def test_power_of_the_parts_is_what_the_drivers_supply(array):
    reading = array.read(INPUT)
    power = reading.power
    assert all(float(x) > 0 for x in power)  # passive
    supplied = float(jnp.sum(reading.v * reading.driver_current))
    np.testing.assert_allclose(power.total, supplied, rtol=ACCURACY)
    np.testing.assert_allclose(
        reading.ir_drop, INPUT[:, None] - np.asarray(reading.word - reading.bit), rtol=1e-12
    )


@pytest.mark.slow
def test_inputs_of_a_batch_are_read_as_alone_and_superpose(array):
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, SHAPE[0]))
    batch = array.read(np.stack([first, second, 2 * first - second]))
    np.testing.assert_allclose(batch.current[0], array.read(first).current, rtol=ACCURACY)
    mixed = 2 * batch.current[0] - batch.current[1]
    scale = float(jnp.abs(batch.current).max())
    np.testing.assert_allclose(batch.current[2], mixed, atol=ACCURACY * scale)
    assert batch.iterations.shape == (3,)
    assert batch.power.total.shape == (3,)


def test_bit_lines_may_be_held_at_voltages_too(array):
    reading = array.read(INPUT)
    shifted = array.read(INPUT + 0.5, v_bit=0.5)
    np.testing.assert_allclose(shifted.word - 0.5, reading.word, rtol=ACCURACY)
    np.testing.assert_allclose(shifted.current, reading.current, rtol=1e-8)
    np.testing.assert_allclose(shifted.ir_drop, reading.ir_drop, rtol=1e-8)
    np.testing.assert_allclose(shifted.power.total, reading.power.total, rtol=1e-8)
    # What one sense node at 1 V sends into another one is the same when they change places.
    zero, ones = np.zeros(SHAPE[0]), np.eye(SHAPE[1])
    sent = np.stack([array.read(zero, v_bit=x).current for x in ones])
    np.testing.assert_allclose(sent, sent.T, rtol=1e-8, atol=1e-8 * np.abs(sent).max())
    assert np.all(np.diag(sent) < 0)


@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    middle=st.floats(-6, -3),
    spread=st.floats(0, 2),
    wires=st.tuples(*[st.floats(-3, 2)] * 4),
)
def test_any_ohmic_array_is_passive_linear_and_reciprocal(seed, middle, spread, wires):
    """Cells, wires, drivers and sense nodes of any sizes, given as powers of 10 [S], [ohm]."""
    rng, n = np.random.default_rng(seed), 6
    g = 10 ** rng.uniform(middle - spread / 2, middle + spread / 2, (n, n))
    word_line, bit_line, driver, sense = 10.0 ** np.array(wires)
    array = mj.Crossbar(g, wires=mj.crossbar.Wires(word_line, bit_line, driver, sense))
    first, second = rng.normal(size=(2, n))
    v = np.concatenate([np.eye(n), [first, second, 2 * first - second]])
    reading = array.read(v)
    scale = np.abs(reading.cell_current).max()
    # Passive: no part gives power, all of it comes from the drivers, and no node leaves the range of the sources.
    supplied = np.sum(v * reading.driver_current, axis=1)
    assert all(np.all(part >= -ACCURACY * supplied) for part in reading.power)
    np.testing.assert_allclose(reading.power.total, supplied, rtol=ACCURACY)
    for voltage in (reading.word, reading.bit):
        beyond = voltage - np.clip(voltage, *_source_range(v))
        assert np.abs(beyond).max() <= ACCURACY * np.abs(v).max()
    # Linear: an input that is a sum gives the sum.
    mixed = 2 * reading.current[n] - reading.current[n + 1]
    np.testing.assert_allclose(reading.current[n + 2], mixed, atol=10 * ACCURACY * scale)
    # Reciprocal: rows and columns, and first and last of each line, change places, and so do drivers and sense nodes.
    back = mj.crossbar.Wires(bit_line, word_line, driver=sense, sense=driver)
    turned = mj.Crossbar(g.T[::-1, ::-1], wires=back)
    backward = turned.read(v).current[:n]
    np.testing.assert_allclose(
        reading.current[:n], np.asarray(backward).T[::-1, ::-1], rtol=ACCURACY
    )


def test_wires_that_vanish_leave_the_product():
    wires = np.array([1e-2, 1e-3, 1e-4])
    reads = [mj.Crossbar(CELLS, wires=mj.crossbar.Wires(r, r)).read(INPUT).current for r in wires]
    errors = [np.abs(np.asarray(x) / (INPUT @ CELLS) - 1).max() for x in reads]
    np.testing.assert_allclose(np.diff(np.log(errors)) / np.diff(np.log(wires)), 1, atol=0.01)
    # One input, and a batch, which a kernel solves.
    for v in (INPUT, np.stack([INPUT, 0.5 * INPUT, INPUT[::-1]])):
        ideal = mj.Crossbar(CELLS, wires=mj.crossbar.Wires(**WIRES)).without_wires().read(v)
        np.testing.assert_allclose(ideal.current, v @ CELLS, rtol=ACCURACY)


def test_the_direct_solve_is_taken_where_iterations_end_early_and_is_told():
    wires = mj.crossbar.Wires(driver=20.0, sense=5.0, **WIRES)
    reading = mj.Crossbar(CELLS, wires=wires).read(INPUT)
    direct = mj.Crossbar(CELLS, wires=wires, max_iterations=1)
    direct = direct.read(np.stack([INPUT, 0 * INPUT]))
    assert list(direct.method) == ["direct", "conjugate gradients"]  # nothing is left to do at 0 V
    np.testing.assert_allclose(direct.word[0], reading.word, rtol=ACCURACY)
    np.testing.assert_allclose(direct.bit[0], reading.bit, rtol=ACCURACY)


@pytest.mark.slow
def test_jit_and_vmap_read_as_calls_do(array):
    batch = np.stack([INPUT, 2 * INPUT])
    mapped = jax.jit(jax.vmap(lambda v: array.read(v).current))(jnp.asarray(batch))
    np.testing.assert_allclose(mapped, array.read(batch).current, rtol=ACCURACY)


def test_float32_reads_to_1e_5():
    g, v = random_cells(*SHAPE, seed=3)
    wires = mj.crossbar.Wires(10.0, 10.0)
    double = mj.Crossbar(g, wires=wires).read(v)
    single = mj.Crossbar(g.astype(np.float32), wires=wires).read(v)
    assert single.current.dtype == jnp.float32
    assert str(single.method) == "conjugate gradients"
    np.testing.assert_allclose(single.current, double.current, rtol=1e-5)
    np.testing.assert_allclose(single.word, double.word, rtol=1e-5)

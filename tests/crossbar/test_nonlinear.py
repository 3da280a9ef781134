"""Reads of arrays of devices: against ngspice, and what their laws say."""

import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import SolveError
from tests.spice import needs_ngspice

DEVICE = mj.StanfordPKU()
GAPS = np.random.default_rng(0).uniform(0.2e-9, 1.7e-9, (4, 3))
INPUT = np.array([0.9, -0.4, 0.6, 0.2])
RESISTANCES = {"word_line": 5.0, "bit_line": 3.0, "driver": 100.0, "sense": 10.0}
WIRES = mj.crossbar.Wires(**RESISTANCES)
ENV = mj.Environment()


def _device_current(v, gaps=GAPS):
    law = jax.vmap(jax.vmap(lambda u, s: DEVICE.current(jnp.zeros(()), {"gap": s}, u, ENV)))
    return law(jnp.asarray(v), jnp.asarray(gaps))


@pytest.fixture(scope="module")
def reading():
    return mj.Crossbar(cells=DEVICE, states={"gap": GAPS}, wires=WIRES).read(INPUT)


def _netlist(gaps, v):
    """The same array for ngspice, with the device's published law written anew."""
    rows, columns = gaps.shape
    d = {k: float(getattr(DEVICE, k)) for k in ("i0", "g0", "v0")}
    lines = []
    for i in range(rows):
        lines += [
            f"V{i} s{i} 0 {float(v[i])!r}",
            f"Rd{i} s{i} w{i}_0 {RESISTANCES['driver'] + RESISTANCES['word_line']!r}",
        ]
        for j in range(columns):
            across = f"V(w{i}_{j},b{i}_{j})"
            scale = d["i0"] * np.exp(-gaps[i, j] / d["g0"])
            lines.append(
                f"B{i}_{j} w{i}_{j} b{i}_{j} I={{{float(scale)!r}*sinh({across}/{d['v0']!r})}}"
            )
            if j:
                lines.append(f"Rw{i}_{j} w{i}_{j - 1} w{i}_{j} {RESISTANCES['word_line']!r}")
            if i:
                lines.append(f"Rb{i}_{j} b{i - 1}_{j} b{i}_{j} {RESISTANCES['bit_line']!r}")
    last = rows - 1
    lines += [
        f"Rs{j} b{last}_{j} 0 {RESISTANCES['sense'] + RESISTANCES['bit_line']!r}"
        for j in range(columns)
    ]
    return lines


@pytest.mark.integration
@needs_ngspice
def test_voltages_agree_with_ngspice(reading, tmp_path):
    rows, columns = GAPS.shape
    names = [f"{line}{i}_{j}" for line in "wb" for i in range(rows) for j in range(columns)]
    text = ["* an array of the tests", *_netlist(GAPS, INPUT)]
    text += [".options reltol=1e-9 abstol=1e-15 vntol=1e-12", ".control", "set numdgt=14", "op"]
    text += [f"print v({n})" for n in names] + [".endc", ".end"]
    (tmp_path / "array.cir").write_text("\n".join(text) + "\n")
    run = subprocess.run(
        ["ngspice", "-b", "array.cir"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    values = dict(row.split(" = ") for row in run.stdout.splitlines() if row.startswith("v("))
    peer = np.array([float(values[f"v({n})"]) for n in names]).reshape(2, rows, columns)
    # reltol of ngspice, over the slope of a law that is e times as steep each v0.
    np.testing.assert_allclose(reading.word, peer[0], rtol=1e-7)
    np.testing.assert_allclose(reading.bit, peer[1], rtol=1e-7)


def test_currents_are_those_of_the_law_and_reach_the_sense_nodes(reading):
    law = _device_current(reading.word - reading.bit)
    np.testing.assert_allclose(reading.cell_current, law, rtol=1e-9)
    np.testing.assert_allclose(reading.current, jnp.sum(law, axis=0), rtol=1e-9)
    supplied = jnp.sum(reading.v * reading.driver_current)
    np.testing.assert_allclose(reading.power.total, supplied, rtol=1e-9)
    assert int(reading.newton_steps) > 1


@pytest.mark.slow
def test_a_device_selects_with_the_current_of_the_cell():
    selector, wires = mj.Yakopcic(), mj.crossbar.Wires(5.0, 3.0)
    array = mj.Crossbar(cells=DEVICE, states={"gap": GAPS}, selector=selector, wires=wires)
    reading = array.read(INPUT)
    scale = DEVICE.i0 * np.exp(-GAPS / float(DEVICE.g0))
    inner = DEVICE.v0 * jnp.arcsinh(
        reading.cell_current / scale
    )  # the device's law, solved for its voltage
    across = reading.word - reading.bit - inner
    start = selector.initial(ENV)
    law = jax.vmap(jax.vmap(lambda u: selector.current(jnp.zeros(()), start, u, ENV)))
    np.testing.assert_allclose(law(across), reading.cell_current, rtol=1e-9)


def test_an_ohmic_cell_behind_a_resistance_is_one_conductance():
    array = mj.Crossbar(np.full((4, 3), 1e-4), selector=2e3, wires=mj.crossbar.Wires(5.0, 3.0))
    np.testing.assert_allclose(array.crossings.conductance, 1 / (1e4 + 2e3), rtol=1e-15)


@pytest.mark.slow
def test_derivatives_behind_resistances_are_those_of_secants():
    def total(point):
        states = {"gap": point["gap"]}
        array = mj.Crossbar(cells=DEVICE, states=states, selector=2e3, wires=point["wires"])
        reading = array.read(point["v"])
        return reading.current[1], reading

    both = jax.jit(jax.value_and_grad(total, has_aux=True))
    point = {"gap": GAPS, "v": INPUT, "wires": mj.crossbar.Wires(5.0, 3.0)}
    point = jax.tree.map(jnp.asarray, point)
    (_, reading), slopes = both(point)
    inner = reading.word - reading.bit - 2e3 * reading.cell_current
    np.testing.assert_allclose(_device_current(inner), reading.cell_current, rtol=1e-9)
    rng, step = np.random.default_rng(1), 1e-5
    for name in point:
        x = {name: point[name]}
        direction = jax.tree.map(lambda y: rng.uniform(-1, 1, y.shape) * y, x)
        ends = [
            both(point | jax.tree.map(lambda y, d, s=s: y + s * d, x, direction))[0][0]
            for s in (step, -step)
        ]
        secant = float(ends[0] - ends[1]) / (2 * step)
        products = jax.tree.map(lambda a, d: jnp.sum(a * d), {name: slopes[name]}, direction)
        np.testing.assert_allclose(sum(jax.tree.leaves(products)), secant, rtol=1e-6)


@pytest.mark.slow
def test_laws_that_do_not_balance_are_an_error_and_no_result():
    with pytest.raises(
        SolveError, match=r"do not balance; in Crossbar.read; .*rise with the voltage"
    ):
        mj.Crossbar(cells=DEVICE, states={"gap": GAPS}, wires=WIRES).read(1e4 * INPUT)

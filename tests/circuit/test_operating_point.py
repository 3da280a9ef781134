"""A bench without a capacitance: source and device carry one current at every instant."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import memjax as mj
from memjax.circuit.bench import SOURCE_RESISTANCE
from tests.helpers import fitted_order
from tests.systems.exact import Cubic, Resistor

TIGHT = mj.Stiff(rtol=1e-9, atol=1e-12)
ENV = mj.Environment()


def _outputs(device, bench, u, driven="voltage", state=None):
    """What is seen at drives `u`, in one compiled call."""
    system = mj.BenchedDevice(device, bench, driven)
    state = system.initial(ENV) | (state or {})
    see = jax.jit(jax.vmap(lambda x: system.outputs(0.0, state, x, ENV)))
    return {k: np.asarray(x) for k, x in see(jnp.asarray(u)).items()}


def _cubic(v):
    return 1e-3 * v + 2e-3 * v**3


U = np.array([-30.0, -1.0, -1e-6, 0.0, 1e-9, 0.5, 2.0, 1e3])


@pytest.mark.slow
@pytest.mark.parametrize("reversed", [False, True])
def test_a_device_that_is_not_ohmic_shares_the_voltage_with_a_series_resistance(reversed):
    bench = mj.Bench(series_resistance=470.0, parallel_resistance=2e3, reversed=reversed)
    out = _outputs(Cubic(), bench, U)
    both = lambda v: _cubic(v) + v / 2e3  # noqa: E731
    exact = [brentq(lambda v, u=u: v + 470 * both(v) - u, -1e3, 1e3, xtol=1e-15) for u in U]
    np.testing.assert_allclose(out["v_device"], exact, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(out["v_device"] + 470 * out["i"], U, rtol=1e-12)
    np.testing.assert_allclose(out["i"], both(out["v_device"]), rtol=1e-14)
    np.testing.assert_allclose(out["i_device"], _cubic(out["v_device"]), rtol=1e-14)


def test_a_current_source_finds_the_voltage_of_a_device_that_is_not_ohmic():
    i = np.array([-1e3, -1e-9, 0.0, 1e-15, 1e-3, 40.0])
    out = _outputs(Cubic(), mj.Bench(series_resistance=50.0), i, "current")
    exact = [brentq(lambda v, x=x: _cubic(v) - x, -1e3, 1e3, xtol=1e-15) for x in i]
    np.testing.assert_allclose(out["v_device"], exact, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(out["v"], out["v_device"] + 50 * i, rtol=1e-12)
    np.testing.assert_array_equal(out["i"], i)


def test_the_limit_acts_behind_a_series_resistance():
    bench = mj.Bench(series_resistance=1e3, compliance=1e-3)
    for device in (Resistor(), Cubic(c=0.0)):  # 1 kohm, once ohmic and once not
        out = _outputs(device, bench, np.array([1.0, 10.0]))
        np.testing.assert_allclose(out["i"], [0.5e-3, 1e-3], rtol=1e-9)
        np.testing.assert_allclose(out["v_device"], [0.5, 1.0], rtol=1e-9)


@pytest.mark.integration
def test_a_limit_alone_acts_at_the_source_resistance():
    u = np.array([-0.3, 0.01, 0.3, 3.0])
    out = _outputs(Cubic(), mj.Bench(compliance=1e-3), u)
    below = [brentq(lambda v, x=x: v + SOURCE_RESISTANCE * _cubic(v) - x, -1, 1) for x in u[:3]]
    np.testing.assert_allclose(out["v_device"][:3], below, rtol=1e-12)
    np.testing.assert_allclose(out["i"][3], 1e-3, rtol=1e-12)


@pytest.mark.integration
def test_a_current_that_saturates_does_not_hide_the_voltage():
    """Below a microvolt of slope any voltage would give the current: it is that of the source, less the drop."""
    device = mj.AndThresholdSwitch()
    out = _outputs(device, mj.Bench(compliance=1e-6), np.array([-0.2, 0.2]))
    np.testing.assert_allclose(out["v_device"], [-0.2, 0.2], rtol=1e-9)


@pytest.mark.few(14)
@pytest.mark.slow
@pytest.mark.parametrize("name", mj.device_names())
def test_every_model_finds_its_operating_point(name):
    device = mj.model(name)
    state = {k: 0.5 * x + 0.1 * jnp.ones_like(x) for k, x in device.initial(ENV).items()}
    state = device.project(state)
    out = _outputs(device, mj.Bench(series_resistance=1e3), np.linspace(-1.5, 1.5, 7), state=state)
    np.testing.assert_allclose(out["v_device"] + 1e3 * out["i"], out["v"], rtol=1e-9, atol=1e-12)


POINT = 1e-2
"""Time for which a value is held [s]."""

LOOP = 0.05 * np.concatenate([np.arange(1, 11), np.arange(9, 0, -1)])


@pytest.mark.study
@pytest.mark.parametrize(
    ("device", "ohms", "drive"),
    [
        (mj.DiffusiveMemristor(), 1e4, mj.staircase(LOOP, POINT)),
        (mj.Yakopcic(), 100.0, mj.staircase(LOOP, POINT)),
        (mj.Yakopcic(), None, mj.staircase(1e-3 * LOOP, POINT, quantity="current")),
    ],
    ids=["ohmic and volatile", "not ohmic", "current"],
)
def test_a_small_capacitance_is_the_relation(device, ohms, drive):
    """A capacitance puts a device behind by its time constant, so that currents differ by that share of a point."""
    options = dict(policy=TIGHT, save=POINT * (1 + np.arange(len(LOOP))))
    plain = mj.simulate(device, drive, bench=mj.Bench(ohms), **options).check()
    assert "v_node" not in plain.state

    @jax.jit
    def charged(c):
        bench = mj.Bench(ohms, parallel_capacitance=c)
        return mj.simulate(device, drive, bench=bench, **options)

    seen = lambda trace: np.log(np.asarray(trace.i_device[0] / trace.v_device[0]))  # noqa: E731
    slowest = ohms or np.max(np.exp(-seen(plain)))
    shares = np.array([1e-3, 1e-4, 1e-5])
    off = [
        np.max(np.abs(seen(charged(jnp.asarray(s * POINT / slowest))) - seen(plain)))
        for s in shares
    ]
    assert np.all(off <= shares * (1 + np.max(np.abs(np.diff(seen(plain))))))
    assert fitted_order(shares, off) > 0.9


@pytest.mark.study
@pytest.mark.few(1)
@pytest.mark.parametrize("policy", [mj.Stiff(), mj.Fixed(1e-4)], ids=["adaptive", "fixed"])
def test_noise_acts_behind_a_series_resistance(policy):
    """Two members differ, each with one current through source and device."""
    device, bench = mj.DiffusiveMemristor(sigma1=8.0, sigma2=5.0), mj.Bench(1e4)
    options = dict(bench=bench, save=POINT * (1 + np.arange(len(LOOP))), members=2, seed=1)
    trace = mj.simulate(device, mj.staircase(LOOP, POINT), policy=policy, **options).check()
    np.testing.assert_allclose(trace.v_device + 1e4 * trace.i, trace.v, rtol=1e-12)
    np.testing.assert_allclose(trace.i, trace.i_device, rtol=1e-12)
    assert np.max(np.abs(np.log(trace.i[0] / trace.i[1]))) > 0.01

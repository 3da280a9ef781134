"""The bench: series and parallel elements, compliance, in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import brentq

import memjax as mj
from memjax.circuit import soft_limit
from memjax.circuit.bench import SOURCE_RESISTANCE
from memjax.errors import BoundsError, ModelError
from tests.systems.exact import Cubic, Resistor

TIGHT = mj.Stiff(rtol=1e-8, atol=1e-11)
STEP = mj.Sampled(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
ALGEBRA = mj.Fixed(0.5)
"""Where nothing moves: steps that are compiled quickly."""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"series_resistance": -1.0},
            "series_resistance = -1 ohm; in bench; allowed: a finite number >= 0",
        ),
        ({"parallel_resistance": 0.0}, "parallel_resistance = 0 ohm.*> 0"),
        ({"parallel_capacitance": 0.0}, "parallel_capacitance = 0 F.*> 0"),
        ({"parallel_capacitance": -1e-12}, "parallel_capacitance"),
        ({"compliance": 0.0}, "compliance = 0 A"),
        ({"compliance": float("inf")}, "compliance = inf A"),
        ({"series_resistance": float("nan")}, "series_resistance = nan ohm"),
    ],
)
def test_elements_that_cannot_be_are_refused(options, message):
    with pytest.raises(BoundsError, match=message):
        mj.Bench(**options)


def test_a_series_resistance_of_zero_is_none():
    assert mj.Bench(series_resistance=0.0).bare
    assert not mj.BenchedDevice(Resistor(), mj.Bench(series_resistance=0.0)).has_node


OFFSETS = {"offset_current": -4.7e-6, "offset_voltage": 0.05}


@pytest.mark.slow
@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("quantity", "series"),
    [("voltage", None), ("current", 300.0), ("voltage", 300.0), ("current", None)],
)
def test_offsets_shift_what_the_instrument_reads_and_not_the_device(quantity, series):
    """The device sees what it would see of a source without offsets that is told as much more."""
    t, size = np.linspace(0, 1, 21), 1.0 if quantity == "voltage" else 1e-3
    rows, drive = dict(save=t[1:]), size * np.sin(2 * np.pi * t)
    told = mj.Sampled(t, drive, quantity=quantity)
    shift = OFFSETS["offset_voltage"] if quantity == "voltage" else -OFFSETS["offset_current"]
    applied = mj.Sampled(t, drive + shift, quantity=quantity)
    read = mj.simulate(Resistor(), told, bench=mj.Bench(series, **OFFSETS), **rows).check()
    true = mj.simulate(Resistor(), applied, bench=mj.Bench(series), **rows).check()
    i_tolerance, v_tolerance = 1e-6 * 1e-3, 1e-6
    np.testing.assert_allclose(read.v_device, true.v_device, atol=v_tolerance)
    np.testing.assert_allclose(read.i, true.i + OFFSETS["offset_current"], atol=i_tolerance)
    np.testing.assert_allclose(read.v, true.v - OFFSETS["offset_voltage"], atol=v_tolerance)


def test_an_offset_of_zero_is_none():
    assert mj.Bench(offset_current=0.0, offset_voltage=0.0) == mj.Bench()
    assert mj.Bench(offset_current=0.0).bare
    assert not mj.Bench(offset_voltage=1e-3).bare
    with pytest.raises(BoundsError, match="offset_voltage = nan V"):
        mj.Bench(offset_voltage=float("nan"))


def test_compliance_at_a_current_source_and_other_quantities_are_refused():
    with pytest.raises(BoundsError, match=r"compliance at a current source.*voltage sources only"):
        mj.BenchedDevice(Resistor(), mj.Bench(compliance=1e-6), "current")
    with pytest.raises(BoundsError, match="allowed: voltage, current"):
        mj.BenchedDevice(Resistor(), mj.Bench(), "light")


@pytest.mark.integration
@settings(deadline=None, derandomize=True)
@given(st.floats(-1e6, 1e6))
def test_the_limiter_never_passes_its_limit_and_is_odd(y):
    limited = jax.jit(soft_limit)
    i = float(limited(y * 1e-6, 1e-6))
    assert abs(i) <= 1e-6 * (1 + 1e-12)
    assert float(limited(-y * 1e-6, 1e-6)) == -i


@pytest.mark.slow
def test_the_limiter_is_monotone_smooth_and_sharp():
    y = np.linspace(0.0, 3.0, 30_001)
    run = jax.jit(jax.vmap(jax.value_and_grad(lambda x: soft_limit(x, jnp.asarray(1.0)))))
    i, slope = (np.asarray(x) for x in run(y))
    assert np.all(np.diff(i) >= -1e-15)
    assert np.all(np.diff(slope) <= 1e-12)
    # No jump: at p = 64 the slope falls by at most 0.3 p per unit, here over steps of 1e-4.
    assert np.max(np.abs(np.diff(slope))) < 0.3 * 64 * 1e-4
    np.testing.assert_allclose(i[y < 0.92], y[y < 0.92], rtol=1e-4)
    np.testing.assert_allclose(i[y > 1.09], 1.0, rtol=1e-4)
    assert np.isfinite(slope[0])  # at 0


@pytest.mark.slow
def test_a_divider_splits_the_voltage():
    # 3 kohm into 1 kohm beside 1 kohm: a seventh of the voltage.
    bench = mj.Bench(series_resistance=3e3, parallel_resistance=1e3)
    trace = mj.simulate(
        Resistor(), STEP, bench=bench, save=np.array([0.5, 1.0]), policy=ALGEBRA
    ).check()
    np.testing.assert_allclose(trace.v_device, 1 / 7, rtol=1e-14)
    np.testing.assert_allclose(trace.i, 2 / 7e3, rtol=1e-14)
    np.testing.assert_allclose(trace.i_device, 1 / 7e3, rtol=1e-14)
    np.testing.assert_allclose(trace.v, 1.0)


@pytest.mark.slow
def test_a_capacitance_charges_exponentially():
    # tau = (R_s parallel to R) C = 750 ohm * 1 uF, to the divided voltage.
    bench = mj.Bench(series_resistance=3e3, parallel_capacitance=1e-6)
    rows = np.linspace(1e-4, 5e-3, 30)
    trace = mj.simulate(Resistor(), STEP, bench=bench, save=rows, policy=TIGHT).check()
    expected = 0.25 * (1 - np.exp(-rows / 7.5e-4))
    np.testing.assert_allclose(trace.v_device[0], expected, rtol=1e-6)
    np.testing.assert_allclose(trace.i[0], (1 - expected) / 3e3, rtol=1e-6)
    np.testing.assert_allclose(trace.i_device[0], expected / 1e3, rtol=1e-6)


@pytest.mark.slow
def test_a_capacitance_without_series_resistance_charges_through_the_source():
    bench = mj.Bench(parallel_capacitance=1e-6)
    rows = np.array([1e-6, 1e-4])
    trace = mj.simulate(Resistor(), STEP, bench=bench, save=rows, policy=TIGHT).check()
    parallel = SOURCE_RESISTANCE * 1e3 / (SOURCE_RESISTANCE + 1e3)
    expected = parallel / SOURCE_RESISTANCE * (1 - np.exp(-rows / (parallel * 1e-6)))
    np.testing.assert_allclose(trace.v_device[0], expected, rtol=1e-6)


@pytest.mark.slow
def test_a_current_source_drives_resistor_and_capacitor():
    ramp = mj.Sampled(np.array([0.0, 1.0]), np.array([1e-3, 1e-3]), quantity="current")
    plain = mj.simulate(Resistor(), ramp, save=np.array([0.5, 1.0]), policy=ALGEBRA).check()
    np.testing.assert_allclose(plain.v, 1.0, rtol=1e-12)
    np.testing.assert_allclose(plain.i, 1e-3, rtol=1e-12)
    rows = np.linspace(1e-4, 5e-3, 20)
    bench = mj.Bench(parallel_capacitance=1e-6, series_resistance=500.0)
    charged = mj.simulate(Resistor(), ramp, bench=bench, save=rows, policy=TIGHT).check()
    expected = 1 - np.exp(-rows / 1e-3)
    np.testing.assert_allclose(charged.v_device[0], expected, rtol=1e-6)
    np.testing.assert_allclose(charged.v[0], expected + 0.5, rtol=1e-6)


@pytest.mark.slow
def test_at_compliance_the_device_voltage_falls_so_that_the_current_stays():
    # 1 kohm under 1 V wants 1 mA and gets 0.1 mA: 0.1 V remain.
    bench = mj.Bench(compliance=1e-4)
    sweep = mj.triangle_sweep(1.0, 1.0)
    trace = mj.simulate(Resistor(), sweep, bench=bench, save=0.01, policy=ALGEBRA).check()
    i, v = np.asarray(trace.i[0]), np.asarray(trace.v[0])
    assert np.max(np.abs(i)) <= 1e-4 * (1 + 1e-12)
    np.testing.assert_allclose(trace.v_device[0], i * 1e3, rtol=1e-12)
    np.testing.assert_allclose(i[v > 0.13], 1e-4, rtol=1e-4)
    np.testing.assert_allclose(i[v < 0.08], v[v < 0.08] / 1e3, rtol=1e-4, atol=1e-18)


@pytest.fixture(scope="module")
def cubic():
    """A device that is not ohmic, swept into its compliance and back, at rows between steps."""
    bench, sweep = mj.Bench(compliance=1e-3), mj.triangle_sweep(1.0, 1.0)
    return mj.simulate(Cubic(), sweep, bench=bench, save=0.1, policy=mj.Stiff()).check()


@pytest.mark.slow
def test_a_device_that_is_not_ohmic_finds_the_same_point_at_compliance(cubic):
    expected = brentq(lambda v: 1e-3 * v + 2e-3 * v**3 - 1e-3, 0.0, 1.0)
    assert float(cubic.v[0, 10]) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(cubic.v_device[0, 10], expected, rtol=1e-6)
    np.testing.assert_allclose(cubic.i[0, 10], 1e-3, rtol=1e-6)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("device", [Resistor(), Cubic()], ids=["closed form", "node"])
def test_each_polarity_may_have_a_limit_of_its_own_and_each_sweep(device):
    bench = mj.Bench(compliance=2e-4, compliance_negative=5e-5)
    rows, sweep = np.array([0.25, 0.75]), mj.triangle_sweep(1.0, 4.0, negative=1.0)
    options = dict(bench=bench, policy=ALGEBRA)
    values = {"compliance": [[2e-4, 3e-4]], "compliance_negative": [[5e-5, 1e-5]]}
    trace = mj.simulate(
        device,
        [sweep] * 2,
        save=[rows] * 2,
        conditions=mj.Conditions(values=values, carry_state=False),
        **options,
    ).check()
    np.testing.assert_allclose(trace.i[0], [2e-4, -5e-5, 3e-4, -1e-5], rtol=1e-5)
    assert float(bench.limit_current(jnp.asarray(0.0))) == 0.0
    assert float(jax.grad(bench.limit_current)(jnp.asarray(0.0))) == 1.0


@pytest.mark.wrong_types
def test_limits_that_the_bench_has_not_are_refused():
    with pytest.raises(BoundsError, match="compliance of negative currents alone"):
        mj.Bench(compliance_negative=1e-6)
    bench = mj.Bench(compliance=1e-6)
    for values, message in (
        ({"compliance_negative": 1e-6}, "and none of the bench"),
        ({"compliance": [[1e-6, 0.0]]}, "finite numbers > 0 A"),
    ):
        with pytest.raises(BoundsError, match=message):
            mj.simulate(
                Resistor(), [STEP] * 2, bench=bench, conditions=mj.Conditions(values=values)
            )
    with pytest.raises(ModelError, match="unknown parameter"):
        mj.simulate(Resistor(), STEP, conditions=mj.Conditions(values={"compliance": 1e-6}))


@pytest.mark.slow
def test_between_two_steps_the_current_below_the_limit_is_that_of_the_device(cubic):
    # The source drops 1 ohm times i, a thousandth of the voltage.
    v, i = np.asarray(cubic.v[0]), np.asarray(cubic.i[0])
    below = v < 0.35  # a third of the limit
    source = [brentq(lambda x, u=u: x + 1e-3 * x + 2e-3 * x**3 - u, 0.0, 1.0) for u in v[below]]
    assert len(source) == 8
    np.testing.assert_allclose(i[below], v[below] - source, rtol=1e-9, atol=1e-15)


@pytest.mark.slow
def test_a_small_capacitance_is_the_closed_form():
    about = dict(save=np.array([0.5]), policy=ALGEBRA)
    plain = mj.simulate(Resistor(), STEP, bench=mj.Bench(compliance=2e-4), **about)
    node = mj.Bench(compliance=2e-4, parallel_capacitance=1e-12)
    charged = mj.simulate(Resistor(), STEP, bench=node, save=np.array([0.5]), policy=TIGHT).check()
    np.testing.assert_allclose(charged.v_device, plain.v_device, rtol=1e-5)


@pytest.fixture(scope="module")
def limited():
    """A diffusive memristor swept into its compliance and back."""
    bench = mj.Bench(compliance=1e-6)
    return mj.simulate(
        mj.DiffusiveMemristor(), mj.triangle_sweep(0.5, 0.28), bench=bench, save=2e-3
    ).check()


@pytest.mark.slow
def test_a_switching_device_stays_at_the_limit_without_chattering(limited):
    i, v, v_device = (np.asarray(x[0]) for x in (limited.i, limited.v, limited.v_device))
    assert np.max(i) <= 1e-6 * (1 + 1e-12)
    held = i > 0.999e-6
    assert held.sum() > 200
    di = np.diff(i)
    turns = np.flatnonzero(np.diff(np.sign(di[np.abs(di) > 1e-12 * 1e-6])))
    assert len(turns) <= 2
    assert np.all(v_device <= v + 1e-15)


@pytest.mark.slow
def test_energy_is_never_given_away(limited):
    assert np.min(np.asarray(limited.i_device) * np.asarray(limited.v_device)) >= 0.0


@pytest.mark.slow
def test_the_current_through_a_bare_bench_is_the_device_s(limited):
    np.testing.assert_allclose(limited.i, limited.i_device, rtol=1e-9, atol=1e-24)


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    "bench",
    [{"series_resistance": 1e3, "parallel_capacitance": 1e-9}, {"compliance": 2e-5}],
    ids=["node", "closed form"],
)
def test_a_reversed_device_sees_the_opposite_polarity(bench):
    device = mj.Vteam(k_on=1e3, k_off=1e3)
    times, values = np.array([0.0, 1e-2, 2e-2]), np.array([0.0, 1.0, 0.0])
    plain, turned = (
        mj.simulate(
            device,
            mj.Sampled(times, sign * values),
            bench=mj.Bench(**bench, reversed=sign > 0),
            policy=mj.Stiff(rtol=1e-6, atol=1e-9),
            save=np.linspace(1e-4, 2e-2, 50),
        ).check()
        for sign in (-1, 1)
    )
    assert np.min(plain.state["x"]) < 0.1  # it set
    np.testing.assert_allclose(turned.state["x"], plain.state["x"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(turned.i, -plain.i, rtol=1e-9, atol=1e-18)


@pytest.mark.slow
def test_a_chain_of_particles_shares_the_voltage_with_a_series_resistance():
    bench = mj.Bench(series_resistance=1e6, parallel_capacitance=1e-9)
    t = np.linspace(0.1, 1.0, 10)
    about = dict(bench=bench, save=t, policy=mj.Fixed(1e-2))
    trace = mj.simulate(mj.LangevinChain(particles=2), STEP, **about).check()
    np.testing.assert_allclose(trace.v_device + 1e6 * trace.i, trace.v, rtol=1e-9)
    assert trace.state["x"].shape == (1, 10, 2)
    assert np.all(trace.v_device < trace.v)

"""The neurons: each fires under a drive that should fire it, when it should."""

from functools import lru_cache
from itertools import pairwise
from math import erf, exp, log, pi, sqrt

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import memjax as mj
from memjax import neuron, presets
from memjax.core.fields import parameter_specs
from memjax.models import documentation, model
from memjax.observables import detect
from tests.conftest import ROOT
from tests.helpers import crossings

ORACLE = ROOT.parent / "shared" / "oracles" / "wang2024_spice" / "current_step_0u1.csv"

NEURONS = {
    "integrate-and-fire": ("voltage", "r_in.r", 47e3),
    "relaxation-oscillator": ("voltage", "r_in.r", 150e3),
    "current-oscillator": ("current", "r_p.r", 1e7),
    "langevin-neuron": ("voltage", "c.c", 0.8 / 128),
    "stl-neuron": ("voltage", "memristor.epsilon", 1.0),
    "threshold-switch-neuron": ("voltage", "switch.v_th", 0.3),
    "dpi-neuron": ("current", "leak_bias.value", 0.15),
}
"""What drives each, and one of its parameters."""


def _held(*levels, times, quantity="voltage"):
    """A waveform through levels at times [s]."""
    return mj.Sampled(np.asarray(times, float), np.asarray(levels, float), "linear", quantity)


def _pulses(level, width, period, count, *, edge=1e-7, rest=0.0):
    """A train of pulses with edges [s], then rest [s]."""
    rows = [(0.0, 0.0)]
    for k in range(count):
        a = k * period
        rows += [
            (a + edge, level),
            (a + width, level),
            (a + width + edge, 0.0),
            (a + period, 0.0),
        ]
    return _held(
        *[v for _, v in rows],
        0.0,
        times=[t for t, _ in rows] + [count * period + rest + edge],
    )


def _quiet(circuit, stimulus, save, **options):
    """Deterministic trace, checked."""
    trace = mj.simulate(circuit, stimulus, save=save, deterministic=True, **options)
    return trace.check()


def _column(trace, name, sweep=0):
    """Times [s] and one state of the first member in a sweep."""
    here = np.asarray(trace.sweep) == sweep
    return np.asarray(trace.t)[here], np.asarray(trace.state[name][0])[here]


@pytest.mark.integration
@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_has_a_name_a_description_and_a_preset(name):
    quantity, parameter, value = NEURONS[name]
    circuit = model(name)
    assert circuit.quantities == (quantity,)
    assert float(mj.params.get(circuit, parameter)) == pytest.approx(value)
    text, references = documentation(name)
    assert "Notes" in text
    assert "References" in text
    assert references
    for preset in presets.names(name):
        found, values, info = presets.load(preset)
        assert found == name
        assert info.not_claimed
        assert set(values) <= {*parameter_specs(circuit), "memristor.m"}
        mj.params.replace(circuit, values)
    assert presets.names(name)


@pytest.mark.parametrize("name", NEURONS)
def test_a_neuron_without_options_has_the_values_of_its_first_preset(name):
    """But for the noise of the Langevin neuron, which its preset turns on; devices hold float32 where x64 is off."""
    values = presets.load(presets.names(name)[0])[1]
    circuit = mj.params.to_dict(model(name))
    other = {n: x for n, x in values.items() if circuit.get(n) != pytest.approx(x, rel=1e-6)}
    assert set(other) <= ({"memristor.d"} if name == "langevin-neuron" else set())


def test_each_builder_takes_another_device():
    other = mj.LangevinMemristor()
    for build in (
        neuron.integrate_and_fire,
        neuron.relaxation_oscillator,
        neuron.current_oscillator,
        neuron.langevin_neuron,
        neuron.stl_neuron,
        neuron.threshold_switch_neuron,
    ):
        assert other in build(other).devices.values()


# The published model of 2.3, written again: closing is a step here, not a layer.


def _decay(s):
    """Mean of max(1 + s N, 0)."""
    return 0.5 * (1 + erf(1 / s / sqrt(2))) + s * exp(-0.5 / s**2) / sqrt(2 * pi) if s > 0.1 else 1


def _first_closing(p, drive, r_in, c, end, step, method):
    """Time [s] at which the channel is first closed, by integration of the open channel."""

    def rates(t, y):
        f, r, v = y
        gap = 1 - f - r
        lost = p["gamma1"] * _decay(p["sigma1"] * max(f, 0)) * f
        resistance = p["r_on"] * (1 - gap) + p["r_off"] * (exp(gap / p["lam"]) - 1) / (
            exp(1 / p["lam"]) - 1
        )
        return [
            p["mu"] * abs(v) / (0.01 + gap) - lost - p["beta"] * f,
            p["beta"] * f - p["gamma2"] * _decay(p["sigma2"] * max(r, 0)) * r,
            ((drive(t) - v) / r_in - v / resistance) / c,
        ]

    def closed(t, y):
        return 1 - 2e-3 - y[0] - y[1]  # before the layer over which memjax ends growth

    closed.terminal = True
    start = [0.0, p["r0"], 0.0]
    found = solve_ivp(
        rates, (0, end), start, method, rtol=1e-9, atol=1e-12, max_step=step, events=closed
    )
    assert found.status == 1
    return float(found.t[-1])


LIF = dict(r_on=5e3, r_off=1e10, mu=150.0, gamma1=5e3, gamma2=0.1, beta=20.0, lam=0.1)
LIF |= dict(sigma1=20.0, sigma2=20.0, r0=0.9)
OSCILLATOR = dict(r_on=5e3, r_off=1e8, mu=300.0, gamma1=200.0, gamma2=20.0, beta=20.0, lam=1.0)
OSCILLATOR |= dict(sigma1=30.0, sigma2=10.0, r0=0.0)


@pytest.fixture(scope="module")
def lif():
    """A burst of 12 pulses that come quickly, then rest; and one of 12 that come slowly."""
    bursts = [
        _pulses(2.5, 5e-6, 40e-6, 12, rest=2e-3),
        _pulses(2.5, 5e-6, 120e-6, 12, rest=1.04e-3),
    ]
    rows = np.arange(0, 2.4e-3, 5e-7)
    return bursts, _quiet(neuron.integrate_and_fire(), bursts, [rows, rows])


@pytest.mark.slow
def test_integrate_and_fire_closes_when_an_independent_integration_says(lif):
    bursts, trace = lif
    t, f = _column(trace, "memristor.f")
    _, r = _column(trace, "memristor.r")
    first = crossings(t, f + r, 1 - 2e-3)[0]
    times, values = np.asarray(bursts[0].times), np.asarray(bursts[0].values)
    theirs = _first_closing(
        LIF, lambda t: np.interp(t, times, values), 47e3, 4.7e-9, 5e-4, 1e-7, "LSODA"
    )
    assert first == pytest.approx(theirs, rel=5e-3)


@pytest.mark.slow
def test_integrate_and_fire_leaks_and_recovers(lif):
    _, trace = lif
    t, f = _column(trace, "memristor.f")
    _, slow = _column(trace, "memristor.f", sweep=1)
    assert f.max() + 0.9 > 0.999
    assert f[t > 1.5e-3].max() < 0.05  # broken again after the burst
    assert slow.max() < 0.05  # the same charge, thinly spread, leaks away


@pytest.mark.study
def test_the_relaxation_oscillator_first_closes_when_an_independent_integration_says():
    stimulus = _held(1.0, 1.0, times=[0, 0.02])
    trace = _quiet(
        neuron.relaxation_oscillator(),
        stimulus,
        np.arange(0, 0.0165, 1e-5),
        policy=mj.Stiff(rtol=1e-4, atol=1e-6),
    )
    t, f = _column(trace, "memristor.f")
    _, r = _column(trace, "memristor.r")
    theirs = _first_closing(OSCILLATOR, lambda t: 1.0, 150e3, 6e-9, 0.02, 1e-4, "Radau")
    assert crossings(t, f + r, 1 - 2e-3)[0] == pytest.approx(theirs, rel=5e-3)
    assert theirs == pytest.approx(15.25e-3, rel=5e-3)


@pytest.mark.study
def test_the_relaxation_oscillator_fires_a_train_with_its_noise():
    stimulus = _held(1.0, 1.0, times=[0, 0.03])
    trace = mj.simulate(neuron.relaxation_oscillator(), stimulus, save=1e-5, seed=0).check()
    t, v = _column(trace, "node.v")
    falls = detect(t, v, level=0.3, rearm=0.4, sign=-1)
    assert len(falls) >= 2
    assert np.all(np.diff(falls) < falls[0])  # residue shortens the next cycle


@pytest.mark.slow
def test_the_current_oscillator_follows_ngspice():
    if not ORACLE.exists():
        pytest.skip(f"no oracle at {ORACLE}")
    ref = np.genfromtxt(ORACLE, delimiter=",", names=True)
    end = float(ref["t_s"][-1])
    stimulus = _held(0, 0, 1e-7, 1e-7, times=[0, 1e-3, 1.01e-3, end], quantity="current")
    trace = _quiet(neuron.current_oscillator(), stimulus, np.arange(0, end, 1e-3))
    t, f = _column(trace, "memristor.f")
    _, r = _column(trace, "memristor.r")
    level = 0.5 * (ref["f"] + ref["r"]).max()
    theirs = crossings(ref["t_s"], ref["f"] + ref["r"], level)
    assert len(theirs) >= 4
    np.testing.assert_allclose(crossings(t, f + r, level), theirs, rtol=0.01)
    _, v = _column(trace, "node.v")
    spikes = [
        detect(a, b, level=0.3, rearm=0.5, sign=-1)
        for a, b in ((ref["t_s"], ref["v_device_V"]), (t, v))
    ]
    assert len(spikes[0]) >= 2
    np.testing.assert_allclose(spikes[1], spikes[0], rtol=0.01)


@pytest.mark.slow
def test_the_langevin_neuron_fires_beyond_its_saddle_node_with_the_known_periods():
    drives = [_held(v, v, times=[0, 25]) for v in (30.0, 31.0, 34.0)]
    trace = _quiet(neuron.langevin_neuron(), drives, [np.arange(0, 25, 2e-3)] * 3)
    trains = [detect(*_column(trace, "memristor.x", k), level=-0.5, rearm=-0.7) for k in range(3)]
    assert len(trains[0]) == 0  # V_SN = 30.46
    assert np.diff(trains[1])[2:].mean() == pytest.approx(2.22, abs=0.006)
    assert np.diff(trains[2])[2:].mean() == pytest.approx(1.59, abs=0.006)


@pytest.mark.slow
def test_activity_lowers_the_threshold_of_the_stl_neuron():
    """0.7 V for 0.3 s, after rest and after activity at 3 V that ended 0.3 s before; peaks fall along the train."""
    times = [0, 0.4, 0.4001, 0.7, 0.7001, 1.0]
    drives = [_held(v, v, 0, 0, 0.7, 0.7, times=times) for v in (0, 3)]
    trace = _quiet(neuron.stl_neuron(), drives, [np.arange(0, 1, 1e-4)] * 2)
    trains = [detect(*_column(trace, "memristor.f", k), level=0.9, rearm=0.5) for k in range(2)]
    assert len(trains[0]) == 0
    active = trains[1][trains[1] < 0.4]
    assert len(active) > 10
    assert np.sum(trains[1] > 0.7) == 2
    t, v = _column(trace, "node.v", 1)
    ends = np.searchsorted(t, active)
    peaks = np.array([v[a:b].max() for a, b in pairwise(ends)])
    assert np.all(np.diff(peaks) < 0)
    assert peaks[-1] < 0.7 * peaks[0]
    assert np.diff(active)[-1] < np.diff(active)[0]


@lru_cache
def _switch():
    """The threshold-switch neuron at 1 V, as drives of three levels."""
    drives = [_held(v, v, times=[0, 3e-3]) for v in (0.29, 0.5, 1.0)]
    return _quiet(neuron.threshold_switch_neuron(), drives, [np.arange(0, 3e-3, 1e-6)] * 3)


def _charge(v, start, end, r, c):
    """Time [s] from one voltage to another behind a resistance."""
    return r * c * log((v - start) / (v - end))


@pytest.mark.slow
@pytest.mark.parametrize(("sweep", "v"), [(1, 0.5), (2, 1.0)])
def test_the_threshold_switch_neuron_keeps_rc_times(sweep, v):
    """Within the width of the thresholds: each lies within 6 widths of its nominal value."""
    t, x = _column(_switch(), "switch.x", sweep)
    spikes = detect(t, x, level=0.5, rearm=0.2)
    assert len(spikes) >= 4
    r_in, c, r_on, w = 1e6, 1e-9, 1e4, 6e-3
    low, high = (_charge(v, 0.0, 0.3 + s * w, r_in, c) for s in (-1, 0.5))
    assert low < spikes[0] < high
    v_on, r = v * r_on / (r_on + r_in), r_on * r_in / (r_on + r_in)

    def period(s):
        hold, top = 0.1 - s * w, 0.3 + s * w
        return _charge(v, hold, top, r_in, c) + _charge(v_on, top, hold, r, c)

    assert period(-1) < np.diff(spikes).mean() < period(1)
    assert np.ptp(np.diff(spikes)) < 0.005 * np.diff(spikes).mean()  # every one like the last


@pytest.mark.slow
def test_the_threshold_switch_neuron_is_quiet_below_its_threshold():
    t, x = _column(_switch(), "switch.x", 0)
    assert x.max() < 0.1
    assert len(detect(t, x, level=0.5)) == 0


@pytest.mark.study
def test_the_dpi_neuron_fires_at_a_rate_that_its_input_sets():
    """10 pA leak away; the others fire regularly, at most once per refractory period."""
    levels = (1e-11, 3e-11, 1e-10, 1e-9)
    drives = [_held(i, i, times=[0, 0.06], quantity="current") for i in levels]
    trace = _quiet(
        neuron.dpi_neuron(),
        drives,
        [np.arange(0, 0.06, 2e-5)] * 4,
        policy=mj.Stiff(rtol=1e-4, atol=1e-6),
    )
    trains = [detect(*_column(trace, "ref.v", k), level=0.5, rearm=0.2) for k in range(4)]
    assert len(trains[0]) == 0
    rates = [1 / np.diff(s).mean() for s in trains[1:]]
    np.testing.assert_allclose(rates, [72.6, 272, 694], rtol=0.02)
    for train in trains[1:]:
        assert np.ptp(np.diff(train)[1:]) < 5e-5  # deterministic: no spread beyond the rows
    # C dV over the bias current: from where `charge` leaves the capacitor to where `reset` lets go.
    circuit = neuron.dpi_neuron()
    discharge = dict(zip(circuit.names, circuit.elements))["discharge"]
    volts = tuple(jnp.asarray(x) for x in (1.0, 0.25, 0.0, 0.0))
    bias = float(discharge.currents(volts, mj.Environment())[0])
    assert np.diff(trains[3]).min() > 5e-13 * 0.8 / bias

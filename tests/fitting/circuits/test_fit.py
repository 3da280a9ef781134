"""Fits through a circuit: parameters of a device behind a resistor, from a node's voltage and from spike times."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.circuits.estimate import lifted_inverse
from fitting.circuits.moments import jacobian_noise_bias
from memjax import neuron
from memjax.errors import BoundsError, DataError, FitError, ModelError, StimulusError
from memjax.observables import SpikeTrain, detect_all
from memjax.solver import SemiImplicitEuler

pytestmark = pytest.mark.slow

ROWS = np.arange(201) * 2e-4
SIGMA = 2e-3
TRACE_TRUTH = {
    "memristor.mu": 100.0,
    "memristor.gamma1": 800.0,
    "memristor.r_on": 4e4,
    "memristor.theta": 10.0,
}
PULSE = mj.Sampled(np.array([0.0, 20e-3, 40e-3]), np.array([1.0, 0.05, 0.05]), kind="staircase")

SPIKE_TRUTH = {"memristor.mu": 150.0, "r_c.r": 250e6, "memristor.sigma1": 0.02}
SPIKE_START = {"memristor.mu": 140.0, "r_c.r": 320e6, "memristor.sigma1": 0.03}
TRAINS, MEMBERS = 32, 96
PULSES = mj.PulseTrain(1.5, 0.4e-3, 0.8e-3, count=125)
SEEN = dict(signal="gate.v", level=0.22, rearm=0.15, members=MEMBERS, save=2e-5)
POLICY = mj.Fixed(2e-6, method=SemiImplicitEuler())


def oscillator():
    """The device of the published pulses, behind 22 kohm and with a capacitance at its node."""
    rates = dict(beta=80.0, mu=100.0, gamma1=800.0, gamma2=10.0, gamma3=4.0, theta=10.0)
    geometry = dict(alpha=0.01, lam=0.1, r_on=4e4, r_off=1e9, r0=0.4)
    device = mj.DiffusiveMemristor(**rates, **geometry, mu_neg=100.0)
    return neuron.relaxation_oscillator(device, r_in=22e3, c=1e-8)


def core():
    """The one-memristor neuron without its transistor stage."""
    return mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("memristor", mj.Diffusive1M1T1R(sigma1=0.02), "in", "gate"),
            ("c_gate", mj.Capacitor(1e-11), "gate", "0"),
            ("r_c", mj.Resistor(250e6), "gate", "0"),
        ]
    )


@pytest.fixture(scope="module")
def measured():
    """Voltage of the node with noise of known size."""
    policy = mj.Stiff(rtol=1e-7, atol=1e-9)
    trace = mj.simulate(oscillator(), PULSE, save=ROWS, deterministic=True, policy=policy).check()
    noise = np.random.default_rng(1).normal(size=len(ROWS))
    return np.asarray(trace.state["node.v"][0]) + SIGMA * noise


@pytest.fixture(scope="module")
def by_voltage(measured):
    off = {"memristor.mu": 130.0, "memristor.gamma1": 1000.0}
    off |= {"memristor.r_on": 3e4, "memristor.theta": 14.0}
    start = mj.params.replace(oscillator(), off)
    free = [*TRACE_TRUTH, "memristor.mu_neg"]
    return ft.fit_voltages(start, PULSE, ROWS, measured, node="node", sigma=SIGMA, free=free)


@pytest.fixture(scope="module")
def trains():
    values = {n: np.full((MEMBERS, 1), x) for n, x in SPIKE_TRUTH.items()}
    trace = mj.simulate(
        core(), PULSES, members=MEMBERS, seed=1000, save=2e-5, policy=POLICY, values=values
    ).check()
    found = detect_all(trace.t, trace.state["gate.v"], level=0.22, rearm=0.15)
    return [SpikeTrain(times=x, start=0.0, stop=0.1) for x in found[:TRAINS]]


def fit_trains(trains, **more):
    start = mj.params.replace(core(), SPIKE_START)
    return ft.fit_spikes(
        start, PULSES, trains, free=list(SPIKE_START), policy=POLICY, **(SEEN | more)
    )


@pytest.fixture(scope="module")
def by_spikes(trains):
    return fit_trains(trains, seed=5, iterations=6)


@pytest.mark.study
def test_a_trace_gives_the_truth_within_three_sigma(by_voltage):
    found = by_voltage
    away = found.z_scores(TRACE_TRUTH)
    assert max(map(abs, away.values())) < 3, away
    assert by_voltage.converged
    assert 0.7 < by_voltage.chi2 < 1.3  # 201 rows: 1 +- 0.1
    assert max(found.std[n] / x for n, x in TRACE_TRUTH.items()) < 0.15
    np.testing.assert_allclose(np.diag(found.correlation), 1)


def test_a_positive_pulse_says_nothing_of_the_other_polarity(by_voltage):
    assert by_voltage.undetermined == ("memristor.mu_neg",)


def test_growth_and_decay_of_the_filament_are_known_as_one_combination(by_voltage):
    names = ("memristor.mu", "memristor.gamma1")
    e, r = by_voltage, by_voltage.correlation[0, 1]
    away = [np.log(e.values[n] / TRACE_TRUTH[n]) for n in names]
    sigma = [e.std[n] / e.values[n] for n in names]
    assert r > 0.99  # the later closing of a slower growth is that of a faster decay
    assert abs(away[1] - r * sigma[1] / sigma[0] * away[0]) < 0.01


def test_the_fitted_trace_is_that_of_a_simulation(by_voltage):
    policy = mj.Stiff(rtol=1e-7, atol=1e-9)
    trace = mj.simulate(
        by_voltage.device, PULSE, save=ROWS, deterministic=True, policy=policy
    ).check()
    np.testing.assert_allclose(by_voltage.trace, trace.state["node.v"][0], atol=2e-4)


def test_failed_solves_are_no_result(measured):
    broken = mj.Sampled(PULSE.times, 1e250 * PULSE.values, kind="staircase")
    free = [*TRACE_TRUTH, "memristor.mu_neg"]
    with pytest.raises(FitError, match="no solve of 8 starts ended well"):
        ft.fit_voltages(oscillator(), broken, ROWS, measured, node="node", sigma=SIGMA, free=free)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"node": "nowhere"}, DataError, r"no node 'nowhere'.*allowed: in, node, i"),
        ({"free": ["memristor.nu"]}, ModelError, "unknown parameter 'memristor.nu'"),
        ({"free": []}, DataError, "no free parameter"),
        ({"free": ["memristor.sigma1"]}, DataError, "memristor.sigma1 at a bound"),
        ({"sigma": 0.0}, DataError, "sigma = 0.*allowed: > 0"),
        ({"sigma": np.full(201, -1.0)}, DataError, "sigma = -1"),
        ({"starts": 0}, DataError, "starts = 0"),
        ({"t": ROWS + 1e-3}, DataError, "rows from 0.001 to 0.041 s.*0 to 0.04 s"),
        ({"t": ROWS[::-1]}, DataError, "finite t, increasing"),
        (
            {"stimulus": mj.PulseTrain(1e-6, 1e-3, 2e-2, count=3, quantity="current")},
            StimulusError,
            "of current",
        ),
    ],
)
def test_what_is_no_fit_of_a_trace_is_refused(measured, change, error, message):
    given = dict(circuit=oscillator(), stimulus=PULSE, t=ROWS, v=measured)
    given |= dict(node="node", sigma=SIGMA, free=["memristor.mu"]) | change
    first = [given.pop(k) for k in ("circuit", "stimulus", "t", "v")]
    with pytest.raises(error, match=message):
        ft.fit_voltages(*first, **given)


@pytest.mark.study
def test_spike_times_give_the_truth_within_three_sigma_or_say_that_they_do_not(by_spikes):
    found = by_spikes.estimate
    away = found.z_scores({n: x for n, x in SPIKE_TRUTH.items() if n not in found.undetermined})
    assert {"memristor.mu", "r_c.r"} <= set(away)  # growth by latency, resistance by intervals
    assert max(map(abs, away.values())) < 3, away
    assert by_spikes.converged
    assert by_spikes.chi2 < 14  # 2 degrees of freedom: once in 1000
    assert by_spikes.freedom == 2


def test_a_rate_alone_determines_nothing_of_three(trains):
    found = fit_trains(trains, seed=5, summaries=("rate",), iterations=2)
    assert set(found.estimate.undetermined) == set(SPIKE_TRUTH)
    assert abs(found.measured - found.simulated)[0] < 3 * found.sigma[0]


def test_a_circuit_that_does_not_fire_is_no_start(trains):
    start = mj.params.replace(core(), SPIKE_START | {"memristor.mu": 10.0})
    with pytest.raises(FitError, match="too few simulated spikes"):
        ft.fit_spikes(start, PULSES, trains, free=list(SPIKE_START), policy=POLICY, **SEEN)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"signal": "gat.v"}, DataError, "no signal 'gat.v'.*allowed: .*gate.v"),
        ({"summaries": ("rates",)}, DataError, "summaries 'rates'.*allowed: rate"),
        ({"summaries": ()}, DataError, "summaries none"),
        ({"members": 2}, DataError, "members = 2"),
        ({"window": (0.0, 1.0)}, DataError, "a window from 0 to 1 s.*0 to 0.1 s"),
    ],
)
def test_what_is_no_fit_of_spikes_is_refused(trains, change, error, message):
    with pytest.raises(error, match=message):
        fit_trains(trains, **change)


def test_trains_have_to_be_spike_trains():
    with pytest.raises(DataError, match="no spike trains"):
        fit_trains([])
    with pytest.raises(DataError, match="too few spikes for isi_mean"):
        fit_trains([np.array([0.01]), np.array([0.02])])
    with pytest.raises(BoundsError, match="increasing"):
        fit_trains([np.array([0.02, 0.01])])
    with pytest.raises(BoundsError, match="watched"):
        fit_trains([SpikeTrain(times=np.array([0.01]), start=0.0, stop=0.05)])


def test_directions_without_information_are_null():
    covariance, null = lifted_inverse(np.diag([100.0, 0.0, -3.0]))
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.1, 5, 5])
    np.testing.assert_allclose(null, [0, 1, 1])


def test_the_bias_that_noise_of_a_jacobian_makes_is_the_information_that_is_taken_off():
    n, rng = 50, np.random.default_rng(0)
    each = rng.normal(size=(2000, n, 2, 1))  # repeats: a mean over n, which is 0 but for its noise
    true = np.mean(np.sum(each.mean(axis=1) ** 2, axis=(1, 2)))
    left_out = (x.mean(axis=0) - x for x in each)
    bias = np.mean([jacobian_noise_bias(x / (n - 1), np.eye(2))[0, 0] for x in left_out])
    assert bias == pytest.approx(true, rel=0.1)

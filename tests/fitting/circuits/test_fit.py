"""Fits through a circuit: parameters of a device behind a resistor, from a node's voltage and from spike times."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax.errors import BoundsError, DataError, FitError
from memjax.observables import SpikeTrain, detect_all
from memjax.solver import SemiImplicitEuler

pytestmark = pytest.mark.slow


SPIKE_TRUTH = {"memristor.mu": 150.0, "r_c.r": 250e6, "memristor.sigma1": 0.02}
SPIKE_START = {"memristor.mu": 140.0, "r_c.r": 320e6, "memristor.sigma1": 0.03}
TRAINS, MEMBERS = 32, 96
PULSES = mj.PulseTrain(1.5, 0.4e-3, 0.8e-3, count=125)
SEEN = dict(signal="gate.v", level=0.22, rearm=0.15, members=MEMBERS, save=2e-5)
POLICY = mj.Fixed(2e-6, method=SemiImplicitEuler(damped=True))


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
def trains():
    values = {n: np.full((MEMBERS, 1), x) for n, x in SPIKE_TRUTH.items()}
    trace = mj.simulate(
        core(),
        PULSES,
        members=MEMBERS,
        seed=1000,
        save=2e-5,
        policy=POLICY,
        conditions=mj.Conditions(values=values),
    ).check()
    found = detect_all(trace.t, trace.state["gate.v"], level=0.22, rearm=0.15)
    return [SpikeTrain(times=x, start=0.0, stop=0.1) for x in found[:TRAINS]]


def fit_trains(trains, start=None, seed=0, **more):
    start = start or mj.params.replace(core(), SPIKE_START)
    return ft.solve(
        ft.MomentProblem(
            trains, start, stimulus=PULSES, free=list(SPIKE_START), policy=POLICY, **SEEN | more
        ),
        seed=seed,
    )


@pytest.fixture(scope="module")
def by_spikes(trains):
    return fit_trains(trains, seed=5, iterations=6)


@pytest.mark.study
def test_spike_times_give_the_truth_within_three_sigma_or_say_that_they_do_not(by_spikes):
    found = by_spikes
    away = found.z_scores({n: x for n, x in SPIKE_TRUTH.items() if n not in found.undetermined})
    assert {"memristor.mu", "r_c.r"} <= set(away)  # growth by latency, resistance by intervals
    assert max(map(abs, away.values())) < 3, away
    assert by_spikes.converged
    assert by_spikes.chi2 < 14  # 2 degrees of freedom: once in 1000
    assert by_spikes.chi2_freedom == 2


def test_a_rate_alone_determines_nothing_of_three(trains):
    found = fit_trains(trains, seed=5, summaries=("rate",), iterations=2)
    assert set(found.undetermined) == set(SPIKE_TRUTH)
    # The residuals of its problem are what was minimised.
    assert found.problem.loss(found.z) == pytest.approx(found.loss, rel=1e-6)
    assert abs(found.measured - found.simulated)[0] < 3 * found.sigma[0]


def test_a_circuit_that_does_not_fire_is_no_start(trains):
    start = mj.params.replace(core(), SPIKE_START | {"memristor.mu": 10.0})
    with pytest.raises(FitError, match="too few simulated spikes"):
        fit_trains(trains, start)


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

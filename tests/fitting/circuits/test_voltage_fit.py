"""Parameters of a circuit from the trace of a node."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from memjax import neuron
from memjax.errors import DataError, FitError, ModelError, StimulusError

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


def oscillator():
    """The device of the published pulses, behind 22 kohm and with a capacitance at its node."""
    rates = dict(beta=80.0, mu=100.0, gamma1=800.0, gamma2=10.0, gamma3=4.0, theta=10.0)
    geometry = dict(alpha=0.01, lam=0.1, r_on=4e4, r_off=1e9, r0=0.4)
    device = mj.DiffusiveMemristor(**rates, **geometry, mu_neg=100.0)
    return neuron.relaxation_oscillator(device, r_in=22e3, c=1e-8)


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
    return ft.solve(
        ft.TraceProblem(
            (ROWS, measured), start, stimulus=PULSE, node="node", sigma=SIGMA, free=free, starts=4
        )
    )


@pytest.fixture(scope="module")
def of_switch():
    """Two values of a small circuit to fit, and its drive."""
    circuit, rows = mj.model("threshold-switch-neuron"), np.linspace(0, 1e-3, 201)
    step = mj.Sampled(np.array([0.0, 1e-3]), np.ones(2))
    made = mj.simulate(mj.params.replace(circuit, {"r_in.r": 1.03e6}), step, save=rows).check()
    v = np.asarray(made.state["node.v"][0]) + SIGMA * np.random.default_rng(1).normal(size=201)
    given = dict(stimulus=step, node="node", free=["r_in.r", "switch.v_th"])
    problem = ft.TraceProblem((rows, v), circuit, **given)
    return SimpleNamespace(problem=problem, rows=rows, step=step)


@pytest.fixture(scope="module")
def fit_of_switch(of_switch):
    return ft.solve(of_switch.problem)


@pytest.mark.study
def test_a_trace_gives_the_truth_within_three_sigma(by_voltage):
    found = by_voltage
    away = found.z_scores(TRACE_TRUTH)
    assert max(map(abs, away.values())) < 3, away
    assert by_voltage.converged
    assert 0.7 < by_voltage.chi2 < 1.3  # 201 rows: 1 +- 0.1
    assert max(found.std[n] / x for n, x in TRACE_TRUTH.items()) < 0.15
    np.testing.assert_allclose(np.diag(found.correlation), 1)


@pytest.mark.study
def test_a_positive_pulse_says_nothing_of_the_other_polarity(by_voltage):
    assert by_voltage.undetermined == ("memristor.mu_neg",)


@pytest.mark.study
def test_growth_and_decay_of_the_filament_are_known_as_one_combination(by_voltage):
    names = ("memristor.mu", "memristor.gamma1")
    e, r = by_voltage, by_voltage.correlation[0, 1]
    away = [np.log(e.values[n] / TRACE_TRUTH[n]) for n in names]
    sigma = [e.std[n] / e.values[n] for n in names]
    assert r > 0.99  # the later closing of a slower growth is that of a faster decay
    assert abs(away[1] - r * sigma[1] / sigma[0] * away[0]) < 0.01


@pytest.mark.study
def test_the_fitted_trace_is_that_of_a_simulation(of_switch, fit_of_switch):
    policy, fit = mj.Stiff(rtol=1e-7, atol=1e-9), fit_of_switch
    trace = mj.simulate(fit.device, of_switch.step, save=of_switch.rows, policy=policy).check()
    # Where the node falls by 1 V within a row, the tolerance of the fit's steps moves that row.
    off = np.abs(fit.trace - np.asarray(trace.state["node.v"][0]))
    assert np.quantile(off, 0.9) < 2e-4


@pytest.mark.study
def test_a_fit_draws_its_trace_over_the_rows(fit_of_switch):
    trace, residuals = fit_of_switch.plot().axes
    np.testing.assert_array_equal(trace.lines[1].get_ydata(), np.asarray(fit_of_switch.trace))
    assert trace.get_ylabel() == "Voltage (V)"
    assert residuals.get_ylabel() == "Residual (sigma)"


def test_failed_solves_are_no_result(of_switch):
    step = of_switch.step
    broken = mj.Sampled(step.times, 1e250 * step.values)  # that program
    with pytest.raises(FitError, match=r"no solve of \d starts ended well"):
        ft.solve(replace(of_switch.problem, stimulus=broken))


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
    data, circuit = (given.pop("t"), given.pop("v")), given.pop("circuit")
    with pytest.raises(error, match=message):
        ft.solve(ft.TraceProblem(data, circuit, **given))

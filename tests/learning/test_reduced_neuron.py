"""The reduced neuron beside its circuit: maps, times and their derivatives, noise, refusals."""

from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import ks_2samp

import memjax as mj
from memjax.errors import CircuitError
from memjax.learning import ReducedNeuron, reduce, reduction_error, spike_trains
from memjax.learning.reduced_neuron import Draws, ReducedState, draws
from memjax.network.neuron_program import member_keys

DRIVE, WIDTH = 1.6, 8e-3
"""A pulse [V, s] that closes the channel of the published device from rest."""


def circuit(**values) -> mj.Circuit:
    published = mj.presets.load("1m1t1r/zhao2025-table1-noisy")[1]
    return mj.params.replace(mj.model("1m1t1r"), published | values)


@pytest.fixture(scope="module")
def neuron() -> ReducedNeuron:
    return reduce(circuit())


@pytest.fixture(scope="module")
def first_spike(neuron):
    """Time of the first spike under a constant input, as a function of changes and of the number of steps."""

    def time(changed: ReducedNeuron, drive, dt: float, steps: int):
        def step(state, _):
            state, out = changed.step(state, drive, dt)
            return state, (out.spikes, out.time)

        _, (fired, within) = jax.lax.scan(step, changed.resting_state(), None, steps)
        k = jnp.argmax(fired)
        return jnp.where(fired[k] > 0, k.astype(within.dtype) * dt + within[k], jnp.nan)

    return jax.jit(time, static_argnums=(2, 3))


@pytest.mark.slow
def test_the_first_spike_comes_when_that_of_the_circuit_does(neuron, first_spike):
    drive = mj.Sampled(np.array([0.0, WIDTH]), np.full(2, DRIVE))
    rows = np.arange(1, 8001) * 1e-6
    trace = mj.simulate(
        circuit(**{"memristor.sigma1": 0.0}), drive, save=rows, policy=mj.Stiff()
    ).check()
    (want,) = mj.observables.detect(
        np.asarray(trace.t), np.asarray(trace.state["gate.v"][0]), level=0.2
    )
    errors = [abs(float(first_spike(neuron, DRIVE, WIDTH / n, n)) - want) for n in (80, 160, 320)]
    # First order in the step: each halving leaves half of the error, but for the reference's own 1 us.
    assert errors[0] < 0.02 * want
    assert errors[1] < 0.6 * errors[0] + 1e-6
    assert errors[2] < 0.6 * errors[1] + 1e-6


@pytest.mark.few(4)
@pytest.mark.slow
@pytest.mark.parametrize("name", ["mu", "gamma1", "alpha", "r_on", "beta"])
def test_the_time_of_a_spike_has_the_derivative_of_its_secant(neuron, first_spike, name):
    value = getattr(neuron, name)

    def time(x):
        return first_spike(eqx.tree_at(lambda n: getattr(n, name), neuron, x), DRIVE, 5e-5, 160)

    slope = jax.jvp(time, (value,), (value,))[1]
    h = 1e-6
    secant = (time(value * (1 + h)) - time(value * (1 - h))) / (2 * h)
    # The secant's own error: rounding of the times over its length, and its second order.
    np.testing.assert_allclose(slope, secant, rtol=1e-4, atol=1e-16 / h)


@pytest.mark.integration
def test_a_closed_channel_charges_the_gate_within_r_on_c_and_an_open_one_leaves_it_to_r_c(neuron):
    closed = ReducedState(jnp.asarray(0.6), jnp.asarray(0.45), jnp.asarray(0.0), jnp.asarray(1.0))
    after, out = neuron.step(closed, 0.8, 5e-6)
    share = neuron.r_c / (neuron.r_c + neuron.r_on)
    rate = (1 / neuron.r_on + 1 / neuron.r_c) / neuron.c
    np.testing.assert_allclose(after.v, 0.8 * share * (1 - np.exp(-5e-6 * rate)), rtol=1e-12)
    assert out.spikes == 1
    level = 0.8 * share * (1 - np.exp(-float(out.time) * rate))
    np.testing.assert_allclose(level, 0.2, rtol=1e-12)
    wide = ReducedState(jnp.asarray(0.0), jnp.asarray(0.0), jnp.asarray(0.5), jnp.asarray(0.0))
    after, _ = neuron.step(wide, 0.0, 1e-4)
    rate = (1 / (neuron.r_on + neuron.r_off) + 1 / neuron.r_c) / neuron.c
    np.testing.assert_allclose(after.v, 0.5 * np.exp(-1e-4 * rate), rtol=1e-10)


@pytest.mark.integration
def test_noise_has_the_variance_of_the_net_change(neuron):
    n = 20_000
    key = jax.random.key(3)
    state = ReducedState(jnp.full(n, 0.1), jnp.full(n, 0.1), jnp.zeros(n), jnp.ones(n))
    ones = jnp.ones((3, n))
    noise = Draws(jax.random.normal(key, (3, n)), ones, ones)
    noisy, _ = neuron.step(state, 0.5, 2e-5, noise)
    exact, _ = neuron.step(state, 0.5, 2e-5)
    change = np.asarray(noisy.f - exact.f)
    variance = float(neuron.sigma1 * abs(exact.f[0] - 0.1))
    assert abs(change.mean()) < 4 * np.sqrt(variance / n)
    assert abs(change.var() / variance - 1) < 4 * np.sqrt(2 / n)


@pytest.mark.integration
def test_a_gate_discharges_through_the_noise_of_a_channel_that_opens(neuron):
    n, dt, duration, f0, gap0 = 2000, 1e-7, 3e-4, 0.28, 0.002
    rng = np.random.default_rng(0)
    # The circuit after the end of a pulse: no growth, so that Euler's steps of 0.1 us are those of its equations.
    f, r, v = np.full(n, f0), np.full(n, 1 - f0 - gap0), np.full(n, 0.8)
    p = {k: float(getattr(neuron, k)) for k in ("beta", "gamma1", "gamma2", "r_on", "r_off", "lam")}
    slope = p["r_off"] / np.expm1(1 / p["lam"])
    for _ in range(round(duration / dt)):
        loss = (p["gamma1"] + p["beta"]) * f * dt
        resistance = p["r_on"] + slope * np.expm1(np.maximum(1 - f - r, 0) / p["lam"])
        v = v / (1 + dt / float(neuron.c) * (1 / resistance + 1 / float(neuron.r_c)))
        r = r + (p["beta"] * f - p["gamma2"] * r) * dt
        f = f - loss + np.sqrt(float(neuron.sigma1) * loss) * rng.normal(size=n)

    @jax.jit
    def run(key):
        def step(state, number):
            return neuron.step(state, 0.0, 5e-5, draws(key, number, jnp.float64))[0], None

        start = ReducedState(*(jnp.full(n, x) for x in (f0, 1 - f0 - gap0, 0.8, 0.0)))
        return jax.lax.scan(step, start, jnp.arange(round(duration / 5e-5)))[0].v

    reduced = np.asarray(run(member_keys(0, 0, n)))
    assert 0.2 < np.mean(v < 0.4) < 0.8  # some are discharged, some not
    # 1.95 sqrt(2 / n) is exceeded once in 1,000 pairs of samples of one law; the rest is the step's error.
    assert ks_2samp(reduced, v).statistic < 1.95 * np.sqrt(2 / n) + 0.02


@pytest.mark.integration
def test_a_train_does_not_depend_on_how_many_run_beside_it(neuron):
    u = np.tile(np.repeat([2.0, 0.0], 80), 2)
    few = spike_trains(neuron, u, dt=5e-5, seed=2, members=2)
    many = spike_trains(neuron, u, dt=5e-5, seed=2, members=5)
    assert any(len(t) for t in many)
    for a, b in zip(few, many):
        # Vectors of another length round otherwise, which openings and closings amplify.
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert any(len(a) != len(b) or np.any(a != b) for a, b in pairwise(many))


def test_other_circuits_are_refused():
    with pytest.raises(CircuitError, match="no reduction of a Circuit"):
        reduce(mj.model("threshold-switch-neuron"))
    with pytest.raises(CircuitError, match="noise in the residue"):
        reduce(circuit(**{"memristor.sigma2": 0.1}))


@pytest.mark.study
@pytest.mark.parametrize("r_c", [5e7, 1e8, 2.5e8, 5e8, 1e9])
def test_intervals_and_times_are_those_of_the_circuit(r_c):
    # At 1 Gohm intervals scatter most, and the circuit's own are 3 % short at 0.5 us.
    fine = dict(members=128, circuit_step=2.5e-7) if r_c == 1e9 else dict(members=32)
    error = reduction_error(circuit(**{"r_c.r": r_c}), **fine)
    full, short = error.interval
    assert abs(short / full - 1) < 0.05 + 3 * error.interval_error, str(error)
    assert error.spike_time < 0.05, str(error)

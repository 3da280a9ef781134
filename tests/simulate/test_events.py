"""Events and integrals of a solve: closed forms, derivatives against them, states in and out."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from memjax.errors import BoundsError, ModelError, StimulusError
from memjax.observables import (
    spike_events,
    spike_intervals,
    spike_times,
    switching_events,
    switching_voltage,
)
from tests.systems.exact import OrnsteinUhlenbeck

HELD = mj.Sampled(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
LEVEL, END = 0.4, 1.0
QUIET = OrnsteinUhlenbeck(sigma=0.0, g=1.0, x0=0.0)


EVENTS = {"up": mj.Event("x", LEVEL)}
INTEGRALS = {
    "x": mj.Integral("x"),
    "drive": mj.Integral("v"),
    "above": mj.TimeAbove("x", LEVEL),
}


def _rising(k, policy=None, *, events=EVENTS, integrals=INTEGRALS):
    """x relaxes from 0 to g v = 1 at the rate k: x = 1 - exp(-k t)."""
    system = mj.params.replace(QUIET, {"k": k})
    output = mj.Output(events=events, integrals=integrals)
    return mj.simulate(system, HELD, policy=policy or mj.Stiff(), save=END, output=output)


def _numbers(k, policy=None):
    trace = _rising(k, policy)
    times = [trace.events["up"].t[0, 0, 0], trace.integrals["above"][0, -1]]
    return jnp.stack([*times, *(trace.integrals[n][0, -1] for n in ("x", "drive"))])


def _exact(k):
    time = -jnp.log(1 - LEVEL) / k
    return jnp.stack([time, END - time, END - (1 - jnp.exp(-k * END)) / k, jnp.asarray(END)])


@pytest.mark.slow
def test_times_and_integrals_and_their_derivatives_are_those_of_the_closed_form():
    value, slope = jax.jit(lambda k: jax.jvp(_numbers, (k,), (1.0,)))(3.0)
    exact, along = jax.jvp(_exact, (3.0,), (1.0,))
    # The tolerance of a step is 1e-5, and some of its error is left in time: 1e-4.
    np.testing.assert_allclose(value, exact, rtol=1e-4)
    np.testing.assert_allclose(slope, along, rtol=1e-3)
    # Integrals have their own values whatever their order: the drive is 1 V for END seconds.
    np.testing.assert_allclose(value[3], END, rtol=1e-9)


@pytest.mark.study
def test_derivatives_in_reverse_mode_are_those_of_the_closed_form():
    reverse = mj.Stiff(adjoint=dfx.RecursiveCheckpointAdjoint(checkpoints=64))

    def both(k):
        trace = _rising(k, reverse, integrals={"x": mj.Integral("x")})
        return trace.events["up"].t[0, 0, 0] + 2 * trace.integrals["x"][0, -1]

    exact = jax.grad(lambda k: _exact(k) @ jnp.array([1.0, 0.0, 2.0, 0.0]))(3.0)
    # As forward: 1e-4 of the times and integrals, ten times that of their derivatives.
    np.testing.assert_allclose(jax.jit(jax.grad(both))(3.0), exact, rtol=1e-3)


@pytest.mark.slow
def test_fixed_steps_find_the_event_to_the_order_of_their_method():
    # Half the rate is half the step: one program for all, and errors by the time itself.
    steps = mj.Fixed(0.02)
    away = [abs(_numbers(k, steps)[0] / _exact(k)[0] - 1) for k in (3.0, 1.5, 0.75)]
    assert 0.7 < np.log2(float(away[0] / away[2])) / 2 < 1.3  # Euler: first order


@pytest.fixture(scope="module")
def spiking():
    wave = mj.Sine(1.0, 10.0, cycles=5.0)
    system = OrnsteinUhlenbeck(sigma=0.0, k=300.0, g=1.0, x0=0.0)
    events = {"spike": mj.Event("x", 0.0, rearm=-0.1, size=8)}
    return mj.simulate(system, wave, output=mj.Output(events=events), save=0.5, policy=mj.Stiff())


@pytest.mark.slow
def test_what_is_not_there_is_refused_by_name(spiking):
    with pytest.raises(ModelError, match="no signal 'y'"):
        _rising(3.0, events={"up": mj.Event("y", LEVEL)})
    with pytest.raises(BoundsError, match="rearm"):
        mj.Event("x", 0.1, rearm=0.2)
    with pytest.raises(StimulusError, match="integrals"):
        _rising(3.0, integrals=("heat",))
    with pytest.raises(StimulusError, match="without the event 'on/0'"):
        switching_voltage(spiking)


@pytest.mark.integration
def test_a_second_simulation_goes_on_from_the_first():
    half = mj.Sampled(np.array([0.0, 0.5]), np.array([1.0, 1.0]))
    system = OrnsteinUhlenbeck(sigma=0.0, k=3.0, g=1.0, x0=0.0)
    whole = mj.simulate(system, HELD, save=END, policy=mj.Stiff())
    first = mj.simulate(system, half, save=0.5, policy=mj.Stiff())
    second = mj.simulate(
        system, half, save=0.5, policy=mj.Stiff(), conditions=mj.Conditions(initial=first.final)
    )
    # Two solves beside one: the error of a step, 1e-5, twice.
    np.testing.assert_allclose(second.final["x"], whole.final["x"], rtol=1e-4)
    with pytest.raises(ModelError, match="no states z"):
        mj.simulate(system, half, save=0.5, conditions=mj.Conditions(initial={"z": 1.0}))


@pytest.mark.study
def test_a_switching_voltage_is_the_row_that_dense_rows_show():
    device, sweep = mj.DiffusiveMemristor(), mj.triangle_sweep(0.5, 0.5)
    events, bench = switching_events(sweep), mj.Bench(compliance=1e-6)
    trace = mj.simulate(device, sweep, bench=bench, output=mj.Output(events=events), save=1e-3)
    sampled = switching_voltage(trace.member(0))
    assert 0 <= sampled[0] - float(switching_voltage(trace)[0, 0]) <= 0.5e-3  # one row


@pytest.mark.slow
def test_intervals_are_those_between_spikes(spiking):
    gaps = np.asarray(spike_intervals(spike_times(spiking))[0])
    np.testing.assert_allclose(gaps[np.isfinite(gaps)], 0.1, rtol=1e-3)


@pytest.mark.study
def test_spikes_and_intervals_of_a_neuron_have_the_derivatives_of_their_secants():
    """By growth and discharge: a first spike moves 15 times as far with growth as the interval after it changes."""
    circuit = mj.neuron.one_memristor(output_stage=False)
    held = mj.Sampled(np.array([0.0, 0.061]), np.array([0.7, 0.7]))
    about = dict(
        output=mj.Output(events=spike_events("gate.v", level=0.2, rearm=0.1, size=2)), save=0.061
    )
    values = {"memristor.mu": 150.0, "r_c.r": 250e6}

    def spikes(policy, each, **options):
        conditions = mj.Conditions(values=each)
        trace = mj.simulate(circuit, held, policy=policy, conditions=conditions, **about, **options)
        times = spike_times(trace)
        return jnp.concatenate([times[:, :1], spike_intervals(times)], axis=1)

    def run(logs):
        changed = {n: x * jnp.exp(logs[k]) for k, (n, x) in enumerate(values.items())}
        return spikes(mj.Stiff(), {n: x[None, None] for n, x in changed.items()})[0]

    found = jax.jit(jax.jacfwd(run))(jnp.zeros(2))
    shift, step = np.concatenate([np.eye(2), -np.eye(2)]), 1e-4
    each = {n: (x * np.exp(step * shift[:, k]))[:, None] for k, (n, x) in enumerate(values.items())}
    ends = np.asarray(spikes(mj.Stiff(rtol=1e-8, atol=1e-10), each, members=4))
    exact = ((ends[:2] - ends[2:]) / (2 * step)).T
    away = np.max(np.abs(found - exact), axis=1) / np.max(np.abs(exact), axis=1)
    assert np.max(away) < 1e-3
    assert abs(exact[0, 0]) > 10 * np.max(np.abs(exact[1]))


class _Integrated(mj.AbstractSystem):
    """A noisy drive x about `level`, and its integral y, whose paths are smooth."""

    level: float | jax.Array = 1.0

    noise_structure = mj.system.Additive

    @property
    def specs(self):
        return tuple(
            mj.state(n, unit="1", scale=1.0, bounds=(-np.inf, np.inf), doc=n) for n in "xy"
        )

    def initial(self, env):
        return {"x": jnp.zeros(()), "y": jnp.zeros(())}

    def drift(self, t, state, u, env):
        return {"x": 5.0 * (self.level - state["x"]), "y": state["x"]}

    def noise(self, t, state, u, env):
        return {"thermal": {"x": 0.3 * jnp.ones(())}}

    def outputs(self, t, state, u, env):
        return {"v": u, "i": state["x"]}

    def project(self, state):
        return state

    def confine(self, state, before, u):
        return state


@pytest.mark.study
def test_roughness_tells_which_derivatives_of_noisy_times_no_tolerance_settles():
    def times(level, policy):
        events = {"rough": mj.Event("x", 0.7), "smooth": mj.Event("y", 0.3)}
        about = dict(output=mj.Output(events=events), save=END, policy=policy, members=4, seed=2)
        trace = mj.simulate(_Integrated(level), HELD, **about)
        return {n: c.t[:, 0, 0] for n, c in trace.events.items()}, trace.events

    def at(rtol, atol):
        policy = mj.Stiff(rtol=rtol, atol=atol)
        run = jax.jit(lambda k: jax.jvp(lambda x: times(x, policy), (k,), (1.0,), has_aux=True))
        return run(1.0)[1:]

    (coarse, events), (fine, _) = at(1e-3, 1e-4), at(1e-5, 1e-6)
    np.testing.assert_array_equal(events["smooth"].roughness, 0.0)
    # The path runs straight within a step: 1.3 percent at rtol 1e-3.
    np.testing.assert_allclose(coarse["smooth"], fine["smooth"], rtol=2e-2)
    assert np.all(events["rough"].roughness > 0.1)
    assert np.any(np.abs(coarse["rough"] - fine["rough"]) > 0.1 * np.abs(fine["rough"]))


@pytest.mark.study
def test_a_jacobian_of_a_whole_crossing_is_refused_and_its_times_have_one():
    """Numbers of crossings have no derivative, of which JAX says that a bytes-like object is required."""
    circuit = mj.Circuit(
        [
            ("input", mj.VoltageSource(), "in", "0"),
            ("r", mj.Resistor(1e3), "in", "node"),
            ("c", mj.Capacitor(1e-6), "node", "0"),
        ]
    )

    def crossing(a):
        step = mj.Sampled(np.array([0.0, 1e-2]), np.array([1.0, 1.0]))
        return mj.simulate(
            circuit, step * a, output=mj.Output(events={"x": mj.Event("node.v", 0.5)})
        ).events["x"]

    with pytest.raises(
        mj.errors.GradientError, match=r"a Jacobian of a whole Crossing.*t, v, i and state"
    ):
        jax.jacfwd(crossing)(1.0)
    # v = a (1 - exp(-t/RC)) = 1/2 at t = RC log 2, where dt/da = -RC.
    assert jax.jacfwd(lambda a: crossing(a).t)(1.0) == pytest.approx(-1e-3, rel=1e-5)
    assert jax.jvp(crossing, (1.0,), (1.0,))[1].t == pytest.approx(-1e-3, rel=1e-5)

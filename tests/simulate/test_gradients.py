"""Derivatives along a path agree, forward, reverse and with differences: every policy and every step kernel."""

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import memjax as mj
from benchmarks.cases.stiff_sde.systems import Oscillator
from memjax.core.system import Partitioned
from memjax.solver import (
    DriftImplicitEuler,
    DriftImplicitMilstein,
    SemiImplicitEuler,
)
from tests.helpers import z_score
from tests.systems.exact import Entangled, OrnsteinUhlenbeck, PoissonDecay

FORWARD, REVERSE = dfx.ForwardMode(), dfx.RecursiveCheckpointAdjoint(checkpoints=64)


def _agree(forward, reverse, theta, *, h=1e-6, rtol=2e-4):
    """See that three derivatives of a path agree, along each parameter and along all at once; the value."""
    theta = np.asarray(theta)
    mix = np.random.default_rng(0).standard_normal(len(theta))
    run = jax.jit(lambda q, v: jax.jvp(forward, (q,), (v,)))
    value, _ = run(theta, mix)
    weights = np.linspace(1.0, 2.0, len(value))
    gradient = np.asarray(jax.jit(jax.grad(lambda q: jnp.sum(weights * reverse(q))))(theta))
    for v in (*np.eye(len(theta)), mix):
        along = np.asarray(run(theta, v)[1])
        high, low = (np.asarray(run(theta + k * h * v, v)[0]) for k in (1, -1))
        central = (high - low) / (2 * h)
        size = np.abs(along).max()
        assert size > 1e-3
        np.testing.assert_allclose(gradient @ v, weights @ along, rtol=1e-9, atol=1e-9 * size)
        # Of order h^2: a filament that closes is 30 times as sensitive as a parameter and feels layers of
        # 1e-3, (30 h / 1e-3)^2 / 6; and the rounding of a path, seen to be 1e-12, over h.
        np.testing.assert_allclose(central, along, rtol=rtol, atol=rtol * size + 1e-12 / h)
    return np.asarray(value)


def _sound(trace, x):
    """Numbers of a trace, which are none where a solve failed."""
    return eqx.error_if(x, jnp.any(trace.result != 0), "a solve failed")


def _both(run, make):
    """A run under two adaptive policies, one for each mode."""
    return [lambda q, a=a: run(q, make(adjoint=a)) for a in (FORWARD, REVERSE)]


HELD = mj.Sampled(np.array([0.0, 1.0]), np.full(2, 3.0))


def _oscillator(theta, policy):
    """The stiff oscillator's states as a function of three parameters."""
    system = Oscillator(b=theta[0], eps=theta[1], r_ext=theta[2])
    assert system.noise_structure is Partitioned
    rows = np.array([0.3, 1.0])
    trace = mj.simulate(system, HELD, save=rows, policy=policy, seed=1, members=2)
    return _sound(trace, jnp.concatenate([x.ravel() for x in trace.state.values()]))


@pytest.mark.study
@pytest.mark.parametrize(
    "method",
    [None, pytest.param(DriftImplicitMilstein(), marks=pytest.mark.study)],
    ids=["esdirk", "milstein"],
)
def test_along_adaptive_paths_side_by_side(method):
    _agree(*_both(_oscillator, lambda **a: mj.Stiff(method=method, **a)), [1.5, 0.05, 5.0])


@pytest.mark.study
def test_along_an_adaptive_path_whose_channels_do_not_commute():
    def run(theta, policy):
        system = Entangled(b1=theta[:4].reshape(2, 2), b2=theta[4:].reshape(2, 2))
        trace = mj.simulate(system, HELD, save=np.array([1.0]), policy=policy, seed=1)
        return _sound(trace, jnp.concatenate([x.ravel() for x in trace.state.values()]))

    _agree(*_both(run, mj.Stiff), [0.2, 0.9, -0.1, 0.1, 0.1, -0.2, 0.8, 0.3])


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "increments"),
    [
        (SemiImplicitEuler(), "gaussian"),
        (SemiImplicitEuler(), "two-point"),
        (DriftImplicitEuler(), "gaussian"),
    ],
    ids=["semi-implicit", "two-point", "implicit"],
)
def test_along_fixed_steps(method, increments):
    policy = mj.Fixed(1e-2, method=method, increments=increments)
    run = lambda q: _oscillator(q, policy)  # noqa: E731
    _agree(run, run, [1.5, 0.05, 5.0])


@pytest.mark.study
def test_without_noise_along_lanes_that_end_after_different_numbers_of_steps():
    rates = np.array([[3.0], [300.0]])

    def run(theta, policy):
        device = OrnsteinUhlenbeck(sigma=0.0, g=theta[0], x0=theta[1])
        options = dict(
            save=np.array([0.01, 0.2]),
            policy=policy,
            members=2,
            conditions=mj.Conditions(values={"k": rates}),
        )
        trace = mj.simulate(device, mj.triangle_sweep(1.0, 5.0), **options)
        return _sound(trace, trace.state["x"].ravel())

    _agree(*_both(run, mj.Stiff), [1.0, 0.5])


def _decays(theta, policy, *, members=1, seed=0, thinned=True):
    """Ends of decays with jumps, and log-probabilities of their patterns; theta: g, eta, kappa."""
    g, eta, kappa = theta
    system = PoissonDecay(g=g, eta=eta, kappa=kappa, thinned=thinned)
    options = dict(policy=policy, members=members, seed=seed, save=np.array([1.0]))
    trace = mj.simulate(system, HELD, **options)
    return _sound(trace, trace.state["f"][:, -1]), jnp.sum(trace.pattern, axis=1)


DECAY = jnp.array([1.0, 0.3, 4.0])


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("stiff", marks=pytest.mark.study), "fixed"])
def test_at_a_fixed_pattern_of_jumps(name):
    def run(theta, policy):
        return jnp.concatenate(_decays(theta, policy, members=3))

    if name == "stiff":
        ways = _both(run, lambda **a: mj.Stiff(clock=6.0, **a))
    else:
        ways = [lambda q: run(q, mj.Fixed(0.01))] * 2
    ends = _agree(*ways, DECAY)[:3]
    assert np.any(ends < 0.75 * np.exp(-1.0))  # jumps there were


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize("thinned", [False, True])
@pytest.mark.parametrize("which", [1, 2], ids=["eta", "kappa"])
def test_the_derivative_of_an_expected_value_is_that_of_the_closed_form(thinned, which):
    policy, unit = mj.Stiff(clock=6.0), jnp.eye(3)[which]

    @jax.jit
    def slope(seed):
        mean = lambda q: mj.expected(  # noqa: E731
            *_decays(q, policy, members=500, seed=seed, thinned=thinned)
        )
        return jax.jvp(mean, (DECAY,), (unit,))[1]

    def exact(d):
        g, eta, kappa = DECAY + d * unit
        return PoissonDecay(g=g, eta=eta, kappa=kappa, thinned=thinned).moment(1, 1.0)

    found = [float(slope(seed)) for seed in range(16)]
    assert abs(z_score(found, (exact(1e-4) - exact(-1e-4)) / 2e-4)) < 4


@pytest.mark.study
def test_it_agrees_with_differences_of_means_in_reverse_mode_too():
    policy, members = mj.Stiff(clock=6.0, adjoint=REVERSE), 500

    def mean(theta, seed):
        return mj.expected(*_decays(theta, policy, members=members, seed=seed))

    def ends(kappa, seed):
        theta = DECAY.at[2].set(kappa)
        return np.asarray(_decays(theta, policy, members=8 * members, seed=seed)[0])

    slopes = np.array([jax.grad(mean)(DECAY, seed)[2] for seed in range(8)])
    high, low = ends(5.0, 8), ends(3.0, 9)
    off = slopes.mean() - (high.mean() - low.mean()) / 2
    difference = np.hypot(high.std(), low.std()) / 2 / (8 * members) ** 0.5
    se = np.hypot(slopes.std(ddof=1) / 8**0.5, difference)
    # Differences over +-1 see the third derivative too: each one by kappa brings a factor below eta.
    assert abs(off) < 4 * se + 0.3**3 / 6 * high.mean()

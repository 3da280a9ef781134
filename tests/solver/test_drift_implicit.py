"""Drift-implicit Euler: orders, process, gradients, the same path in both drivers."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from memjax.circuit import BenchedDevice
from memjax.core.scaling import Scaled
from memjax.core.system import Environment
from memjax.noise import GridPath, device_key, increments, words
from memjax.simulate import Begin, solve_fixed
from memjax.simulate.policy import Fixed
from memjax.solver import DriftImplicitEuler, drift_implicit_euler_step
from memjax.solver.linear import factor, orientation
from memjax.solver.newton import Stage
from memjax.stimulus import Sampled
from tests.helpers import fitted_order, z_score
from tests.systems.exact import Geometric, OrnsteinUhlenbeck

A, B = -1.0, 1.0
HALVINGS = range(4, 9)


def _step(f, y, kick, h, **options):
    same = dict(project=lambda y: y, confine=lambda y, b: y)
    return drift_implicit_euler_step(f, y, kick, h=jnp.asarray(h), **(same | options))


def _paths(drift, amplitude, increments, start):
    """End values for Brownian increments (paths, steps) over [0, 1]."""
    h = 1.0 / increments.shape[1]

    def one(row):
        def step(y, dw):
            return _step(drift, y, amplitude(y) * dw, h)[0], None

        return jax.lax.scan(step, jnp.array([start]), row)[0][0]

    return jax.vmap(one)(increments)


def _coarse(fine, n):
    return fine.reshape(len(fine), n, -1).sum(axis=2)


@pytest.mark.integration
@pytest.mark.parametrize("width", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("h", [0.5, 3.0, 40.0])
def test_a_rate_that_ends_within_a_thin_layer_is_solved(width, h):
    """Full Newton steps go to and fro across such a layer, of which they see the slope only within it."""
    ramp = lambda y: jnp.clip((0.3 - y) / width, 0.0, 1.0)  # noqa: E731
    y, converged = jax.jit(lambda: _step(ramp, jnp.zeros(1), jnp.zeros(1), h))()
    assert bool(converged)
    # y = h (0.3 - y) / width
    np.testing.assert_allclose(y[0], 0.3 / (1 + width / h), rtol=1e-8)


@pytest.mark.slow
def test_without_noise_the_order_is_one():
    f = lambda y: jnp.sin(y) - y**2  # noqa: E731
    hs = 1.0 / 2.0 ** np.arange(5, 11)
    run = lambda n: _paths(f, jnp.zeros_like, jnp.zeros((1, n)), 2.0)[0]  # noqa: E731
    # Truth by quadrature: t(y) is the integral of dy / f from 2 to y.
    truth = brentq(
        lambda y: quad(lambda x: 1 / (np.sin(x) - x**2), 2.0, y, epsabs=1e-13)[0] - 1.0, 0.9, 1.5
    )
    errors = [abs(float(run(round(1 / h))) - truth) for h in hs]
    assert fitted_order(hs, errors) == pytest.approx(1.0, abs=0.1)


@pytest.mark.slow
def test_the_strong_order_is_one_half_where_noise_depends_on_the_state():
    rng = np.random.default_rng(0)
    fine = rng.standard_normal((4000, 256)) / 16
    exact = np.exp((A - B**2 / 2) + B * fine.sum(axis=1))
    errors = []
    for p in HALVINGS:
        end = _paths(lambda y: A * y, lambda y: B * y, jnp.asarray(_coarse(fine, 2**p)), 1.0)
        errors.append(np.mean(np.abs(np.asarray(end) - exact)))
    assert fitted_order(0.5 ** np.array(HALVINGS), errors) == pytest.approx(0.5, abs=0.15)


@pytest.mark.slow
def test_the_strong_order_is_one_where_noise_is_additive():
    k, sigma, n = 3.0, 0.5, 4096
    rng = np.random.default_rng(1)
    fine = rng.standard_normal((1000, n)) / np.sqrt(n)
    weight = np.exp(-k * (1 - (np.arange(n) + 0.5) / n))
    exact = np.exp(-k) + sigma * fine @ weight
    errors = []
    for p in HALVINGS:
        coarse = jnp.asarray(_coarse(fine, 2**p))
        end = _paths(lambda y: -k * y, lambda y: sigma * jnp.ones_like(y), coarse, 1.0)
        errors.append(np.mean(np.abs(np.asarray(end) - exact)))
    assert fitted_order(0.5 ** np.array(HALVINGS), errors) == pytest.approx(1.0, abs=0.15)


def _mean_of_geometric(solver, *, steps=256, paths=4000):
    """End values of dy = -y/2 dt + 0.8 y dW under a diffrax solver."""
    drift = dfx.ODETerm(lambda t, y, args: -0.5 * y)

    def one(key):
        noise = dfx.ControlTerm(
            lambda t, y, args: 0.8 * y[:, None], GridPath(key, jnp.asarray(1.0 / steps), 1)
        )
        sol = dfx.diffeqsolve(
            dfx.MultiTerm(drift, noise),
            solver,
            jnp.asarray(0.0),
            jnp.asarray(1.0),
            jnp.asarray(1.0 / steps),
            jnp.ones(1),
            max_steps=steps + 1,
        )
        return sol.ys[0, 0]

    keys = jax.vmap(lambda m: device_key(0, member=m, sweep=0))(jnp.arange(paths))
    return np.asarray(jax.jit(jax.vmap(one))(keys))


@pytest.mark.slow
def test_the_process_is_the_one_of_ito_and_that_of_implicit_euler_is_another():
    truth = np.exp(-0.5)
    sd = truth * np.sqrt(np.exp(0.64) - 1)
    assert abs(z_score(_mean_of_geometric(DriftImplicitEuler()), truth, expected_sd=sd)) < 4
    root = dfx.VeryChord(rtol=1e-8, atol=1e-8)
    with pytest.warns(UserWarning, match="not marked as converging"):
        wrong = _mean_of_geometric(dfx.ImplicitEuler(root_finder=root))
    assert z_score(wrong, truth, expected_sd=sd) > 20


@pytest.fixture(scope="module")
def geometric_path():
    """End of a path of `Geometric` as a function of (a, b), through the scan driver."""
    rows = jnp.linspace(0.1, 1.0, 10)
    flat = Sampled(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    key = words(device_key(5, member=0, sweep=0))

    def end(theta):
        device = Geometric(a=theta[0], b=theta[1])
        scaled = Scaled(BenchedDevice(device), Environment())
        zero, first = jnp.asarray(0.0), jnp.asarray(0)
        s = solve_fixed(
            scaled,
            flat,
            rows=rows,
            begin=Begin(scaled.initial(), zero, first),
            key=key,
            substeps=4,
            policy=Fixed(0.025),
        )
        return s.y[-1, 0]

    return end


@pytest.mark.slow
def test_gradients_of_a_path_agree_forward_reverse_and_with_differences(geometric_path):
    theta = jnp.array([-1.0, 0.7])
    forward = np.asarray(jax.jit(jax.jacfwd(geometric_path))(theta))
    reverse = np.asarray(jax.jit(jax.jacrev(geometric_path))(theta))
    run, h = jax.jit(geometric_path), 1e-5
    eye = np.eye(2)
    central = np.array([(run(theta + h * e) - run(theta - h * e)) / (2 * h) for e in eye])
    np.testing.assert_allclose(forward, reverse, rtol=1e-11)
    np.testing.assert_allclose(forward, central, rtol=1e-7)


@pytest.mark.slow
def test_the_gradient_of_a_path_is_near_the_exact_one(geometric_path):
    # y = exp((a - b^2/2) + b W): dy/da = y, dy/db = (W - b) y; strong error of 40 steps.
    theta = jnp.array([-1.0, 0.7])
    key = words(device_key(5, member=0, sweep=0))
    draw = lambda k: increments(key, k, channels=1, dtype=jnp.float64)[0]  # noqa: E731
    w = float(jnp.sum(jax.vmap(draw)(jnp.arange(40))) * jnp.sqrt(1 / 40))
    y = np.exp(-1.0 - 0.245 + 0.7 * w)
    got = np.asarray(jax.jit(jax.jacfwd(geometric_path))(theta))
    np.testing.assert_allclose(got, [y, (w - 0.7) * y], atol=0.25 * y)


@pytest.mark.slow
def test_both_drivers_take_the_same_path():
    device = OrnsteinUhlenbeck(sigma=0.5)
    scaled = Scaled(BenchedDevice(device), Environment())
    key, n, dt = device_key(3, member=2, sweep=1), 50, jnp.asarray(0.02)
    flat = Sampled(np.array([0.0, 2.0]), np.array([0.3, 0.3]))
    rows = dt * jnp.arange(1, n + 1, dtype=float)
    zero = jnp.asarray(0.0)
    ours = solve_fixed(
        scaled,
        flat,
        rows=rows,
        begin=Begin(scaled.initial(), zero, jnp.asarray(0)),
        key=words(key),
        substeps=1,
        policy=Fixed(0.02),
    )
    terms = dfx.MultiTerm(
        dfx.ODETerm(lambda t, y, sc: sc.drift(t, y, flat(t))),
        dfx.ControlTerm(lambda t, y, sc: sc.diffusion(t, y, flat(t)), GridPath(key, dt, 1)),
    )
    theirs = dfx.diffeqsolve(
        terms,
        DriftImplicitEuler(),
        zero,
        n * dt,
        dt,
        scaled.initial(),
        args=scaled,
        saveat=dfx.SaveAt(steps=True),
        max_steps=n,
    )
    np.testing.assert_allclose(ours.y, theirs.ys, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [1.5, 2.5, 5.0, 100.0])
@pytest.mark.parametrize("start", [1e-6, -1e-3])
def test_an_unstable_state_is_left_in_the_direction_of_the_flow(rate, start):
    # x' = rate x (1 - x^2) with h = 1: the state at rest, x = 0, is a root that implicit Euler can hold.
    y = jnp.array([start])
    for _ in range(3):
        y, settled = _step(lambda y: rate * y * (1 - y**2), y, jnp.zeros(1), 1.0)
        assert bool(settled)
    assert np.sign(y[0]) == np.sign(start)
    assert abs(float(y[0])) > 0.5


def test_a_step_without_a_solution_is_not_called_settled():
    # y = 1 + y^2 has no real root.
    _, settled = _step(lambda y: y**2, jnp.array([1.0]), jnp.zeros(1), 1.0)
    assert not bool(settled)


def test_a_runaway_that_ends_is_followed_to_its_end():
    # A gap that closes with 1/(a + gap) has no root near; it ends at 0, where the field is switched off.
    def f(y):
        return -jnp.minimum(0.5 / (0.01 + jnp.maximum(y, 0.0)), 1e6 * y)

    keep = lambda y, before=None: jnp.clip(y, 0.0, 1.0)  # noqa: E731
    starts = jnp.linspace(0.01, 0.4, 400)
    run = jax.jit(
        jax.vmap(lambda g: _step(f, g[None], jnp.zeros(1), 0.05, project=keep, confine=keep))
    )
    end, settled = run(starts)
    assert bool(jnp.all(settled))
    # (g - g0)(a + g) = -h c has real roots only where (g0 + a)^2 >= 4 h c.
    closes = (starts + 0.01) ** 2 < 4 * 0.05 * 0.5
    np.testing.assert_array_equal(end[:, 0] < 1e-3, closes)


@pytest.mark.integration
def test_small_systems_are_solved_as_by_lapack():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 8, 9):
        a = jnp.asarray(np.eye(n) * n + 0.3 * rng.standard_normal((n, n)))
        b = jnp.asarray(rng.standard_normal(n))
        np.testing.assert_allclose(factor(a)(b), np.linalg.solve(a, b), rtol=1e-12)
        assert orientation(a) == np.sign(np.linalg.det(a))
        flipped = a.at[0].multiply(-1.0)
        assert orientation(flipped) == -orientation(a)


def test_an_error_is_filtered_once_unless_it_is_said_how_often():
    y, yes = jnp.array([3.0, -1.0]), jnp.asarray(True)
    root = Stage(y=y, converged=yes, matrix=2 * jnp.eye(2), positive_det=yes)
    np.testing.assert_allclose(root.filter(y), y / 2)
    np.testing.assert_allclose(root.filter(y, 2), y / 4)

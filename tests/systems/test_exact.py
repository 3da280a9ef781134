"""The closed forms themselves: each solves its equation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import memjax as mj
from tests.helpers import fitted_order
from tests.systems.exact import (
    Breathing,
    KramersWell,
    LinearDrift,
    LogVerhulst,
    OrnsteinUhlenbeck,
    PoissonDecay,
    Telegraph,
)

ENV = mj.Environment()


@pytest.mark.parametrize("t", [0.0, 0.1, 1.0])
def test_the_mean_of_ornstein_uhlenbeck_solves_its_equation(t):
    device, t, v = OrnsteinUhlenbeck(), jnp.asarray(t), jnp.asarray(0.3)
    rate = jax.grad(lambda t: device.mean(t, v))(t)
    expected = device.drift(t, {"x": device.mean(t, v)}, v, ENV)["x"]
    np.testing.assert_allclose(rate, expected, rtol=1e-12)
    # d var/dt = sigma^2 - 2 k var.
    growth = jax.grad(device.variance)(t)
    balance = device.sigma**2 - 2 * device.k * device.variance(t)
    np.testing.assert_allclose(growth, balance, rtol=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize("flux", [-0.5, 0.0, 0.5])
def test_the_linear_drift_memristor_solves_its_equation(flux):
    device, flux, v = LinearDrift(w0=0.5), jnp.asarray(flux), jnp.asarray(0.7)
    per_flux = jax.grad(device.exact)(flux)
    rate = device.drift(0.0, {"w": device.exact(flux)}, v, ENV)["w"]
    np.testing.assert_allclose(per_flux * v, rate, rtol=1e-12)
    np.testing.assert_allclose(device.exact(jnp.asarray(0.0)), 0.5, rtol=1e-12)


def test_the_logarithm_of_a_logistic_population_solves_its_equation_along_a_smooth_driver():
    # Noise is additive: along a smooth driver the equation is an ordinary one, w' for dW/dt.
    system, t = LogVerhulst(), np.linspace(0.0, 2.0, 2001)
    driver, slope = lambda t: np.sin(3 * t) + t**2, lambda t: 3 * np.cos(3 * t) + 2 * t
    total = lambda t: (1 - np.cos(3 * t)) / 3 + t**3 / 3  # noqa: E731
    h, w = t[1] - t[0], np.diff(driver(t))
    area = (total(t[1:]) - total(t[:-1])) / h - 0.5 * (driver(t[1:]) + driver(t[:-1]))

    def rate(t, x):
        state = {"x": jnp.asarray(x[0])}
        amplitude = system.noise(t, state, 0.0, ENV)["w"]["x"]
        return [float(system.drift(t, state, 0.0, ENV)["x"] + amplitude * slope(t))]

    # A smooth driver has no spread around its parabola: s^2 h / 30 is taken off the exponent again.
    exact = system.path(t, w[None], area[None])[0]
    truth = solve_ivp(rate, (0, 2), [0.5], t_eval=t[::500], rtol=1e-9, atol=1e-9).y[0]
    np.testing.assert_allclose(exact[::500], truth, atol=2 * h * 0.9**2 / 30)


def test_its_path_along_brownian_motion_settles_with_order_three_halves():
    system, n, rng = LogVerhulst(), 2**13, np.random.default_rng(0)
    w = rng.standard_normal((200, n)) * (2.0 / n) ** 0.5
    area = rng.standard_normal((200, n)) * (2.0 / n / 12) ** 0.5
    ends = []
    for m in (2**8, 2**7, 2**6, 2**5, 2**4, 1):  # fine steps in a coarse one
        parts = w.reshape(200, -1, m)
        start = np.cumsum(parts, axis=2) - parts
        mean = (start + 0.5 * parts + area.reshape(200, -1, m)).mean(axis=2)
        total = parts.sum(axis=2)
        grid = np.linspace(0.0, 2.0, n // m + 1)
        ends.append(system.path(grid, total, mean - 0.5 * total)[:, -1])
    errors = [np.sqrt(np.mean((x - ends[-1]) ** 2)) for x in ends[:-1]]
    assert fitted_order([2**8, 2**7, 2**6, 2**5, 2**4], errors) > 1.3
    assert errors[-1] < 2e-4


@pytest.mark.integration
@pytest.mark.parametrize("t", [0.1, 0.7, 2.0])
def test_mean_and_variance_of_the_breathing_ornstein_uhlenbeck_solve_their_equations(t):
    system, t, u = Breathing(), jnp.asarray(t), jnp.asarray(0.3)
    rate = jax.grad(lambda t: system.mean(t, u))(t)
    state = {"x": system.mean(t, u)}
    np.testing.assert_allclose(rate, system.drift(t, state, u, ENV)["x"], rtol=1e-12)
    growth = jax.grad(system.variance)(t)
    amplitude = system.noise(t, state, u, ENV)["w"]["x"]
    balance = amplitude**2 - 2 * system.k * system.variance(t)
    np.testing.assert_allclose(growth, balance, rtol=1e-9)
    np.testing.assert_allclose(system.variance(jnp.asarray(0.0)), 0.0, atol=1e-16)


@pytest.mark.integration
def test_the_passage_time_over_a_barrier_solves_its_equation():
    # d T'' + drift T' = -1, with T = 0 at the end (backward Kolmogorov equation).
    system, h, d = KramersWell(), 1e-3, float(KramersWell().d)
    before, here, after = (system.passage_time(0.8, x) for x in (-0.5 - h, -0.5, -0.5 + h))
    slope, bend = (after - before) / (2 * h), (after - 2 * here + before) / h**2
    np.testing.assert_allclose(d * bend + (-0.5 + 0.125) * slope, -1.0, atol=1e-3)
    assert system.passage_time(0.8, 0.8) == 0.0


def test_the_probability_of_the_right_well_is_that_of_the_passage_time():
    # Two states: P = (1 - exp(-2 k t)) / 2 with k = 1 / T from well to well, up to the time within wells.
    system = KramersWell()
    k = 1 / system.passage_time(1.0)
    for t in (0.2 / k, 1.0 / k):
        assert system.right(t) == pytest.approx(0.5 * -np.expm1(-2 * k * t), rel=0.05)
    errors = [abs(system.right(20.0, n) - system.right(20.0, 1600)) for n in (100, 200, 400)]
    assert fitted_order([1 / 100, 1 / 200, 1 / 400], errors) == pytest.approx(2.0, abs=0.2)
    assert system.right(1e4) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("t", [0.0, 0.3, 2.0])
def test_the_mean_of_the_telegraph_solves_its_equation(t):
    system, t = Telegraph(), jnp.asarray(t)
    x = system.mean(t)
    jumps = system.jumps(t, {"x": x}, jnp.zeros(()), ENV)  # intensities are linear in x
    flow = jumps["up"].intensity - jumps["down"].intensity
    np.testing.assert_allclose(jax.grad(system.mean)(t), flow, rtol=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("t", [0.1, 0.5, 1.5])
def test_moments_of_poisson_decay_are_the_closed_form(power, t):
    s = PoissonDecay()
    left = (1 - float(s.eta)) ** power
    rate = power * float(s.g) + float(s.kappa) * (1 - left)
    assert s.moment(power, t) == pytest.approx(np.exp(-rate * t), rel=1e-9)


@pytest.mark.integration
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("t", [0.1, 0.5, 1.5])
def test_moments_under_thinned_jumps_solve_their_equation(power, t):
    # d<f^p>/dt = -p g <f^p> + kappa ((1 - eta)^p - 1) <f^(p + 2)>.
    s, h = PoissonDecay(thinned=True), 1e-4
    rate = (s.moment(power, t + h) - s.moment(power, t - h)) / (2 * h)
    jump = float(s.kappa) * ((1 - float(s.eta)) ** power - 1) * s.moment(power + 2, t)
    np.testing.assert_allclose(rate, jump - power * float(s.g) * s.moment(power, t), rtol=1e-6)
    f = jnp.asarray(0.7)
    found = s.jumps(0.0, {"f": f}, jnp.zeros(()), ENV)["loss"]
    assert float(found.intensity) == pytest.approx(float(s.kappa) * 0.49)
    assert float(found.intensity) < float(found.bound)

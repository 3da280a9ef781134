"""Strong and weak orders of the stochastic kernels, fitted over six step sizes or more."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from memjax.core.system import Additive, Commutative, Diagonal, General, Partitioned
from memjax.solver import (
    DriftImplicitEuler,
    DriftImplicitMilstein,
    Equation,
    Increment,
    SemiImplicitEuler,
    SraEsdirk,
    semi_implicit_euler_step,
)
from tests.helpers import fitted_order
from tests.systems.exact import LogVerhulst

FINE, PATHS = 2**13, 400
LEVELS = (4, 5, 6, 7, 8, 9)
STEPS = 0.5 ** np.array(LEVELS)
"""Steps of the strong orders: unit time in 2^level."""


def _driver(channels, seed, paths=PATHS):
    """Increments and space-time areas (paths, FINE, channels) of Brownian motions over unit time."""
    z = np.random.default_rng(seed).standard_normal((2, paths, FINE, channels))
    return z[0] * FINE**-0.5, z[1] * (12 * FINE) ** -0.5


def _coarse(w, area, n):
    """The same motions in n steps, by Chen's rule."""
    parts, inner = (x.reshape(len(x), n, -1, x.shape[-1]) for x in (w, area))
    total, start = parts.sum(axis=2), np.cumsum(parts, axis=2) - parts
    mean = (start + 0.5 * parts + inner).mean(axis=2)
    return total, mean - 0.5 * total


def _walk(kernel, equation, y0):
    """Ends of paths in 2^level steps over unit time; ``equation(t0)`` of the step that starts then."""
    longest = 2 ** max(LEVELS)

    @jax.jit
    def run(w, area, n):
        h = 1.0 / n

        def one(w, area):
            def step(k, y):
                t = k * h
                inc = Increment(w[k], area[k])
                return kernel.kernel(equation(t), t, t + h, y, inc, h=h).y

            return jax.lax.fori_loop(0, n, step, y0)

        return jax.vmap(one)(w, area)

    def ends(driver, level):
        pad = lambda x: np.pad(x, ((0, 0), (0, longest - 2**level), (0, 0)))  # noqa: E731
        w, area = (jnp.asarray(pad(x)) for x in _coarse(*driver, 2**level))
        return np.asarray(run(w, area, jnp.asarray(2**level)))

    return ends


def _strong_order(kernel, equation, y0, driver, exact):
    """Order of the root mean square of the distance at the end, over all states."""
    ends = _walk(kernel, equation, jnp.asarray(y0))
    off = [np.linalg.norm(ends(driver, level) - exact, axis=1) for level in LEVELS]
    return fitted_order(STEPS, [np.sqrt(np.mean(x**2)) for x in off])


# Growth and noise of the geometric Brownian motion.
A, B = -1.0, 0.7


@pytest.fixture(scope="module")
def geometric():
    driver = _driver(1, 0)
    exact = np.exp((A - 0.5 * B**2) + B * driver[0].sum(axis=1))
    return driver, exact


def _geometric(structure):
    return lambda t: Equation(lambda t, y: A * y, lambda t, y: B * y[:, None], structure=structure)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "structure", "order"),
    [
        (DriftImplicitEuler(), Diagonal, 0.5),
        (SemiImplicitEuler(), Diagonal, 0.5),
        (DriftImplicitMilstein(), Diagonal, 1.0),
        (DriftImplicitMilstein(), General, 1.0),
        (SraEsdirk(structure=Diagonal), Diagonal, 1.0),
    ],
    ids=["euler", "semi-implicit", "milstein", "milstein-general", "esdirk-milstein"],
)
def test_the_strong_order_on_geometric_brownian_motion(geometric, kernel, structure, order):
    driver, exact = geometric
    found = _strong_order(kernel, _geometric(structure), [1.0], driver, exact)
    assert found == pytest.approx(order, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [DriftImplicitMilstein(), SraEsdirk(structure=Commutative)])
def test_the_strong_order_is_one_where_channels_commute_and_act_on_several_states(kernel):
    # dz = a z dt + p z dW1 + i q z dW2 in the complex plane: all coefficients commute.
    a, p, q = -1.0 + 2.0j, 0.5, 0.6
    driver = _driver(2, 1)
    w = driver[0].sum(axis=1)
    z = np.exp(a - 0.5 * p**2 + 0.5 * q**2 + p * w[:, 0] + 1j * q * w[:, 1])
    turn = jnp.array([[0.0, -1.0], [1.0, 0.0]])
    drift = a.real * jnp.eye(2) + a.imag * turn
    equation = Equation(
        lambda t, y: drift @ y,
        lambda t, y: jnp.stack([p * y, q * turn @ y], axis=1),
        structure=Commutative,
    )
    exact = np.stack([z.real, z.imag], axis=1)
    found = _strong_order(kernel, lambda t: equation, [1.0, 0.0], driver, exact)
    assert found == pytest.approx(1.0, abs=0.2)


@pytest.fixture(scope="module")
def logistic():
    system, driver = LogVerhulst(s0=1.0, w=3.0), _driver(1, 2)
    exact = system.path(np.linspace(0, 1, FINE + 1), *(x[..., 0] for x in driver))[:, -1:]

    def drift(t, y):
        return system.drift(t, {"x": y}, 0.0, None)["x"]

    def diffusion(t, y):
        return system.noise(t, {"x": y}, 0.0, None)["w"]["x"][None, None]

    return drift, diffusion, [0.5], driver, exact


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "order"),
    [
        (DriftImplicitEuler(), 1.0),
        (SemiImplicitEuler(), 1.0),
        (SraEsdirk(structure=Additive), 1.5),
    ],
    ids=["euler", "semi-implicit", "esdirk"],
)
def test_the_strong_order_with_an_amplitude_that_varies_in_time(logistic, kernel, order):
    drift, diffusion, *rest = logistic
    found = _strong_order(kernel, lambda t: Equation(drift, diffusion), *rest)
    assert found == pytest.approx(order, abs=0.2)


@pytest.mark.integration
def test_the_order_is_one_if_the_amplitude_stands_still_during_a_step(logistic):
    # The kick of Euler: what a method of order 3/2 for constant amplitudes makes of one that varies.
    drift, diffusion, *rest = logistic
    frozen = lambda t0: Equation(drift, lambda t, y: diffusion(t0, y))  # noqa: E731
    found = _strong_order(SraEsdirk(structure=Additive), frozen, *rest)
    assert found == pytest.approx(1.0, abs=0.2)


def _amplitude(q):
    return 0.4 + 0.3 * q**2


def _two_states(t, y):
    """x is noisy, q is quiet, follows x and sets the amplitude."""
    x, q = y
    return jnp.stack([-2.0 * x - x**3 + q, 3.0 * (x - q)])


def _taylor(w, area):
    """The same equations by the Ito-Taylor scheme of order 3/2, in NumPy, on the fine grid."""
    h, (x, q) = 1.0 / FINE, np.full((2, len(w)), 1.0)
    for k in range(FINE):
        dw, mean = w[:, k, 0], h * (0.5 * w[:, k, 0] + area[:, k, 0])
        f, df, ddf = -2.0 * x - x**3 + q, -2.0 - 3 * x**2, -6 * x
        r, g, dg = 3.0 * (x - q), _amplitude(q), 0.6 * q
        x1 = x + f * h + g * dw + df * g * mean + dg * r * (h * dw - mean)
        x1 = x1 + 0.5 * h**2 * (df * f + r + 0.5 * ddf * g**2)
        q = q + r * h + 3.0 * g * mean + 0.5 * h**2 * 3.0 * (f - r)
        x = x1
    return np.stack([x, q], axis=1)


@pytest.mark.slow
def test_the_strong_order_with_an_amplitude_that_follows_a_quiet_state():
    driver = _driver(1, 3)
    equation = Equation(
        _two_states, lambda t, y: jnp.stack([_amplitude(y[1]), 0.0 * y[1]])[:, None]
    )
    kernel = SraEsdirk(structure=Partitioned)
    found = _strong_order(kernel, lambda t: equation, [1.0, 1.0], driver, _taylor(*driver))
    assert found >= 1.3


def test_without_noise_the_order_is_two():
    f = lambda t, y: jnp.stack([y[1], 3.0 * (1 - y[0] ** 2) * y[1] - y[0] + jnp.sin(t)])  # noqa: E731
    equation = Equation(f, lambda t, y: jnp.zeros((2, 1)))
    ends = _walk(SraEsdirk(), lambda t: equation, jnp.array([1.0, 0.0]))
    rate = lambda t, y: [y[1], 3.0 * (1 - y[0] ** 2) * y[1] - y[0] + np.sin(t)]  # noqa: E731
    truth = solve_ivp(rate, (0, 1), [1.0, 0.0], rtol=1e-12, atol=1e-12).y[:, -1]
    nothing = np.zeros((2, 1, FINE, 1))
    errors = [np.linalg.norm(ends(nothing, level)[0] - truth) for level in LEVELS]
    assert fitted_order(STEPS, errors) == pytest.approx(2.0, abs=0.2)


ROOT = 3**0.5
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
OUTCOMES = {
    "gaussian": (NODES, WEIGHTS / WEIGHTS.sum(), NODES, WEIGHTS / WEIGHTS.sum()),
    "two-point": ([-1, 1], [1 / 2, 1 / 2], [-1, 1], [1 / 2, 1 / 2]),
    "three-point": ([-ROOT, 0, ROOT], [1 / 6, 2 / 3, 1 / 6], [-1, 1], [1 / 2, 1 / 2]),
}
"""Increments and areas of a step in units of their deviations, and how probable they are.

Of normal ones the nodes of a quadrature that is exact for polynomials of degree 9: steps of linear
equations are polynomials of lower degree in them.
"""


def _power(matrix, times):
    """Kronecker product of a matrix with itself."""
    return functools.reduce(np.kron, [matrix] * times)


def _moments(kernel, equation, y0, kind):
    """Moments up to the fourth at time 1, without sampling, as a function of the number of steps.

    The step of a linear equation is linear in the state: (1, y1) = M(w, h) (1, y). The mean of the
    fourth Kronecker power of M over the outcomes of a step carries moments from one step to the
    next.
    """
    z, p, area, share = (np.asarray(x, float) for x in OUTCOMES[kind])
    pairs = np.array(list(itertools.product(z, area)))
    chance = np.array([a * b for a, b in itertools.product(p, share)])
    size = len(y0) + 1

    @jax.jit
    def steps(h):
        def one(pair, y):
            inc = Increment(jnp.sqrt(h) * pair[:1], jnp.sqrt(h / 12) * pair[1:])
            return kernel.kernel(equation, jnp.zeros(()), h, y, inc, h=h).y

        states = jnp.concatenate([jnp.zeros((1, size - 1)), jnp.eye(size - 1)])
        return jax.vmap(jax.vmap(one, (None, 0)), (0, None))(jnp.asarray(pairs), states)

    def moments(n):
        seen = np.asarray(steps(jnp.asarray(1.0 / n)))  # outcomes, states, components
        matrix = np.zeros((len(pairs), size, size))
        matrix[:, 0, 0] = 1.0
        matrix[:, 1:, 0] = seen[:, 0]
        matrix[:, 1:, 1:] = np.swapaxes(seen[:, 1:] - seen[:, :1], 1, 2)
        step = sum(c * _power(m, 4) for c, m in zip(chance, matrix, strict=True))
        start = _power(np.append(1.0, y0)[:, None], 4)[:, 0]
        return np.linalg.matrix_power(step, n) @ start

    return moments


def _exact_moments(drift, noise, y0):
    """The same of d(1, y) = D (1, y) dt + N (1, y) dW, by the exponential of their own equation."""
    d, n = (np.concatenate([np.zeros((1, len(y0) + 1)), m]) for m in (drift, noise))
    eye = np.eye(len(d))
    at = lambda *places: functools.reduce(np.kron, [dict(places).get(k, eye) for k in range(4)])  # noqa: E731
    pairs = itertools.combinations(range(4), 2)
    generator = sum(at((k, d)) for k in range(4)) + sum(at((j, n), (k, n)) for j, k in pairs)
    return expm(generator) @ _power(np.append(1.0, y0)[:, None], 4)[:, 0]


# Of (1, x, q): both states are noisy; or only x is, and q sets its amplitude and follows it.
DRIFT = np.array([[0.3, -1.0, 0.5], [0.2, 0.8, -1.5]])
NOISE = {
    "both": np.array([[0.2, 0.6, 0.1], [0.1, 0.0, 0.5]]),
    "one": np.array([[0.3, 0.0, 0.5], [0.0, 0.0, 0.0]]),
}
START = np.array([1.0, -0.5])


def _linear(noise, **more):
    d, n = jnp.asarray(DRIFT), jnp.asarray(NOISE[noise])
    affine = lambda m, y: m[:, 0] + m[:, 1:] @ y  # noqa: E731
    return Equation(lambda t, y: affine(d, y), lambda t, y: affine(n, y)[:, None], **more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernel", "noise", "kind", "order"),
    [
        (DriftImplicitEuler(), "both", "gaussian", 1),
        (DriftImplicitEuler(), "both", "two-point", 1),
        (DriftImplicitEuler(), "both", "three-point", 1),
        (DriftImplicitMilstein(), "both", "gaussian", 1),
        (SemiImplicitEuler(), "both", "gaussian", 1),
        (SemiImplicitEuler(), "both", "two-point", 1),
        (SemiImplicitEuler(damped=True), "both", "gaussian", 1),
        (SraEsdirk(structure=General), "both", "gaussian", 1),
        (SraEsdirk(structure=Partitioned), "one", "gaussian", 2),
        (SraEsdirk(structure=Partitioned), "one", "two-point", 1),
        (SraEsdirk(structure=Partitioned), "one", "three-point", 2),
    ],
)
def test_the_weak_order_of_moments_up_to_the_fourth(kernel, noise, kind, order):
    moments = _moments(kernel, _linear(noise), START, kind)
    exact = _exact_moments(DRIFT, NOISE[noise], START)
    ns = 2 ** np.arange(5, 11)
    errors = [np.abs(moments(int(n)) - exact).max() for n in ns]
    assert fitted_order(1.0 / ns, errors) == pytest.approx(order, abs=0.2)


def test_linear_states_are_taken_at_the_end_of_the_step_and_keep_the_weak_order():
    moments = _moments(SemiImplicitEuler(), _linear("both", linear=(1,)), START, "gaussian")
    explicit = _moments(SemiImplicitEuler(), _linear("both"), START, "gaussian")
    exact = _exact_moments(DRIFT, NOISE["both"], START)
    ns = 2 ** np.arange(5, 11)
    errors = [np.abs(moments(int(n)) - exact).max() for n in ns]
    assert fitted_order(1.0 / ns, errors) == pytest.approx(1.0, abs=0.2)
    assert not np.allclose(moments(32), explicit(32), rtol=1e-3)


@pytest.mark.parametrize("stiffness", [0.5, 3.0, 1e6])
def test_damped_steps_fall_back_without_going_beyond(stiffness):
    """x' = -k (x - 1) at h k below 1 as an explicit step has it, above 1 straight to where the rate is zero."""
    rates = lambda p: {"x": -stiffness * (p["x"] - 1.0)}  # noqa: E731
    x, h = {"x": jnp.asarray(2.0)}, jnp.asarray(1.0)
    none = {"x": jnp.zeros(())}
    damped, plain = (
        semi_implicit_euler_step(rates, x, none, h=h, linear=(), damped=d)["x"]
        for d in (True, False)
    )
    assert plain == 2.0 - stiffness
    np.testing.assert_allclose(damped, max(2.0 - stiffness, 1.0), rtol=1e-12)

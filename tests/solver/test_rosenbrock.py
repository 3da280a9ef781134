"""RODAS3: order, damping, error estimate, adaptive solves."""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from memjax.solver import Rodas3, rodas3_step
from memjax.solver.rosenbrock import DERIVATIVE_ERROR, derivative_error
from tests.helpers import fitted_order

MU = 1e3


@jax.jit
def _march(n):
    """A nonlinear, non-autonomous equation with the solution y = (cos t, exp(-sin t)), in n steps."""

    def f(t, y):
        a = -jnp.sin(t) + 3 * (jnp.cos(t) - y[0]) * y[1]
        b = -jnp.cos(t) * y[1] - 2 * (y[1] ** 2 - jnp.exp(-2 * jnp.sin(t)))
        return jnp.stack([a, b])

    h = 2.0 / n
    step = lambda k, y: rodas3_step(f, k * h, y, h=h).y  # noqa: E731
    return jax.lax.fori_loop(
        0, n.astype(int), lambda k, y: step(k.astype(float), y), jnp.array([1.0, 1.0])
    )


def test_the_order_is_three_also_where_the_equation_depends_on_time():
    ns = np.array([20, 40, 80, 160, 320, 640])
    exact = np.array([np.cos(2.0), np.exp(-np.sin(2.0))])
    errors = [np.max(np.abs(_march(jnp.asarray(float(n))) - exact)) for n in ns]
    assert fitted_order(2 / ns, errors) == pytest.approx(3.0, abs=0.15)


def test_one_step_damps_a_stiff_mode_away():
    f = lambda t, y: -1e6 * y  # noqa: E731
    step = rodas3_step(f, jnp.asarray(0.0), jnp.array([1.0]), h=jnp.asarray(1.0))
    assert abs(float(step.y[0])) < 1e-5


def test_the_error_estimate_does_not_see_a_transient_that_is_over():
    # y = sin t + (1 - sin 0) exp(-1e6 t): the fast part is gone at t = 1.
    f = lambda t, y: jnp.cos(t) - 1e6 * (y - jnp.sin(t))  # noqa: E731
    t, h = jnp.asarray(1.0), jnp.asarray(1e-2)
    step = rodas3_step(f, t, jnp.sin(t)[None], h=h)
    assert abs(float(step.error[0])) < 1e-6
    assert float(step.y[0]) == pytest.approx(np.sin(1.01), abs=1e-6)


def test_the_error_estimate_is_that_of_a_second_order_method():
    f = lambda t, y: -jnp.sin(t) + y * (jnp.cos(t) - y)  # noqa: E731
    hs = 0.2 / 2 ** np.arange(6)
    step = jax.jit(lambda h: rodas3_step(f, jnp.asarray(0.3), jnp.array([0.7]), h=h).error[0])
    assert fitted_order(hs, [abs(step(h)) for h in hs]) == pytest.approx(3.0, abs=0.2)


def _between(rate, h, share):
    """Interpolated state of y' = cos t - rate (y - sin t) from a start that is off its solution by 1e-6."""
    field = lambda t, y, args: jnp.cos(t) - rate * (y - jnp.sin(t))  # noqa: E731
    t0, term = jnp.asarray(1.0), dfx.ODETerm(field)
    y0 = jnp.sin(t0)[None] + 1e-6
    dense = Rodas3().step(term, t0, t0 + h, y0, None, None, False)[2]
    return Rodas3.interpolation_cls(t0=t0, t1=t0 + h, **dense).evaluate(t0 + share * h)[0]


@pytest.mark.integration
def test_rows_between_steps_of_a_stiff_mode_do_not_amplify_the_error_of_the_step():
    """A node of 2 kohm and 1 fF: its slope is 1e12 times how far it is off."""
    for share in (0.2, 0.5, 0.9):
        off = _between(5e11, jnp.asarray(1e-2), share) - np.sin(1 + share * 1e-2)
        # The start's own 1e-6, of which a fast mode forgets all but the interpolation's share of it.
        assert abs(off) < 3e-6


def test_the_order_between_steps_is_that_of_the_slopes():
    hs = 0.4 / 2 ** np.arange(5)
    step = jax.jit(
        lambda h: _between(1.0, h, 0.4) - jnp.sin(1 + 0.4 * h) - 1e-6 * jnp.exp(-0.4 * h)
    )
    assert fitted_order(hs, [abs(step(jnp.asarray(h))) for h in hs]) > 2.8


@pytest.fixture(scope="module")
def oscillator():
    """Stiff Van der Pol, solved to a tolerance."""
    f = lambda t, y, args: jnp.stack([y[1], MU * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731

    @jax.jit
    def solve(rtol):
        return dfx.diffeqsolve(
            dfx.ODETerm(f),
            Rodas3(),
            0.0,
            1200.0,
            1e-4,
            jnp.array([2.0, 0.0]),
            stepsize_controller=dfx.PIDController(rtol=rtol, atol=1e-3 * rtol),
            saveat=dfx.SaveAt(ts=jnp.array([100.0, 600.0, 1200.0])),
            max_steps=100_000,
        ).ys[:, 0]

    return solve


@pytest.mark.slow
def test_a_relaxation_oscillation_agrees_with_scipy_radau(oscillator):
    f = lambda t, y: [y[1], MU * (1 - y[0] ** 2) * y[1] - y[0]]  # noqa: E731
    points = [100.0, 600.0, 1200.0]
    radau = solve_ivp(f, (0, 1200), [2.0, 0.0], "Radau", points, rtol=1e-10, atol=1e-13).y[0]
    np.testing.assert_allclose(oscillator(jnp.asarray(1e-6)), radau, rtol=1e-4)


@pytest.mark.integration
def test_a_state_is_brought_back_into_its_domain_after_the_step():
    solver = Rodas3(project=lambda args, y: jnp.maximum(y, 0.0))
    sol = dfx.diffeqsolve(
        dfx.ODETerm(lambda t, y, args: -jnp.ones_like(y)),
        solver,
        0.0,
        2.0,
        0.1,
        jnp.array([1.0]),
        stepsize_controller=dfx.PIDController(rtol=1e-3, atol=1e-6),
        saveat=dfx.SaveAt(steps=True),
        max_steps=64,
    )
    seen = np.asarray(sol.ys)[np.isfinite(np.asarray(sol.ts))]
    assert seen.min() >= 0.0
    assert seen[-1] == 0.0


def test_directions_along_fast_modes_are_filtered_before_their_error_counts():
    """Of J = diag(-1e6, -1) and a step of 1 the filter (1 - h J / 2)^-1 leaves 2e-6 and 2/3."""
    error = derivative_error(
        lambda e: (e, 0.5 * e), jnp.diag(jnp.array([-1e6, -1.0])), jnp.asarray(1.0)
    )
    assert float(error) == pytest.approx(0.5 * 2 / 3 / DERIVATIVE_ERROR, rel=1e-12)

"""Unconstrained coordinates."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import memjax as mj
from memjax.core.fields import ParameterSpec, parameter_specs
from memjax.core.transforms import Identity, Log, Logit, LogLogit, edges, from_spec, within

INF = float("inf")


def _spec(lower, upper):
    return ParameterSpec(
        name="p", default=None, unit="1", bounds=(lower, upper), symbol="", doc="A parameter."
    )


@pytest.mark.integration
@pytest.mark.parametrize(
    ("bounds", "kind"),
    [
        ((1e-3, 1e3), LogLogit),
        ((1.0, 99.0), Logit),
        ((0.0, 1.0), Logit),
        ((0.0, 1e9), Log),
        ((0.0, INF), Log),
        ((5.0, INF), Log),
        ((-1.0, 1.0), Logit),
        ((-INF, INF), Identity),
    ],
)
def test_the_transform_follows_from_the_bounds(bounds, kind):
    assert type(from_spec(_spec(*bounds))) is kind


@pytest.mark.slow
@settings(deadline=None, derandomize=True)
@given(
    bounds=st.sampled_from(
        [(1e-3, 1e3), (1.0, 1e16), (0.0, 1.0), (-3.0, 7.0), (0.0, 1e9), (5.0, INF), (-INF, INF)]
    ),
    p=st.floats(1e-6, 1 - 1e-6),
)
def test_a_transform_inverts(bounds, p):
    lower, upper = max(bounds[0], -1e3), min(bounds[1], 1e9)
    value = lower + p * (upper - lower) if bounds[0] <= 0 else lower * (upper / lower) ** p
    assume(bounds[0] < value < bounds[1])
    transform = from_spec(_spec(*bounds))
    again = float(transform.inverse(transform.forward(jnp.asarray(value))))
    assert again == pytest.approx(value, rel=1e-8, abs=1e-9 * min(upper - lower, 10.0))


@settings(deadline=None, derandomize=True)
@given(z=st.floats(-300.0, 300.0))
def test_no_coordinate_leads_out_of_the_bounds(z):
    for lower, upper in [(1e-3, 1e3), (0.0, 1.0), (5.0, INF), (0.0, INF), (-3.0, 7.0)]:
        value = float(from_spec(_spec(lower, upper)).inverse(jnp.asarray(z)))
        slack = 1e-12 * abs(upper) if upper < INF else 0.0
        assert lower - 1e-12 * abs(lower) <= value <= upper + slack


@pytest.mark.integration
@pytest.mark.parametrize(
    ("declared", "bounds", "kind"),
    [
        ((1e-12, 1e3), (1e-6, 5e-6), LogLogit),
        ((1e-12, 1e3), (1e-9, 1.0), LogLogit),
        ((0.0, INF), (0.0, 1e-9), Logit),
        ((0.0, INF), (5.0, INF), Log),
        ((-INF, INF), (-INF, -2.0), Log),
        ((-INF, INF), (-3.0, INF), Log),
        ((0.0, 1.0), (0.2, 0.3), Logit),
    ],
)
def test_narrower_bounds_hold_on_both_sides(declared, bounds, kind):
    spec = replace(_spec(*declared), bounds=bounds)
    transform = from_spec(spec)
    assert type(transform) is kind
    slack = [0.0 if np.isinf(x) else 1e-12 * abs(x) for x in bounds]
    for z in (-30.0, -2.0, 0.0, 2.0, 30.0):  # a prior of 2 has all of it
        value = float(transform.inverse(jnp.asarray(z)))
        assert bounds[0] - slack[0] <= value <= bounds[1] + slack[1]
        if abs(z) < 3:
            assert float(transform.forward(jnp.asarray(value))) == pytest.approx(z, abs=1e-6)
    assert float(transform.inverse(jnp.ones(()))) > float(transform.inverse(-jnp.ones(())))
    low, high = edges(spec)
    assert bounds[0] < low or np.isinf(bounds[0])
    assert high < bounds[1] or np.isinf(bounds[1])
    assert within(spec, -1e9) == pytest.approx(low if np.isfinite(bounds[0]) else -1e9)
    assert within(spec, 1e9) == pytest.approx(high if np.isfinite(bounds[1]) else 1e9)


def test_slopes_are_those_described():
    middle = jax.grad(Logit(2.0, 6.0).forward)(jnp.asarray(4.0))
    np.testing.assert_allclose(middle, 1.0, rtol=1e-12)
    relative = jax.grad(LogLogit(1e-4, 1e4).forward)(jnp.asarray(1.0))
    np.testing.assert_allclose(relative, 1.0, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(Log().forward)(jnp.asarray(4.0)), 0.25, rtol=1e-12)


def test_every_parameter_of_the_diffusive_memristor_has_coordinates_that_invert():
    for spec in parameter_specs(mj.DiffusiveMemristor).values():
        lower, upper = spec.bounds
        value = jnp.asarray(np.sqrt(lower * upper) if lower > 0 else 0.3 * min(upper, 100.0))
        transform = from_spec(spec)
        np.testing.assert_allclose(transform.inverse(transform.forward(value)), value, rtol=1e-10)


def test_coordinates_have_no_unit():
    """A length in metres or in nanometres has one coordinate; beside a bound it is a logarithm."""
    for size in (1e-9, 1.0, 1e9):
        transform = from_spec(_spec(0.0, 50 * size if size <= 1 else 50.0))
        value = np.asarray(size if size <= 1 else 1.0)
        assert float(transform.forward(value)) == pytest.approx(np.log(1 / 49))
        twice = float(
            transform.forward(np.asarray(2e-3 * value))
            - transform.forward(np.asarray(1e-3 * value))
        )
        assert twice == pytest.approx(np.log(2), rel=1e-3)
    assert float(jax.grad(from_spec(_spec(0.0, 1.0)).forward)(jnp.asarray(0.5))) == pytest.approx(1)

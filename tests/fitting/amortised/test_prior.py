"""Laws of free parameters: ranges and populations."""

import numpy as np
import pytest

import memjax as mj
from fitting.amortised.prior import Prior, spec_of, spread_of
from memjax.core.fields import parameter_specs
from memjax.core.transforms import from_spec
from memjax.errors import BoundsError, DataError, ModelError

DEVICE = mj.MetastableSwitches()


@pytest.mark.wrong_types
def test_within_a_range_the_logarithm_is_uniform_and_else_the_value():
    prior = Prior.of_bounds(DEVICE, {"r_on": (300, 900), "x0": (0, 0.5)})
    values = prior.values(np.array([[-40.0, -40.0], [0.0, 0.0], [40.0, 40.0]]))
    np.testing.assert_allclose(values["r_on"], [300, np.sqrt(300 * 900), 900])
    np.testing.assert_allclose(values["x0"], [0, 0.25, 0.5])
    u = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_allclose(prior.coordinates(prior.values(u)), u, rtol=1e-8)
    laws = prior.as_json()
    assert [laws[n]["law"] for n in laws] == ["log-uniform", "uniform"]
    assert laws["r_on"]["unit"] == "ohm"


def test_of_a_population_coordinates_are_normal_numbers_through_its_root():
    z = mj.params.unconstrain(DEVICE, ["r_on", "v_on"])
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    population = mj.Population.of(DEVICE, ["r_on", "v_on"], center=z, covariance=covariance)
    prior = Prior.of_population(population)
    u = np.random.default_rng(0).normal(size=(4000, 2))
    values = prior.values(u)
    np.testing.assert_allclose(prior.coordinates(values), u, atol=1e-6)
    # The standard error of a standard deviation is its value over sqrt(2 n).
    law = from_spec(parameter_specs(DEVICE)["r_on"])
    spread = law.forward(values["r_on"]).std(ddof=1)
    assert abs(spread / 0.2 - 1) < 4 / np.sqrt(2 * len(u))
    about = prior.as_json()["r_on"]
    assert about["law"] == "population"
    assert about["low"] < about["median"] < about["high"]


def test_a_spread_from_cycle_to_cycle_may_be_free():
    assert spread_of("sigma_ln(tau)") == "tau"
    assert spread_of("tau") is None
    assert spec_of(DEVICE, "sigma_ln(tau)").unit == "1"
    prior = Prior.of_bounds(DEVICE, {"sigma_ln(tau)": (0.01, 0.1)})
    assert prior.units == ("1",)


@pytest.mark.wrong_types
@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ({}, DataError),
        ({"nothing": (1, 2)}, ModelError),
        ({"sigma_ln(nothing)": (1, 2)}, ModelError),
        ({"r_on": (900, 300)}, BoundsError),
        ({"x0": (-1, 0.5)}, BoundsError),
        ({"sigma_ln(tau)": (-0.1, 0.5)}, BoundsError),
        ({"r_on": (300, np.inf)}, BoundsError),
    ],
)
def test_what_is_no_range_is_refused(bounds, error):
    with pytest.raises(error):
        Prior.of_bounds(DEVICE, bounds)

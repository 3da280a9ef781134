"""Standard deviations and ends of intervals in the units of parameters, and what says nothing."""

import numpy as np
import pytest

import memjax as mj
from fitting.parameters import (
    has_short_range,
    is_wide,
    sits_at_bound,
    standard_deviations,
    to_coordinates,
    to_parameter_units,
)
from memjax.core.fields import parameter_specs
from memjax.core.params import get, replace, unconstrain

NAMES = ("r_on", "v_on", "x0")
DEVICE = replace(mj.MetastableSwitches(), {"x0": 0.5, "v_on": 0.3})


@pytest.mark.integration
def test_standard_deviations_are_to_first_order():
    """Half of the values at one standard deviation to either side, to second order in 1e-3."""
    z = np.asarray(unconstrain(DEVICE, NAMES))
    ends = to_parameter_units(DEVICE, NAMES, z - 1e-3, z + 1e-3)
    std = standard_deviations(DEVICE, NAMES, z, np.full(3, 1e-3))
    for name, (low, high) in ends.items():
        assert std[name] == pytest.approx((high - low) / 2, rel=1e-5)


def test_errors_are_compared_with_values_or_with_short_ranges():
    device = DEVICE
    value = float(get(device, "r_on"))
    assert not is_wide(device, "r_on", 0.99 * value)
    assert is_wide(device, "r_on", 1.01 * value)
    assert not is_wide(device, "x0", 0.24)  # between 0 and 1
    assert is_wide(device, "x0", 0.26)
    assert is_wide(device, "x0", float("nan"))


def test_coordinates_of_an_interval_are_those_of_its_ends_and_infinite_where_it_is_open():
    z = np.asarray(unconstrain(DEVICE, NAMES))
    for name, ends in to_parameter_units(DEVICE, NAMES, z - 1, z + 1).items():
        middle = z[NAMES.index(name)]
        np.testing.assert_allclose(to_coordinates(DEVICE, name, *ends), [middle - 1, middle + 1])
    assert to_coordinates(DEVICE, "r_on", None, None) == (-np.inf, np.inf)
    assert to_coordinates(DEVICE, "x0", 0.0, None)[0] == -np.inf  # a bound


def test_values_near_a_bound_sit_there():
    assert sits_at_bound(replace(mj.MetastableSwitches(), {"x0": 0.999}), "x0")
    assert not sits_at_bound(replace(mj.MetastableSwitches(), {"x0": 0.5}), "x0")
    assert sits_at_bound(replace(mj.AndThresholdSwitch(), {"v_th_neg": -99.9}), "v_th_neg")


def test_a_size_that_ends_at_0_is_judged_by_its_value():
    """A threshold of -0.119 V between -100 and 0 V lies on no bound, and is not known to 1 V."""
    device = mj.AndThresholdSwitch()
    assert not sits_at_bound(device, "v_th_neg")
    assert is_wide(device, "v_th_neg", 0.2)
    assert not is_wide(device, "v_th_neg", 0.05)


def test_a_size_that_begins_at_0_is_compared_with_its_value():
    """An exponent between 0 and 50 of 1 +- 5 is not known, though 5 is a tenth of its range."""
    device = mj.Yakopcic()
    assert is_wide(device, "alpha_p", 5.0)
    assert not is_wide(device, "alpha_p", 0.5)
    specs = parameter_specs(device)
    assert has_short_range(specs["x0"])
    assert not has_short_range(specs["alpha_p"])
    assert not has_short_range(specs["a1"])
    assert has_short_range(parameter_specs(mj.Vteam())["a_on"])  # between 1 and 6

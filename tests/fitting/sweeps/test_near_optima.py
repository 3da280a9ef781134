"""Lower optima near a fit with events: half a resistance, and one polarity as the other."""

from types import SimpleNamespace

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.near_optima import (
    NEAR,
    lower_nearby,
    mirrored,
    moved_to_both_sides,
    recentred,
)

pytestmark = pytest.mark.wrong_types  # of a fit they have what is asked of it


def test_one_polarity_takes_the_parameters_of_the_other():
    free, z = ["r_on", "theta", "r_off", "theta_neg", "r_off_neg"], np.arange(5.0)
    points = mirrored(z, free)
    assert [x.tolist() for x in points] == [[0, 1, 2, 1, 2], [0, 3, 4, 3, 4]]


def test_a_device_without_two_polarities_has_no_mirror():
    assert mirrored(np.zeros(2), ["r_on", "tau"]) == []


def test_a_coordinate_begins_to_both_sides_of_each_point():
    points = moved_to_both_sides([np.zeros(2), np.ones(2)], np.array([1, 0]))
    steps = np.array([-NEAR[0], NEAR[0], -NEAR[1], NEAR[1]])
    np.testing.assert_allclose(points, [*([0, x] for x in steps), *([1 + x, 1] for x in steps)])


def test_what_the_data_do_not_determine_begins_again_where_the_prior_is_centred():
    one = fit(0.1, lost=("r_on",))
    assert [x.tolist() for x in recentred(one)] == [[2.0]]
    assert recentred(fit(0.1)) == []


def two_wells(z):
    """Residuals that are small about 0 and, smaller, about 0.7, and their derivatives."""
    x = z[:, 0]
    r = np.stack([5 * x * (x - 0.7), 1 - x], axis=1)
    slope = np.stack([5 * (2 * x - 0.7), -np.ones_like(x)], axis=1)
    return r, slope[:, :, None], np.ones(len(z), bool)


def fit(x, lost=()):
    problem = SimpleNamespace(device=mj.model("mms"), linearise=two_wells, backend="xla")
    problem.center = np.array([2.0])
    problem.for_many_calls = lambda: problem
    z = np.array([x])
    loss = 0.5 * float(np.sum(two_wells(z[None])[0] ** 2))
    return SimpleNamespace(problem=problem, z=z, free=("r_on",), loss=loss, undetermined=lost)


def test_the_other_well_is_met_from_the_higher_one_and_not_from_the_lower():
    # Where the derivative of half the sum of squares is 0: 25 x (x - 0.7) (2 x - 0.7) = 1 - x.
    lower = max(np.roots([50, -52.5, 13.25, -1]).real)
    z = lower_nearby(fit(0.1))
    assert z[0] == pytest.approx(lower, abs=0.01)
    assert lower_nearby(fit(float(lower))) is None


def test_a_resistance_that_is_not_determined_is_not_held_at_its_other_values():
    """From the centre of the prior, 2, the lower well is met."""
    lower = max(np.roots([50, -52.5, 13.25, -1]).real)
    assert lower_nearby(fit(0.1, lost=("r_on",)))[0] == pytest.approx(lower, abs=0.01)
    assert lower_nearby(fit(float(lower), lost=("r_on",))) is None

"""Optima far off the one that a search found, on curves whose lowest value is measured or never reached."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fitting.inference.profile_likelihood import thresholds
from fitting.sweeps.far_optima import LEAP, FarOptimum, far_optima, outermost

pytestmark = pytest.mark.wrong_types  # of a fit they have what is asked of it

NOISE, REACH, LEVEL = 0.03, 1.7, 0.9
LOOP = np.linspace(0.0, 2.0, 20)
"""Logarithms of resistances of a loop over its scale."""


def residuals(z, measured):
    """Logarithms of the larger of a lowest resistance and of a loop, less measured ones, and their derivatives."""
    shown = z[:, 1:] + LOOP
    limited = z[:, :1] > shown
    r = np.where(limited, z[:, :1], shown) - measured
    return _with_prior(r, np.stack([limited, ~limited], axis=2).astype(float))


def _with_prior(r, jacobian):
    """Residuals and derivatives with those of a prior behind them that weighs nothing, and that all is solved."""
    r, jacobian = np.pad(r, [(0, 0), (0, 2)]), np.pad(jacobian, [(0, 0), (0, 2), (0, 0)])
    return r, jacobian, np.ones(len(r), bool)


def fit(measured, z, lost=(), of=residuals, sigma=NOISE, center=(0.0, 0.0)):
    """A fit of both logarithms at a point; of data of one standard deviation, or of one each; centre of its prior."""
    points = np.asarray(z, float)[None]
    r, jacobian, _ = of(points, measured)
    covariance = NOISE**2 * np.linalg.pinv(jacobian[0].T @ jacobian[0])
    problem = SimpleNamespace(linearise=lambda x: of(x, measured), backend="xla", noise=NOISE)
    problem.center = np.asarray(center, float)
    problem.for_many_calls = lambda: problem
    return SimpleNamespace(
        problem=problem,
        z=points[0],
        free=("r_on", "scale"),
        loss=0.5 * float(np.sum(r**2)),
        covariance=covariance,
        sigma_z=np.sqrt(np.diag(covariance)),
        undetermined=lost,
        reach=lambda level: REACH if level == LEVEL else 3.0,
        noise_along=lambda moved, *_: np.sum((moved * sigma) ** 2, axis=1),
    )


def test_a_lowest_resistance_that_the_loop_never_reaches_is_another_optimum():
    """The lowest point is one deviation too high: that the device turned round there is better, by chi squared of 1."""
    measured = LOOP + NOISE * np.eye(len(LOOP))[0]
    result = fit(measured, [measured[0], 0.0])
    optima = far_optima(result)
    assert optima
    assert all(f.names == ("r_on",) and not f.is_lower for f in optima)
    ((name, z),) = outermost(result, optima)
    assert name == "r_on"
    assert z[0] <= measured[0] - 0.9 * LEAP
    # The best scale of all twenty points is a twentieth of a deviation higher.
    assert optima[-1].cost == pytest.approx(0.5 * NOISE**2 * (1 - 1 / 20), rel=0.05)


def test_a_lowest_resistance_that_many_points_show_is_the_only_optimum():
    measured = np.maximum(LOOP, 1.0)
    assert far_optima(fit(measured, [1.0, 0.0])) == []


def test_the_longer_end_of_a_valley_that_is_bent_is_no_other_optimum():
    """Above its optimum the first coordinate moves the data less, by 0.6: its interval is longer there by as much."""

    def bent(z, measured):
        slope = NOISE * np.where(z > 0, 0.6, 1.0) / [LEAP / 2.5 / REACH, 1.0]
        r = z * slope
        jacobian = np.zeros((len(z), 2, 2))
        jacobian[:, [0, 1], [0, 1]] = slope
        return _with_prior(r, jacobian)

    assert far_optima(fit(LOOP, [0.0, 0.0], of=bent)) == []


def test_a_search_that_ended_in_the_higher_optimum_is_told_of_the_lower_one():
    """The device never turned round, and the search believes that it did at a resistance that nothing shows."""
    result = fit(LOOP, [0.35, 0.0])
    best = far_optima(result)[0]
    assert best.is_lower
    assert best.cost < 1e-3 * result.loss


def tail(z, measured):
    """A response that one row shows at the second coordinate, as much as the first lets it."""
    row = np.exp(-np.exp(-4 * z[:, 0]))[:, None] * (LOOP[7] == LOOP)
    r = z[:, 1:] + row - measured
    slope = 4 * np.exp(-4 * z[:, 0])[:, None] * row
    return _with_prior(r, np.stack([slope, np.ones_like(row)], axis=2))


@pytest.mark.parametrize(("deviations", "is_open"), [(2.0, True), (6.0, False)])
def test_what_one_raised_row_says_is_excluded_far_off_by_the_noise_of_that_row(deviations, is_open):
    """The row is known twice as badly as the others: two deviations may be chance, and 6 are none."""
    sigma = np.where(LOOP[7] == LOOP, 2 * NOISE, NOISE)
    height = deviations * 2 * NOISE
    measured = height * (LOOP[7] == LOOP)
    best = -np.log(-np.log(height)) / 4
    result = fit(measured, [best, 0.0], of=tail, sigma=sigma)
    # To first order the height is known to a half, and its coordinate better than what is looked at by itself.
    assert result.sigma_z[0] < 0.3
    optima = far_optima(result, least=0.3)
    assert [f.names for f in optima] == [("r_on",)] * len(optima)
    assert bool(optima) is is_open


def test_what_the_data_do_not_determine_is_not_moved():
    measured = LOOP + NOISE * np.eye(len(LOOP))[0]
    assert far_optima(fit(measured, [measured[0], 0.0], lost=("r_on", "scale"))) == []


def test_of_each_side_the_farthest_point_counts():
    result = fit(LOOP, [0.0, 0.0])
    points = [np.array([x, 0.0]) for x in (-3.0, -5.0, 4.0)]
    optima = [FarOptimum(z, 1.0, False, ("r_on",)) for z in points]
    chosen: Any = outermost(result, optima)
    assert [(n, z[0]) for n, z in chosen] == [("r_on", -5.0), ("r_on", 4.0)]


def test_the_threshold_of_a_linear_model_is_that_of_its_noise():
    result = fit(np.maximum(LOOP, 1.0), [1.0, 0.0])
    np.testing.assert_allclose(thresholds(result, 0.9, [0, 1]), (REACH * NOISE) ** 2)


def gate(z, measured):
    """The first coordinate in units of its noise, of which nothing is left where the second one is above 3."""
    share = np.clip(3.0 - z[:, 1:], 0.0, 1.0)
    slope = np.where((share > 0) & (share < 1), -z[:, :1], 0.0)
    r, jacobian = z[:, :1] * share - measured[0], np.stack([share, slope], axis=2)
    return _with_prior(r, jacobian)


@pytest.mark.parametrize(("center", "found"), [(0.0, False), (5.0, True)])
def test_what_is_not_determined_is_also_where_the_prior_is_centred(center, found):
    """On its plateau below 2 no derivative says that the second coordinate would let the first one go."""
    result = fit(np.zeros(1), [0.0, 0.0], lost=("scale",), of=gate, center=(0.0, center))
    optima = far_optima(result)
    assert [f.names for f in optima] == [("r_on",)] * len(optima)
    assert bool(optima) is found

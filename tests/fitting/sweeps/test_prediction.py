"""Responses that a fit predicts, and their bands."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import memjax as mj
from fitting.parameters import reach
from fitting.sweeps.prediction import DRAWS, prediction_at, problem_of
from fitting.sweeps.prepare import prepare

pytestmark = pytest.mark.slow  # programs of a device with their derivatives

STEP = 0.02


def _loop(top: float) -> mj.Measurement:
    """A loop of the device with learned functions as it is by default."""
    v = top * np.concatenate(
        [np.linspace(0, 1, 9), np.linspace(1, -1, 17)[1:], np.linspace(-1, 0, 9)[1:]]
    )
    t = STEP * np.arange(1.0, len(v) + 1)
    i = np.ravel(mj.simulate(mj.HybridDevice(), mj.stimulus.staircase(v, STEP), save=t).check().i)
    limited = np.zeros(len(v), bool)
    return mj.Measurement(
        v=v, i=i, t=None, sweep=np.zeros(len(v), int), at_compliance=limited, reader="", source={}
    )


@pytest.fixture(scope="module")
def problems() -> tuple[Any, Any]:
    """The problem of a loop to 1 V, and that of its fit for one to 1.2 V."""
    options: dict[str, Any] = dict(
        bench=None, env=None, free=["off5", "set7"], fix=None, seed=0, screened=1
    )
    fitted = prepare([_loop(1.0)], mj.HybridDevice(), point_time=STEP, **options).problem
    return fitted, problem_of(fitted, [_loop(1.2)], STEP, seed=0)


def test_bands_are_those_of_the_parameters_to_first_order(problems):
    _, problem = problems
    z, h = np.asarray(problem.center), 1e-3
    deviation = np.array([0.1, 0.2])
    at = lambda x: prediction_at(problem, x, np.diag(deviation**2), misfit=0.0, freedom=30.0)  # noqa: E731
    known = at(z)
    slopes = [
        (at(z + h * e).log_response - at(z - h * e).log_response) / (2 * h) for e in np.eye(2)
    ]
    expected = np.sqrt(sum((s * d) ** 2 for s, d in zip(slopes, deviation, strict=True)))
    # The error of secants is that of h^2, beside that of a solve of rtol 1e-3 which takes other steps there.
    np.testing.assert_allclose(known.sigma, expected, rtol=0.02, atol=1e-3)
    low, high = replace(known, draws=known.draws[:0]).band(0.9)
    np.testing.assert_allclose(high - low, 2 * reach(0.9, 30.0) * known.sigma, atol=1e-12)
    assert (known.sigma[~known.counted] == 0).all()


def test_draws_scatter_as_first_order_says_where_it_holds(problems):
    _, problem = problems
    z, freedom = np.asarray(problem.center), 30.0
    known = prediction_at(
        problem, z, np.diag([0.01**2, 0.02**2]), misfit=0.0, freedom=freedom, seed=1
    )
    assert known.draws.shape == (DRAWS, *known.sigma.shape)
    scatter = np.std(known.draws - known.log_response, axis=0)
    expected = known.sigma * np.sqrt(freedom / (freedom - 2))  # of Student's t
    # All points follow two numbers of each draw: z of the least certain one; 1e-3 is the solve's own tolerance.
    allowed = 4 * expected / np.sqrt(2 * DRAWS) + 1e-3
    assert np.all(np.abs(scatter - expected) <= allowed)
    np.testing.assert_array_equal(np.ptp(known.draws[:, ~known.counted], axis=0), 0.0)


def test_a_band_holds_first_order_and_the_quantiles_of_draws(problems):
    _, problem = problems
    z = np.asarray(problem.center)
    options: dict[str, Any] = dict(misfit=0.01, freedom=30.0)
    known = prediction_at(problem, z, np.diag([0.3**2, 0.5**2]), **options)
    low, high = known.band(0.9)
    least, most = np.quantile(known.draws, [0.05, 0.95], axis=0)
    half = reach(0.9, 30.0) * known.sigma
    np.testing.assert_allclose(low, np.minimum(least, known.log_response - half))
    np.testing.assert_allclose(high, np.maximum(most, known.log_response + half))
    assert np.any(high > known.log_response + half + 1e-3), "first order holds everywhere"
    again = prediction_at(problem, z, np.diag([0.3**2, 0.5**2]), **options)
    np.testing.assert_array_equal(again.draws, known.draws)
    other = prediction_at(problem, z, np.diag([0.3**2, 0.5**2]), seed=1, **options)
    assert np.any(other.draws != known.draws)


def test_draws_that_cannot_be_solved_are_counted_and_in_no_band(problems):
    _, problem = problems
    known = prediction_at(
        problem, np.asarray(problem.center), np.zeros((2, 2)), misfit=0.0, freedom=30.0
    )
    assert known.failed == 0
    assert "draws" not in str(known)
    few = replace(known, draws=known.draws[3:], failed=3)
    assert f"; 3 of {DRAWS} draws could not be solved" in str(few)
    np.testing.assert_allclose(few.band(), known.band(), atol=1e-12)


def test_misfit_widens_a_band_at_every_point_that_counts(problems):
    _, problem = problems
    options: dict[str, Any] = dict(freedom=30.0)
    z, covariance = np.asarray(problem.center), np.zeros((2, 2))
    known = prediction_at(problem, z, covariance, misfit=0.02, **options)
    np.testing.assert_allclose(known.sigma, np.where(known.counted, 0.02, 0.0))


def test_points_beyond_the_voltages_of_the_fit_are_named(problems):
    fitted, other = problems
    options: dict[str, Any] = dict(misfit=0.01, freedom=30.0)
    z, covariance = np.asarray(fitted.center), np.zeros((2, 2))
    within = prediction_at(fitted, z, covariance, **options)
    assert not within.beyond.any()
    assert "beyond" not in str(within)
    wider = prediction_at(other, z, covariance, **options)
    np.testing.assert_array_equal(wider.beyond, np.abs(wider.applied) > 1.0 + 1e-6)
    count = np.sum(wider.beyond & wider.counted)
    assert f"; {count} of them beyond the voltages of the fit" in str(wider)

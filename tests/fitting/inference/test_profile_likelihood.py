"""Profile likelihood against functions whose profiles are known."""

from typing import Any

import equinox as eqx
import numpy as np
import pytest
from jaxtyping import Array, Float
from scipy import stats

import memjax as mj
from fitting.inference.profile_likelihood import SURE, Profile, profile_ends, profiles
from fitting.parameters import to_coordinates
from fitting.problem import AbstractProblem
from tests.fitting.inference.test_refine import Fit


def linear(a, y):
    """Evaluation of the residuals a z - y."""

    def evaluate(z):
        ok = np.ones(len(z), bool)
        return z @ a.T - y, np.broadcast_to(a, (len(z), *a.shape)), ok

    return evaluate


def ends_of(evaluate, z, covariance, **more):
    """Both ends of all parameters at one standard deviation."""
    n = len(z)
    pinned, sides = np.repeat(np.arange(n), 2), np.tile([-1.0, 1.0], n)
    slope = sides[:, None] * covariance[pinned] / np.sqrt(np.diag(covariance))[pinned][:, None]
    r, _, _ = evaluate(z[None])
    options = dict(threshold=np.ones(2 * n), farthest=np.full(2 * n, 50.0)) | more
    return profile_ends(
        evaluate,
        np.repeat(z[None], 2 * n, axis=0),
        pinned=pinned,
        slope=slope,
        cost=np.full(2 * n, 0.5 * np.sum(r**2)),
        **options,
    )


def test_ends_of_a_linear_model_are_those_of_its_covariance():
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    z, covariance = np.linalg.lstsq(a, y, rcond=None)[0], np.linalg.inv(a.T @ a)
    sigma = np.sqrt(np.diag(covariance))
    found = ends_of(linear(a, y), z, covariance).z.reshape(3, 2)
    np.testing.assert_allclose(
        found, np.stack([z - sigma, z + sigma], axis=1), atol=0.03 * sigma.max()
    )
    # a first move that is three times too long, or too short, ends there as well
    for wrong in (9.0, 1 / 9):
        again = ends_of(linear(a, y), z, wrong * covariance).z.reshape(3, 2)
        np.testing.assert_allclose(again, found, atol=0.03 * sigma.max())


def test_ends_of_a_curved_model_are_where_its_profile_says():
    """exp(z0) and exp(z0 + z1) measured as 1, with errors of 0.5: z0 from log(0.5) to log(1.5)."""

    def evaluate(z):
        one, two = np.exp(z[:, 0]), np.exp(z.sum(axis=1))
        r = np.stack([one - 1, two - 1], axis=1) / 0.5
        zero = np.zeros_like(one)
        jac = np.stack([np.stack([one, zero], 1), np.stack([two, two], 1)], axis=1) / 0.5
        return r, jac, np.ones(len(z), bool)

    covariance = np.array([[0.25, -0.25], [-0.25, 0.5]])
    found = ends_of(evaluate, np.zeros(2), covariance).z
    np.testing.assert_allclose(found[:2], np.log([0.5, 1.5]), rtol=0.05)


def test_an_end_is_open_where_the_profile_does_not_rise():
    """Only z0 + z1 is measured: each alone may be anything."""
    a = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    covariance = np.eye(3)
    found = ends_of(linear(a, np.zeros(2)), np.zeros(3), covariance)
    assert np.isneginf(found.z[[0, 2]]).all()
    assert np.isposinf(found.z[[1, 3]]).all()
    np.testing.assert_allclose(found.z[4:], [-1, 1], rtol=0.03)
    assert np.max(found.rise[:, :4]) < 1e-3


def test_a_solve_that_fails_is_no_end_met_far_inside():
    """Beyond 0.9 nothing can be solved: the end of 1 becomes 0.9, not the last point that was fine by chance."""
    a, y = np.eye(1), np.zeros(1)
    plain = linear(a, y)

    def evaluate(z):
        r, jac, ok = plain(z)
        return r, jac, ok & (z[:, 0] < 0.9)

    found = ends_of(evaluate, np.zeros(1), np.eye(1)).z
    assert found[0] == pytest.approx(-1, rel=0.03)
    assert 0.85 < found[1] <= 0.95


def test_a_valley_that_is_met_only_from_nearby_is_followed_to_its_end():
    """r = (z0, 20 tanh(2 (z1 - z0^3))): profiled over z1 chi squared rises as z0^2, but of the valley there is no trace
    more than some 1.5 off it: to the end of 2, where z1 is 8, it takes steps that are short enough.
    """

    def evaluate(z):
        off, far = z[:, 1] - z[:, 0] ** 3, 20 * np.tanh(2 * (z[:, 1] - z[:, 0] ** 3))
        slope = 40 / np.cosh(2 * off) ** 2
        rows = (
            np.stack([np.ones(len(z)), 0 * off], 1),
            np.stack([-3 * z[:, 0] ** 2 * slope, slope], 1),
        )
        return np.stack([z[:, 0], far], axis=1), np.stack(rows, axis=1), np.ones(len(z), bool)

    found = ends_of(evaluate, np.zeros(2), np.diag([4.0, 1.0]), threshold=np.full(4, 4.0)).z
    np.testing.assert_allclose(found[:2], [-2, 2], rtol=0.03)


def test_words_for_open_ends():
    about = dict(name="mu", level=0.9, values=(), rise=())
    assert "no lower end" in str(Profile(low=None, high=3.0, **about))
    assert "open on both sides" in str(Profile(low=None, high=None, **about))


def test_an_end_waits_for_the_search_of_the_others():
    """r = (z0 - z1, z1, 1000 (z2 - z1^2)): once z2 has followed its bent valley chi squared rises as z0^2 / 2.

    Searches of 15 iterations creep along it: ends that took their losses as they were lay 7 % too near.
    """

    def evaluate(z):
        r = np.stack([z[:, 0] - z[:, 1], z[:, 1], 1e3 * (z[:, 2] - z[:, 1] ** 2)], axis=1)
        jac = np.zeros((len(z), 3, 3))
        jac[:, [0, 0, 1, 2], [0, 1, 1, 2]] = [1.0, -1.0, 1.0, 1e3]
        jac[:, 2, 1] = -2e3 * z[:, 1]
        return r, jac, np.ones(len(z), bool)

    jac = evaluate(np.zeros((1, 3)))[1][0]
    covariance = 30 * np.linalg.inv(jac.T @ jac)
    found = ends_of(evaluate, np.zeros(3), covariance, threshold=np.full(6, 30.0)).z
    np.testing.assert_allclose(found[:2], [-np.sqrt(60), np.sqrt(60)], rtol=0.03)


APART = 8.0


class Wells(AbstractProblem):
    """One coordinate with two optima `APART` from each other, each known to one sigma; the lower one is higher."""

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[np.ndarray, " free"]
    noise: Float[Array | np.ndarray, ""]
    above: float
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    def linearise(self, z):
        """Distance from the nearer optimum, the root of what the other one has more, and no prior."""
        off = z - self.center
        other = off < -APART / 2
        r = np.where(other, off + APART, off)
        rows = np.concatenate([r, self.above * other, 0 * r], axis=1)
        slopes = np.zeros((len(z), 3, 1))
        slopes[:, 0] = 1.0
        return rows, slopes, np.ones(len(z), bool)


LIMITS = {level: stats.norm.ppf((1 + level) / 2) ** 2 for level in (0.9, SURE)}
"""Rises of chi squared that end an interval of 0.9, and that surely exclude."""


@pytest.mark.parametrize(
    ("above", "rise"), [(0.5, LIMITS[0.9]), (2.0, LIMITS[SURE]), (4.0, 16.0 + LIMITS[0.9])]
)
def test_an_interval_reaches_to_another_optimum_and_ends_beyond_it(above, rise):
    """There chi squared is `above` squared: within the threshold of 2.7, or above it and not excluded at 9.

    Or it is above both, as of data whose rows are not alike and do not exclude it.
    """
    device = mj.MetastableSwitches()
    center = np.asarray(mj.params.unconstrain(device, ("r_on",)))
    problem: Any = Wells(
        device=device, free=("r_on",), center=center, noise=np.zeros(()), above=above
    )
    fit = Fit(device=device, problem=problem, z=center, covariance=np.eye(1))
    alone, both = (profiles(fit, beyond=x)[0] for x in ((), [("r_on", center - APART)]))
    reach = stats.norm.ppf(0.95)
    ends = [np.array(to_coordinates(device, "r_on", p.low, p.high)) - center for p in (alone, both)]
    # An end counts as met within 2 % of the root of the threshold.
    np.testing.assert_allclose(ends[0], [-reach, reach], rtol=0.03)
    beyond = np.sqrt(rise - above**2)
    np.testing.assert_allclose(ends[1], [-APART - beyond, reach], rtol=0.03)


class Valleys(AbstractProblem):
    """Two valleys along the first coordinate, `APART` in the second: a narrow one, and a wide one that lies higher.

    The prior is centred in the wide one.
    """

    device: mj.AbstractDevice
    free: tuple[str, ...] = eqx.field(static=True)
    center: Float[np.ndarray, " free"]
    noise: Float[Array | np.ndarray, ""]
    ties: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())

    def linearise(self, z):
        """Distances from the middle of the nearer valley, the root of what the wide one has more, and no prior."""
        off = z - self.center
        wide = off[:, 1] > -APART / 2
        along = np.where(wide, (off[:, 0] - 4.0) / 3.0, off[:, 0])
        rows = np.stack([along, off[:, 1] + APART * ~wide, 0.5 * wide], axis=1)
        slopes = np.zeros((len(z), 5, 2))
        slopes[:, 0, 0], slopes[:, 1, 1] = np.where(wide, 1 / 3.0, 1.0), 1.0
        return np.concatenate([rows, 0 * z], axis=1), slopes, np.ones(len(z), bool)


def test_a_profile_goes_on_in_a_valley_that_the_others_do_not_find_from_its_end():
    device, names = mj.MetastableSwitches(), ("r_on", "r_off")
    center = np.asarray(mj.params.unconstrain(device, names))
    problem: Any = Valleys(device=device, free=names, center=center, noise=np.zeros(()))
    best = center - np.array([0.0, APART])
    fit = Fit(device=device, problem=problem, z=best, covariance=np.eye(2))
    profile = profiles(fit, names=["r_on"])[0]
    reach = stats.norm.ppf(0.95)
    ends = np.array(to_coordinates(device, "r_on", profile.low, profile.high)) - center[0]
    # In the wide valley chi squared is a quarter and the square of a third of the distance from 4.
    beyond = 4 + 3 * np.sqrt(reach**2 - 0.25)
    np.testing.assert_allclose(ends, [-reach, beyond], rtol=0.03)

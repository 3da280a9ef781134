"""Profile likelihood against functions whose profiles are known."""

import numpy as np
import pytest

from fitting.inference.profile_likelihood import Profile, profile_ends


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

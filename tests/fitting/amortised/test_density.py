"""A density that is trained on normal devices, whose posterior is known."""

import numpy as np
import pytest

from fitting.amortised.density import TrainingSettings, train
from fitting.amortised.network import DensitySettings
from tests.helpers import z_score

from .conftest import SMALL

SLOPES = np.array([[1.0, 0.5], [0.0, 1.0], [1.0, -1.0], [0.3, 0.2]])
ERROR = 0.5
COVARIANCE = np.linalg.inv(np.eye(2) + SLOPES.T @ SLOPES / ERROR**2)
SETTINGS = DensitySettings(width=32, depth=1, features=8, layers=1, flow_width=8, knots=4)
TRAINING = TrainingSettings(epochs=30, rate=5e-3, decay=0.01)
DRAWS = 200


def devices(count, seed, replicates=2):
    """Coordinates, and statistics with a row that never differs."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(count, 2))
    s = u @ SLOPES.T + ERROR * rng.normal(size=(replicates, count, 4))
    return u, np.concatenate([s, np.full((replicates, count, 1), 3.0)], axis=2)


@pytest.fixture(scope="module")
def trained():
    return train(*devices(4400, 0), held=400, seed=0, settings=SETTINGS, training=TRAINING)


@pytest.fixture(scope="module")
def fresh(trained):
    """Statistics of devices that were not trained on, draws for them, and the means that they should have."""
    s = devices(500, 1)[1][0]
    return s, trained.draw(s, DRAWS, seed=0), s[:, :4] @ SLOPES / ERROR**2 @ COVARIANCE


@pytest.mark.study
def test_it_draws_from_the_posterior_of_normal_numbers(fresh):
    _, u, mean = fresh
    exact = np.sqrt(np.diag(COVARIANCE))
    away = (u.mean(axis=1) - mean) / exact
    # What networks leave, in standard deviations of the posterior, beside the error of a mean of the draws.
    assert np.sqrt(np.mean(away**2)) < np.sqrt(0.2**2 + 1 / DRAWS)
    np.testing.assert_allclose(np.sqrt(u.var(axis=1, ddof=1).mean(axis=0)), exact, rtol=0.1)
    centred = u - u.mean(axis=1, keepdims=True)
    correlation = np.mean([np.corrcoef(x.T)[0, 1] for x in centred])
    assert correlation == pytest.approx(COVARIANCE[0, 1] / exact.prod(), abs=0.1)


@pytest.mark.slow
def test_its_density_is_that_of_the_draws(trained, fresh):
    s, u, mean = fresh
    truth = (
        mean + np.random.default_rng(2).normal(size=mean.shape) @ np.linalg.cholesky(COVARIANCE).T
    )
    entropy = 0.5 * np.log(np.linalg.det(2 * np.pi * np.e * COVARIANCE))
    log = trained.log_density(truth, s)
    # Its mean is minus the entropy less the divergence of Kullback and Leibler, which is not negative.
    assert -0.1 < np.mean(log) + entropy < 4 * log.std() / np.sqrt(len(log))
    assert abs(z_score(trained.log_density(u[:, 0], s) - log, 0.0)) < 4


@pytest.mark.slow
def test_a_device_has_the_same_draws_whatever_others_are_asked_for(trained, fresh):
    s, u, _ = fresh
    np.testing.assert_array_equal(trained.draw(s[:3], DRAWS, seed=0), u[:3])
    assert not np.array_equal(trained.draw(s[:3], DRAWS, seed=1), u[:3])


@pytest.mark.slow
def test_statistics_that_never_differ_are_left_out(trained, fresh):
    s, u, _ = fresh
    assert trained.scale[4] == 0
    np.testing.assert_array_equal(trained.draw(s + 100 * (np.arange(5) == 4), DRAWS, seed=0), u)


@pytest.fixture(scope="module")
def two_coordinates():
    """Two coordinates, and each of them with an error."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(1300, 2))
    return u, u + 0.3 * rng.normal(size=(2, 1300, 2))


def run(devices, seed=1, tick=None, **changes):
    training = TrainingSettings(**{"epochs": 3, "networks": 2, **changes})
    about = dict(held=276, settings=SMALL, training=training)
    return train(*devices, seed=seed, tick=tick, **about)


@pytest.mark.slow
def test_equal_seeds_train_equal_networks(two_coordinates):
    calls = []
    a, b = run(two_coordinates, tick=lambda *x: calls.append(x)), run(two_coordinates)
    for x, y in zip(a.leaves, b.leaves, strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(x, y, strict=True))
    assert [t[:2] for t in calls] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    assert not np.array_equal(a.leaves[0][0], a.leaves[1][0])
    assert not np.array_equal(a.leaves[0][0], run(two_coordinates, seed=2, epochs=3).leaves[0][0])
    assert np.all(np.diff(a.losses[0][:, 0]) < 0)


@pytest.mark.slow
def test_it_ends_where_the_held_out_devices_no_longer_gain(two_coordinates):
    u, s = two_coordinates
    # What is held out has nothing to do with its statistics: to learn is to lose there.
    wrong = s.copy()
    wrong[:, -276:] = wrong[:, -276:][:, ::-1]
    losses = run((u, wrong), epochs=60, networks=1, rate=1e-2, patience=5).losses[0]
    assert len(losses) < 60
    assert len(losses) - 1 - losses[:, 1].argmin() == 5

"""The region of statistics that simulated devices fill."""

import numpy as np
import pytest

from fitting.amortised.reach import QUANTILE, Reach


@pytest.fixture(scope="module")
def cloud():
    """Correlated statistics, and one that never differs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2)) @ np.array([[1.0, 0.99], [0.0, 0.1]])
    return np.concatenate([x, np.full((len(x), 1), 0.3)], axis=1)


@pytest.fixture(scope="module")
def reach(cloud):
    return Reach.of(cloud, cloud.std(axis=0) * [1, 1, 0])


def test_a_thousandth_of_the_devices_is_outside(cloud, reach):
    assert np.mean(reach.distance(cloud) > 1) == pytest.approx(1 - QUANTILE, rel=0.05)
    # In two dimensions the squared distance is exponential with mean 2; to four standard errors of a quantile.
    exact = -2 * np.log(1 - QUANTILE)
    error = 2 / np.sqrt(len(cloud) * (1 - QUANTILE))
    assert abs(reach.limit**2 - exact) < 4 * error


def test_it_is_correlation_that_counts(reach):
    along, across = np.array([[2.0, 2.0, 0.3]]), np.array([[0.7, -0.7, 0.3]])
    assert reach.distance(along)[0] < 1 < reach.distance(across)[0]


def test_what_never_differs_may_not_differ(reach):
    here = np.array([[0.0, 0.0, 0.31], [0.0, 0.0, 0.5], [np.nan, 0.0, 0.3]])
    distance = reach.distance(here)
    assert distance[0] < 1
    assert np.isinf(distance[1])
    assert not distance[2] <= 1

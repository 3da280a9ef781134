"""A search by quantiles, of an ensemble whose events are known."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from fitting.stochastic.two_sample import Sample, Target
from fitting.sweeps.ensemble import Coordinate
from fitting.sweeps.quantile_search import QuantileSearch


@dataclass
class Normal:
    """Cycles of a normal law: its mean is the first coordinate, the logarithm of its width the second."""

    coordinates: tuple = (Coordinate("mean"), Coordinate("mean", spread=True))
    options: dict = field(default_factory=lambda: {"seed": 0})

    def start(self):
        return np.zeros(2)

    def __call__(self, z):
        normal = np.random.default_rng(1).normal(size=256)
        cycles = z[:, :1] + np.exp(z[:, 1:]) * normal
        return [cycles[..., None]], np.ones(cycles.shape, bool)


def _search() -> QuantileSearch:
    values = 0.5 + 0.6 * np.random.default_rng(2).normal(size=(200, 1))
    sample = Sample(label="positive", names=("v",), unit="V", values=values)
    return QuantileSearch(Normal(), [Target(sample, seed=0, draws=256)], {"mean": 1.0})  # pyright: ignore[reportArgumentType]


@pytest.mark.wrong_types
def test_mean_and_width_of_a_normal_law_come_back():
    """Within four standard errors of 200 measured and 256 simulated cycles."""
    (best, *_), interrupted = _search().run(np.zeros((1, 2)), None)
    assert not interrupted
    error = np.sqrt(1 / 200 + 1 / 256)
    assert abs(best.z[0, 0] - 0.5) < 4 * 0.6 * error
    assert abs(best.z[0, 1] - np.log(0.6)) < 4 * error / np.sqrt(2)


@pytest.mark.wrong_types
def test_costs_in_batches_are_those_of_points_one_by_one():
    search, points = _search(), np.random.default_rng(0).normal(size=(7, 2))
    alone = [search.costs(p[None])[0] for p in points]
    np.testing.assert_allclose(search.costs(points), alone)


@pytest.mark.wrong_types
def test_a_coordinate_that_moves_nothing_does_not_act():
    search = _search()
    _, jacobian, _ = search(np.zeros((1, 2)))
    (acting,) = search.acting(jacobian)
    assert acting.tolist() == [True, True]
    jacobian[0][:, 1] = 0.0
    assert search.acting(jacobian)[0].tolist() == [True, False]
    assert search.acting(0 * jacobian)[0].tolist() == [True, True]

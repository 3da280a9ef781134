"""Times of Brownian paths beside those of finely sampled bridges."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from memjax.learning.passages import first_passage, time_below

PATHS, POINTS = 2000, 2000

LATE = 0.6 / np.sqrt(POINTS)
"""A walk sees a barrier 0.58 of its step's deviation later than the path between its points (Chernoff's shift)."""


def bridges(start: float, end: float) -> np.ndarray:
    """Paths of variance 1 from `start` to `end`, at the ends of equal times."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(PATHS, POINTS)), 1) / np.sqrt(POINTS)
    share = np.arange(1, POINTS + 1) / POINTS
    return start + walk + share * (end - start - walk[:, -1:])


def draws(n: int):
    keys = jax.random.split(jax.random.key(1), 2)
    return jax.random.normal(keys[0], (n,)), jax.random.uniform(keys[1], (n,))


@pytest.mark.slow
@pytest.mark.parametrize(("start", "end"), [(0.5, -0.8), (-1.0, 0.1), (0.4, 0.7)])
def test_first_passages_have_the_law_of_fine_bridges(start, end):
    paths = bridges(start, end)
    beyond = paths * np.sign(start) < 0
    want = (1 + np.argmax(beyond, 1)[beyond.any(1)]) / POINTS
    straight = abs(start) / (abs(start) + abs(end))
    hits, share = map(np.asarray, first_passage(start, end, 1.0, straight, *draws(PATHS)))
    chance = 1.0 if start * end < 0 else np.exp(-2 * start * end)
    assert abs(np.mean(hits) - chance) <= 4 * np.sqrt(chance * (1 - chance) / PATHS)
    share = share[hits]
    limit = 1.95 * np.sqrt(1 / len(want) + 1 / len(share))  # z of 1e-3
    assert ks_2samp(share, want).statistic < limit + LATE / abs(start)


@pytest.mark.wrong_types
def test_without_noise_the_passage_is_that_of_the_straight_path():
    hits, share = first_passage(0.3, -0.1, 0.0, 0.75, 1.3, 0.2)
    assert hits
    assert share == 0.75
    hits, _ = first_passage(0.3, 0.1, 0.0, 0.75, 1.3, 0.2)
    assert not hits
    assert time_below(-0.2, 0.0, 1.0, 1.3, 0.4) == 1.0
    assert time_below(0.2, 0.0, 1.0, 1.3, 0.4) == 0.0


@pytest.mark.wrong_types
@pytest.mark.parametrize("end", [0.9, -0.3])
def test_times_below_have_the_law_of_fine_bridges(end):
    want = np.mean(bridges(0.0, end) < 0, 1)
    share = time_below(end, 1.0, 1.0, *draws(PATHS))
    assert ks_2samp(np.asarray(share), want).statistic < 1.95 * np.sqrt(2 / PATHS) + LATE


@pytest.mark.wrong_types
def test_a_path_that_returns_is_below_for_a_uniform_share():
    assert kstest(time_below(0.0, 1.0, 1.0, *draws(PATHS)), "uniform").pvalue > 1e-4


@pytest.mark.wrong_types
def test_derivatives_are_finite_where_there_is_no_noise():
    def share(variance, end):
        _, first = first_passage(0.3, end, variance, 0.75, 1.3, 0.2)
        return first + time_below(end, variance, 1.0, 1.3, 0.4)

    for end in (-0.1, 0.1, 0.0):
        slopes = jax.grad(share, (0, 1))(0.0, end)
        assert all(jnp.isfinite(x) for x in slopes), (end, slopes)

"""Distances between samples: exact cases, and what chance makes of them."""

import numpy as np
import pytest
from scipy.stats import kstest

from fitting.stochastic.two_sample import (
    Sample,
    Target,
    compare,
    energy_distance,
    energy_test,
    split_half_distance,
)


def _sample(values, step=0.0) -> Sample:
    names = tuple("abc"[: values.shape[1]])
    return Sample(label="positive", names=names, unit="V", values=values, step=step)


def test_the_energy_distance_of_two_points_is_twice_theirs_and_of_one_law_none():
    assert energy_distance(np.zeros((5, 1)), np.full((7, 1), 3.0)) == pytest.approx(6.0)
    rng = np.random.default_rng(0)
    found = [energy_distance(*rng.normal(size=(2, 40, 2))) for _ in range(100)]
    assert abs(np.mean(found)) < 4 * np.std(found, ddof=1) / 10


def test_the_energy_test_is_exact_under_one_law_and_sees_another():
    rng = np.random.default_rng(1)
    p = [energy_test(*rng.normal(size=(2, 20, 1)), seed=k, permutations=99) for k in range(100)]
    assert kstest(p, "uniform").pvalue > 1e-3
    assert energy_test(rng.normal(size=(40, 2)), 1 + rng.normal(size=(40, 2)), seed=0) < 0.01


@pytest.mark.integration
def test_a_target_is_met_by_its_own_sample_and_by_chance_within_its_sigmas():
    rng = np.random.default_rng(2)
    own = rng.normal(size=(100, 2))
    target = Target(_sample(own), seed=0, draws=400)
    assert np.all(target.residuals(own) == 0)
    # Under one law a squared residual is 1 in the mean, and 10 that of a spread, which counts as ten quantiles;
    # quantiles of one sample go together.
    mean = [np.mean(target.residuals(rng.normal(size=(400, 2))) ** 2) for _ in range(50)]
    squared = [
        Target(_sample(rng.normal(size=(100, 2))), seed=0, draws=400).residuals(
            rng.normal(size=(400, 2))
        )
        ** 2
        for _ in range(50)
    ]
    others = [np.mean(r[:-2]) for r in squared]
    assert abs(np.mean(others) - 1) < 4 * np.std(others, ddof=1) / 50**0.5
    spreads = [np.mean(r[-2:]) / 10 for r in squared]
    assert abs(np.mean(spreads) - 1) < 4 * np.std(spreads, ddof=1) / 50**0.5
    assert np.mean(mean) < 4 * np.mean(others)


def test_features_that_count_by_their_covariance_say_of_a_mean_what_the_sample_does():
    rng = np.random.default_rng(4)
    n, draws = 100, 400
    target = Target(
        _sample(rng.normal(size=(n, 1))), seed=0, draws=draws, simulated=rng.normal(size=(4000, 1))
    )
    x, shift = rng.normal(size=(4000, 1)), 0.3
    rise = np.sum((target.weigh(target.features(x + shift) - target.features(x))) ** 2)
    # Fisher's information of a normal mean, of samples of two sizes: no statistic has more, but for the error of a
    # covariance from 200 replicates (a tenth), and ten quantiles have most of it. One by one they have 5 times it.
    exact = shift**2 / (1 / n + 1 / draws) / np.var(target.sample.values)
    assert 0.6 < rise / exact < 1.2
    alone = Target(target.sample, seed=0, draws=draws)
    assert np.sum(alone.weigh(alone.features(x + shift) - alone.features(x)) ** 2) > 4 * exact


def test_diagonals_see_a_correlation_that_the_margins_do_not():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    tied = np.column_stack([x[:, 0], 0.8 * x[:, 0] + 0.6 * x[:, 1]])
    target = Target(_sample(x), seed=0, draws=400)
    r = target.residuals(tied)[:-2].reshape(len(target.directions), -1)
    assert np.max(np.abs(r[:2])) < 4
    assert np.max(np.abs(r[2:])) > 8


def test_the_spread_sees_a_tail_that_the_quantiles_do_not():
    x = np.random.default_rng(5).normal(size=(60, 2))
    tailed = x.copy()
    tailed[np.argmax(x[:, 0]), 0] = 12.0
    r = Target(_sample(x), seed=0, draws=400).residuals(tailed)
    assert np.max(np.abs(r[:-2])) < 1
    assert r[-2] > 4
    assert r[-1] == 0


def test_a_comparison_says_what_both_are_and_how_far_apart():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 2))
    found = compare(Target(_sample(x), seed=0, draws=60), x + 1.0, seed=0)
    assert found["a"]["w1"] == pytest.approx(1.0)
    assert found["a"]["simulated"]["mean"] - found["a"]["measured"]["mean"] == pytest.approx(1.0)
    assert found["joint"]["p"] < 0.01
    assert np.ptp(found["joint"]["correlation"]["a, b"]) < 1e-12
    assert 0 < found["a"]["floor"] < 0.6
    assert split_half_distance(np.zeros(10), seed=0) == 0

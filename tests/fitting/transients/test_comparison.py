"""Moments and tests of measured and simulated times."""

import numpy as np
import pytest
from scipy import stats

from fitting.transients.comparison import compare_times, differences, energy_power, summary

WIDTH, WATCHED = 4e-3, 13e-3

Z = 4.0
"""Standard errors that chance may take."""


@pytest.fixture(scope="module")
def times():
    rng = np.random.default_rng(0)
    return rng.uniform(0.2e-3, 2e-3, 20), rng.uniform(1e-3, 5e-3, 20)


def _drawn(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    x = np.exp(np.random.default_rng(seed).normal([-7 + shift, -6], [1.0, 0.5], (n, 2)))
    return np.clip(x, 1e-6, [WIDTH, WATCHED])


def _compared(x, y):
    limits = np.array([WIDTH, WATCHED])
    return compare_times(x, y, limits, step=1e-6, tolerance=0.01, seed=0, repeats=5)


def test_moments_of_one_law_agree_and_of_a_longer_delay_do_not():
    measured, simulated = _drawn(40, 1), _drawn(300, 2)
    same, other = _compared(measured, simulated), _compared(measured, _drawn(300, 2, 1.0))
    for c in same["times"].values():
        assert abs(c["z_log"]) < Z
        assert abs(c["z_cv_of_n"]) < Z
    assert other["times"]["delay"]["z_log"] > Z
    assert other["energy_p"]["delay"] < 0.01
    told = " ".join(differences(other))
    assert "mean logarithm of the delay" in told
    assert "mean logarithm of the relaxation" not in told
    assert f"p joint {other['energy_p']['joint']:.3f}" in summary(other)[2]
    own = same["times"]["delay"]["measured"]
    assert own["mean"] == pytest.approx(measured[:, 0].mean())
    assert own["cv"] == pytest.approx(measured[:, 0].std(ddof=1) / measured[:, 0].mean())
    share = np.mean(measured[:, 0] >= WIDTH)
    assert own["censored"] == pytest.approx(share)
    assert same["times"]["relaxation"]["measured"]["n"] == round(40 * (1 - share))


@pytest.mark.slow
def test_the_power_of_an_energy_test_is_that_of_the_best_test_at_most():
    """Of a shift of normal variables the t test is the best; the energy test has nearly its power."""
    cycles, n, repeats = np.random.default_rng(3).normal(size=(100, 1)), 10, 200
    null = energy_power(cycles, lambda z: z, n, seed=0, repeats=repeats)
    assert abs(null - 0.05) < Z * np.sqrt(0.05 * 0.95 / repeats)
    found = energy_power(cycles, lambda z: z + cycles.std(), n, seed=0, repeats=repeats)
    freedom, away = n + 98, 1 / np.sqrt(1 / n + 1 / 100)
    edge = stats.t.ppf(0.975, freedom)
    best = 1 - stats.nct.cdf(edge, freedom, away) + stats.nct.cdf(-edge, freedom, away)
    error = Z * np.sqrt(best * (1 - best) / repeats)
    assert 0.85 * best - error < found < best + error
    assert energy_power(cycles, lambda z: z + 9, n, seed=0, repeats=20) == 1

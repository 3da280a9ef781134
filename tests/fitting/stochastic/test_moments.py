"""Medians, spreads and correlations of samples, which parameters explain them, and the mixing of a search."""

import numpy as np
import pytest

from fitting.stochastic.moments import (
    WIDEST,
    WIDEST_RATE,
    Mixing,
    Moments,
    choices,
    parts_of,
    typical_sd,
    vector_of,
)


def target(sd, correlation=None, cycles=20):
    sd = np.asarray(sd, float)
    matrix = np.eye(len(sd)) if correlation is None else np.asarray(correlation, float)
    return Moments(center=np.zeros(len(sd)), sd=sd, correlation=matrix, cycles=cycles)


def test_moments_are_those_of_the_logarithms():
    rng = np.random.default_rng(0)
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    x = rng.multivariate_normal([1.0, -2.0], covariance, size=20_000)
    m = Moments.of(np.exp(x))
    of_median, of_sd = m.errors
    assert np.all(np.abs(m.center - [1.0, -2.0]) < 4 * of_median)
    assert np.all(np.abs(np.log(m.sd / [0.2, 0.3])) < 4 * of_sd)
    # The error of a correlation r of n values is (1 - r^2) / sqrt(n).
    assert abs(m.correlation[0, 1] - 0.01 / 0.06) < 4 / np.sqrt(20_000)
    np.testing.assert_allclose(m.root @ m.root.T, np.cov(x, rowvar=False), rtol=1e-6)


def test_correlations_of_few_cycles_are_shrunk_and_those_of_many_hardly():
    rng = np.random.default_rng(1)
    x = np.exp(rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=2000))
    few, many = (Moments.of(x[:n], shrunk=True).correlation[0, 1] for n in (5, 2000))
    assert abs(few) < abs(Moments.of(x[:5]).correlation[0, 1])
    # As if two further cycles had shown none.
    np.testing.assert_allclose(many, Moments.of(x).correlation[0, 1] * 2000 / 2002)


def test_moments_that_agree_are_not_away_and_others_are_by_their_errors():
    m = target([0.1, 0.2])
    np.testing.assert_array_equal(m.differences(m), 0.0)
    moved = Moments(center=m.center + m.errors[0], sd=m.sd, correlation=m.correlation, cycles=9)
    np.testing.assert_allclose(m.differences(moved), [[1, 1], [0, 0]])


def test_a_median_of_alike_cycles_is_known_to_the_step_of_its_readings():
    alike = Moments.of(np.exp(np.full((100, 2), 0.3)), resolution=np.array([0.06, 0.0]))
    np.testing.assert_allclose(alike.errors[0], [0.06 / np.sqrt(12), 0.0], atol=2e-4)
    np.testing.assert_array_equal(alike.some([1]).resolution, [0.0])


def test_the_parameters_are_chosen_that_need_the_least_scatter():
    # Each feature follows one parameter strongly and another one weakly.
    slopes = np.array([[1.0, 0.1, 0.0, 0.0], [0.0, 0.0, 0.1, 2.0]])
    first, *others = choices("abcd", slopes, target([0.1, 0.1]), count=3)
    assert (first.names, first.features) == (("a", "d"), (0, 1))
    assert first.scatter == pytest.approx(0.1**2 + 0.05**2)
    assert [c.scatter for c in others] == sorted(c.scatter for c in others)


def test_a_feature_that_no_parameter_moves_is_left_out():
    slopes = np.array([[1.0, 0.5], [0.0, 0.0], [0.2, 1.0]])
    (choice,) = choices("ab", slopes, target([0.1, 0.1, 0.1]), count=3)
    assert choice.features == (0, 2)
    assert choices("ab", np.zeros((2, 2)), target([0.1, 0.1]), count=3) == []


def test_a_scatter_that_no_parameter_has_is_not_explained():
    slopes = np.array([[1.0, 0.0], [0.0, 0.05]])
    (choice,) = choices("ab", slopes, target([0.1, 0.1 * WIDEST]), count=1)
    assert choice.features == (0,)


def test_a_parameter_that_may_scatter_more_explains_what_it_moves_little():
    slopes = np.array([[1.0, 0.0], [0.0, 0.05]])
    (choice,) = choices(
        "ab", slopes, target([0.1, 0.1 * WIDEST]), count=1, widest=np.array([WIDEST, WIDEST_RATE])
    )
    assert choice.features == (0, 1)
    assert choice.scatter == pytest.approx(0.1**2 + (0.1 * WIDEST / 0.05) ** 2)


def test_a_value_that_few_would_show_does_not_decide_on_the_spread_of_many():
    rng = np.random.default_rng(3)
    x = rng.normal(0.0, 0.1, size=(500, 1))
    far = np.append(x, [[10.0]], axis=0)
    assert np.std(far, ddof=1) > 0.4
    # The median of the standard deviations of five normal numbers is sqrt(chi2 / 4) = 0.916 of their own.
    z = np.log(typical_sd(far, 5)[0] / 0.0916) / (0.35 / np.sqrt(500 / 5))
    assert abs(z) < 4
    np.testing.assert_array_equal(typical_sd(far, 501), np.std(far, axis=0, ddof=1))


def test_of_a_feature_that_some_cycles_do_not_show_the_others_count():
    x = np.random.default_rng(4).normal(size=(40, 2))
    values = np.exp(np.append(x, [[np.nan, 0.0]], axis=0))
    m = Moments.of(values)
    np.testing.assert_allclose(m.center, [np.median(x[:, 0]), np.median(np.append(x[:, 1], 0.0))])
    assert m.sd[0] == pytest.approx(np.std(x[:, 0], ddof=1))
    assert m.correlation[0, 1] == pytest.approx(np.corrcoef(x.T)[0, 1])


def test_medians_and_root_are_one_vector_and_back():
    root = np.linalg.cholesky(np.array([[4.0, 1.0, 0.5], [1.0, 2.0, -0.3], [0.5, -0.3, 1.0]]))
    center, again = parts_of(vector_of(np.arange(3.0), root), 3)
    np.testing.assert_array_equal(center, np.arange(3.0))
    np.testing.assert_allclose(again, root, rtol=1e-14)


def test_mixing_ends_where_the_map_has_its_target():
    # Of a linear map of n unknowns Anderson mixing is GMRES: n + 1 steps, more with the limited depth.
    rng = np.random.default_rng(2)
    matrix = np.eye(4) + 0.4 * rng.normal(size=(4, 4))
    x, wanted = np.zeros(4), np.array([0.3, -0.2, 0.1, 0.2])
    mixing, plain = Mixing(np.ones(4)), x.copy()
    for _ in range(12):
        x = mixing(x, wanted - matrix @ x)
        plain = plain + wanted - matrix @ plain
    assert np.linalg.norm(wanted - matrix @ x) < 1e-6
    assert np.linalg.norm(wanted - matrix @ plain) > 1e-3

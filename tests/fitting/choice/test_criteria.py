"""Criteria of information and held-out scores, of residuals whose likelihood is known."""

import numpy as np
import pytest

from fitting.choice.criteria import alike, criteria, independent, scores
from fitting.residuals import Residuals

N = 400
X = np.linspace(-1, 1, N)


def _left(values, sigma=1.0, **about) -> Residuals:
    series = np.zeros(len(values), int)
    whole = np.broadcast_to(np.asarray(sigma, float), (len(values),))
    return Residuals(values=values, sigma=whole, series=series, unit="decades", **about)


def _polynomial(y, degree: int) -> Residuals:
    return _left(np.polynomial.Polynomial.fit(X, y, degree)(X) - y)


def test_criteria_are_those_of_a_normal_likelihood():
    """Of white residuals; the variance is a parameter as well; a common factor changes no difference."""
    y = 1 + X + 0.1 * np.random.default_rng(1).normal(size=N)
    left = {"line": _polynomial(y, 1), "flat": _polynomial(y, 0)}
    found, n, reason = criteria(left, {"line": 2, "flat": 1})
    # The flat one leaves a slope; neighbours of the best are what counts.
    assert (n, reason) == (N, "")
    for name, k in (("line", 3), ("flat", 2)):
        likelihood = N * np.log(np.mean(left[name].values ** 2))
        assert found[name]["aic"] == pytest.approx(likelihood + 2 * k)
        assert found[name]["bic"] == pytest.approx(likelihood + k * np.log(N))
        assert found[name]["aicc"] == pytest.approx(
            likelihood + 2 * k + 2 * k * (k + 1) / (N - k - 1)
        )
    assert found["line"]["delta_aic"] == 0
    doubled = {n: _left(2 * x.values, 2.0) for n, x in left.items()}
    again = criteria(doubled, {"line": 2, "flat": 1})[0]
    assert again["flat"]["delta_aic"] == pytest.approx(found["flat"]["delta_aic"])


def test_correlated_residuals_count_as_fewer():
    """A first-order process: (1 - rho) / (1 + rho) of the values; its error by that of rho, z of 4."""
    rng, rho, n = np.random.default_rng(2), 0.8, 20_000
    x = np.zeros(n)
    for k in range(1, n):
        x[k] = rho * x[k - 1] + rng.normal()
    curve, alone = np.zeros(n, int), np.full(n, -1)
    error = 2 / (1 + rho) ** 2 * np.sqrt((1 - rho**2) / n)
    assert independent(x, curve) / n == pytest.approx((1 - rho) / (1 + rho), abs=4 * error)
    assert independent(x, alone) == n
    # Curves that do not hang together are not neighbours.
    assert independent(x, np.arange(n)) == n


@pytest.mark.integration
def test_where_a_likelihood_allows_no_criteria():
    y = X + 0.1 * np.random.default_rng(3).normal(size=N)
    line, free = _polynomial(y, 1), {"a": 2, "b": 2}
    reason = criteria({"a": line, "b": _left(line.values, no_likelihood="medians")}, free)[2]
    assert reason == "medians"
    events = np.where(np.arange(N) < 10, np.inf, 1.0)
    assert "do not weigh the same data" in criteria({"a": line, "b": _left(y, events)}, free)[2]
    assert not alike([line, _left(y[:-1])]).any()
    assert "fewer than two" in criteria({"a": line}, free)[2]
    smooth = {n: _left(np.cos(X + k)) for k, n in enumerate(free)}
    found, n, reason = criteria(smooth, free)
    assert found == {}
    assert n < 4
    assert "count as independent" in reason


def test_scores_are_of_rows_that_weigh_alike():
    sigma = np.where(np.arange(N) < 10, np.inf, 1.0)
    found, left_out = scores({"a": _left(np.ones(N)), "b": _left(2 * np.ones(N), sigma)})
    assert (found["a"]["score"], found["b"]["score"], left_out) == (1.0, 2.0, 10)


def test_distance_behind_the_best_has_a_unit_error():
    """Two models that are equally far from the truth, to either side: the score's difference over its error, 400 times.

    The mean of z squared is 1 but for the 1 % of the squared residuals that are no noise; its error is sqrt(2 / 400).
    """
    rng, away = np.random.default_rng(4), 0.1 * np.sign(X)
    z = []
    for _ in range(400):
        noise = rng.normal(size=N)
        found, _ = scores({"a": _left(noise + away), "b": _left(noise - away)})
        z.append(max(x["behind"] for x in found.values()))
    assert np.mean(np.square(z)) == pytest.approx(1.0, abs=0.01 + 4 * np.sqrt(2 / 400))


def test_a_fit_without_likelihood_leaves_those_of_the_others():
    """Learned functions weigh points by what was granted to them, and join sweeps: their rows are others."""
    y = 1 + X + 0.1 * np.random.default_rng(5).normal(size=N)
    two = {"line": _polynomial(y, 1), "flat": _polynomial(y, 0)}
    other = _left(0.3 * np.ones(N + 1), 0.5, no_likelihood="a prior")
    free = {"line": 2, "flat": 1, "learned": 48}
    three = two | {"learned": other}
    assert criteria(three, free) == criteria(two, free)
    alone, _ = scores(two)
    together, left_out = scores(three)
    assert left_out == 0
    assert {n: together[n] for n in two} == alone
    # The median residual has the unit of the data, whatever it was weighed by.
    assert together["learned"] == {
        "score": None,
        "held_residual": pytest.approx(0.15),
        "behind": None,
    }

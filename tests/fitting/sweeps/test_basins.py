"""Whether searches ended at one optimum, and what is said where they did not."""

import numpy as np

from fitting.sweeps.basins import optima_in_words, other_optima

JACOBIAN = np.diag([10.0, 1.0])
"""Of two coordinates that are known to 0.01 and to 0.1 where the noise is 0.1."""


def optima(z, cost):
    best = np.asarray(z[int(np.argmin(cost))], float)
    return other_optima(
        np.asarray(z, float), np.asarray(cost), best=best, jacobian=JACOBIAN, noise=0.1
    )


def test_searches_that_end_at_one_loss_in_one_place_agree():
    agreed, others = optima([[0, 0], [0.01, 0.1], [3, 3]], [1.0, 1.001, 2.0])
    assert (agreed, len(others)) == (2, 0)
    assert optima_in_words(agreed, np.array([1.0, 1.001, 2.0]), [], {}) == []


def test_a_search_that_nobody_repeated_is_told_with_the_next_loss():
    agreed, others = optima([[0, 0], [1, 0]], [1.0, 1.25])
    assert (agreed, len(others)) == (1, 0)
    (text,) = optima_in_words(agreed, np.array([1.0, 1.25, np.inf]), [], {})
    assert "one of 2 searches alone" in text
    assert "25% above" in text


def test_another_optimum_as_good_as_the_data_can_tell_is_named_once_by_what_differs_most():
    """A rise of chi squared by 4 variances of 0.01 is a loss of 0.02; half a unit along the second is 5 deviations."""
    z, cost = [[0, 0], [0.2, 0], [0.2, 0.01], [0, 0.4]], [1.0, 1.01, 1.011, 1.0]
    agreed, others = optima(z, cost)
    assert agreed == 3
    np.testing.assert_allclose(others, [[0.2, 0]])
    assert len(optima(z, [1.0, 1.021, 1.022, 1.0])[1]) == 0
    values = [{"tau": 3e-5, "v_on": 0.3}]
    (text,) = optima_in_words(agreed, np.array(cost), values, {"tau": 1e-4, "v_on": 0.31})
    assert text.endswith("tau 3e-05 for 0.0001, v_on 0.3 for 0.31")

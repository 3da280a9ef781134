"""Whether searches ended at one optimum, where they begin to end, and what is said where they did not."""

from typing import Any

import numpy as np

from fitting.optimize.levenberg_marquardt import LONGEST
from fitting.sweeps.basins import (
    APART,
    last_starts,
    optima_in_words,
    other_optima,
    speaks_of_optima,
)

NOISE = 0.1

JACOBIAN = np.diag([10.0, 1.0])
"""Of two coordinates that are known to 0.01 and to 0.1 where the noise is 0.1."""


def optima(z, cost, *, ended=True):
    about: dict[str, Any] = dict(
        best=np.asarray(z[int(np.argmin(cost))], float), jacobian=JACOBIAN, noise=NOISE
    )
    done = np.full(len(cost), ended)
    return other_optima(np.asarray(z, float), np.asarray(cost), ended=done, **about)


def test_searches_that_end_at_one_loss_in_one_place_agree():
    agreed, others = optima([[0, 0], [0.01, 0.1], [3, 3]], [1.0, 1.001, 2.0])
    assert (agreed, others) == (2, [])
    assert optima_in_words(agreed, 3, [], {}) == []


def test_a_search_that_nobody_repeated_is_said_to_stand_alone():
    agreed, _ = optima([[0, 0], [1, 0]], [1.0, 1.5])
    (text,) = optima_in_words(agreed, 2, [], {})
    assert text.startswith("one of 2 searches alone")
    assert speaks_of_optima(text)
    assert optima_in_words(1, 1, [], {}) == []


def test_another_optimum_as_good_as_the_data_can_tell_is_named_once_by_what_differs_most():
    """A rise of chi squared by 4 variances of 0.01 is a loss of 0.02; half a unit along the second is 5 deviations."""
    z, cost = [[0, 0], [0.2, 0], [0.2, 0.01], [0, 0.4]], [1.0, 1.01, 1.011, 1.0]
    agreed, (other,) = optima(z, cost)
    assert agreed == 3
    assert other.above == 0
    np.testing.assert_allclose(other.z, [0.2, 0])
    values = {"tau": 3e-5, "v_on": 0.3}
    (text,) = optima_in_words(agreed, 4, [(0.0, values)], {"tau": 1e-4, "v_on": 0.31})
    assert text.endswith(
        "describes the data as well: tau 3e-05 in place of 0.0001, v_on 0.3 in place of 0.31"
    )


def test_another_optimum_a_little_higher_is_named_with_its_loss():
    agreed, (other,) = optima([[0, 0], [1, 0], [9, 9], [0, 0]], [1.0, 1.07, 1.6, 1.0])
    assert agreed == 2
    np.testing.assert_allclose(other.above, 0.07)
    (text,) = optima_in_words(2, 4, [(other.above, {"tau": 1.0})], {"tau": 2.0})
    assert text == "another optimum has a loss 7.0% above: tau 1 in place of 2"
    assert speaks_of_optima(text)
    assert optima([[0, 0], [1, 0]], [1.0, 1.07], ended=False) == (1, [])


def test_the_end_of_a_search_begins_at_the_best_both_sides_of_weak_directions_and_other_optima():
    best, ends = np.array([1.0, 2.0]), np.array([[1.0, 2.0], [1.001, 2.0], [4.0, 2.0], [4.0, 2.01]])
    about: dict[str, Any] = dict(best=best, jacobian=JACOBIAN, noise=NOISE)
    starts = last_starts(ends, np.array([1.0, 1.1, 1.2, 1.3]), **about, count=8)
    assert starts.shape == (8, 2)
    np.testing.assert_allclose(starts[0], best)
    # The second coordinate is the weaker one, and is moved first: as far as optima lie apart, which is 5 deviations.
    along, across = np.array([0, APART * 0.1]), np.array([APART * 0.01, 0])
    expected = [best + along, best - along, best + across, best - across]
    np.testing.assert_allclose(np.sort(starts[1:5], axis=0), np.sort(expected, axis=0))
    # Of the ends only the third is another optimum; its neighbour is the same one.
    np.testing.assert_allclose(starts[5], ends[2])


def test_a_direction_of_which_the_data_say_nothing_is_followed_as_far_as_a_step_goes():
    jacobian = np.diag([10.0, 1e-6])
    starts = last_starts(
        np.zeros((1, 2)), np.ones(1), best=np.zeros(2), jacobian=jacobian, noise=NOISE, count=8
    )
    np.testing.assert_allclose(np.max(np.abs(starts), axis=0), [APART * 0.01, LONGEST])

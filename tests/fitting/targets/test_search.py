"""How few parameters do what many do, and which are felt."""

import numpy as np

from fitting.targets.search import _data_cost, _felt, _sparse


def test_one_parameter_does_what_two_that_act_alike_did():
    slopes = np.array([[10.0, 10.0, 0.0]])  # one target, felt by two parameters in the same way
    found = _sparse(slopes, np.array([0.2, 0.3, 1.0]))
    assert found is not None
    assert np.count_nonzero(found) == 1
    np.testing.assert_allclose(slopes @ found, slopes @ [0.2, 0.3, 1.0], atol=0.5)


def test_where_each_is_needed_there_is_no_smaller_set():
    assert _sparse(10 * np.eye(2), np.array([1.0, -1.0])) is None


def test_a_parameter_that_changes_nothing_when_scaled_is_not_felt():
    start = np.array([1.0, 2.0])
    scaled = np.tile(start, (4, 3, 1))
    scaled[:, 1] *= 1.5
    assert _felt(start, scaled).tolist() == [0.0, 1.0, 0.0]
    assert _felt(np.array([np.nan, 1.0]), scaled).tolist() == [1.0, 1.0, 1.0]


def test_the_cost_of_targets_leaves_out_the_prior_and_what_is_not_shown():
    r = np.array([[1.0, 2.0, 9.0], [np.nan, 0.0, 0.0]])
    assert _data_cost(r, 2).tolist() == [2.5, np.inf]

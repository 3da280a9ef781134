"""What is decided before a search: free parameters, and values of those that are not fitted."""

import numpy as np
import pytest

import memjax as mj
from fitting.sweeps.prepare import choose_free, not_fitted, prepare
from memjax.errors import DataError
from tests.fits import measured_loops, threshold_loop

DEVICE = mj.model("mms")
NONE = dict(bench=None, env=None, point_time=1e-3, free=None, fix=None, seed=0, screened=2)


def test_what_is_named_is_free_but_for_what_is_fixed():
    assert choose_free(("tau", "r_on"), DEVICE, None, {"tau": 1e-4}) == ("r_on",)
    assert choose_free(("tau",), DEVICE, ["r_on", "r_off"], {}) == ("r_on", "r_off")
    with pytest.raises(DataError, match="cannot be fitted to a deterministic loss"):
        choose_free((), mj.DiffusiveMemristor(), ["sigma_ion"], {})


@pytest.mark.integration
def test_a_value_that_someone_gave_stays_and_a_default_gives_way_to_the_sweeps():
    guessed = mj.params.replace(DEVICE, {"r_on": 700.0, "tau": 3e-3})
    looked_at = {"r_on", "tau"}
    given, shown = not_fitted(mj.params.replace(DEVICE, {"tau": 5e-4}), guessed, looked_at, set())
    assert given == {"tau": 5e-4}
    assert shown == {"r_on": 700.0}
    assert not_fitted(DEVICE, guessed, looked_at, {"r_on", "tau"}) == ({}, {})


def test_an_error_that_is_granted_has_to_be_a_number_of_decades():
    with pytest.raises(DataError, match="a model sigma of -1"):
        prepare([measured_loops(threshold_loop(0.5, 0.2))], DEVICE, **NONE, model_sigma=-1.0)


def test_a_start_leaves_beside_it_what_a_fit_without_it_begins_from():
    """With these the loss of a fit is that of one prior, and no higher than that of the fit without the start."""
    m, options = measured_loops(threshold_loop(0.5, 0.2)), NONE | {"screened": 40}
    plain, begun = (prepare([m], DEVICE, **options, start=s) for s in (None, {"tau": 3e-7}))
    assert plain.unstarted is None
    k = plain.problem.free.index("tau")
    moved = begun.problem.center != plain.problem.center
    assert moved.tolist() == [n == "tau" for n in plain.problem.free]
    assert begun.candidates[0, k] == begun.problem.center[k]
    np.testing.assert_array_equal(begun.unstarted.center, plain.problem.center)
    np.testing.assert_array_equal(begun.unstarted.candidates, plain.candidates)

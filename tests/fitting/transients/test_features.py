"""What curves under one pulse each show."""

import numpy as np
import pytest

import fitting as ft
import memjax as mj
from fitting.transients.features import features_of
from memjax.errors import DataError
from tests.helpers import pulsed_curves


def test_features_are_what_the_curves_were_made_of():
    """To a row and a half of 25 us, half of it the onset's, and a level that is the same everywhere."""
    rng = np.random.default_rng(4)
    d, r = rng.uniform(0.5e-3, 2e-3, 30), rng.uniform(2e-3, 5e-3, 30)
    seen = features_of(pulsed_curves(d, r))
    np.testing.assert_allclose(seen.delay, d, rtol=0, atol=37.5e-6)
    np.testing.assert_allclose(seen.relaxation, r, rtol=0, atol=37.5e-6)
    np.testing.assert_allclose(seen.levels, 8e-6, rtol=1e-6)
    with pytest.raises(DataError, match="at least 6"):
        features_of(pulsed_curves(d[:5], r[:5]))
    with pytest.raises(DataError, match="diffusive"):
        ft.solve(ft.TransientProblem(pulsed_curves(d, r), mj.Vteam()))

"""How a failure of a stage is said."""

import numpy as np

from fitting.stochastic.failures import FAILURES, in_words
from memjax.errors import BoundsError


def test_a_page_of_numbers_is_a_line():
    text = in_words(BoundsError(f"mu = {np.full((100, 2), 1e12)}", allowed="0 to 1"))
    assert "\n" not in text
    assert len(text) < 210
    assert text.startswith("mu = [[1.e+12 1.e+12]")


def test_an_error_that_is_not_ours_is_named():
    error = np.linalg.LinAlgError("Singular matrix")
    assert isinstance(error, FAILURES)
    assert in_words(error) == "LinAlgError: Singular matrix"

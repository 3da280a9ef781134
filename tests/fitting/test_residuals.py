"""What a fit leaves of its data."""

import numpy as np
import pytest

from fitting.residuals import Residuals


def test_only_rows_of_curves_that_count_are_typical():
    sigma, series = np.array([0.1, 0.1, np.inf, 5.0]), np.array([0, 0, 0, -1])
    values = np.array([1.0, -3.0, 0.0, 9.0])
    own = Residuals(values=values, sigma=sigma, series=series, unit="decades")
    assert own.points == 3
    assert own.typical == pytest.approx(0.2)
    alone = Residuals(values=values, sigma=sigma, series=np.full(4, -1), unit="")
    assert alone.typical is None

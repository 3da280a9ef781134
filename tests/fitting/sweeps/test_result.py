"""What a fit of sweeps says of itself."""

import numpy as np


def test_a_fit_says_its_points_its_largest_voltage_and_its_covariance(result):
    assert result.n_points == sum(w.log_response.size for w in result.waves)
    assert result.largest_voltage == max(np.max(np.abs(w.v)) for w in result.waves)
    np.testing.assert_array_equal(result.covariance, result.uncertainty.covariance)
    assert result.freedom == result.uncertainty.freedom
    assert set(result.identifiability.names) == set(result.problem.free)

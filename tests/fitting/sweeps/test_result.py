"""What a fit of sweeps says of itself."""

import numpy as np


def test_a_fit_says_its_points_its_largest_voltage_and_its_covariance(result):
    assert result.n_points == sum(w.log_response.size for w in result.waves)
    assert result.largest_voltage == max(np.max(np.abs(w.v)) for w in result.waves)
    np.testing.assert_array_equal(result.covariance, result.uncertainty.covariance)
    assert result.freedom == result.uncertainty.freedom
    assert set(result.identifiability.names) == set(result.problem.free)


def test_a_fit_draws_what_its_report_does(result):
    """Both polarities, logarithmic above linear; simulated cycles where a spread was fitted and they are wanted."""
    labels = {}
    for cycles in (False, True):
        figure = result.plot(cycles=cycles)
        assert len(figure.axes) == 4
        labels[cycles] = {line.get_label() for line in figure.axes[0].lines}
    assert {"measured", "simulated"} <= labels[False]
    assert labels[True] - labels[False] == {"simulated cycles"}
    page = result._repr_html_()
    assert "data:image/png;base64," in page
    assert "Fixed parameters" in page

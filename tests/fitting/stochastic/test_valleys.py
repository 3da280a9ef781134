"""Bootstrap replicates of an estimate: what is exact for a linear problem, and valleys that bend."""

import numpy as np

from fitting.stochastic.valleys import ends_of


def test_an_interval_ends_where_the_profile_has_risen_by_half_a_quantile_of_chi_squared():
    x = np.linspace(-3.0, 5.0, 32)
    for center, scale in ((0.3, 0.5), (1.0, 1.0)):
        low, high = ends_of(x, 0.5 * ((x - center) / scale) ** 2, 0.9)
        # The root of a parabola is straight but for where it was least: no value of the grid is at the minimum.
        np.testing.assert_allclose(
            [low, high], [center - 1.645 * scale, center + 1.645 * scale], atol=1e-3
        )
    # Of two valleys the outermost ends count; where nothing rises the interval ends with the grid.
    two = np.minimum(0.5 * ((x + 1) / 0.2) ** 2, 0.5 * ((x - 3) / 0.2) ** 2)
    assert ends_of(x, two, 0.9)[0] < -1 < 3 < ends_of(x, two, 0.9)[1]
    assert ends_of(x, 0 * x, 0.9) == (x[0], x[-1])

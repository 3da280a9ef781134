"""Lanes are the waveforms of one point after those of another."""

import numpy as np

from fitting.sweeps.lanes import by_lane, by_point
from memjax.simulate.stiff_kernel import StiffLanes


def test_lanes_of_points_come_apart_again():
    x = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    lanes = by_lane(x)
    np.testing.assert_array_equal(lanes[3], x[1, 0])
    again = by_point(StiffLanes(*[lanes] * len(StiffLanes._fields)), 2)
    assert all(np.array_equal(field, x) for field in again)

"""Lanes of a kernel: the waveforms of one point after those of another."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from memjax.simulate.stiff_kernel import StiffKernel, StiffLanes


def by_lane(x: Any) -> np.ndarray:
    """An array with axes of points and waveforms as one of lanes, those of one point after the other."""
    return np.asarray(x).reshape(-1, *x.shape[2:])


def solve_lanes(
    kernel: StiffKernel,
    z: np.ndarray,
    values: Sequence,
    derivatives: Sequence | None,
    **options: Any,
) -> StiffLanes:
    """Solves of all lanes of points, from what `begin_lanes` gives; `options` as a kernel takes it.

    The state at rest may be the same for all coordinates: those that are no numbers are not solved.
    """
    numbers, y0 = map(by_lane, values)
    idle = np.repeat(np.any(np.isnan(z), axis=1), len(y0) // len(z))
    along = None
    if derivatives is not None:
        d_numbers, dy0 = map(by_lane, derivatives)
        along = d_numbers[:, list(kernel.moving)], dy0
    return kernel(numbers, np.where(idle[:, None], np.nan, y0), along, **options)


def by_point(lanes: StiffLanes, points: int) -> StiffLanes:
    """The same with axes of points and waveforms; within a program, where that copies nothing."""
    return StiffLanes(*(x.reshape(points, len(x) // points, *x.shape[1:]) for x in lanes))

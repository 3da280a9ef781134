"""Where intervals to first order do not hold: chi squared at their ends is not what a linear model has there."""

import numpy as np
from jaxtyping import Bool, Float

from memjax.runtime.flags import check_flags

from ..problem import PRIOR_SIGMA
from ..result import AbstractFit
from .batches import Batches
from .profile_likelihood import thresholds

_RISES = 0.5, 2.0
"""Rises of chi squared at the ends of an interval, in units of its threshold, between which first order holds."""


def curved(result: AbstractFit, *, level: float = 0.9, follow: bool = True) -> tuple[str, ...]:
    """Parameters that the data determine, at whose ends of intervals to first order chi squared has not risen so far.

    At such an end the others have moved along with the parameter, as they do in its profile. Where chi squared has then
    risen by less than half of the threshold, or by more than twice, or nothing can be solved, the interval is that of a
    profile, see `fitting.profiles`; with `follow` so it is where the parameter leaves its interval as another one moves
    that the data do not determine. It costs two solves a parameter.
    """
    check_flags({"follow": follow}, where="curved")
    problem, z, reach = result.problem, result.z, result.reach(level)
    covariance, sigma, lost = result.covariance, result.sigma_z, set(result.undetermined)
    indices = [k for k, n in enumerate(result.free) if n not in lost and sigma[k] > 0]
    moves = reach * covariance[indices] / sigma[indices][:, None]
    points = np.concatenate([z[None], z + moves, z - moves])
    r, _, ok = Batches(problem)(points)
    cost = np.where(ok, np.sum(np.where(ok[:, None], r, 0.0) ** 2, axis=1), np.inf)
    threshold = thresholds(result, level, indices)
    rise = (cost[1:].reshape(2, -1) - cost[0]) / threshold
    low, high = _RISES
    linear = np.all((rise > low) & (rise < high), axis=0)
    if follow:
        linear &= ~_elsewhere(result, indices, threshold, cost=float(cost[0]), scale=reach)
    return tuple(
        result.free[k] for k, is_linear in zip(indices, linear, strict=True) if not is_linear
    )


def _elsewhere(
    result: AbstractFit,
    indices: list[int],
    threshold: Float[np.ndarray, " indices"],
    *,
    cost: float,
    scale: float,
) -> Bool[np.ndarray, " indices"]:
    """Which parameters leave their interval where one moves that the data do not determine, and chi squared allows it.

    Where derivatives by that one vanish, first order has it that the others do not depend on it. A step of Gauss and
    Newton from where it has moved by as much as the prior of a search says where they go.
    """
    problem, z, sigma = result.problem, result.z, result.sigma_z
    n = len(z)
    loose = [k for k, name in enumerate(result.free) if name in result.undetermined]
    if not loose or not indices:
        return np.zeros(len(indices), bool)
    sides = np.repeat(loose, 2), np.tile([1.0, -1.0], len(loose))
    points = z + (sides[1] * PRIOR_SIGMA)[:, None] * np.eye(n)[sides[0]]
    leaves = np.zeros(len(indices), bool)
    for pinned, x, r, j, ok in zip(sides[0], points, *Batches(problem)(points), strict=True):
        if not ok:
            continue
        j = np.delete(j, pinned, axis=1)
        step = -np.linalg.lstsq(j, r, rcond=None)[0]
        moved = np.insert(step, pinned, 0.0) + x - z
        # What the linear model promises at the end of that step, which costs no solve.
        rise = np.sum((r + j @ step) ** 2) - cost
        leaves |= (np.abs(moved[indices]) > scale * sigma[indices]) & (rise < threshold)
    return leaves

"""Optima far off the one that a search found: a parameter begins well beyond its interval, the others follow."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..inference.batches import Batches
from ..inference.profile_likelihood import SURE, thresholds
from ..optimize.levenberg_marquardt import PROXIMAL, Progress, levenberg_marquardt
from .basins import ALIKE
from .result import FitResult

LEAP = 3.5
"""Distance at which a parameter begins [natural log units]: a factor of 33."""

_WIDTHS = 2.0  # half-widths of its interval beyond which a parameter is far off
_BENT = 2.0  # multiple of what a parabola through the ends of the interval says beyond which it is another optimum
_HELD, _FREED = 20, 25  # iterations with the parameter held, and with all free
_HOPELESS = (
    4.0  # multiple of the lowest loss above which a search with the parameter held goes no further
)
_TOLERANCE = 1e-3  # relative gain of a loss below which such a search ends


class FarOptimum(NamedTuple):
    """A point that describes the data as well as the optimum, or better.

    `z` is the point, `cost` the loss there; `is_lower` where the data tell it from the optimum; `names` are parameters
    that lie beyond their intervals there while chi squared is within their thresholds.
    """

    z: Float[np.ndarray, " free"]
    cost: float
    is_lower: bool
    names: tuple[str, ...]


def far_optima(
    result: FitResult,
    *,
    level: float = 0.9,
    least: float = 0.0,
    tick: Callable[[Progress], None] | None = None,
) -> list[FarOptimum]:
    """Points far off the optimum that the data do not surely exclude, or that describe them better; the best first.

    Notes
    -----
    A search goes downhill from what the loops show. Where a device never comes near its lowest resistance, that it
    turned round there describes the data as well, and all searches begin with that resistance: first order and profiles
    know of one optimum only. So each parameter that is called determined is moved far to either side, and held there
    while the others are fitted; where that leads to a loss that is not far above the lowest, all of them go on.
    A parameter with a standard deviation below `least` [natural log units] is only moved so where a first look at these
    points does not exclude them, see `_looks_open`.
    An interval of 90 % that misses does so by little, but a wrong optimum by any factor: it is excluded at `SURE`.
    """
    lost = set(result.undetermined)
    indices = np.flatnonzero([n not in lost for n in result.free])
    if not len(indices):
        return []
    width = result.reach(level) * result.sigma_z
    # The others begin where they are: of how they follow so far off first order says nothing. What is not determined
    # may lie where nothing follows, and where the prior is centred it may.
    bases = np.array([result.z, *recentred(result)])
    sides = np.array([-1.0, 1.0])
    pinned = np.tile(np.repeat(indices, len(sides)), len(bases))
    starts = np.repeat(bases, len(sides) * len(indices), axis=0)
    moves = np.maximum(LEAP, _WIDTHS * width[pinned]) * np.resize(sides, len(pinned))
    starts[np.arange(len(pinned)), pinned] = result.z[pinned] + moves
    mask = result.sigma_z[pinned] >= least
    mask[~mask] = _looks_open(result, starts[~mask], pinned[~mask])
    if not mask.any():
        return []
    z, cost = search_held(result, starts[mask], pinned[mask], tick)
    lower = cost < result.loss - ALIKE / 2 * float(result.problem.noise) ** 2
    rise = 2 * (cost - result.loss)[:, None]
    share = np.maximum(rise, 0.0) / thresholds(result, level, indices)
    open_ = _not_excluded(result, Batches(result.problem)(z)[0])[:, None]
    # A valley that is not straight has a longer end: that is no other optimum.
    farthest = np.maximum(_WIDTHS, _BENT * np.sqrt(share)) * width[indices]
    beyond = open_ & (np.abs(z - result.z)[:, indices] > farthest)
    optima = []
    for k in np.argsort(cost, kind="stable"):
        if lower[k] or np.any(beyond[k]):
            names = tuple(result.free[j] for j in indices[beyond[k]])
            optima.append(FarOptimum(z[k], float(cost[k]), bool(lower[k]), names))
    return optima


def _looks_open(
    result: FitResult, points: Float[np.ndarray, "lanes free"], pinned: Int[np.ndarray, " lanes"]
) -> Bool[np.ndarray, " lanes"]:
    """Whether data do not surely exclude points far off once the other parameters have followed to first order there.

    A row that noise has raised fixes a parameter which only that row would show, and to first order as well as the row
    is known; what the others show of it far off, or do not, is seen there alone. It costs a solve a point.
    """
    if not len(points):
        return np.zeros(0, bool)
    r, jacobian, ok = Batches(result.problem)(points)
    left = []
    for k, x, j in zip(pinned, r, jacobian, strict=True):
        others = np.delete(j, k, axis=1)
        left.append(x - others @ np.linalg.lstsq(others, x, rcond=None)[0])
    return ok & _not_excluded(result, np.array(left))


def _not_excluded(
    result: FitResult, r: Float[np.ndarray, "points residuals"]
) -> Bool[np.ndarray, " points"]:
    """Whether data do not surely exclude points of these residuals, the prior's last.

    Between two points of residuals r and r + d the data tell by d'r alone, of variance d'Sd; and where they lie on a
    line of the model, of which the first is the best point, chi squared rises by the square of that over d'd. Along
    derivatives this is the threshold of an interval, see `fitting.profiles`; far off other rows may tell.
    """
    best, jacobian, _ = Batches(result.problem)(result.z[None])
    moved = (r - best)[:, : -len(result.z)]
    square = np.sum(moved**2, axis=1)
    along = result.noise_along(moved, best, jacobian)
    variance = along / np.maximum(square, np.finfo(float).tiny)
    rise = np.sum(r**2, axis=1) - np.sum(best**2)
    return rise <= result.reach(SURE) ** 2 * variance


def recentred(result: FitResult) -> list[Float[np.ndarray, " free"]]:
    """The point with what the data do not determine where the prior is centred; none where that moves nothing."""
    center = np.asarray(result.problem.center, float)
    lost = np.isin(result.free, result.undetermined) & np.isfinite(center)
    moved = np.where(lost, center, result.z)
    return [moved] if np.any(moved != result.z) else []


def outermost(
    result: FitResult, optima: Sequence[FarOptimum]
) -> list[tuple[str, Float[np.ndarray, " free"]]]:
    """Of each parameter and side of its interval the optimum that is farthest off, as (name, point)."""
    points: dict[tuple[str, bool], np.ndarray] = {}
    for optimum in optima:
        for name in optimum.names:
            k = result.free.index(name)
            off = optimum.z[k] - result.z[k]
            side = name, bool(off > 0)
            if side not in points or abs(off) > abs(points[side][k] - result.z[k]):
                points[side] = optimum.z
    return [(name, z) for (name, _), z in points.items()]


def search_held(
    result: FitResult,
    starts: Float[np.ndarray, "lanes free"],
    pinned: Int[np.ndarray, " lanes"],
    tick: Callable[[Progress], None] | None,
    *,
    iterations: tuple[int, int] = (_HELD, _FREED),
) -> tuple[Float[np.ndarray, "ends free"], Float[np.ndarray, " ends"]]:
    """Where searches with a parameter held ended, and where they went once it was free; and the losses there.

    `iterations` are those with the parameter held, and with all free.
    """
    batches = Batches(result.problem)
    first = search_from(batches, starts, tick, iterations=iterations[0], held=pinned)
    near = np.flatnonzero(first.cost < _HOPELESS * result.loss)
    if not len(near):
        return first.z, first.cost
    second = search_from(batches, first.z[near], tick, iterations=iterations[1])
    return np.concatenate([first.z, second.z]), np.concatenate([first.cost, second.cost])


def search_from(
    batches: Batches,
    starts: Float[np.ndarray, "lanes free"],
    tick: Callable[[Progress], None] | None,
    *,
    iterations: int,
    held: Int[np.ndarray, " lanes"] | None = None,
) -> Progress:
    """Searches from starts, each by itself; `held` is the number of the parameter that stays, of each."""
    options: dict[str, Any] = dict(together=False, proximal=PROXIMAL, tolerance=_TOLERANCE)
    return levenberg_marquardt(
        lambda z, _: batches(z), starts, iterations=iterations, held=held, tick=tick, **options
    )

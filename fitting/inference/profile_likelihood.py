"""Profile likelihood: each parameter is held at values away from the best, and all others are fitted again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from memjax.core.params import known
from memjax.runtime.flags import check_flags

from ..optimize.levenberg_marquardt import PROXIMAL, Ending, Evaluate, Progress, levenberg_marquardt
from ..parameters import to_parameter_units
from ..problem import of_some
from ..result import AbstractFit
from .batches import Batches, Lanes
from .brackets import Brackets
from .identifiability import log_slopes

# Distance [natural log units of the parameter] at which an end that has not been met is open: a factor of 1100.
_FARTHEST = 7.0
_ROUNDS, _ITERATIONS = 12, 15  # most values tried for each end, and most iterations at each
_SMALL = 1e-4  # gain of chi squared, over the threshold, below which a search at a value has ended

_MISSED = (
    0.8  # rise over the threshold below which a search from elsewhere has shown that an end is none
)
_AGAIN = 2  # times at the most that ends are looked at from elsewhere
_ELSEWHERE = 40  # iterations of such a search

SURE = 0.997
"""Level at which an optimum far off is excluded: three standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Interval of one parameter.

    Parameters
    ----------
    name : str
        The parameter.
    low, high : float or None
        Ends [unit]; None where the profile does not rise to the threshold: the interval is open.
    level : float
        Probability with which it holds the truth, to first order.
    values, rise : tuple of float
        Values that were tried [unit], and by how much chi squared had risen at them, in units of
        its threshold.
    """

    name: str
    low: float | None
    high: float | None
    level: float
    values: tuple[float, ...]
    rise: tuple[float, ...]

    def __str__(self) -> str:
        flat = "its profile does not rise"
        if self.low is None:
            if self.high is None:
                return f"{self.name} is open on both sides: {flat}"
            return f"{self.name} below {self.high:.4g}, no lower end: {flat}"
        if self.high is None:
            return f"{self.name} above {self.low:.4g}, no upper end: {flat}"
        return f"{self.name} from {self.low:.4g} to {self.high:.4g}"


class Ends(NamedTuple):
    """Where profiles meet a threshold, and what was tried.

    `z` is the coordinate of each end, infinite where it is open; `inside` the last point of each lane below its
    threshold; `tried` the coordinates of each round, and `rise` that of chi squared there in units of the threshold,
    infinite where no solve ended well.
    """

    z: Float[np.ndarray, " lanes"]
    inside: Float[np.ndarray, "lanes free"]
    tried: Float[np.ndarray, "rounds lanes"]
    rise: Float[np.ndarray, "rounds lanes"]

    def with_lanes(self, more: "Ends") -> "Ends":
        """These lanes and others behind them; rounds that either has not gone were none that ended."""
        rounds = max(len(self.rise), len(more.rise))

        def filled(x: np.ndarray) -> np.ndarray:
            return np.pad(x, ((0, rounds - len(x)), (0, 0)), constant_values=np.inf)

        z, inside = np.append(self.z, more.z), np.concatenate([self.inside, more.inside])
        tried, rise = (
            np.concatenate([filled(a), filled(b)], axis=1)
            for a, b in ((self.tried, more.tried), (self.rise, more.rise))
        )
        return Ends(z, inside, tried, rise)


def profile_ends(
    evaluate: Evaluate,
    z: Float[np.ndarray, "lanes free"],
    *,
    pinned: Int[np.ndarray, " lanes"],
    slope: Float[np.ndarray, "lanes free"],
    cost: Float[np.ndarray, " lanes"],
    threshold: Float[np.ndarray, " lanes"],
    farthest: Float[np.ndarray, " lanes"],
    tick: Callable[[Progress], None] | None = None,
) -> Ends:
    """Ends of profile intervals; all lanes advance together.

    Parameters
    ----------
    evaluate : callable
        Residuals, Jacobians and success of a point per lane.
    z : Float[np.ndarray, "lanes free"]
        The best point of each lane.
    pinned : Int[np.ndarray, "lanes"]
        The coordinate that is held.
    slope : Float[np.ndarray, "lanes free"]
        First move of all coordinates, at which the threshold is met to first order; its sign says
        which end is sought.
    cost : Float[np.ndarray, "lanes"]
        Half the sum of squares at the best point.
    threshold : Float[np.ndarray, "lanes"]
        Rise of the sum of squares at the end.
    farthest : Float[np.ndarray, "lanes"]
        Multiple of the first move beyond which an end is open.
    tick : callable, optional
        Called with the progress of the search at the values that are held after each iteration.
    """
    lanes, count = np.arange(len(z)), len(z)
    # An end lies between multiples of the first move whose roots of the rise are below and above 1.
    brackets = Brackets(farthest)
    near, at = z.copy(), np.zeros(count)
    inside, tried, rises = z.copy(), [], []
    tolerance = _SMALL * threshold / np.maximum(2 * cost + threshold, np.finfo(float).tiny)
    options: dict[str, Any] = dict(iterations=_ITERATIONS, tolerance=tolerance, together=False)
    options |= {"proximal": PROXIMAL, "held": pinned, "tick": tick}
    for k in range(_ROUNDS):
        x, done = brackets.x, brackets.done
        # The others start on the line through the best point and what was fitted last.
        path = np.where((at > 0)[:, None], (near - z) / np.maximum(at, 1e-12)[:, None], slope)
        start = z + x[:, None] * path
        start[lanes, pinned] = (z + x[:, None] * slope)[lanes, pinned]
        start[done] = near[done]  # they stay there
        options["ending"] = Ending(enough=np.where(done, np.inf, 0.0))
        later = _ITERATIONS * (_ROUNDS - k - 1)
        shown = Progress(start, np.full(count, np.inf), later=later)
        fit = levenberg_marquardt(of_some(evaluate, start), start, progress=shown, **options)
        tried.append(start[lanes, pinned])
        rises.append(2 * (fit.cost - cost) / threshold)
        follows, below = brackets.narrow(rises[-1], fit.converged)
        near, at = np.where(follows[:, None], fit.z, near), np.where(follows, x, at)
        inside = np.where(below[:, None], fit.z, inside)
        if brackets.done.all():
            break
    x, open_ = brackets.ends()
    end = (z + x[:, None] * slope)[lanes, pinned]
    end = np.where(open_, np.sign(slope[lanes, pinned]) * np.inf, end)
    return Ends(z=end, inside=inside, tried=np.array(tried), rise=np.array(rises))


def profiles(
    result: AbstractFit,
    *,
    level: float = 0.9,
    prior: bool = False,
    names: Sequence[str] | None = None,
    beyond: Sequence[tuple[str, Float[np.ndarray, " free"]]] = (),
    tick: Callable[[str, Progress], None] | None = None,
) -> list[Profile]:
    """Profile likelihood intervals of the free parameters of a fit.

    Parameters
    ----------
    result : AbstractFit
        The fit.
    level : float
        Probability with which an interval holds the truth, to first order.
    prior : bool
        Whether the prior counts, which is no knowledge from data: without it intervals of what these do not determine
        are open.
    names : sequence of str, optional
        Parameters; all free ones by default.
    beyond : sequence of (str, Float[np.ndarray, "free"])
        Parameters and points beyond their intervals that the data do not exclude at the level `SURE`: intervals reach
        from one to the other, and end where chi squared excludes what lies beyond.
    tick : callable, optional
        Called with the stage and the progress after each iteration.

    Notes
    -----
    The threshold is the square of Student's quantile times what the noise that there is makes of
    the residuals: cov_kk / (H^-1)_kk for parameter k, of `fitting.sweeps.covariance` [1]_, so that an interval
    is that of Laplace where the model is linear. Without the prior the best point is sought first.

    References
    ----------
    .. [1] L. Pace, A. Salvan, N. Sartori, Stat. Sin. 21, 129 (2011) (profiles of quasi-likelihoods)
    """
    check_flags({"prior": prior}, where="profiles")
    result = result.complete
    problem, n, free = result.problem, len(result.z), list(result.problem.free)
    chosen = np.array([free.index(m) for m in known(problem.device, names or free)])

    solved = Lanes(problem)

    def evaluate(z):
        r, jac, ok = solved(z)
        return (r, jac, ok) if prior else (r[:, :-n], jac[:, :-n], ok)

    best = levenberg_marquardt(evaluate, result.z[None], iterations=_ITERATIONS, tolerance=1e-5)
    show = None if tick is None else partial(tick, "profile")
    lanes = _from_best(result, best, chosen, level)
    pinned, ends = lanes.pinned, _followed(result, evaluate, best, lanes, show)
    further = list(beyond)
    for again in range(_AGAIN + 1):
        if further:
            lanes = _from_beyond(result, evaluate, best, further, level)
            pinned = np.append(pinned, lanes.pinned)
            ends = ends.with_lanes(_followed(result, evaluate, best, lanes, show))
        outer = _outer_ends(pinned, ends)
        if again == _AGAIN or not outer:
            break
        further = _missed(result, evaluate, best, outer, ends.inside, level=level, tick=show)
        if not further:
            break
    return [_profile(result, level, ends, np.flatnonzero(pinned == k), int(k)) for k in chosen]


class _Begun(NamedTuple):
    """Lanes of profiles: the coordinate that is held, the point where they begin, the first move, the rise sought."""

    pinned: Int[np.ndarray, " lanes"]
    begin: Float[np.ndarray, "lanes free"]
    slope: Float[np.ndarray, "lanes free"]
    threshold: Float[np.ndarray, " lanes"]


def _from_best(
    result: AbstractFit, best: Progress, chosen: Int[np.ndarray, " chosen"], level: float
) -> _Begun:
    """Lanes from the best point, to both sides of the parameters of these numbers."""
    pinned, sides = np.repeat(chosen, 2), np.tile([-1.0, 1.0], len(chosen))
    # The others follow a held parameter along the column of the covariance that is its own.
    first = result.reach(level) * result.covariance[pinned] / result.sigma_z[pinned][:, None]
    begin = np.repeat(best.z, len(pinned), axis=0)
    return _Begun(pinned, begin, sides[:, None] * first, thresholds(result, level, pinned))


def _from_beyond(
    result: AbstractFit,
    evaluate: Evaluate,
    best: Progress,
    beyond: Sequence[tuple[str, Float[np.ndarray, " free"]]],
    level: float,
) -> _Begun:
    """Lanes outwards from points beyond intervals that the data do not exclude, see `profiles`."""
    names, points = zip(*beyond, strict=True)
    pinned = np.array([result.problem.free.index(n) for n in names])
    width = result.reach(level) * result.sigma_z[pinned]
    triples = zip(points, pinned.tolist(), width, strict=True)
    begin = np.array(points, float)
    slope = np.array([_way_out(z, best.z[0], k, x) for z, k, x in triples])
    threshold = thresholds(result, level, pinned)
    # Where chi squared is above that of the interval, the other level says how far; and what data do not exclude far
    # off may lie above it, too: its interval begins there.
    rise = np.sum(evaluate(begin)[0] ** 2, axis=1) - 2 * best.cost
    sure = np.maximum(thresholds(result, SURE, pinned), rise + threshold)
    return _Begun(pinned, begin, slope, np.where(rise > threshold, sure, threshold))


def _followed(
    result: AbstractFit,
    evaluate: Evaluate,
    best: Progress,
    lanes: _Begun,
    tick: Callable[[Progress], None] | None,
) -> Ends:
    """Ends of lanes, no farther than a parameter may go."""
    problem = result.problem
    slopes = np.abs(log_slopes(problem.device, list(problem.free), best.z[0][: len(problem.free)]))
    # So many first moves change the logarithm of the parameter by `_FARTHEST`.
    moves = np.abs(lanes.slope[np.arange(len(lanes.pinned)), lanes.pinned])
    far = _FARTHEST / np.maximum(slopes[lanes.pinned], 1e-12) / moves
    return profile_ends(
        evaluate,
        lanes.begin,
        pinned=lanes.pinned,
        slope=lanes.slope,
        cost=np.repeat(best.cost, len(lanes.pinned)),
        threshold=lanes.threshold,
        # At least the end to first order is tried.
        farthest=np.maximum(far, 1.0),
        tick=tick,
    )


def _outer_ends(pinned: Int[np.ndarray, " lanes"], ends: Ends) -> list[tuple[int, float]]:
    """Number and coordinate of both ends of each parameter that are not open."""
    rows = {int(k): np.flatnonzero(pinned == k) for k in dict.fromkeys(pinned.tolist())}
    outer = [(k, float(f(ends.z[x]))) for k, x in rows.items() for f in (np.min, np.max)]
    return [(k, z) for k, z in outer if np.isfinite(z)]


def _missed(
    result: AbstractFit,
    evaluate: Evaluate,
    best: Progress,
    ends: Sequence[tuple[int, float]],
    points: Float[np.ndarray, "lanes free"],
    *,
    level: float,
    tick: Callable[[Progress], None] | None,
) -> list[tuple[str, Float[np.ndarray, " free"]]]:
    """Ends at which chi squared has risen by far less; as `beyond`.

    Where valleys are long and bent the others do not follow a parameter all the way from what was fitted last. It may
    be one of them that leads there, so that the interval of the one does not hold a point of the other's; else a search
    at the end, from where the prior is centred, shows it.
    """
    names = result.problem.free
    passed = _passed(result, evaluate, best, ends, points, level)
    if passed:
        return [(names[k], z) for k, z in passed]
    pinned, lanes = np.array([k for k, _ in ends]), np.arange(len(ends))
    center = np.asarray(result.problem.center, float)
    center = np.where(np.isfinite(center), center, result.z)
    start = np.repeat(center[None], len(ends), axis=0)
    start[lanes, pinned] = [z for _, z in ends]
    options: dict[str, Any] = dict(iterations=_ELSEWHERE, together=False, proximal=PROXIMAL)
    fit = levenberg_marquardt(
        lambda points, _: evaluate(points), start, held=pinned, tick=tick, **options
    )
    rise = 2 * (fit.cost - best.cost) / thresholds(result, level, pinned)
    return [(names[pinned[k]], fit.z[k]) for k in np.flatnonzero(rise < _MISSED)]


def _passed(
    result: AbstractFit,
    evaluate: Evaluate,
    best: Progress,
    ends: Sequence[tuple[int, float]],
    points: Float[np.ndarray, "lanes free"],
    level: float,
) -> list[tuple[int, Float[np.ndarray, " free"]]]:
    """The farthest of points beyond each end at which chi squared is below the end's threshold, with its number."""
    pinned = np.array([k for k, _ in ends])
    rise = np.sum(evaluate(points)[0] ** 2, axis=1) - 2 * best.cost
    passed = []
    for (k, end), threshold in zip(ends, thresholds(result, level, pinned), strict=True):
        side = np.sign(end - best.z[0][k])
        off = np.where(rise < _MISSED * threshold, side * (points[:, k] - end), -np.inf)
        if np.max(off) > 0:
            passed.append((k, points[np.argmax(off)]))
    return passed


def _way_out(
    z: Float[np.ndarray, " free"], best: Float[np.ndarray, " free"], k: int, width: float
) -> Float[np.ndarray, " free"]:
    """Return the step away from the best point; of that way nothing is known, and the others begin where they are.

    It is as long as the way to here, or a half-width of the interval: how the others move along a step that is far
    shorter than the valley is wide is chance.
    """
    step = z[k] - best[k]
    return np.where(np.arange(len(z)) == k, np.sign(step) * max(abs(step), width), 0.0)


def thresholds(
    result: AbstractFit, level: float, which: Sequence[int] | Int[np.ndarray, " chosen"]
) -> Float[np.ndarray, " chosen"]:
    """Rise of chi squared at the ends of the intervals of the parameters of these numbers, see `profiles`."""
    jacobian = Batches(result.problem)(result.z[None])[1][0]
    inverse = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
    # The covariance over the inverse curvature: what the noise makes of residuals that are not independent.
    with np.errstate(divide="ignore"):  # no end is near where the data say nothing of a parameter
        weight = np.diag(result.covariance)[which] / np.diag(inverse)[which]
    return result.reach(level) ** 2 * weight


def _profile(result: AbstractFit, level: float, ends: Ends, lanes: np.ndarray, k: int) -> Profile:
    """The interval of one parameter, in its unit."""
    name, device = result.problem.free[k], result.problem.device

    def value(z: float) -> float:
        return to_parameter_units(device, [name], np.array([z]))[name][0]

    outer = np.min(ends.z[lanes]), np.max(ends.z[lanes])
    low, high = (value(z) if np.isfinite(z) else None for z in outer)
    tried, rise = (x[:, lanes].T.ravel() for x in (ends.tried, ends.rise))
    order = np.unique(tried, return_index=True)[1]
    order = order[np.isfinite(rise[order])]
    values, rises = tuple(map(value, tried[order])), tuple(map(float, rise[order]))
    return Profile(name=name, low=low, high=high, level=level, values=values, rise=rises)

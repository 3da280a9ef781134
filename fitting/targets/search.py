r"""How values are found that meet targets: a grid, Levenberg-Marquardt, the fewest parameters, then noise.

Notes
-----
Observables are compared by their logarithms, in units of the tolerances and by soft L1, under a weak prior about the
start (a factor of 7). Thresholds make the map flat: where nothing switches, no derivative says what to do. The search
therefore begins on a grid, each parameter scaled alone, with random scalings of all, and goes on by
Levenberg-Marquardt from the best of those that show every observable.

Few numbers do not determine many parameters. Of the parameters in the order of their distance from the start, the
smallest set whose own search meets the targets as well is taken; then one parameter after the other is put back to the
start where the others can do without it. What is left is sufficient, and no single one of it can stay: it need not be
the only such set.

Search and noise: devices are searched without noise, whose median it shifts; circuits, whose noise-free trains lock
to the drive or fall silent, with a few members that share their noise between points. Either is then compared with
many members in adaptive steps, and the logarithms of the targets are shifted by the difference until those meet the
targets. The check at the end has noise that none of it has seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from memjax.errors import FitError
from memjax.simulate import is_noisy

from ..optimize.levenberg_marquardt import Progress, half_squares, levenberg_marquardt
from ..problem import PRIOR_SIGMA
from .check import Check, checks_of
from .problem import TargetResiduals

STARTS = 8
"""Searches that advance together, without noise; with noise there is one."""

MEMBERS, TRAINS = 16, 64
"""Members of a point in a search with noise, of devices and of spike trains, whose noise points share less."""

_SCALES = (-3.0, -1.5, 1.5, 3.0)  # by how much each parameter is scaled alone [natural log units]
# Standard deviations of random scalings [natural log units]: the next where the ones before show nothing.
_SPREADS = (1.0, 2.0, 4.0)
_ROUNDS = 6  # most corrections for noise
_CLOSE = 0.5  # a search meets a target where it misses it by less than this share of the tolerance
# Share of its cost by which a search has to improve, its most iterations, and those after which one
# with noise asks whether the targets are met: what is nearer is noise.
_GAIN, _ITERATIONS, _STAGE = 1e-2, 40, 6
# Share of a shift of the targets that has to arrive in the device with noise, or it is searched with noise.
_ARRIVES = 0.3
_SAME = 1e-4  # relative change of an observable that is one of the solver
_LACKING = 1e12  # cost of an observable that is not shown
_FARTHEST = 3.0  # longest move that is believed to first order [natural log units]

CHUNK = 128
"""Members of a check that are simulated together: one size, one program."""

FELT = 1.0
"""Change of a coordinate that leaves all targets within their tolerances where they do not feel a parameter."""

Tick = Callable[[str, Any], None]
"""Hears of the stage and of a `Progress`."""


class NotShownError(FitError):
    """No trial shows all observables; `fit` is the one that shows most of them."""

    fit: Any = None


@dataclass
class Trials:
    """A problem, and what any trial showed: a search is asked what it came nearest to.

    `best` is the point that is taken if the search ends now, `least` the cost below which another one takes its place;
    `tick` hears of `stage` after each iteration.
    """

    problem: TargetResiduals
    tick: Tick | None = None
    shown: list[np.ndarray] = field(default_factory=list)
    stage: str = ""
    least: float = np.inf
    best: Progress = field(init=False)

    def __post_init__(self) -> None:
        self.best = Progress(self.center[None], np.full(1, np.inf), problem=self.problem)

    @property
    def count(self) -> int:
        """Number of targets."""
        return len(self.problem.targets)

    @property
    def center(self) -> np.ndarray:
        """Coordinates of the start."""
        return np.asarray(self.problem.center)

    @property
    def lanes(self) -> int:
        """Searches that advance together."""
        return self.problem.points // (len(self.problem.free) + 1)

    @property
    def close(self) -> float:
        """Cost of targets that are all missed by so little that they count as met."""
        return 0.5 * self.count * _CLOSE**2

    @property
    def moved(self) -> np.ndarray:
        """Which parameters of the best point so far are not where they began (1; the others 0)."""
        return np.asarray(self.best.z[0] != self.center, float)

    def begin(self, stage: str) -> None:
        """Say what is done next."""
        self.stage = stage
        self.tell(self.best)

    def tell(self, search: Progress) -> None:
        """Say how far a search has come."""
        if self.tick is not None:
            self.tick(self.stage, search)

    def keep(self, z: np.ndarray, cost: float, *, final: bool = False) -> None:
        """Remember a point as the best so far; a `final` one stays the best, whatever others cost."""
        self.best.z, self.best.cost = z[None].copy(), np.array([cost])
        self.least = -np.inf if final else cost

    def observe(self, z: np.ndarray) -> np.ndarray:
        """See `TargetResiduals.observe`; remembered."""
        values = self.problem.observe(z)
        self.shown.append(values)
        return values

    def linearise(self, z: np.ndarray, mask: np.ndarray):
        """See `AbstractProblem`; parameters out of the mask have no derivative, and so do not move."""
        r, jacobian, ok = self.problem.linearise(z)
        self.shown.append(np.exp(self.problem.logs(r[:, : self.count])))
        cost = half_squares(r, ok)
        if np.min(cost) < self.least:
            self.keep(z[np.argmin(cost)], float(np.min(cost)))
        return r, jacobian * mask[:, None], ok

    def data_cost(self, search: Progress) -> np.ndarray:
        """Cost of the targets alone at the points of a search, see `_data_cost`."""
        return _data_cost(search.residuals, self.count)

    def nearest(self) -> dict[str, float]:
        """Value of each target that came nearest, with the shift by noise."""
        every = np.concatenate(self.shown) * np.exp(np.array(self.problem.offset))
        best = {}
        for t, x in zip(self.problem.targets, every.T, strict=True):
            x = x[np.isfinite(x)]
            if x.size:
                best[t.label] = float(x[np.argmin(np.abs(np.log(x / t.value)))])
        return best


def screen(trials: Trials, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The best starts of a grid and of random scalings; which parameters the device feels when scaled alone (1, 0).

    Raises
    ------
    FitError
        Where no trial shows all observables.
    """
    problem, center, most = trials.problem, trials.center, trials.lanes
    n = len(center)
    size, felt, shown = 4 * n + 1, np.ones(n), np.zeros(trials.count, bool)
    for k, spread in enumerate(_SPREADS):
        z = center + spread * rng.normal(size=(-(-size // problem.points) * problem.points, n))
        if k == 0:
            z[:size] = center + np.concatenate(
                [np.zeros((1, n)), *(s * np.eye(n) for s in _SCALES)]
            )
        values = trials.observe(z)
        shown |= np.isfinite(values).any(axis=0)
        if k == 0:
            felt = _felt(values[0], values[1:size].reshape(len(_SCALES), n, -1))
        r = np.concatenate([problem.off(values), (z - center) / PRIOR_SIGMA], axis=1)
        # Until one shows all, that which shows most of them, and of these the nearest.
        lacking = np.sum(~np.isfinite(r), axis=1) * _LACKING
        nearest = lacking + 0.5 * np.nansum(r**2, axis=1)
        if np.min(nearest) < trials.least:
            trials.keep(z[np.argmin(nearest)], float(np.min(nearest)))
        cost = half_squares(r, np.asarray(np.isfinite(r).all(axis=1)))
        if good := int(np.isfinite(cost).sum()):
            best = z[np.argsort(cost, kind="stable")[: min(most, good)]]
            trials.keep(best[0], float(np.min(cost)))
            return np.where(felt > 0, np.resize(best, (most, n)), center), felt
    never = [t.label for t, s in zip(problem.targets, shown, strict=True) if not s]
    raise NotShownError(
        f"no trial shows {', '.join(never) or 'all of them at once'}",
        where="targets",
        allowed="observables that the model shows under the protocol",
        fix="begin at other values (--preset, --fix), free others, or drive it further (--sweep-to, --stimulus)",
    )


def _felt(
    start: np.ndarray, scaled: Float[np.ndarray, "scales free targets"]
) -> Float[np.ndarray, " free"]:
    """1 for parameters that change an observable when scaled alone; all where the start shows too little to say."""
    if not np.isfinite(start).all():
        return np.ones(scaled.shape[1])
    with np.errstate(invalid="ignore"):
        same = np.abs(np.log(scaled / start)) < _SAME
    return (~same.all(axis=(0, 2))).astype(float)


def descend(
    trials: Trials, starts: np.ndarray, masks: np.ndarray, *, apart: bool = False
) -> Progress:
    """Levenberg-Marquardt from every start; what its mask leaves out (0) stays; `apart`: no start ends the others."""

    def masked(z: np.ndarray, which: Any = slice(None)) -> tuple:
        return trials.linearise(z, masks[which])

    options: Any = dict(tolerance=_GAIN, together=not apart, tick=trials.tell)
    if not trials.problem.noisy:
        return levenberg_marquardt(masked, starts, iterations=_ITERATIONS, **options)
    result = Progress(starts, np.full(len(starts), np.inf))
    for _ in range(_ITERATIONS // _STAGE):
        last = float(np.min(result.cost))
        result = levenberg_marquardt(masked, result.z, iterations=_STAGE, **options)
        met = trials.data_cost(result)[result.best] < 0.1 * trials.count * _CLOSE**2
        if met or not np.min(result.cost) < (1 - _GAIN) * last:
            break
    return result


def fewest(trials: Trials, search: Progress, felt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best point with few parameters moved, and which these are (1; the others 0)."""
    if trials.problem.noisy:
        return _fewest_with_noise(trials, search)
    center, count = trials.center, trials.lanes
    numbers, allowed = np.arange(len(center)), _allowed(trials, search)
    z, mask = search.z[search.best], felt
    # What has fewer parameters is better, and costs more.
    trials.keep(z, float(search.cost[search.best]), final=True)
    order = np.argsort(-np.abs(z - center), kind="stable")[:count]
    masks = np.array([np.isin(numbers, order[: k + 1]) for k in range(count)], float)
    while len(masks):
        masks = np.concatenate([masks, np.ones((count - len(masks), len(center)))])
        trial = descend(trials, np.where(masks > 0, z, center), masks, apart=True)
        enough = np.flatnonzero(trials.data_cost(trial) <= allowed)
        enough = enough[masks[enough].sum(axis=1) < mask.sum()]
        if not enough.size:
            break
        best = min(enough, key=lambda k: (masks[k].sum(), trial.cost[k]))
        z, mask = trial.z[best], masks[best]
        trials.keep(z, float(trial.cost[best]), final=True)
        moved = np.flatnonzero(mask)
        masks = np.array([mask * (numbers != k) for k in moved[:count]])
        masks = masks if len(moved) > 1 else masks[:0]
    return z, mask


def _allowed(trials: Trials, search: Progress) -> float:
    """Cost of the targets up to which fewer parameters do as well as the best point of a search."""
    return max(1.05 * trials.data_cost(search)[search.best], trials.close)


def _data_cost(residuals: np.ndarray, count: int) -> np.ndarray:
    """Half the sum of squares of the targets alone; infinite where one is not shown."""
    r = residuals[:, :count]
    return half_squares(r, np.asarray(np.isfinite(r).all(axis=1)))


def corrected(
    trials: Trials, z: np.ndarray, mask: np.ndarray, felt: np.ndarray, search: Progress, members: int
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The best point of all rounds, and which parameters were moved: targets are shifted by what noise changes."""
    rng = np.random.default_rng(trials.problem.seed)
    before: tuple[np.ndarray, np.ndarray] | None = None
    best, least = (z, mask), np.inf
    for k in range(_ROUNDS):
        problem, stage = trials.problem, f"noise, round {k + 1} of at most {_ROUNDS}"
        trials.begin(stage)
        checks = checked(problem, z, members, seed=problem.seed + 1)
        worst = max(abs(c.off) for c in checks)
        if worst < least:
            best, least = (z, mask), worst
        trials.keep(best[0], float(trials.best.cost[0]), final=True)
        trials.begin(f"{stage}: " + ", ".join(f"{c.target.label} {c.value:.4g}" for c in checks))
        off = np.log([c.value / c.target.value for c in checks])
        if not np.isfinite(off).all() or all(c.well_met for c in checks):
            break
        offset, gain = np.array(problem.offset), np.ones(trials.count)
        if before is not None:  # how much of the last shift arrived
            step = offset - before[0]
            gain = (before[1] - off) / np.where(np.abs(step) > 1e-6, step, np.inf)
        missed = np.array([not c.met for c in checks])
        if not problem.noisy and k > 0 and (np.any(missed & (gain < _ARRIVES)) or k > 2):
            trials.begin(f"search with noise, round {k + 1} of at most {_ROUNDS}")
            z, mask = _with_noise(trials, z, felt)
            before = None
            continue
        before = offset, off
        # A shift that arrives in part is lengthened, by a factor of 3 at the most: the gain is itself noisy.
        shift = off / np.where(gain > 0, np.clip(gain, _ARRIVES, 2.0), 1.0)
        trials.problem = replace(problem, offset=tuple((offset + shift).tolist()))
        starts = z + mask * 0.1 * rng.normal(size=(trials.lanes, len(z)))
        starts[0] = z
        again = descend(trials, starts, np.broadcast_to(mask, starts.shape))
        if trials.data_cost(again)[again.best] <= trials.close or problem.noisy:
            z = again.z[again.best]
            continue
        trials.begin(f"search with other parameters, round {k + 1} of at most {_ROUNDS}")
        starts = np.concatenate([z[None], search.z[:-1]])
        whole = descend(trials, starts, np.broadcast_to(felt, starts.shape))
        if np.isfinite(whole.cost[whole.best]):
            z, mask = fewest(trials, whole, felt)
            before = None
    return best


def _with_noise(trials: Trials, z: np.ndarray, felt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From a point on with noise: where that decides what happens, the device without it leads astray.

    All parameters that the device without noise feels may move; then the fewest that do the same, to first order.
    """
    trials.problem = replace(
        trials.problem, members=MEMBERS, points=len(z) + 1, offset=(0.0,) * trials.count
    )
    return _fewest_with_noise(trials, descend(trials, z[None], felt[None]))


def _fewest_with_noise(trials: Trials, search: Progress) -> tuple[np.ndarray, np.ndarray]:
    """As `fewest`, but of the sets only the one that suffices to first order is tried: each trial is long."""
    center, z = trials.center, search.z[search.best]
    guess = _sparse(search.jacobian[search.best][: trials.count], z - center)
    if guess is not None:
        few = (guess != 0).astype(float)
        again = descend(trials, (center + guess)[None], few[None])
        if not trials.data_cost(again)[0] > _allowed(trials, search):
            return again.z[0], few
    return z, (z != center).astype(float)


def _sparse(slopes: np.ndarray, shift: np.ndarray) -> np.ndarray | None:
    """The move of the fewest parameters that does to first order what another one does; None where none is nearer."""
    moved = np.flatnonzero(shift)
    for size in range(1, len(moved)):
        best, least = None, np.inf
        for subset in map(list, combinations(moved, size)):
            step = np.linalg.lstsq(slopes[:, subset], slopes @ shift, rcond=None)[0]
            left = slopes[:, subset] @ step - slopes @ shift
            far = np.abs(step).max()
            if left @ left < len(left) * _CLOSE**2 and far < min(least, _FARTHEST):
                best, least = (subset, step), far
        if best is not None:
            guess = np.zeros(len(shift))
            guess[best[0]] = best[1]
            return guess
    return None


def checked(
    problem: TargetResiduals, z: np.ndarray, members: int, *, seed: int
) -> tuple[Check, ...]:
    """The targets against members with the device's noise in adaptive steps, at a point.

    At most `members` are simulated, in chunks, until every value is known to a fifth of its tolerance. Of a model
    without noise there is the one solve.
    """
    if not is_noisy(problem.device):
        return checks_of(problem.targets, problem.observe(z[None]), noisy=False)
    adaptive = replace(problem, protocols=tuple(replace(p, policy=None) for p in problem.protocols))
    device, size = problem.at(jnp.asarray(z)), min(members, CHUNK)
    values, checks = [], ()
    for k in range(0, members, size):
        values.append(adaptive.read(device, members=np.arange(k, k + size), seed=seed))
        checks = checks_of(problem.targets, np.concatenate(values), noisy=True)
        if all(c.precise for c in checks):
            break
    return checks

"""Batched Levenberg-Marquardt: many starts advance together, the best result so far survives everything."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

Evaluate = Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]]

LONGEST = 1.5  # longest move of a coordinate in one iteration [natural log units]
# Derivative beyond which a start counts as one without a value: its square is no number.
_STEEPEST = 1e100
_APART = 1e24  # sum of squared derivatives beyond which a coordinate is taken in units of its own
# Damping at the start, as a share of the diagonal of J'J: where one coordinate is held, and elsewhere. The others begin
# near where they end, along valleys in which much damping leaves nothing of a step.
_DAMPING = (1e-4, 1e-2)
_LEAST_DAMPING = 1e-9
_PATIENCE = 8  # iterations without a gain of the best start after which the search ends


PROXIMAL = 1.0
"""Share of the mean squared residual that is added to the diagonal of J'J where a search ends: a proximal term.

A coordinate that the data hardly know has a derivative near zero, and Gauss-Newton steps as long as they are wrong:
each of them fails, the damping grows, and what the data do know creeps along its valley. With the term it moves as if
it were known to one natural log unit; what is known better is slowed by little. R. T. Rockafellar, SIAM J. Control
Optim. 14, 877 (1976), doi:10.1137/0314056.
"""


@dataclass
class Progress:
    """What a search has reached; it is updated in place, so that an interrupt loses nothing.

    Parameters
    ----------
    z : Float[np.ndarray, "starts free"]
        Best point of each start.
    cost : Float[np.ndarray, "starts"]
        Half its sum of squares; infinite where no solve ended well.
    iterations : int
        Iterations done.
    evaluations : int
        Residual vectors with Jacobian computed.
    failed : int
        Evaluations whose solve did not end well.
    converged : Bool[np.ndarray, "starts"]
        Starts that no longer improve.
    history : list of float
        Best cost after each iteration.
    residuals, jacobian : Float[np.ndarray, "starts residuals"], Float[np.ndarray, "starts residuals free"]
        At the best points, once the search has ended.
    later : int
        Iterations of the searches that follow, at the most.
    left : int or None
        Iterations that this search and those can still make; None before its first one.
    problem : AbstractProblem, optional
        What `z` are coordinates of, where that is to be known: an interrupted search is saved by it.
    """

    z: Float[np.ndarray, "starts free"]
    cost: Float[np.ndarray, " starts"]
    iterations: int = 0
    evaluations: int = 0
    failed: int = 0
    converged: Bool[np.ndarray, " starts"] = field(default_factory=lambda: np.zeros(0, bool))
    history: list[float] = field(default_factory=list)
    residuals: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    jacobian: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0)))
    later: int = 0
    left: int | None = None
    problem: Any = None

    def counted(self, evaluations: int, failed: int) -> None:
        """Count an iteration."""
        self.iterations += 1
        self.evaluations += evaluations
        self.failed += failed
        self.history.append(float(np.min(self.cost)))

    @property
    def best(self) -> int:
        """Start with the lowest cost."""
        return int(np.argmin(self.cost))


def screen(
    evaluate: Evaluate,
    z: Float[np.ndarray, "many free"],
    *,
    keep: int,
    progress: Progress | None = None,
):
    """The `keep` best of many starts by cost, evaluated in batches of `keep`; the first one always stays."""
    costs = []
    for k in range(0, len(z), keep):
        batch = z[k : k + keep]
        padded = np.concatenate([batch, np.repeat(batch[-1:], keep - len(batch), axis=0)])
        r, _, ok = evaluate(padded)
        costs.append(half_squares(r, ok)[: len(batch)])
        if progress is not None:
            progress.evaluations += len(batch)
            progress.failed += int(np.sum(~ok[: len(batch)]))
    cost = np.concatenate(costs)
    order = np.argsort(cost, kind="stable")[:keep]
    order[-1] = order[-1] if 0 in order else 0  # the guess stays: it is rough, but not far
    return np.resize(z[order], (keep, z.shape[1]))


def half_squares(r: np.ndarray, ok: np.ndarray) -> np.ndarray:
    """Half the sum of squares; infinite for a failed solve, and for residuals that no sum of squares holds."""
    with np.errstate(over="ignore"):
        return np.where(ok, 0.5 * np.sum(np.where(ok[:, None], r, 0.0) ** 2, axis=1), np.inf)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ending:
    """When starts of a search end.

    Parameters
    ----------
    patience : int
        Small gains in a row after which a start has converged.
    enough : float or Float[np.ndarray, "starts"]
        Cost below which a start has converged, whatever more could be gained, of all or of each.
    halving, back : int, (float, float), optional
        Iterations after which the worse half of the starts ends (`evaluate` is given no numbers there), and costs
        between which the best one then ends the search.
    """

    patience: int = 3
    enough: float | Float[np.ndarray, " starts"] = 0.0
    halving: int | None = None
    back: tuple[float, float] = (0.0, 0.0)


_ENDING = Ending()


def levenberg_marquardt(
    evaluate: Evaluate,
    z: Float[np.ndarray, "starts free"],
    *,
    iterations: int = 60,
    tolerance: float | Float[np.ndarray, " starts"] = 1e-4,
    together: bool = True,
    proximal: float = 0.0,
    ending: Ending = _ENDING,
    held: Int[np.ndarray, " starts"] | None = None,
    progress: Progress | None = None,
    tick: Callable[[Progress], None] | None = None,
) -> Progress:
    """Minimise half the sum of squared residuals from every start at once; best point and cost of each.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(z) -> (residuals, jacobian, ok)`` of points; ``evaluate(z, which)``, with the numbers of the starts
        that go on, where they are not of one problem.
    z, iterations : Float[np.ndarray, "starts free"], int
        Starts; largest number of iterations.
    tolerance : float or Float[np.ndarray, "starts"]
        A start has converged when steps in a row (`Ending.patience`) lower its cost by less than this share; the
        search ends when all have, or when eight iterations lower the best by less than it each.
    together : bool
        Whether the starts are of one problem, so that the best of them may end the search.
    proximal : float
        Share of the mean squared residual that is added to the diagonal of J'J, see `PROXIMAL`.
    ending : Ending, optional
        When starts end otherwise.
    held : Int[np.ndarray, "starts"], optional
        Number of the coordinate of each start that no step moves.
    progress, tick : Progress, callable, optional
        Updated in place, and called, after each iteration; a `KeyboardInterrupt` leaves it whole.

    Notes
    -----
    Damping by the diagonal of J'J after Nielsen, see `_next_damping`. No coordinate moves by more than 1.5 at once. A
    start has converged after small gains in a row, where no step is short enough, or (not `together`) where a step
    of the least damping promises less than a tenth of a small gain.
    """
    every, going = np.arange(len(z)), np.ones(len(z), bool)
    r, jac, ok = evaluate(z) if together else evaluate(z, every)
    state = progress if progress is not None else Progress(z, np.full(len(z), np.inf))
    state.z, state.cost = z.copy(), half_squares(r, ok)
    state.converged, state.evaluations = state.cost < ending.enough, state.evaluations + len(z)
    damping, growth = np.full(len(z), _DAMPING[held is None]), np.full(len(z), 2.0)
    small, begun = np.zeros(len(z), int), len(state.history)
    for k in range(iterations):
        over = bool(np.all(state.converged | ~np.isfinite(state.cost)))
        if ending.halving and k and k % ending.halving == 0:
            over |= bool(ending.back[0] < np.min(state.cost) < ending.back[1])
            going &= state.cost <= np.median(state.cost[going])
        if over or (together and _stalled(state.history[begun:], float(np.max(tolerance)))):
            break
        which = every if together else np.flatnonzero(~state.converged & np.isfinite(state.cost))
        step, (predicted_reduction, left) = np.zeros_like(z), np.zeros((2, len(z)))
        parts = r[which], _hold(jac[which], held, which), ok[which], damping[which]
        step[which], predicted_reduction[which], left[which] = _steps(*parts, proximal)
        trial = np.where(going[:, None], state.z + step, np.nan)
        new_r, new_jac, new_ok = _try_points(evaluate, trial, which, together, r, jac)
        cost = half_squares(new_r, new_ok)
        better = cost < state.cost
        is_small, ratio = _gains(state.cost, cost, predicted_reduction, tolerance)
        small = np.where(is_small, small + 1, small * ~better)
        damping, growth = _next_damping(damping, growth, better, ratio)
        r, jac, state.z = map(partial(_pick, better), (new_r, new_jac, trial), (r, jac, state.z))
        ok, state.cost = ok | (better & new_ok), np.where(better, cost, state.cost)
        # So much damping allows no step that would be seen.
        state.converged = (
            (small >= ending.patience) | (damping > 1e8) | (state.cost < ending.enough)
        )
        state.converged |= (not together) & (left < 0.1 * tolerance * state.cost)
        state.counted(int(np.sum(going[which])), int(np.sum((going & ~new_ok)[which])))
        state.left = iterations - k - 1 + state.later
        if tick is not None:
            tick(state)
    state.residuals, state.jacobian = r, jac
    return state


def _hold(jacobian: np.ndarray, held: np.ndarray | None, which: np.ndarray) -> np.ndarray:
    """Jacobians of the starts `which`, without the column of what is held."""
    if held is not None:
        jacobian[np.arange(len(which)), :, held[which]] = 0.0
    return jacobian


def _gains(
    before: np.ndarray, after: np.ndarray, predicted: np.ndarray, tolerance: float | np.ndarray
):
    """Which costs fell by a small share, and the ratio of each reduction to the one that was predicted."""
    # A start whose first solve failed has no cost to compare with: its first success is no small gain.
    known = (after < before) & np.isfinite(before)
    before, after = np.where(known, before, 1.0), np.where(known, after, 1.0)
    ratio = (before - after) / np.maximum(np.where(known, predicted, 1.0), 1e-300)
    return known & (before - after < tolerance * before), ratio


def _pick(better: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """The new values where they are better, the old ones elsewhere, in place where that is allowed."""
    old = old if old.flags.writeable else old.copy()
    old[better] = new[better]
    return old


def _next_damping(damping, growth, better, ratio) -> tuple[np.ndarray, np.ndarray]:
    """Damping of the next step, and by how much a failure will multiply it.

    Eased by the ratio of the reduction to the predicted one; multiplied by 2, 4, 8, ... at failures in a
    row (a higher cost, or a solve that did not end well).
    """
    # Nielsen: 1/3 where all of the reduction came true, 1 at half of it, up to 2 where none did.
    ease = np.maximum(1 / 3, 1 - (2 * np.minimum(ratio, 1.0) - 1) ** 3)
    damping = np.clip(damping * np.where(better, ease, growth), _LEAST_DAMPING, 1e12)
    return damping, np.where(better, 2.0, 2 * growth)


def _try_points(evaluate: Evaluate, trial: np.ndarray, which: np.ndarray, together: bool, r, jac):
    """Residuals, Jacobians and success at a trial; starts of other problems that have ended do not succeed."""
    if together:
        return evaluate(trial)
    new_r, new_jac, ok = r.copy(), jac.copy(), np.zeros(len(trial), bool)
    new_r[which], new_jac[which], ok[which] = evaluate(trial[which], which)
    return new_r, new_jac, ok


def _stalled(history: list[float], tolerance: float) -> bool:
    if len(history) <= _PATIENCE:
        return False
    return history[-1 - _PATIENCE] - history[-1] < tolerance * history[-1] * _PATIENCE


def _steps(
    r: np.ndarray, jac: np.ndarray, ok: np.ndarray, damping: np.ndarray, proximal: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Damped Gauss-Newton steps of a batch, limited in length, and the reduction of the cost that they predict, and
    that of steps with the least damping.

    So many mean squared residuals are added to the diagonals, see `PROXIMAL`.

    All are zero for a start that has no value, or a derivative whose square is no number.
    """
    ok = ok & (np.max(np.abs(jac), axis=(1, 2), initial=0.0) < _STEEPEST)
    r, jac = np.where(ok[:, None], r, 0.0), np.where(ok[:, None, None], jac, 0.0)
    hessian = np.einsum("sri,srj->sij", jac, jac)
    gradient = np.einsum("sri,sr->si", jac, r)
    diagonal = np.einsum("sii->si", hessian)
    # Damped by the diagonal, which no choice of units changes; 1e-9 for coordinates that move nothing.
    least = proximal * np.mean(r**2, axis=1)[:, None] + 1e-9
    matrix = hessian + np.eye(jac.shape[2]) * (damping[:, None] * diagonal + least)[:, :, None]
    # Columns many decades apart, of which rounding would leave one, count in units of their own.
    apart = np.max(diagonal, axis=1, keepdims=True) > _APART
    unit = np.where(apart, 1 / np.sqrt(np.einsum("sii->si", matrix)), 1.0)
    units = unit[:, :, None] * unit[:, None, :]
    step = -unit * np.linalg.solve(matrix * units, (unit * gradient)[..., None])[..., 0]
    least = least + _LEAST_DAMPING * diagonal
    matrix = (hessian + np.eye(jac.shape[2]) * least[:, :, None]) * units
    whole = -unit * np.linalg.solve(matrix, (unit * gradient)[..., None])[..., 0]
    longest = np.maximum(np.max(np.abs(step), axis=1), 1e-300)
    step = step * np.minimum(1.0, LONGEST / longest)[:, None]
    # The quadratic model: -g s - s H s / 2. Its share that comes true says how far to trust the next step.
    curved = np.einsum("si,sij,sj->s", step, hessian, step)
    predicted = -np.einsum("si,si->s", gradient, step) - 0.5 * curved
    return step, predicted, -0.5 * np.einsum("si,si->s", gradient, whole)


def crossover(
    z: Float[np.ndarray, "starts free"],
    cost: Float[np.ndarray, " starts"],
    *,
    count: int,
    seed: int,
) -> Float[np.ndarray, "count free"]:
    """New starts out of finished ones, the first being the best: it with some coordinates of others, or shaken.

    Notes
    -----
    The two polarities of a device are all but separate problems: one start may have solved the one,
    another the other.
    """
    rng = np.random.default_rng(seed)
    good = np.flatnonzero(np.isfinite(cost))
    best = z[np.argmin(cost)]
    out = [best]
    for k in range(count - 1):
        other = z[rng.choice(good)] if k % 2 else best + 0.7 * rng.normal(size=len(best))
        out.append(np.where(rng.random(len(best)) < rng.choice([0.2, 0.5]), other, best))
    return np.stack(out)

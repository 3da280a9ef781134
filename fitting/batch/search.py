"""Searches of many problems of one shape, side by side."""

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from memjax.core.fields import with_values
from memjax.runtime.arguments import as_seed

from ..constants import MODEL_SIGMA
from ..optimize.levenberg_marquardt import PROXIMAL, Progress, half_squares, levenberg_marquardt
from ..problem import TOGETHER, WEAK_SIGMA, evaluate_each, of_some, stacked
from ..sweeps.prepare import Prepared
from ..sweeps.problem import kernel_of
from .grid_solver import FINE, GridSolver
from .kernel_search import POOR, SCATTERED, end_each, find_each, outlying, takes_kernel

Residuals = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# How searches on grids end: the share by which a step must lower a cost, and how many in a row may lower it by less.
# What is left, steps on halved ones gain; but where a current switches gains are small long before the end.
_ENDS: dict[bool, dict] = {
    False: {"tolerance": 1e-2, "patience": 1},
    True: {"tolerance": 1e-4, "patience": 3},
}
_ROUGH = 0.1  # the same, where another search follows
_ENOUGH = 0.1  # root mean square residual [sigma] that is enough where another search follows
_SHORT = 1.0  # length of a step [standard deviations] that is taken without a solve, since it is all but linear
# Root mean square difference of residuals [sigma] up to which a grid and the one of halved steps agree.
_AGREE = 0.3
_SETTLED = 0.1  # distance from the optimum, in standard deviations, that does not count
_MORE = 3  # further starts that are tried where a search has led nowhere
_OFF = 0.5  # difference of one residual of a switching device from that of the adaptive solver that is allowed [sigma]
_CORRECTIONS = 3  # steps with residuals on halved steps at most
_SIDE_BY_SIDE = 8  # devices of the adaptive search that advance together


@dataclass(frozen=True, kw_only=True)
class Search:
    """How devices are fitted: devices of a chunk, starts screened, starts improved, seed, whether on grids at first."""

    chunk: int
    screened: int
    starts: int
    seed: int
    grids: bool = True

    def __post_init__(self):
        object.__setattr__(self, "seed", as_seed(self.seed, where="fit_batch", lowest=0))


class _Optima(NamedTuple):
    """Coordinates, residuals, Jacobians of devices; whether they are right, optima, and of graded steps.

    Near are those of which the grids agreed, though steps may have been too few for the slopes.
    """

    z: np.ndarray
    r: np.ndarray
    jacobian: np.ndarray
    right: np.ndarray
    settled: np.ndarray
    near: np.ndarray
    graded: np.ndarray


def reweigh(
    prepared: Sequence[Prepared],
    optima: Sequence[tuple],
    noise: Sequence[float],
    search: Search,
    halt: threading.Event,
) -> list[tuple]:
    """Problems and optima once the prior weighs against the noise that there is, not against what was granted.

    `optima` is what `find_optima` gave, `noise` the standard deviation of the residuals of each [sigma]. The
    kernel searches for all, or for none, see `takes_kernel`.
    """
    known = lambda s: {"noise": np.asarray(s), "prior_sigma": np.asarray(WEAK_SIGMA)}  # noqa: E731
    again = [
        replace(m, problem=with_values(m.problem, known(s)), candidates=f[0][None])
        for m, f, s in zip(prepared, optima, noise, strict=True)
    ]
    if takes_kernel(prepared[0]):
        ended = end_each(again, optima, search.seed, halt)
        return [(m, *optimum) for m, optimum in zip(again, ended, strict=True)]
    z, r, jacobian = (np.stack(x) for x in zip(*optima, strict=True))
    now, before = (np.array([float(m.problem.prior_weight) for m in x]) for x in (again, prepared))
    change = now / before
    n = z.shape[1]
    r[:, -n:] *= change[:, None]
    jacobian[:, -n:] *= change[:, None, None]
    sound = np.all(np.isfinite(r), axis=1) & np.all(np.isfinite(jacobian), axis=(1, 2))

    @functools.cache
    def solver() -> GridSolver:  # most are optima still
        return GridSolver(_stacked(again, search.chunk), np.arange(len(again)), halt)

    settled = settle(lambda z, which: solver().adaptive(z, which), z, r, jacobian, sound)
    out = list(zip(again, z, r, jacobian, strict=True))
    left = np.flatnonzero(sound & ~settled)
    if len(left):
        ended = find_optima([again[k] for k in left], replace(search, starts=1), halt)
        for k, end in zip(left, ended, strict=True):
            if np.all(np.isfinite(end[1])):
                out[k] = (again[k], *end)
    return out


def _stacked(prepared: Sequence[Prepared], count: int) -> Any:
    """So many problems as one, the last of them repeated: one size, one program."""
    filled = [*prepared, *[prepared[-1]] * (count - len(prepared))]
    return stacked([p.problem for p in filled])


def find_optima(prepared: Sequence[Prepared], search: Search, halt: threading.Event) -> list[tuple]:
    """Coordinates, residuals and Jacobian at the optimum of each problem of one shape; residuals infinite without one.

    `halt` ends the search, by a `KeyboardInterrupt`, once it is set. The kernel searches for all, or for none, see
    `takes_kernel`.

    Notes
    -----
    On grids first (see `fitting.batch.grid_solver`); what was found is looked at on grids with every step halved, a few
    steps correct for the difference, and where the two do not agree the adaptive solver searches. So it does, from
    what was found, where a grid could not follow: slopes across a switching that its steps do not resolve are wrong.
    """
    if takes_kernel(prepared[0]):
        return find_each(prepared, search.starts, halt)
    problems = _stacked(prepared, search.chunk)
    count, n = len(prepared), len(problems.free)
    z, right = np.stack([m.candidates[0] for m in prepared]), np.zeros(count, bool)
    r, jacobian, near = np.zeros((count, 0)), np.zeros((count, 0, n)), right
    if search.grids:
        z, r, jacobian, right, _, near, graded = _on_grids(prepared, problems, search, halt)
        for k in np.flatnonzero(right & graded).tolist():
            r[k], jacobian[k], right[k] = _as_alone(prepared[k], z[k], r[k], halt)
    out = list(zip(z, r, jacobian))
    only = [replace(m, candidates=x[None]) for m, x in zip(prepared, z, strict=True)]
    for left, starts, own in (
        (~right & near, 1, only),
        (~right & ~near, search.starts, prepared),
    ):
        jobs, how = np.flatnonzero(left), replace(search, starts=starts)
        for k in range(0, len(jobs), _SIDE_BY_SIDE):
            some = jobs[k : k + _SIDE_BY_SIDE]
            optima = _adaptively([own[j] for j in some], z[some], how, halt)
            for j, optimum in zip(some, optima, strict=True):
                out[j] = optimum
    return out


def _on_grids(prepared: Sequence[Prepared], problems: Any, search: Search, halt: threading.Event):
    """Optima of a search on grids, see `_correct`; more starts are tried where the first ones lead nowhere."""
    every = np.arange(len(prepared))
    first = _Starts(
        problems, every, np.stack([m.candidates for m in prepared]), halt, search.starts
    )
    optima = first.improved(every, slice(search.starts))
    events = first.solver.events
    lost = np.flatnonzero(_poor(optima, events))
    ranks = slice(search.starts, search.starts + _MORE)
    if len(lost) and first.order[:, ranks].size:
        _keep_better(optima, first.improved(lost, ranks), lost)
    left = np.flatnonzero(_poor(optima, events) & outlying(_chi2(optima)))
    if len(left):
        z = np.stack([prepared[k].further(SCATTERED) for k in left.tolist()])
        scattered = _Starts(problems, left, z, halt, 1)
        _keep_better(optima, scattered.improved(left, slice(_MORE)), left)
    return optima


def _keep_better(optima: _Optima, other: _Optima, which: np.ndarray) -> None:
    """Other optima of some devices, in place, where they are better."""
    better = np.sum(other.r**2, axis=1) < np.sum(optima.r[which] ** 2, axis=1)
    for old, new in zip(optima, other, strict=True):
        old[which[better]] = new[better]


def _chi2(optima: _Optima) -> np.ndarray:
    return np.sum(optima.r**2, axis=1) / max(optima.r.shape[1] - optima.z.shape[1], 1)


def _poor(optima: _Optima, events: bool) -> np.ndarray:
    """Where a search has led nowhere: far above the noise, or to no optimum.

    Where a current switches the loss has kinks, at which it may be least: there no step of a tenth of a standard
    deviation is to be expected.
    """
    settled = optima.settled | events
    return optima.right & (~settled | (_chi2(optima) > POOR))


class _Starts:
    """Starts of some of the devices, in the order of their costs."""

    def __init__(
        self, problems: Any, which: np.ndarray, z: np.ndarray, halt: threading.Event, count: int
    ):
        self.problems, self.which, many = problems, which, z.shape[1]
        self.z = z.reshape(-1, z.shape[2])
        jobs = np.arange(len(self.z))
        self.solver = GridSolver(_broad(problems), np.repeat(which, many), halt)
        r = self.solver.residuals(self.z, jobs)
        cost = half_squares(r, np.all(np.isfinite(r), axis=1)).reshape(-1, many)
        self.order = _ranking(cost, count) + many * np.arange(len(which))[:, None]

    def improved(self, which: np.ndarray, ranks: slice) -> _Optima:
        """The best that comes of the starts of these ranks of some of the devices."""
        starts = self.order[np.searchsorted(self.which, which), ranks]
        own = self.solver.some(starts.ravel())
        done = _descend(own, self.problems, self.z[starts.ravel()])
        best = np.argmin(done.cost.reshape(starts.shape), axis=1)
        best += starts.shape[1] * np.arange(len(which))
        return _correct(own.some(best), done, best)


def _descend(solver: GridSolver, problems: Any, z: np.ndarray) -> Progress:
    """Searches on grids: where less is granted to the model than by default, on the way there first."""
    run = partial(levenberg_marquardt, solver.linearise, together=False, proximal=PROXIMAL)
    if solver.problems is not problems:
        enough = 0.5 * _ENOUGH**2 * problems.group.weight[0].size
        z, solver.problems = run(z, tolerance=_ROUGH, patience=1, enough=enough).z, problems
    solver.rtol = FINE
    return run(z, **_ENDS[solver.events])


def _broad(problems: Any) -> Any:
    """The problems with no less granted to the model than by default: residuals that are not saturated lead further."""
    group = problems.group
    granted = np.asarray(group.model_sigma)
    if np.all(granted >= MODEL_SIGMA):
        return problems
    # Variances add: a weight 1/s becomes 1/sqrt(s^2 + more^2).
    more = np.sqrt(np.maximum(MODEL_SIGMA**2 - granted**2, 0.0))
    weight = np.asarray(group.weight)
    weight = weight / np.sqrt(1 + (more[:, None, None] * weight) ** 2)
    sigma = np.maximum(granted, MODEL_SIGMA)
    pick = lambda p: (p.group.weight, p.group.model_sigma)  # noqa: E731
    return eqx.tree_at(pick, problems, (jnp.asarray(weight), jnp.asarray(sigma)))


def _ranking(cost: np.ndarray, count: int) -> np.ndarray:
    """The starts of each problem from the best to the worst, its guess, the first one, among the first of several."""
    order = np.argsort(cost, axis=1, kind="stable")
    for row in order if count > 1 else ():
        place = int(np.flatnonzero(row == 0)[0])
        if place >= count:
            row[count - 1 : place + 1] = np.roll(row[count - 1 : place + 1], 1)
    return order


def _correct(solver: GridSolver, done: Progress, best: np.ndarray) -> _Optima:
    """Optima on grids with every step halved: where these agree with the grids, their slopes lead to them."""
    z, r, jacobian = done.z[best], done.residuals[best], done.jacobian[best]
    last, size = _newton(r, jacobian)
    short = (size <= _SHORT * _scale(r, z)) & (not solver.events)
    last = np.where(short[:, None], last, 0.0)
    z, r = z + last, r + np.einsum("krn,kn->kr", jacobian, last)
    fine, jacobian, ok = solver.refined(z, np.arange(len(z)), slopes=True)
    away = np.sqrt(np.mean((fine - np.where(np.isfinite(r), r, np.inf)) ** 2, axis=1))
    near = ok & (away <= _AGREE)
    sound = near & solver.resolved
    fine = np.where(ok[:, None], fine, np.inf)
    settled = settle(solver.refined, z, fine, jacobian, sound)
    graded = np.array([bool(x) for x in solver.graded])
    return _Optima(z, fine, jacobian, sound, settled, near, graded)


def settle(
    residuals: Residuals, z: np.ndarray, r: np.ndarray, jacobian: np.ndarray, sound: np.ndarray
) -> np.ndarray:
    """Which points are optima, after a few steps, in place, of those whose slopes are sound.

    ``residuals(z, which)`` gives residuals of some points, and whether they are of use; `r` and `jacobian` are those at
    all points `z`.
    """
    left = np.flatnonzero(sound)
    settled = np.zeros(len(z), bool)
    for k in range(_CORRECTIONS + 1):
        step, size = _newton(r[left], jacobian[left])
        near = size <= _SETTLED * _scale(r[left], z) + 1e-6
        settled[left[near]] = True
        left, step = left[~near], step[~near]
        if k == _CORRECTIONS or not len(left):
            break
        trial = z[left] + step
        new, fine = residuals(trial, left)
        better = fine & (np.sum(new**2, axis=1) <= np.sum(r[left] ** 2, axis=1))
        left = left[better]
        z[left], r[left] = trial[better], new[better]
    return settled


def _scale(r: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Standard deviation of residuals [sigma], by the degrees of freedom."""
    return np.sqrt(np.sum(r**2, axis=1) / max(r.shape[1] - z.shape[1], 1))


def _newton(r: np.ndarray, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # By J = QR and not by J'J, whose condition is the square: the step is -R^-1 Q'r, its length in sigma |Q'r|.
    root, upper = np.linalg.qr(jacobian)
    along = np.einsum("kri,kr->ki", root, r)
    regular = np.all(np.abs(np.einsum("kii->ki", upper)) > 0, axis=1)
    upper = np.where(regular[:, None, None], upper, np.eye(upper.shape[1]))
    step = -np.linalg.solve(upper, along[..., None])[..., 0]
    return step, np.where(regular, np.linalg.norm(along, axis=1), np.inf)


def _as_alone(
    prepared: Prepared, z: np.ndarray, r: np.ndarray, halt: threading.Event
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Residuals and Jacobian by the adaptive solver, and whether those of grids are the same.

    Across a switching slopes take shorter steps than states: on grids that follow these they are off by a third.
    """
    _raise_if(halt)
    points = np.repeat(z[None], TOGETHER, axis=0)
    exact, jacobian, ok = (x[0] for x in prepared.problem.linearise(points))
    return exact, jacobian, bool(ok) and bool(np.max(np.abs(exact - r)) <= _OFF)


def _raise_if(halt: threading.Event) -> None:
    if halt.is_set():
        raise KeyboardInterrupt


def _adaptively(
    prepared: list[Prepared], before: np.ndarray, search: Search, halt: threading.Event
) -> list[tuple]:
    """Optima by the adaptive solver, from those before and from the candidates."""
    if isinstance(kernel_of(prepared[0].problem), str):
        return _in_lockstep(prepared, before, search, halt)
    return find_each(prepared, search.starts, halt, before)


def _in_lockstep(
    prepared: list[Prepared], before: np.ndarray, search: Search, halt: threading.Event
) -> list[tuple]:
    """Optima of devices that advance together, each as slow as the slowest."""
    size, count, n = _SIDE_BY_SIDE, search.starts, before.shape[1]
    every = prepared + prepared[-1:] * (size - len(prepared))  # one size, one program
    problems = stacked([p.problem for p in every for _ in range(count)])

    def evaluate(z):
        _raise_if(halt)
        return tuple(np.asarray(x) for x in evaluate_each(problems, jnp.asarray(z)))

    z = np.stack([p.candidates for p in every])
    costs = []
    for k in range(0, z.shape[1], count):
        r, _, ok = evaluate(z[:, k : k + count].reshape(-1, n))
        costs.append(half_squares(r, ok).reshape(size, count))
    order = _ranking(np.concatenate(costs, axis=1), count)[:, :count]
    last = np.take_along_axis(z, order[:, :, None], axis=1)
    known = np.concatenate([before, np.repeat(before[-1:], size - len(before), axis=0)])
    last[:, -1] = np.where(np.all(np.isfinite(known), axis=1)[:, None], known, last[:, -1])
    last = last.reshape(-1, n)
    done = levenberg_marquardt(of_some(evaluate, last), last, together=False, proximal=PROXIMAL)
    best = np.argmin(done.cost.reshape(size, count), axis=1)
    z = done.z.reshape(size, count, n)[np.arange(size), best]
    r, jac, ok = (x[::count] for x in evaluate(np.repeat(z, count, axis=0)))
    r = np.where(ok[:, None], r, np.inf)
    return list(zip(z, r, jac))[: len(prepared)]

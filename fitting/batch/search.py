"""Searches of many problems of one shape, side by side."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from memjax.compile_cache import jit_with_options

from ..optimize.levenberg_marquardt import Progress, half_squares, levenberg_marquardt
from ..problem import linearise, stacked
from ..sweeps.group import MODEL_SIGMA
from ..sweeps.prepare import Prepared
from .grid_solver import FINE, GridSolver
from .step_grid import MOST

Residuals = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

# Share by which a step on grids must lower a cost for a search to go on: what is left, steps on halved ones gain.
_TOLERANCE = 1e-3
_ROUGH = 0.1  # the same, where another search follows
# Root mean square difference of residuals [sigma] up to which a grid and the one of halved steps agree.
_AGREE = 0.3
_SETTLED = 0.1  # distance from the optimum, in standard deviations, that does not count
_POOR, _MORE = 5.0, 3  # reduced chi squared above which further starts are tried, and how many
_CORRECTIONS = 3  # steps with residuals on halved steps at most
_TOGETHER = 8  # lanes of the adaptive search


@dataclass(frozen=True, kw_only=True)
class Search:
    """How devices are searched: so many together, starts screened, starts kept, seed, whether on grids at first."""

    chunk: int
    screened: int
    starts: int
    seed: int
    grids: bool = True


def weighed(
    made: Sequence[Prepared],
    found: Sequence[tuple],
    noise: Sequence[float],
    search: Search,
    halt: threading.Event,
) -> list[tuple]:
    """Problems and optima once the prior weighs against the noise that there is, not against what was granted.

    `found` is what `searched` gave, `noise` the standard deviation of the residuals of each [sigma].
    """
    again = [
        replace(m, problem=replace(m.problem, noise=jnp.asarray(s)), candidates=f[0][None])
        for m, f, s in zip(made, found, noise, strict=True)
    ]
    z, r, jacobian = (np.stack(x) for x in zip(*found, strict=True))
    change = np.asarray(noise) / np.array([float(m.problem.noise) for m in made])
    n = z.shape[1]
    r[:, -n:] *= change[:, None]
    jacobian[:, -n:] *= change[:, None, None]
    sound = np.all(np.isfinite(r), axis=1) & np.all(np.isfinite(jacobian), axis=(1, 2))
    filled = [*again, *[again[-1]] * (search.chunk - len(again))]  # one size, one program
    solver = GridSolver(stacked([m.problem for m in filled]), np.arange(len(again)), halt)
    settled = settle(solver.adaptive, z, r, jacobian, sound)
    out = [(m, *x) for m, x in zip(again, zip(z, r, jacobian), strict=True)]
    left = np.flatnonzero(sound & ~settled)
    if len(left):
        ended = searched([again[k] for k in left], replace(search, starts=1), halt)
        for k, end in zip(left, ended, strict=True):
            if np.all(np.isfinite(end[1])):
                out[k] = (again[k], *end)
    return out


def searched(made: Sequence[Prepared], search: Search, halt: threading.Event) -> list[tuple]:
    """Coordinates, residuals and Jacobian at the optimum of each problem of one shape; residuals infinite without one.

    `halt` ends the search, by a `KeyboardInterrupt`, once it is set.

    Notes
    -----
    On grids first (see `fitting.batch.grid_solver`); what was found is looked at on grids with every step halved, a few
    steps correct for the difference, and where the two do not agree the adaptive solver searches. So it does, from
    what was found, where a grid could not follow: slopes across a switching that its steps do not resolve are wrong.
    """
    filled = [*made, *[made[-1]] * (search.chunk - len(made))]  # one size, one program
    problems = stacked([m.problem for m in filled])
    count, n = len(made), len(problems.free)
    z, right = np.stack([m.candidates[0] for m in made]), np.zeros(count, bool)
    r, jacobian, near = np.zeros((count, 0)), np.zeros((count, 0, n)), right
    if search.grids:
        z, r, jacobian, right, _, near = _on_grids(made, problems, search, halt)
    out = list(zip(z, r, jacobian))
    only = [replace(m, candidates=x[None]) for m, x in zip(made, z, strict=True)]
    for left, starts, own in (
        (~right & near, 1, only),
        (~right & ~near, search.starts, made),
    ):
        jobs = np.flatnonzero(left)
        for k in range(0, len(jobs), _TOGETHER):
            some = jobs[k : k + _TOGETHER]
            how = replace(search, starts=starts)
            found = _adaptively([own[j] for j in some], z[some], how, halt)
            for j, one in zip(some, found, strict=True):
                out[j] = one
    return out


def _on_grids(made: Sequence[Prepared], problems: Any, search: Search, halt: threading.Event):
    """What a search on grids finds: see `_corrected`; more starts are tried where the first ones lead nowhere."""
    candidates = np.stack([m.candidates for m in made])
    count, many, n = candidates.shape
    flat, jobs = candidates.reshape(-1, n), np.arange(count * many)
    solver = GridSolver(_broad(problems), np.repeat(np.arange(count), many), halt)
    r = solver.residuals(flat, jobs)
    cost = half_squares(r, np.all(np.isfinite(r), axis=1)).reshape(count, many)
    order = _sorted(cost, search.starts) + many * np.arange(count)[:, None]

    def improved(which: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
        """The best that comes of some starts of some problems."""
        own = solver.some(starts.ravel())
        done = _descended(own, problems, flat[starts.ravel()])
        best = np.argmin(done.cost.reshape(starts.shape), axis=1)
        best += starts.shape[1] * np.arange(len(which))
        return _corrected(own.some(best), done, best)

    found = improved(np.arange(count), order[:, : search.starts])
    chi2 = np.sum(found[1] ** 2, axis=1) / max(found[1].shape[1] - n, 1)
    again = np.flatnonzero(found[3] & (~found[4] | (chi2 > _POOR)))
    more = order[again, search.starts : search.starts + _MORE]
    if more.size:
        other = improved(again, more)
        better = np.sum(other[1] ** 2, axis=1) < np.sum(found[1][again] ** 2, axis=1)
        for old, new in zip(found, other, strict=True):
            old[again[better]] = new[better]
    return found


def _descended(solver: GridSolver, problems: Any, z: np.ndarray) -> Progress:
    """Searches on grids: where less is granted to the model than by default, on the way there first."""
    if solver.problems is not problems:
        rough = levenberg_marquardt(
            solver.linearise, z, together=False, tolerance=_ROUGH, patience=1
        )
        z, solver.problems = rough.z, problems
    solver.rtol = FINE
    return levenberg_marquardt(
        solver.linearise, z, together=False, tolerance=_TOLERANCE, patience=1
    )


def _broad(problems: Any) -> Any:
    """The problems with no less granted to the model than by default: residuals that are not saturated lead further."""
    group = problems.group
    granted = np.asarray(group.model_sigma)
    if np.all(granted >= MODEL_SIGMA):
        return problems
    more = np.sqrt(np.maximum(MODEL_SIGMA**2 - granted**2, 0.0))
    weight = np.asarray(group.weight)
    weight = weight / np.sqrt(1 + (more[:, None, None] * weight) ** 2)
    sigma = np.maximum(granted, MODEL_SIGMA)
    pick = lambda p: (p.group.weight, p.group.model_sigma)  # noqa: E731
    return eqx.tree_at(pick, problems, (jnp.asarray(weight), jnp.asarray(sigma)))


def _sorted(cost: np.ndarray, count: int) -> np.ndarray:
    """The starts of each problem from the best to the worst, its guess, the first one, among the first of several."""
    order = np.argsort(cost, axis=1, kind="stable")
    if count > 1:
        for row in order:
            place = int(np.flatnonzero(row == 0)[0])
            if place >= count:
                row[count - 1 : place + 1] = np.roll(row[count - 1 : place + 1], 1)
    return order


def _corrected(solver: GridSolver, done: Progress, best: np.ndarray):
    """Optima on grids with every step halved: where these agree with the grids, their slopes lead to them.

    Returns coordinates, residuals, Jacobian, whether they are right, whether it is an optimum, and whether the grids
    agreed, though steps may have been too few for the slopes.
    """
    z, r = done.z[best], done.residuals[best]
    found, jacobian, ok = solver.refined(z, np.arange(len(z)), slopes=True)
    away = np.sqrt(np.mean((found - np.where(np.isfinite(r), r, np.inf)) ** 2, axis=1))
    near = ok & (away <= _AGREE)
    sound = near & np.all(solver.steps < MOST, axis=(1, 2))
    found = np.where(ok[:, None], found, np.inf)
    settled = settle(solver.refined, z, found, jacobian, sound)
    return [z, found, jacobian, sound, settled, near]


def settle(
    residuals: Residuals, z: np.ndarray, r: np.ndarray, jacobian: np.ndarray, sound: np.ndarray
) -> np.ndarray:
    """Which points are optima, after a few steps, in place, of those whose slopes are sound.

    ``residuals(z, which)`` gives residuals of some points, and whether they are of use; `r` and `jacobian` are those at
    all points `z`.
    """
    n, left = z.shape[1], np.flatnonzero(sound)
    settled = np.zeros(len(z), bool)
    for k in range(_CORRECTIONS + 1):
        step, size = _newton(r[left], jacobian[left])
        scale = np.sqrt(np.sum(r[left] ** 2, axis=1) / max(r.shape[1] - n, 1))
        near = size <= _SETTLED * scale + 1e-6
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


def _newton(r: np.ndarray, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Newton steps, and their lengths in standard deviations."""
    root, upper = np.linalg.qr(jacobian)
    along = np.einsum("kri,kr->ki", root, r)
    regular = np.all(np.abs(np.einsum("kii->ki", upper)) > 0, axis=1)
    upper = np.where(regular[:, None, None], upper, np.eye(upper.shape[1]))
    step = -np.linalg.solve(upper, along[..., None])[..., 0]
    return step, np.where(regular, np.linalg.norm(along, axis=1), np.inf)


@jit_with_options
def _evaluate(problems: Any, z: Any):
    """Residuals, Jacobians and success of starts of each of stacked problems, by the adaptive solver."""
    arrays, rest = eqx.partition(problems, eqx.is_array)

    def one(own, points):
        return jax.vmap(lambda x: linearise(eqx.combine(own, rest), x))(points)

    return jax.vmap(one)(arrays, z)


def _adaptively(
    made: list[Prepared], found: np.ndarray, search: Search, halt: threading.Event
) -> list[tuple]:
    """What the adaptive solver finds, from what was found before and from the candidates."""
    every = made + made[-1:] * (_TOGETHER - len(made))  # one size, one program
    size, count, n = len(every), search.starts, found.shape[1]
    problems = stacked([e.problem for e in every])

    def evaluate(z, which=None):
        if halt.is_set():
            raise KeyboardInterrupt
        filled = last.copy() if which is not None else z
        if which is not None:
            filled[which] = z
        r, jac, ok = _evaluate(problems, jnp.asarray(filled.reshape(size, count, n)))
        r, jac, ok = (np.asarray(x).reshape(size * count, *x.shape[2:]) for x in (r, jac, ok))
        return (r, jac, ok) if which is None else (r[which], jac[which], ok[which])

    z = np.stack([e.candidates for e in every])
    costs = []
    for k in range(0, z.shape[1], count):
        r, _, ok = evaluate(z[:, k : k + count].reshape(-1, n))
        costs.append(half_squares(r, ok).reshape(size, count))
    order = _sorted(np.concatenate(costs, axis=1), count)[:, :count]
    last = np.take_along_axis(z, order[:, :, None], axis=1)
    known = np.concatenate([found, np.repeat(found[-1:], size - len(found), axis=0)])
    last[:, -1] = np.where(np.all(np.isfinite(known), axis=1)[:, None], known, last[:, -1])
    last = last.reshape(-1, n)
    done = levenberg_marquardt(evaluate, last, together=False)
    cost = done.cost.reshape(size, count)
    z = done.z.reshape(size, count, n)[np.arange(size), np.argmin(cost, axis=1)]
    r, jac, ok = evaluate(np.repeat(z, count, axis=0))
    r = np.where(ok[:, None], r, np.inf)[::count]
    return list(zip(z, r, jac[::count]))[: len(made)]

"""Searches of many problems of one shape, side by side."""

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from memjax.core.fields import with_values
from memjax.runtime.arguments import as_seed

from ..constants import MODEL_SIGMA
from ..optimize.levenberg_marquardt import (
    PROXIMAL,
    Ending,
    Progress,
    half_squares,
    levenberg_marquardt,
)
from ..problem import WEAK_SIGMA, Linearised
from ..sweeps.prepare import Prepared
from .each_search import (
    POOR,
    SCATTERED,
    Optimum,
    end_each,
    find_each,
    outlying,
    share_of_problems,
    switches,
)
from .stacked_problems import Observed, StackedProblems

Residuals = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

_SETTLED = 0.1  # distance from the optimum, in standard deviations, that does not count
_MORE = 3  # further starts that are tried where a search has led nowhere
_ENOUGH = 0.1  # root mean square residual [sigma] that is enough where another search follows
_ROUGHER, _ROUGH = 3e-3, 3e-4  # tolerances of solves there, and on the way to an optimum
# How searches end where others follow: the share by which a step must lower a cost, and how many may do so by less.
_BROAD = 0.1  # share of the cost by which steps must lower it, where the search is rough
_WAY: dict[str, Any] = {"tolerance": 1e-2, "ending": Ending(patience=1)}
_CORRECTIONS = 3  # steps to the optimum of a loss whose prior or noise has changed, at most


@dataclass(frozen=True, kw_only=True)
class Search:
    """How devices are fitted: starts screened, starts improved, seed."""

    screened: int
    starts: int
    seed: int

    def __post_init__(self):
        object.__setattr__(self, "seed", as_seed(self.seed, where="BatchProblem", lowest=0))


class _Optima(NamedTuple):
    """Coordinates, residuals and Jacobians of devices; residuals are infinite where there is none."""

    z: Float[np.ndarray, "devices free"]
    r: Float[np.ndarray, "devices residuals"]
    jacobian: Float[np.ndarray, "devices residuals free"]

    @property
    def chi2(self) -> Float[np.ndarray, " devices"]:
        """Reduced chi squared of each."""
        return np.sum(self.r**2, axis=1) / max(self.r.shape[1] - self.z.shape[1], 1)


def reweigh(
    prepared: Sequence[Prepared],
    optima: Sequence[Optimum],
    noise: Sequence[float],
    search: Search,
    halt: threading.Event,
) -> list[tuple]:
    """Problems and optima once the prior weighs against the noise that there is, not against what was granted.

    `optima` is what `find_optima` gave, `noise` the standard deviation of the residuals of each [sigma].
    """
    known = lambda s: {"noise": np.asarray(s), "prior_sigma": np.asarray(WEAK_SIGMA)}  # noqa: E731
    again = [
        replace(m, problem=with_values(m.problem, known(s)), candidates=f[0][None])
        for m, f, s in zip(prepared, optima, noise, strict=True)
    ]
    if switches(prepared[0]):
        ended = end_each(again, optima, search.seed, halt)
        return [(m, *optimum) for m, optimum in zip(again, ended, strict=True)]
    z, r, jacobian = (np.stack(x) for x in zip(*optima, strict=True))
    now, before = (np.array([float(m.problem.prior_weight) for m in x]) for x in (again, prepared))
    n = z.shape[1]
    r[:, -n:] *= (now / before)[:, None]
    jacobian[:, -n:] *= (now / before)[:, None, None]
    sound = np.all(np.isfinite(r), axis=1) & np.all(np.isfinite(jacobian), axis=(1, 2))
    many = _Many(again, halt)
    settled = settle(many.observe, z, r, jacobian, sound)
    left = np.flatnonzero(sound & ~settled)
    if len(left):
        better = many.improved(z[left, None], left)
        for old, new in zip((z, r, jacobian), better, strict=True):
            old[left] = new
    return list(zip(again, z, r, jacobian, strict=True))


def find_optima(
    prepared: Sequence[Prepared], search: Search, halt: threading.Event
) -> list[Optimum]:
    """Coordinates, residuals and Jacobian at the optimum of each problem of one shape; residuals infinite without one.

    `halt` ends the search, by a `KeyboardInterrupt`, once it is set.

    Notes
    -----
    Levenberg-Marquardt of all devices at once, from the best of their starts. Further starts are tried of devices whose
    chi squared stays large, and scattered ones where that of the others does not. Where currents switch between two
    rows each device is searched for itself, see `fitting.batch.each_search`.
    """
    if switches(prepared[0]):
        return find_each(prepared, search.starts, halt)
    many, every = _Many(prepared, halt), np.arange(len(prepared))
    starts = many.screened(np.stack([m.candidates for m in prepared]), every, search.starts)
    optima = many.improved(starts[:, : search.starts], every)
    poor = np.flatnonzero(~(optima.chi2 <= POOR))
    further = starts[poor, search.starts : search.starts + _MORE]
    if len(poor) and further.shape[1]:
        _keep_better(optima, many.improved(further, poor), poor)
    left = np.flatnonzero(outlying(optima.chi2))
    if len(left):
        scattered = np.stack([prepared[k].further(SCATTERED) for k in left.tolist()])
        best = many.screened(scattered, left, 1)[:, :_MORE]
        _keep_better(optima, many.improved(best, left), left)
    return list(zip(*optima, strict=True))


class _Many:
    """Many problems of one shape, whose solves go on side by side until they are halted."""

    def __init__(self, prepared: Sequence[Prepared], halt: threading.Event):
        self.prepared, self.halt = prepared, halt

    @functools.cached_property
    def problems(self) -> StackedProblems:
        """The problems; most devices that are weighed anew are optima still, and need none."""
        return share_of_problems(self.prepared)

    @functools.cached_property
    def broad(self) -> StackedProblems | None:
        """The same with no less granted to the model than by default; None where that is so."""
        wider = [replace(p, problem=_broad(p.problem)) for p in self.prepared]
        same = all(a.problem is b.problem for a, b in zip(wider, self.prepared, strict=True))
        return None if same else share_of_problems(wider)

    def linearise(self, z: np.ndarray, which: np.ndarray) -> Linearised:
        return self._unless_halted(self.problems.linearise, z, which)

    def observe(self, z: np.ndarray, which: np.ndarray) -> Observed:
        return self._unless_halted(self.problems.observe, z, which)

    def _unless_halted(self, method: Callable, z: np.ndarray, which: np.ndarray) -> Any:
        if self.halt.is_set():
            raise KeyboardInterrupt
        return method(z, which)

    def _descend(
        self, problems: StackedProblems, z: np.ndarray, owner: np.ndarray, **ends: Any
    ) -> Progress:
        """Levenberg-Marquardt of all points, each of the problem of its number."""

        def evaluate(points: np.ndarray, some: np.ndarray) -> Linearised:
            return self._unless_halted(problems.linearise, points, owner[some])

        return levenberg_marquardt(evaluate, z, together=False, proximal=PROXIMAL, **ends)

    def screened(
        self, z: Float[np.ndarray, "devices starts free"], which: np.ndarray, count: int
    ) -> Float[np.ndarray, "devices starts free"]:
        """The starts of each device from the best to the worst; its guess among the first `count`."""
        devices, starts, n = z.shape
        rough = self.problems.roughly(_ROUGH).observe
        r, ok = self._unless_halted(rough, z.reshape(-1, n), np.repeat(which, starts))
        order = _ranking(half_squares(r, ok).reshape(devices, starts), count)
        return np.take_along_axis(z, order[:, :, None], axis=1)

    def improved(
        self, z: Float[np.ndarray, "devices starts free"], which: Int[np.ndarray, " devices"]
    ) -> _Optima:
        """The best that comes of the starts of some devices."""
        devices, starts, n = z.shape
        owner, z = np.repeat(which, starts), z.reshape(-1, n)
        if self.broad is not None:
            enough = 0.5 * _ENOUGH**2 * np.size(self.prepared[0].problem.group.weight)
            ending = Ending(patience=1, enough=enough)
            broad = self.broad.roughly(_ROUGHER)
            z = self._descend(broad, z, owner, tolerance=_BROAD, ending=ending).z
        way = self._descend(self.problems.roughly(_ROUGH), z, owner, **_WAY)
        best = np.argmin(way.cost.reshape(devices, starts), axis=1) + starts * np.arange(devices)
        z = way.z[best]
        r, jacobian, ok = self.linearise(z, which)
        settled = settle(lambda x, k: self.observe(x, which[k]), z, r, jacobian, ok)
        left = np.flatnonzero(~settled)
        if len(left):
            done = self._descend(self.problems, z[left], which[left])
            z[left], r[left], jacobian[left] = done.z, done.residuals, done.jacobian
            ok[left] = np.isfinite(done.cost)
        return _Optima(z, np.where(ok[:, None], r, np.inf), jacobian)


def _broad(problem: Any) -> Any:
    """The problem with no less granted to the model than by default: residuals that do not saturate lead further."""
    group = problem.group
    granted = float(group.model_sigma)
    if granted >= MODEL_SIGMA:
        return problem
    # Variances add: a weight 1/s becomes 1/sqrt(s^2 + more^2).
    more = np.sqrt(MODEL_SIGMA**2 - granted**2)
    weight = np.asarray(group.weight)
    weight = weight / np.sqrt(1 + (more * weight) ** 2)
    changes = {"weight": weight, "model_sigma": np.asarray(MODEL_SIGMA)}
    return with_values(problem, {"group": with_values(group, changes)})


def _keep_better(optima: _Optima, other: _Optima, which: np.ndarray) -> None:
    """Other optima of some devices, in place, where they are better."""
    better = other.chi2 < optima.chi2[which]
    for old, new in zip(optima, other, strict=True):
        old[which[better]] = new[better]


def _ranking(cost: np.ndarray, count: int) -> np.ndarray:
    """The starts of each problem from the best to the worst, its guess, the first one, among the first of several."""
    order = np.argsort(cost, axis=1, kind="stable")
    for row in order if count > 1 else ():
        place = int(np.flatnonzero(row == 0)[0])
        if place >= count:
            row[count - 1 : place + 1] = np.roll(row[count - 1 : place + 1], 1)
    return order


def settle(
    residuals: Residuals,
    z: np.ndarray,
    r: np.ndarray,
    jacobian: np.ndarray,
    sound: Bool[np.ndarray, " points"],
) -> Bool[np.ndarray, " points"]:
    """Which points are optima, after a few steps, in place, of those whose slopes are sound.

    ``residuals(z, which)`` gives residuals of some points, and whether they are of use; `r` and `jacobian` are those at
    all points `z`.
    """
    left = np.flatnonzero(sound)
    settled = np.zeros(len(z), bool)
    for k in range(_CORRECTIONS + 1):
        step, size = _newton(r[left], jacobian[left])
        scale = np.sqrt(np.sum(r[left] ** 2, axis=1) / max(r.shape[1] - z.shape[1], 1))
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
    # By J = QR and not by J'J, whose condition is the square: the step is -R^-1 Q'r, its length in sigma |Q'r|.
    root, upper = np.linalg.qr(jacobian)
    along = np.einsum("kri,kr->ki", root, r)
    regular = np.all(np.abs(np.einsum("kii->ki", upper)) > 0, axis=1)
    upper = np.where(regular[:, None, None], upper, np.eye(upper.shape[1]))
    step = -np.linalg.solve(upper, along[..., None])[..., 0]
    return step, np.where(regular, np.linalg.norm(along, axis=1), np.inf)

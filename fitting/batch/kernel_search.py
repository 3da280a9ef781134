"""Searches of single devices of a batch by the kernel in C of adaptive solves, whose lanes are starts."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt, screen
from ..optimize.restarts import is_smooth, search_beside
from ..problem import TOGETHER
from ..sweeps.fit import BESIDE, ENDING
from ..sweeps.prepare import Prepared
from ..sweeps.problem import KernelProblem, Problem, kernel_of

POOR = 5.0
"""Reduced chi squared above which further starts are tried."""

SCATTERED = 32
"""Scattered starts of devices that fit far worse than the others."""

_SUDDEN = 1.0  # change of a current from row to row [decades] above which it switches between them
_OUTLYING = 4.0  # chi squared in units of the median of the others' that is far worse
_FEW = 4  # devices below which there is nothing to compare with
_AT_ONCE = 2  # devices whose searches take turns on the processors: Python of one while the kernel solves for another

Optimum = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Coordinates, residuals, which are infinite where there is none, and Jacobian."""


def is_alone(prepared: Prepared) -> bool:
    """Whether a device is searched alone: its current switches between two rows, which grids follow less well.

    And there is a kernel. A current that switches more slowly grids follow well, at a fraction of the time.
    """
    group = prepared.problem.group
    jumps = np.abs(np.diff(np.asarray(group.target), axis=1))
    sudden = np.any(np.asarray(group.event_weight)) and np.max(jumps, initial=0.0) > _SUDDEN
    return bool(sudden) and not isinstance(kernel_of(prepared.problem), str)


class KernelSearch:
    """Searches of one problem in programs of `TOGETHER` points, of which fewer may be asked for.

    Parameters
    ----------
    problem : Problem
        One that has a kernel.
    halt : threading.Event
        Ends a search, by a `KeyboardInterrupt`, once it is set.
    """

    def __init__(self, problem: Problem, halt: threading.Event):
        self.solved, self.halt = cast(KernelProblem, problem.by_kernel()), halt

    def _whole(self, z: np.ndarray) -> np.ndarray:
        """So many points, those beyond the ones that are asked for no numbers, which cost no solve."""
        if self.halt.is_set():
            raise KeyboardInterrupt
        idle = np.full((TOGETHER - len(z), z.shape[1]), np.nan)
        return np.concatenate([z, idle])

    def linearise(
        self, z: Float[np.ndarray, "points free"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, Jacobians and success of a few points."""
        r, jacobian, ok = self.solved.linearise(self._whole(z))
        return r[: len(z)], jacobian[: len(z)], ok[: len(z)]

    def observe(
        self, z: Float[np.ndarray, "points free"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same without derivatives."""
        r, ok, _ = self.solved.observe(self._whole(z))
        return r[: len(z)], np.zeros((len(z), r.shape[1], 0)), ok[: len(z)]

    def improve(self, starts: Float[np.ndarray, "starts free"], **options: Any) -> Progress:
        """Levenberg-Marquardt from a few starts."""
        return levenberg_marquardt(self.linearise, starts, **options)


def _optimum(done: Progress) -> Optimum:
    """The best of a search."""
    k = done.best
    r = done.residuals[k] if np.isfinite(done.cost[k]) else np.full_like(done.residuals[k], np.inf)
    return done.z[k], r, done.jacobian[k]


def find_alone(
    prepared: Prepared,
    starts: Float[np.ndarray, "many free"],
    count: int,
    halt: threading.Event,
    *,
    before: Float[np.ndarray, " free"] | None = None,
) -> Optimum:
    """The optimum of a device from so many of the starts, and from where it was, if that is finite."""
    by = KernelSearch(prepared.problem, halt)
    known = [before] if before is not None and np.all(np.isfinite(before)) else []
    if count > 1 or not known:
        starts = screen(by.observe, starts, keep=TOGETHER)[:count]
    return _optimum(by.improve(np.stack([*known, *starts])[:TOGETHER]))


def find_each(prepared: Sequence[Prepared], count: int, halt: threading.Event) -> list[Optimum]:
    """Optima of devices from so many starts; of those that fit far worse than the others once more."""

    def find(k: int) -> Optimum:
        return find_alone(prepared[k], prepared[k].candidates, count, halt)

    def find_again(k: int) -> Optimum:
        other = find_alone(prepared[k], prepared[k].further(SCATTERED), TOGETHER, halt)
        return min(out[k], other, key=lambda optimum: np.sum(optimum[1] ** 2))

    out = _each(find, range(len(prepared)))
    chi2 = np.array([r @ r / max(len(r) - len(z), 1) for z, r, _ in out])
    left = np.flatnonzero(outlying(chi2)).tolist()
    for k, optimum in zip(left, _each(find_again, left), strict=True):
        out[k] = optimum
    return out


def outlying(chi2: Float[np.ndarray, " devices"]) -> Bool[np.ndarray, " devices"]:
    """Which devices fit far worse than the others: where all are as bad it is the model, and not the search."""
    others = _OUTLYING * np.median(chi2) if len(chi2) >= _FEW else 0.0
    return ~(chi2 <= max(others, POOR))


def end_each(
    prepared: Sequence[Prepared], optima: Sequence[Optimum], seed: int, halt: threading.Event
) -> list[Optimum]:
    """The ends of the searches of devices, where there is an optimum, see `end_alone`."""

    def end(k: int) -> Optimum:
        known = np.all(np.isfinite(optima[k][1]))
        return end_alone(prepared[k], optima[k][0], seed, halt) if known else optima[k]

    return _each(end, range(len(prepared)))


def _each(f: Callable[[int], Optimum], numbers: Sequence[int]) -> list[Optimum]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(f, numbers))


def end_alone(prepared: Prepared, z: np.ndarray, seed: int, halt: threading.Event) -> Optimum:
    """The end of a search once the noise is known; begun again beside it where that is a kink (single fits: always)."""
    by = KernelSearch(prepared.problem, halt)
    z, r, jacobian = _optimum(by.improve(z[None], iterations=ENDING))
    if not np.all(np.isfinite(r)) or is_smooth(r, jacobian):
        return z, r, jacobian
    return search_beside(by.improve, z, r, jacobian, count=TOGETHER, seed=seed + BESIDE)

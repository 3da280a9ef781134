"""Solves of many devices side by side, each on a grid of steps of its own, so that none waits for another."""

import threading
from copy import copy
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Int

from .lanes import kernel_of, linearised_on_grid, residuals_adaptive, residuals_on_grid
from .step_grid import Grading, Plan, halved, needed

FINE, COARSE = 3e-5, 3e-4
"""Tolerances of a step relative to the state: for the optimum, and on the way there."""

LANES = (48, 8)
"""Solves that advance together: whole vectors in the caches; and fewer, where no more are left."""

_PASSES = 8  # solves for one grid at most
# Growth of the number of steps between two rows above which a solve is done again: for the optimum, on the way.
_GROWTH = {True: 1.5, False: 4.0}


@jax.jit
def _driven(stimuli: Any, t: np.ndarray) -> Array:
    return jax.vmap(jax.vmap(lambda s, t: jax.vmap(s)(t)))(stimuli, t)


def _parts(count: int) -> list[tuple[np.ndarray, int]]:
    """Blocks of lanes, and how many lanes each is filled up to."""
    large, small = LANES
    parts, k = [], 0
    while k < count:
        size = large if count - k > large // 2 else small
        parts.append((np.arange(k, min(k + size, count)), size))
        k += size
    return parts


class GridSolver:
    """Evaluates jobs, each a start of a problem, in blocks of lanes on grids that follow their solutions.

    Parameters
    ----------
    problems : Problem
        Stacked.
    owner : Int[np.ndarray, "jobs"]
        The problem of each job.
    halt : threading.Event, optional
        Ends the evaluation between two blocks, by a `KeyboardInterrupt`, once it is set.
    """

    def __init__(
        self, problems: Any, owner: Int[np.ndarray, " jobs"], halt: threading.Event | None = None
    ):
        self.problems, self.owner, self.rtol = problems, owner, COARSE
        self.halt = halt or threading.Event()
        self.events = bool(np.any(np.asarray(problems.group.event_weight)))
        self.plan = Plan(np.asarray(problems.group.rows), partial(_driven, problems.group.stimuli))
        self.steps = np.ones((len(owner), *self.plan.gap.shape[1:]), np.int32)
        self.graded: Any = np.array([{} for _ in owner] + [None], object)[:-1]
        self.rtol_of_steps = np.full(len(owner), COARSE)
        self.resolved = np.ones(len(owner), bool)

    def _blocks(self, run, z, jobs) -> Any:
        """`run` over blocks of lanes, filled up with their last lane; leaves cut and joined.

        Lanes of about as many steps advance together: each block takes as long as the longest of its lanes.
        """
        blocks, order = [], np.argsort(np.sum(self.steps[jobs], axis=(1, 2)), kind="stable")
        for part, size in _parts(len(jobs)):
            if self.halt.is_set():
                raise KeyboardInterrupt
            lanes = order[np.concatenate([part, np.repeat(part[-1:], size - len(part))])]
            count, values = len(part), run(z[lanes], jobs[lanes])
            blocks.append(tuple(np.asarray(x)[:count] for x in values))
        place = np.argsort(order)
        return tuple(np.concatenate(x)[place] for x in zip(*blocks, strict=True))

    def _program(self, slopes: bool) -> tuple:
        """What solves lanes, and its kernel."""
        evaluate = linearised_on_grid if slopes else residuals_on_grid
        return evaluate, kernel_of(self.problems, slopes, self.events)

    def _solved(self, z, jobs, *, slopes: bool):
        """Residuals (and slopes) on the grids of jobs, and the steps that each interval needs."""
        evaluate, kernel = self._program(slopes)

        def run(z, jobs):
            which, steps, graded = self.owner[jobs], self.steps[jobs], self.graded[jobs]
            grid = self.plan.grid(which, steps, self.rtol, graded)
            *values, excess = evaluate(self.problems, which, z, grid, self.events, kernel)
            want, growth, gradings = needed(self.plan.gap[which], steps, np.asarray(excess), graded)
            return *values, want, growth, np.array([*gradings, None], object)[:-1]

        return self._blocks(run, z, jobs)

    def _gridded(self, z, jobs, *, slopes: bool) -> list[np.ndarray]:
        """Residuals (and slopes) on grids that suit these points, with which the next ones begin.

        Where a grid is likely to be too coarse it is tried without slopes first.
        """
        allowed = _GROWTH[self.rtol == FINE]
        likely, left = self.rtol_of_steps[jobs] == self.rtol, np.arange(len(jobs))
        out: list[np.ndarray] = []
        for k in range(_PASSES):
            last, right = k == _PASSES - 1, np.zeros(len(left), bool)
            full = slopes & (likely[left] | last)
            for part in (np.flatnonzero(full), np.flatnonzero(~full)):
                if not len(part):
                    continue
                some, with_slopes = left[part], bool(full[part[0]])
                *values, want, growth, gradings = self._solved(
                    z[some], jobs[some], slopes=with_slopes
                )
                worst = np.max(growth, axis=(1, 2))
                good = ((worst <= allowed) | last) & (with_slopes == slopes)
                right[part], likely[some] = good, worst <= 2 * allowed
                self.resolved[jobs[some]] = worst <= allowed
                self._regrid(jobs[some], want, growth, gradings, keep_half=~good)
                if good.any():
                    out = out or [np.empty((len(jobs), *x.shape[1:])) for x in values]
                    for x, value in zip(out, values, strict=True):
                        x[some[good]] = value[good]
            left = left[~right]
            if not len(left):
                break
        self.rtol_of_steps[jobs] = self.rtol
        return out

    def _regrid(
        self,
        jobs: np.ndarray,
        want: np.ndarray,
        growth: np.ndarray,
        gradings: Any,
        *,
        keep_half: np.ndarray,
    ) -> None:
        """Give jobs the steps that they need; grids that are nearly right stay, so that costs can be compared."""
        steps = self.steps[jobs]
        stay = (growth <= _GROWTH[True]) & (3 * want >= steps)
        half = np.where(keep_half[:, None, None], steps // 2, 1)
        for k in range(len(jobs)):
            old: Grading = self.graded[jobs[k]]
            new: Grading = gradings[k]
            if not (old or new):
                continue
            for place in new:
                half[k][place] = 1
            kept = {p: x for p, x in old.items() if stay[k][p]}
            self.graded[jobs[k]] = kept | {p: x for p, x in new.items() if not stay[k][p]}
        self.steps[jobs] = np.where(stay, steps, np.maximum(want, half))

    def some(self, jobs: Int[np.ndarray, " some"]) -> "GridSolver":
        """A solver of some of the jobs, on the grids that they have."""
        solver = copy(self)
        solver.owner, solver.steps = self.owner[jobs], self.steps[jobs]
        solver.rtol_of_steps, solver.graded = self.rtol_of_steps[jobs], self.graded[jobs]
        solver.resolved = self.resolved[jobs]
        return solver

    def residuals(self, z, jobs) -> np.ndarray:
        """Residuals of jobs."""
        return self._gridded(z, jobs, slopes=False)[0]

    def linearise(self, z, jobs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, Jacobian and success of jobs."""
        r, jacobian = self._gridded(z, jobs, slopes=True)
        return r, jacobian, _finite(r, jacobian)

    def refined(self, z, jobs, *, slopes: bool = False) -> Any:
        """Residuals, Jacobian if asked for, and success of jobs on their grids with every step halved."""

        def run(z, jobs):
            which = self.owner[jobs]
            graded = halved(self.graded[jobs])
            grid = self.plan.grid(which, 2 * self.steps[jobs], self.rtol, graded)
            return evaluate(self.problems, which, z, grid, self.events, kernel)[:-1]

        evaluate, kernel = self._program(slopes)
        values = self._blocks(run, z, jobs)
        return *values, _finite(*values)

    def adaptive(self, z, jobs) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and success of jobs by the adaptive solver."""
        run = lambda z, jobs: residuals_adaptive(self.problems, self.owner[jobs], z)  # noqa: E731
        r, ok = self._blocks(run, z, jobs)
        return r, ok & np.all(np.isfinite(r), axis=1)


def _finite(*arrays: np.ndarray) -> np.ndarray:
    return np.all([np.all(np.isfinite(x), axis=tuple(range(1, x.ndim))) for x in arrays], axis=0)

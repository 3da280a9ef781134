"""Solves of many devices side by side, each on a grid of steps of its own, so that none waits for another."""

import threading
from copy import copy
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Int

from .lanes import linearised_on_grid, residuals_adaptive, residuals_on_grid
from .step_grid import Plan, needed

FINE, COARSE = 3e-5, 3e-4
"""Tolerances of a step relative to the state: for the optimum, and on the way there."""

LANES = (24, 8)
"""Solves that advance together: whole vectors in the caches; and fewer, where no more are left."""

_PASSES = 4  # solves for one grid at most
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

    def _blocks(self, run, z, jobs):
        """`run` over blocks of lanes, filled up with their last lane; leaves cut and joined."""
        blocks = []
        for part, size in _parts(len(jobs)):
            if self.halt.is_set():
                raise KeyboardInterrupt
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part))])
            count, values = len(part), run(z[filled], jobs[filled])
            blocks.append(jax.tree.map(lambda x, count=count: np.asarray(x)[:count], values))
        return jax.tree.map(lambda *x: np.concatenate(x), *blocks)

    def _gridded(self, z, jobs, *, slopes: bool):
        """Residuals (and slopes) on a grid that suits these points, and its steps, with which the next one begins."""
        which, steps = self.owner[jobs], self.steps[jobs]
        gap, fine = self.plan.gap[which], self.rtol == FINE
        allowed = _GROWTH[fine]
        # On the way a grid that was right a step before is tried as it is.
        ahead = linearised_on_grid if slopes and not fine else residuals_on_grid
        for _ in range(_PASSES):
            grid = self.plan.grid(which, steps, self.rtol)
            *values, excess = ahead(self.problems, which, z, grid, self.events)
            want = needed(gap, steps, np.asarray(excess))
            if np.all(want <= allowed * steps):
                break
            ahead, steps = residuals_on_grid, np.maximum(want, steps // 2)
        if slopes and ahead is residuals_on_grid:
            *values, _ = linearised_on_grid(self.problems, which, z, grid, self.events)
        # Grids that are nearly right stay, so that costs can be compared.
        steps = np.where((want <= _GROWTH[True] * steps) & (3 * want >= steps), steps, want)
        return *values, steps

    def some(self, jobs: Int[np.ndarray, " some"]) -> "GridSolver":
        """A solver of some of the jobs, on the grids that they have."""
        solver = copy(self)
        solver.owner, solver.steps = self.owner[jobs], self.steps[jobs]
        return solver

    def residuals(self, z, jobs) -> np.ndarray:
        """Residuals of jobs."""
        r, self.steps[jobs] = self._blocks(partial(self._gridded, slopes=False), z, jobs)
        return r

    def linearise(self, z, jobs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, Jacobian and success of jobs."""
        run = partial(self._gridded, slopes=True)
        r, jacobian, self.steps[jobs] = self._blocks(run, z, jobs)
        return r, jacobian, _finite(r, jacobian)

    def refined(self, z, jobs, *, slopes: bool = False):
        """Residuals, Jacobian if asked for, and success of jobs on their grids with every step halved."""

        def run(z, jobs):
            which = self.owner[jobs]
            grid = self.plan.grid(which, 2 * self.steps[jobs], self.rtol)
            return evaluate(self.problems, which, z, grid, self.events)[:-1]

        evaluate = linearised_on_grid if slopes else residuals_on_grid
        values = self._blocks(run, z, jobs)
        return *values, _finite(*values)

    def adaptive(self, z, jobs) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and success of jobs by the adaptive solver."""
        run = lambda z, jobs: residuals_adaptive(self.problems, self.owner[jobs], z)  # noqa: E731
        r, ok = self._blocks(run, z, jobs)
        return r, ok & np.all(np.isfinite(r), axis=1)


def _finite(*arrays: np.ndarray) -> np.ndarray:
    return np.all([np.all(np.isfinite(x), axis=tuple(range(1, x.ndim))) for x in arrays], axis=0)

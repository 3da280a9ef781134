"""A search of the parameters that describe sweeps: many starts that advance together."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import jax
import numpy as np

from ..optimize.levenberg_marquardt import (
    Progress,
    crossover,
    half_squares,
    levenberg_marquardt,
    screen,
)
from .initial_guess import near as near_guess
from .instrument import bench_of
from .noise_estimate import without_explosions
from .problem import Problem

BATCH = 8
"""Starts that advance together."""


NEAR = 25
"""Iterations at the most from candidates that are known to be near an optimum."""


@dataclass
class Search:
    """The search as it goes: what is known survives an interrupt."""

    problem: Problem
    seed: int
    tick: Callable[[str, Progress], None] | None
    progress: Progress = field(default_factory=lambda: Progress(np.zeros((0, 0)), np.zeros(0)))
    best_z: np.ndarray | None = None
    best_cost: float = np.inf
    ends: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    started: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.solved = self.problem.by_kernel() or self.problem
        bench = bench_of(self.problem.device, self.problem.bench)
        self.is_charged = bench.parallel_capacitance is not None
        self.progress.problem = self.problem

    def __call__(self, z: np.ndarray):
        """Residuals, Jacobians and success; remembers the best point."""
        r, jac, ok = self.solved.linearise(z)
        jac = without_explosions(jac) if self.is_charged else jac
        cost = half_squares(r, ok)
        if np.min(cost) < self.best_cost:
            self.best_cost, self.best_z = float(np.min(cost)), z[np.argmin(cost)].copy()
        return r, jac, ok

    def without_derivatives(self, z: np.ndarray):
        """Residuals and success: all that is asked of points that are screened."""
        if jax.default_backend() != "cpu":
            return self(z)
        r, ok, _ = self.solved.observe(z)
        cost, shown = half_squares(r, ok), self.progress
        if not np.isfinite(shown.cost).any():  # the first search has not begun
            shown.z, shown.cost = z[np.argmin(cost)][None], np.min(cost, keepdims=True)
        return r, np.zeros((*r.shape, 0)), ok

    def report(self, name: str) -> Callable[[Progress], None] | None:
        """What hears of the progress of a round."""
        return None if self.tick is None else partial(self.tick, name)

    def round(self, candidates: np.ndarray, *, name: str, iterations: int | None = None) -> None:
        """Screen candidates, then improve the best of them, in so many iterations at the most."""
        report = self.report(name)
        if report:
            report(self.progress)
        # The program with derivatives is made meanwhile: XLA compiles side by side where there are two cores.
        with ThreadPoolExecutor(1) as aside:
            first = np.resize(candidates[:1], (BATCH, candidates.shape[1]))
            aside.submit(self.solved.linearise, first)
            chosen = screen(
                self.without_derivatives, candidates, keep=BATCH, progress=self.progress
            )
        options: dict[str, Any] = {} if iterations is None else {"iterations": iterations}
        levenberg_marquardt(self, chosen, progress=self.progress, tick=report, **options)
        self.ends.append((self.progress.z.copy(), self.progress.cost.copy()))

    def parts(self, candidates: np.ndarray) -> list[np.ndarray]:
        """Starts that are searched from in turn: those about the guess would keep all others out.

        Where a current switches a search takes long, and begins again beside its optimum. Of learned functions all
        starts are draws of one prior: in turn, those far from the guess gained 6 % of one loss of seven, for a quarter
        of the time.
        """
        together = self.switches or self.problem.prior_root is not None
        first = len(candidates) if together else near_guess(len(candidates))
        return [x for x in (candidates[:first], candidates[first:]) if len(x)]

    @property
    def switches(self) -> bool:
        """Whether a current switches, so that the loss has kinks."""
        return bool(np.any(np.asarray(self.problem.group.event_weight)))

    def run(self, candidates: np.ndarray, *, near: bool = False) -> bool:
        """Two rounds, the second from recombined results of the first; whether it was interrupted.

        One short round of candidates that are known to be near an optimum.
        """
        try:
            if near:
                self.round(candidates, name="search", iterations=NEAR)
                return False
            for part in self.parts(candidates):
                self.round(part, name="search")
            if self.best_z is not None:
                z, cost = (np.concatenate(x) for x in zip(*self.ends, strict=True))
                mixed = crossover(z, cost, count=len(candidates) // 2, seed=self.seed + 1)
                self.round(mixed, name="refine")
        except KeyboardInterrupt:
            if self.best_z is None:
                raise
            return True
        return False

    def optimum(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best point, its residuals and its Jacobian."""
        z = cast(np.ndarray, self.best_z)
        r, jacobian, _ = self(np.repeat(z[None], BATCH, axis=0))
        return z, r[0], jacobian[0]

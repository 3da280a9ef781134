"""Reference end states, by explicit Milstein at a finer stable step, and reference statistics."""

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np

from benchmarks.cases.stiff_sde import paths, steps
from benchmarks.cases.stiff_sde.budget import Budget
from benchmarks.cases.stiff_sde.errors import strong
from benchmarks.cases.stiff_sde.problems import Problem
from benchmarks.cases.stiff_sde.programs import Program, watched
from benchmarks.records import Recorder

SEED = 20250101


def walks(step: Callable, kind: str, budget: Budget, *, areas: bool = False) -> Callable:
    """``walks(problem, keys, plan)``: end states of many paths after the fixed steps of a plan."""

    def one(problem, key, plan):
        if kind == "grid":
            source = paths.grid(problem, key, steps=budget.fine, areas=areas)
        elif kind == "fresh":
            source = paths.fresh(problem, key, areas=areas)
        else:
            source = paths.along(paths.path(kind, problem, key, steps=budget.tree))
        return paths.walk(step, problem, source, plan)

    return jax.vmap(one, (None, 0, None))


def plan_of(kind: str, problem: Problem, n: int) -> paths.Plan:
    """About `n` steps that a kind of path has increments for."""
    return paths.dyadic(problem, n) if kind == "dyadic" else paths.even(problem, n)


def keys(budget: Budget, kind: str):
    """The keys of the paths of a kind."""
    count = {"grid": budget.paths, "ensemble": budget.ensemble}.get(kind, budget.batch)
    return jax.random.split(jax.random.key(SEED), count)


@dataclass(frozen=True)
class References:
    """Reference end states of one problem, made when they are first asked for.

    Parameters
    ----------
    budget : Budget
        The problem and its steps.
    record : Recorder
        Is told their times, and how far the fine grid's is from one at twice its step.
    """

    budget: Budget
    record: Recorder
    _made: dict[str, np.ndarray] = field(default_factory=dict)

    def ends(self, kind: str) -> np.ndarray:
        """End states along the paths of a kind."""
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return self._made[kind]

    def _make(self, kind: str) -> np.ndarray:
        budget, problem, own = self.budget, self.budget.problem, keys(self.budget, kind)
        n = budget.fine if kind == "grid" else budget.tree
        plan = plan_of(kind, problem, n)
        program = Program(walks(steps.milstein, kind, budget), problem, own, plan)
        times, fine = program.timed(problem, own, plan, per=len(own), enough_s=0.0)
        off = None
        if kind == "grid":  # where it is cheap: how far the reference is from one at twice its step
            coarse = program(problem, own, plan_of(kind, problem, n // 2))
            off = strong(watched(problem, coarse), watched(problem, fine))
        extra = {"family": "reference", "kind": kind, "accepted": n}
        self.record.ok(
            f"reference along the {kind}, steps {n}",
            times,
            error=None if off is None else off["median"],
            reference="itself at twice the step: median over the paths"
            if off
            else "none: it is one",
            problem=problem.name,
            n=len(own),
            dtype="float64",
            extra=extra if off is None else extra | {"strong": off},
        )
        return np.asarray(fine)

    def statistics(self) -> None:
        """Record means and standard deviations of all end states over an ensemble of its own."""
        budget, problem, own = self.budget, self.budget.problem, keys(self.budget, "ensemble")
        n = min(budget.explicit)
        plan = paths.even(problem, n)
        program = Program(walks(steps.milstein, "fresh", budget), problem, own, plan)
        times, ends = program.timed(problem, own, plan, per=len(own), enough_s=0.0)
        y, root = np.asarray(ends), np.sqrt(len(own))
        table = {
            name: {"mean": float(x.mean()), "se": float(x.std(ddof=1) / root), "sd": float(x.std())}
            for name, x in zip(problem.states, y.T, strict=True)
        }
        self.record.ok(
            f"statistics of {len(own)} paths, steps {n}",
            times,
            error=None,
            reference="none: these are reference statistics (scaled states at the end)",
            problem=problem.name,
            n=len(own),
            dtype="float64",
            extra={"family": "statistics", "accepted": n, "states": table},
        )

"""Measures `ours.solve`: the diagrams, and steps against stiffness."""

from dataclasses import dataclass, field

import jax.numpy as jnp

from benchmarks.cases.stiff_sde import ours
from benchmarks.cases.stiff_sde.problems import Problem
from benchmarks.cases.stiff_sde.programs import Program, record_solved
from benchmarks.cases.stiff_sde.references import References, keys
from benchmarks.records import Recorder


@dataclass(frozen=True)
class Ours:
    """Our curves on one problem.

    Parameters
    ----------
    record : Recorder
        Where they go.
    references : References
        The problem, how much is spent on it, and what is right.
    """

    record: Recorder
    references: References
    _programs: dict[tuple, Program] = field(default_factory=dict)

    def _program(self, method: str, rtol: float):
        """The compiled solve, one for problems of the same shapes."""
        if (method, rtol) not in self._programs:
            example = self.references.budget.problem, keys(self.references.budget, "")
            solve = lambda p, k: ours.solve(p, k, rtol=rtol, method=method)  # noqa: E731
            self._programs[method, rtol] = Program(solve, *example)
        return self._programs[method, rtol]

    def _point(self, family: str, method: str, rtol: float) -> None:
        """One point of the diagrams."""
        budget, problem = self.references.budget, self.references.budget.problem
        own = keys(budget, "")
        program = self._program(method, rtol)
        times, solved = program.timed(problem, own, per=len(own))
        record_solved(
            self.record,
            problem,
            family,
            {"rtol": rtol},
            times=times,
            batch=len(own),
            solved=solved,
            reference=self.references.ends(ours.KIND),
            kind=ours.KIND,
        )

    def diagrams(self) -> None:
        """All curves of the problem."""
        for family, method in ours.ADAPTIVE.items():
            for rtol in self.references.budget.rtol:
                self._point(family, method, rtol)

    def steps_of(self, problem: Problem, name: str, *, tau: float, rtol: float) -> None:
        """Accepted and rejected steps of the adaptive policies on another problem of the same shapes."""
        own = keys(self.references.budget, "")
        for family, method in ours.ADAPTIVE.items():
            times, solved = self._program(method, rtol).timed(problem, own, per=len(own))
            counts = {k: float(jnp.mean(getattr(solved, k))) for k in ("accepted", "rejected")}
            self._count(f"{family}, tau {tau:g}", name, times, family, tau=tau, **counts)

    def _count(self, variant: str, problem: str, times, family: str, **extra: float) -> None:
        """Write a record that has times and counts, and nothing to be wrong about."""
        batch = len(keys(self.references.budget, "")) if "tau" in extra else 1
        reference, names = "none: steps and times", {"problem": problem, "n": batch}
        self.record.ok(
            variant,
            times,
            error=None,
            reference=reference,
            dtype="float64",
            extra={"family": family, **extra},
            **names,
        )

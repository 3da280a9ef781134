"""Measures `ours.solve`: the diagrams, steps against stiffness, and compilation with its gradients."""

from collections.abc import Callable
from dataclasses import dataclass, field

import equinox as eqx
import jax
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

    def _program(self, method: str, *, rtol: float | None = None, dt: float | None = None):
        """The compiled solve, one for problems of the same shapes."""
        if (method, rtol, dt) not in self._programs:
            example = self.references.budget.problem, keys(self.references.budget, "")
            solve = lambda p, k: ours.solve(p, k, rtol=rtol, dt=dt, method=method)  # noqa: E731
            self._programs[method, rtol, dt] = Program(solve, *example)
        return self._programs[method, rtol, dt]

    def _guarded(self, problem: str, variant: str, measure: Callable[[], None]) -> None:
        """Measure, or record as skipped what is not there yet."""
        try:
            measure()
        except NotImplementedError as error:
            self.record.write(variant, status="skipped", reason=str(error), problem=problem)

    def _point(self, family: str, method: str, word: str, value: float) -> None:
        """One point of the diagrams."""
        budget, problem = self.references.budget, self.references.budget.problem
        own, end = keys(budget, ""), float(problem.t_end)
        program = self._program(
            method, **({"rtol": value} if word == "rtol" else {"dt": end / value})
        )
        times, solved = program.timed(problem, own, per=len(own))
        record_solved(
            self.record,
            problem,
            family,
            {word: value},
            times=times,
            batch=len(own),
            solved=solved,
            reference=self.references.ends(ours.KIND),
            kind=ours.KIND,
        )

    def diagrams(self) -> None:
        """All curves of the problem."""
        budget = self.references.budget
        curves = [(f, m, "rtol", x) for f, m in ours.ADAPTIVE.items() for x in budget.rtol]
        curves += [(f, m, "steps", x) for f, m in ours.FIXED.items() for x in budget.implicit]
        for family, method, word, value in curves:
            self._guarded(
                budget.problem.name,
                f"{family}, {word} {value:.7g}",
                lambda c=(family, method, word, value): self._point(*c),
            )

    def steps_of(self, problem: Problem, name: str, *, tau: float, rtol: float) -> None:
        """Accepted and rejected steps of the adaptive policies on another problem of the same shapes."""
        own = keys(self.references.budget, "")
        for family, method in ours.ADAPTIVE.items():

            def measure(family=family, method=method):
                program = self._program(method, rtol=rtol)
                times, solved = program.timed(problem, own, per=len(own))
                counts = {k: float(jnp.mean(getattr(solved, k))) for k in ("accepted", "rejected")}
                self._count(f"{family}, tau {tau:g}", name, times, family, tau=tau, **counts)

            self._guarded(name, f"{family}, tau {tau:g}", measure)

    def compilation(self, *, rtol: float) -> None:
        """Compilation of the adaptive solve of one device, and of its gradients by the initial state."""
        problem, one = self.references.budget.problem, jax.random.split(jax.random.key(0), 1)

        def end(y0, p, method, reverse=False):
            moved = eqx.tree_at(lambda q: q.y0, p, y0)
            return jnp.sum(ours.solve(moved, one, rtol=rtol, method=method, reverse=reverse).y)

        kinds = {
            "solve": end,
            "gradient, forward mode": jax.jacfwd(end),
            "gradient, reverse mode": lambda y0, p, m: jax.grad(end)(y0, p, m, True),
        }
        name = f"{problem.name}, one device"
        for family, method in ours.ADAPTIVE.items():
            for what, function in kinds.items():

                def measure(family=family, method=method, what=what, function=function):
                    program = Program(lambda p: function(p.y0, p, method), problem)
                    times, _ = program.timed(problem)
                    self._count(f"{family}: {what}", name, times, family, rtol=rtol)

                self._guarded(name, f"{family}: {what}", measure)

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

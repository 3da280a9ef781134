"""Fixed steps in a scan: explicit Euler-Maruyama, and memjax's schemes."""

import numpy as np

from benchmarks.cases.stiff_sde import steps
from benchmarks.cases.stiff_sde.budget import Budget
from benchmarks.cases.stiff_sde.ours import SCHEMES, Scheme
from benchmarks.cases.stiff_sde.paths import even
from benchmarks.cases.stiff_sde.programs import Program, Solved, record_solved
from benchmarks.cases.stiff_sde.references import References, keys, walks
from benchmarks.records import Recorder

EXPLICIT = "euler-maruyama scan"


def _curve(
    name: str, scheme: Scheme, numbers: tuple[int, ...], record: Recorder, references: References
) -> None:
    """Errors along the fine grid's paths; times with numbers of its own, as it would be used."""
    budget, problem = references.budget, references.budget.problem
    if not numbers:
        return
    many, few, first = keys(budget, "grid"), keys(budget, "fresh"), even(problem, numbers[0])
    kinds = {
        kind: walks(scheme.step, kind, budget, areas=scheme.areas) for kind in ("grid", "fresh")
    }
    walk = Program(kinds["grid"], problem, many, first)
    clock = Program(kinds["fresh"], problem, few, first)
    for n in numbers:
        times, _ = clock.timed(problem, few, even(problem, n), per=len(few))
        y = np.asarray(walk(problem, many, even(problem, n)))
        record_solved(
            record,
            problem,
            name,
            {"steps": n},
            times=times,
            batch=len(few),
            solved=Solved(y, np.full(len(y), n), np.zeros(len(y))),
            reference=references.ends("grid"),
            kind="grid",
        )


def _stable(budget: Budget, record: Recorder) -> tuple[int, ...]:
    """The numbers of explicit steps that are stable; the others are recorded as skipped."""
    needed = budget.problem.stable_steps
    for n in (n for n in budget.explicit if n < needed):
        reason = f"unstable: {needed} steps are needed"
        record.write(
            f"{EXPLICIT}, steps {n}", status="skipped", reason=reason, problem=budget.problem.name
        )
    return tuple(n for n in budget.explicit if n >= needed)


def run(record: Recorder, references: References) -> None:
    """All schemes on one problem."""
    budget = references.budget
    explicit = Scheme(steps.euler_maruyama)
    _curve(EXPLICIT, explicit, _stable(budget, record), record, references)
    for name, scheme in SCHEMES.items():
        _curve(name, scheme, budget.implicit, record, references)

"""Steps against stiffness: what stable explicit steps need, and what adaptive ones take."""

import numpy as np

from benchmarks.cases.stiff_sde import steps
from benchmarks.cases.stiff_sde.budget import Budget
from benchmarks.cases.stiff_sde.fixed import EXPLICIT
from benchmarks.cases.stiff_sde.paths import CHUNK, even
from benchmarks.cases.stiff_sde.problems import Problem, oscillator
from benchmarks.cases.stiff_sde.programs import Program
from benchmarks.cases.stiff_sde.references import keys, walks
from benchmarks.cases.stiff_sde.run_ours import Ours
from benchmarks.records import Recorder

NAME = "lhn, steps against tau"
RTOL = 1e-3


def explicit(record: Recorder, budget: Budget, problem: Problem, tau: float, most: int) -> None:
    """Explicit Euler-Maruyama at the largest stable step, unless that needs too many."""
    needed = problem.stable_steps
    n = CHUNK * -(-needed // CHUNK)
    variant, extra = f"{EXPLICIT}, tau {tau:g}", {"family": EXPLICIT, "tau": tau, "stable": needed}
    if n > most:
        reason = f"a stable solve needs {needed} steps, more than the {most} that are run here"
        record.write(variant, status="skipped", reason=reason, problem=NAME, extra=extra)
        return
    own, plan = keys(budget, ""), even(problem, n)
    program = Program(walks(steps.euler_maruyama, "fresh", budget), problem, own, plan)
    times, y = program.timed(problem, own, plan, per=len(own))
    record.ok(
        variant,
        times,
        error=0.0 if np.isfinite(np.asarray(y)).all() else float("nan"),
        reference="a number: all paths end at one",
        problem=NAME,
        n=len(own),
        dtype="float64",
        extra=extra | {"accepted": n},
    )


def run(record: Recorder, mine: Ours, *, taus: tuple[float, ...], most: int) -> None:
    """The table, for an oscillator that is ever stiffer."""
    budget = mine.references.budget
    for tau in taus:
        problem = oscillator(tau, t_end=float(budget.problem.t_end))
        explicit(record, budget, problem, tau, most)
        mine.steps_of(problem, NAME, tau=tau, rtol=RTOL)

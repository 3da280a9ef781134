"""Work against precision of solvers of stiff stochastic equations: memjax, diffrax, and what one writes by hand."""

import jax

from benchmarks.cases.stiff_sde import (
    budget as budgets,
    fixed,
    noise_free,
    peer_diffrax,
    pictures,
    stiffness,
)
from benchmarks.cases.stiff_sde.references import References
from benchmarks.cases.stiff_sde.run_ours import Ours
from benchmarks.records import Recorder
from benchmarks.registry import Case

TAUS = {"smoke": (1e-5, 1e-6), "full": (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)}
EXPLICIT_STEPS = {"smoke": 2**10, "full": 2**20}
RTOLS = {"smoke": (1e-3,), "full": (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)}


def run(size: str, record: Recorder) -> None:
    """The three noisy problems, the noise-free one, the table of steps, the picture."""
    jax.config.update("jax_enable_x64", True)
    for budget in budgets.budgets(size):
        references = References(budget, record)
        mine = Ours(record, references)
        references.statistics()
        fixed.run(record, references)
        peer_diffrax.run(record, references)
        mine.diagrams()
        if budget.problem.name == "lhn":
            stiffness.run(record, mine, taus=TAUS[size], most=EXPLICIT_STEPS[size])
    noise_free.run(record, tau=1e-5, rtols=RTOLS[size], repeats=1 if size == "smoke" else 3)
    pictures.write(record.path, record.run_id)


CASE = Case(
    name="stiff_sde",
    run=run,
    baseline=fixed.EXPLICIT,
    suites=("smoke", "stiff_sde"),
    limit_s=3600.0,
)

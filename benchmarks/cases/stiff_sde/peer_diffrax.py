"""diffrax's own solvers along its VirtualBrownianTree, at fixed steps and adaptive where it can."""

from collections.abc import Callable

import diffrax as dfx
import jax
import jax.numpy as jnp

from benchmarks.cases.stiff_sde import paths
from benchmarks.cases.stiff_sde.programs import Program, Solved, record_solved
from benchmarks.cases.stiff_sde.references import References, keys
from benchmarks.records import Recorder
from memjax.core.system import Partitioned

LIMIT = 8
"""An adaptive solve may take so many times the steps of the reference before it counts as failed."""


def solves(solver, kind: str, references: References, *, adaptive: bool) -> Callable:
    """``solves(problem, keys, setting)``: many paths at so many steps, or at this tolerance."""
    budget = references.budget

    def one(problem, key, setting):
        noise = dfx.ControlTerm(
            lambda t, y, p: p.g(t, y), paths.path(kind, problem, key, steps=budget.tree)
        )
        terms = dfx.MultiTerm(dfx.ODETerm(lambda t, y, p: p.f(t, y)), noise)
        sol = dfx.diffeqsolve(
            terms,
            solver,
            jnp.zeros(()),
            problem.t_end,
            problem.t_end / budget.tree if adaptive else problem.t_end / setting,
            problem.y0,
            args=problem,
            stepsize_controller=_control(problem, budget.tree, setting)
            if adaptive
            else dfx.ConstantStepSize(),
            max_steps=LIMIT * budget.tree,
            adjoint=dfx.ForwardMode(),
            throw=False,
        )
        done = sol.result == dfx.RESULTS.successful
        y = jnp.where(done, jnp.asarray(sol.ys)[0], jnp.nan)
        stats = sol.stats
        return Solved(y, stats["num_accepted_steps"], stats["num_rejected_steps"])

    return jax.vmap(one, (None, 0, None))


def _control(problem, finest: int, rtol) -> dfx.AbstractStepSizeController:
    """What diffrax's documentation advises for stochastic equations, landing on the corners."""
    pid = dfx.PIDController(
        rtol=rtol, atol=1e-2 * rtol, pcoeff=0.1, icoeff=0.3, dtmin=problem.t_end / finest
    )
    corners = jnp.asarray(problem.stimulus.breakpoints())
    return dfx.ClipStepSizeController(pid, jump_ts=corners, store_rejected_steps=100)


def _family(
    name: str, solver, kind: str, record: Recorder, references: References, *, adaptive: bool
) -> None:
    """One solver at all its settings."""
    budget, problem, own = references.budget, references.budget.problem, keys(references.budget, "")
    word, settings = ("rtol", budget.diffrax_rtol) if adaptive else ("steps", budget.diffrax)
    if not settings:
        return
    function = solves(solver, kind, references, adaptive=adaptive)
    try:
        program = Program(function, problem, own, jnp.asarray(float(settings[0])))
    except ValueError as error:
        reason = f"diffrax refuses it: {error}"
        record.write(name, status="skipped", reason=reason, problem=problem.name)
        return
    for setting in settings:
        times, solved = program.timed(problem, own, jnp.asarray(float(setting)), per=len(own))
        record_solved(
            record,
            problem,
            name,
            {word: setting},
            times=times,
            batch=len(own),
            solved=solved,
            reference=references.ends(kind),
            kind=kind,
        )


def run(record: Recorder, references: References) -> None:
    """The solvers that converge to the Ito process of this problem; SRA1 to show that it is refused."""
    partitioned = issubclass(references.budget.problem.structure, Partitioned)
    fixed: dict[str, dfx.AbstractSolver] = {"diffrax Euler": dfx.Euler()}
    if partitioned:  # Milstein's term vanishes: its solver is Euler's again
        _family("diffrax SRA1", dfx.SRA1(), "tree with areas", record, references, adaptive=False)
    else:
        fixed["diffrax ItoMilstein"] = dfx.ItoMilstein()
    for name, solver in fixed.items():
        _family(name, solver, "tree", record, references, adaptive=False)
    half = dfx.HalfSolver(dfx.ItoMilstein())
    _family("diffrax ItoMilstein, halved", half, "tree", record, references, adaptive=True)
    if partitioned:
        _family("diffrax SPaRK", dfx.SPaRK(), "tree with areas", record, references, adaptive=True)
    elif references.budget.diffrax_rtol:
        reason = "converges to the Stratonovich process, which is another one here"
        name = references.budget.problem.name
        record.write("diffrax SPaRK", status="skipped", reason=reason, problem=name)

"""The place for memjax's own stochastic solvers: what stands here is measured, and drawn as curves of its own."""

from typing import NamedTuple

import diffrax as dfx
import jax
import jax.numpy as jnp

import memjax as mj
from benchmarks.cases.stiff_sde.paths import Kick, Step
from benchmarks.cases.stiff_sde.problems import Problem
from benchmarks.cases.stiff_sde.programs import Solved
from memjax.noise import words
from memjax.simulate import solve_adaptive
from memjax.solver import (
    AbstractKernel,
    DriftImplicitEuler,
    DriftImplicitMilstein,
    Equation,
    Increment,
    SraEsdirk,
)

_INSIDE = 1e-6
"""Share of a step by which its ends are taken inwards, so that a corner counts for the right side."""


class Scheme(NamedTuple):
    """A scheme of fixed steps.

    Parameters
    ----------
    step : callable
        ``y1 = step(problem, t, y, h, kick)``; not a number where it fails.
    areas : bool
        Whether it uses ``kick.area``.
    """

    step: Step
    areas: bool = False


def _kernel(method: AbstractKernel | None = None) -> Step:
    """A step of fixed length by a kernel (`SraEsdirk` for the problem's noise); no number where it fails."""

    def step(problem: Problem, t, y, h, kick: Kick):
        scaled = problem.scaled
        late = t + (1 - _INSIDE) * h
        eq = Equation(
            problem.f,
            problem.g,
            scaled.project,
            lambda z, before: scaled.confine(z, before, problem.stimulus(late)),
            structure=problem.structure,
        )
        kernel = SraEsdirk(structure=problem.structure, cap=40) if method is None else method
        inc = Increment(kick.w, kick.area)
        end = kernel.kernel(eq, t + _INSIDE * h, late, y, inc, h=h)
        return jnp.where(end.converged, end.y, jnp.nan)

    return step


SCHEMES = {
    "memjax DriftImplicitEuler": Scheme(_kernel(DriftImplicitEuler())),
    "memjax DriftImplicitMilstein": Scheme(_kernel(DriftImplicitMilstein())),
    "memjax SraEsdirk": Scheme(_kernel(), areas=True),
}
"""Curves of fixed steps in a scan, as Euler-Maruyama is measured: errors along the fine grid's paths."""

KIND = "dyadic"
"""The kind of path that `solve` walks along (see `paths.path`)."""

ADAPTIVE: dict[str, str] = {
    "memjax adaptive": "default",
    "memjax adaptive, DriftImplicitMilstein": "milstein",
}
"""Curves of adaptive policies, each with the `method` that `solve` is given."""

_METHODS = {"default": None, "milstein": DriftImplicitMilstein()}


def solve(problem: Problem, keys, *, rtol: float, method: str, reverse: bool = False) -> Solved:
    """End states of many paths; traceable, so that it can be compiled and differentiated.

    Parameters
    ----------
    problem : Problem
        What is solved.
    keys : Key[Array, "paths"]
        One key per path: ``paths.path(KIND, problem, key, steps=...)`` is the path to walk along.
    rtol : float
        Tolerance; the absolute one is a tenth of it.
    method : str
        A value of `ADAPTIVE`.
    reverse : bool
        Whether a reverse-mode derivative is going to be taken.

    Returns
    -------
    Solved
        A failed path ends at no number.
    """
    adjoint = dfx.RecursiveCheckpointAdjoint() if reverse else dfx.ForwardMode()
    policy = mj.Stiff(rtol=rtol, atol=0.1 * rtol, method=_METHODS[method], adjoint=adjoint)
    end = problem.t_end

    def one(key):
        s = solve_adaptive(
            problem.scaled,
            problem.stimulus,
            rows=end[None],
            y0=problem.y0,
            end=end,
            policy=policy,
            key=key,
        )
        return Solved(jnp.where(s.result == 0, s.y[-1], jnp.nan), s.accepted, s.rejected)

    return jax.vmap(one)(jax.vmap(words)(keys))

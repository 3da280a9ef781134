"""The place for memjax's own stochastic solvers: what stands here is measured, and drawn as curves of its own."""

from typing import NamedTuple

from benchmarks.cases.stiff_sde import steps
from benchmarks.cases.stiff_sde.paths import Step
from benchmarks.cases.stiff_sde.problems import Problem
from benchmarks.cases.stiff_sde.programs import Solved


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


SCHEMES = {"memjax drift-implicit euler": Scheme(steps.drift_implicit_euler)}
"""Curves of fixed steps in a scan, as Euler-Maruyama is measured: errors along the fine grid's paths."""

KIND = "dyadic"
"""The kind of path that `solve` walks along (see `paths.path`)."""

ADAPTIVE: dict[str, str] = {"memjax adaptive": "default"}
"""Curves of adaptive policies, each with the `method` that `solve` is given."""

FIXED: dict[str, str] = {"memjax fixed": "default"}
"""Curves of fixed policies through `solve`, each with its `method`."""


def solve(
    problem: Problem,
    keys,
    *,
    rtol: float | None = None,
    dt: float | None = None,
    method: str | None = None,
    reverse: bool = False,
) -> Solved:
    """End states of many paths; traceable, so that it can be compiled and differentiated.

    Parameters
    ----------
    problem : Problem
        What is solved.
    keys : Key[Array, "paths"]
        One key per path: ``paths.path(KIND, problem, key, steps=...)`` is the path to walk along.
    rtol : float, optional
        Tolerance of an adaptive policy, or
    dt : float, optional
        Largest step of a fixed one [s].
    method : str, optional
        A value of `ADAPTIVE` or `FIXED`.
    reverse : bool
        Whether a reverse-mode derivative is going to be taken.

    Returns
    -------
    Solved
        A failed path ends at no number.
    """
    del problem, keys, rtol, dt, method, reverse
    raise NotImplementedError("memjax's adaptive stochastic solvers are not plugged in yet")

"""Residuals and Jacobians of many points of one problem, in batches of one size: one program."""

import numpy as np
from jaxtyping import Float

from ..problem import TOGETHER, AbstractProblem

Linearised = tuple[np.ndarray, np.ndarray, np.ndarray]


class Batches:
    """Residuals, Jacobians and success of many points of a problem, call by call.

    Parameters
    ----------
    problem : AbstractProblem
        The problem.
    """

    def __init__(self, problem: AbstractProblem):
        self.solved = problem.for_many_calls()
        # A kernel solves nothing for points that are no numbers; a batch of XLA waits for all of its points.
        self.by_kernel = not problem.backend.startswith("xla")

    def __call__(self, z: Float[np.ndarray, "points free"]) -> Linearised:
        """At these points, one and more."""
        parts = []
        for begin in range(0, len(z), TOGETHER):
            points = z[begin : begin + TOGETHER]
            batch = np.resize(points, (TOGETHER, z.shape[1]))
            if self.by_kernel:
                batch[len(points) :] = np.nan
            parts.append([np.asarray(x)[: len(points)] for x in self.solved.linearise(batch)])
        r, jacobian, ok = (np.concatenate(x) for x in zip(*parts, strict=True))
        return r, jacobian, ok


class Lanes:
    """Residuals, Jacobians and success of lanes, one point each: those that stay where they are cost nothing.

    Parameters
    ----------
    problem : AbstractProblem
        The problem of all lanes.
    """

    def __init__(self, problem: AbstractProblem):
        self.batches = Batches(problem)
        self.z: np.ndarray | None = None
        self.known: Linearised | None = None

    def __call__(self, z: Float[np.ndarray, "lanes free"]) -> Linearised:
        """At the points of all lanes; as many as at the call before."""
        if self.z is None or self.known is None or self.z.shape != z.shape:
            self.known = self.batches(z)
        elif len(moved := np.flatnonzero(np.any(z != self.z, axis=1))):
            for old, new in zip(self.known, self.batches(z[moved]), strict=True):
                old[moved] = new
        self.z = z.copy()
        r, jacobian, ok = (x.copy() for x in self.known)  # a search writes into what it is given
        return r, jacobian, ok

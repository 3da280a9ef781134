"""Fits of a model with learned corrections begin where the model alone ends."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .instrument import device_of
from .learned import PRIORS, learned_functions
from .prepare import Prepared

_KEPT = 8
"""Ends of the search of the model alone that a search of corrections begins at, once without and once with some."""

_SCATTER = 0.3
"""Corrections of the others, as a share of their prior's standard deviation."""


def begun_at_physics(
    prepared: Prepared, ends: Sequence[tuple[np.ndarray, np.ndarray]], seed: int
) -> Prepared:
    """A problem with corrections whose search begins at ends of that of its model alone: points and their costs.

    Each is a start without corrections, and one with small ones. The prior is about the best of them.
    """
    physics = prepared.physics
    if physics is None or not ends:
        return prepared
    z, cost = (np.concatenate(x) for x in zip(*ends, strict=True))
    order = np.argsort(cost, kind="stable")[:_KEPT]
    z = z[order[np.isfinite(cost[order])]]
    problem = prepared.problem
    place = {n: k for k, n in enumerate(problem.free)}
    if not len(z):
        return prepared
    plain = np.tile(np.asarray(problem.center), (len(z), 1))
    plain[:, [place[n] for n in physics.problem.free]] = z
    functions = learned_functions(device_of(problem.device))
    widths = {n: PRIORS[f].width for f, nodes in functions.items() for n in nodes}
    size = _SCATTER * np.array([widths.get(n, 0.0) for n in problem.free])
    moved = plain + size * np.random.default_rng(seed).normal(size=plain.shape)
    problem = replace(problem, center=plain[0])
    return replace(prepared, problem=problem, candidates=np.concatenate([plain, moved]))

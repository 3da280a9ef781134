"""Fits of a model with learned corrections begin where the model alone ends."""

from dataclasses import replace

import numpy as np

from .instrument import device_of
from .learned import PRIORS, learned_functions
from .prepare import Prepared
from .search import Search

_KEPT = 8
"""Ends of the search of the model alone that a search of corrections begins at, once without and once with some."""

_SCATTER = 0.3
"""Corrections of the others, as a share of their prior's standard deviation."""


def begun_at_physics(prepared: Prepared, first: Search, seed: int) -> Prepared:
    """A problem with corrections whose search begins where that of its model alone has ended: at its best point, and
    at other ends.

    Each is a start without corrections, and one with small ones. The prior is about the best of them.
    """
    physics = prepared.physics
    if physics is None or first.best_z is None:
        return prepared
    # A search that began beside its best point has moved on from its ends, and one that was interrupted has none.
    ends = [(first.best_z[None], np.array([first.best_cost])), *first.ends]
    z, cost = (np.concatenate(x) for x in zip(*ends, strict=True))
    others = np.flatnonzero(np.isfinite(cost) & np.any(z != first.best_z, axis=1))
    order = others[np.argsort(cost[others], kind="stable")][: _KEPT - 1]
    z = np.concatenate([first.best_z[None], z[order]])
    problem = prepared.problem
    place = {n: k for k, n in enumerate(problem.free)}
    plain = np.tile(np.asarray(problem.center), (len(z), 1))
    plain[:, [place[n] for n in physics.problem.free]] = z
    functions = learned_functions(device_of(problem.device))
    widths = {n: PRIORS[f].width for f, nodes in functions.items() for n in nodes}
    size = _SCATTER * np.array([widths.get(n, 0.0) for n in problem.free])
    moved = plain + size * np.random.default_rng(seed).normal(size=plain.shape)
    problem = replace(problem, center=plain[0])
    return replace(prepared, problem=problem, candidates=np.concatenate([plain, moved]))

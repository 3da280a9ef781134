"""How a search of sweeps ends: noise and optimum are known by each other, and it begins again beside its optimum."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..optimize.levenberg_marquardt import PROXIMAL, Ending, Progress, levenberg_marquardt
from ..optimize.restarts import search_beside
from ..problem import WEAK_SIGMA
from ..residuals import MAD
from .basins import last_starts
from .group import unsaturated
from .learned import GRANTED
from .noise_estimate import noise_of_each
from .problem import PATIENT, PRECISE, Problem
from .scatter import exceeds_scatter, known_to_a_row
from .search import BATCH, Search
from .strength import has_moved, strength_at, with_strength
from .summary import Waveform

ENDING = 25
"""Iterations in which a search ends at the most, once the noise is known."""

HALVING = 6
"""Iterations after which the worse half of the starts from which a search of learned functions ends stops, and again:
they are near each other, and each takes as long as the best."""

WEIGHINGS = 8
"""Times at the most that the noise is taken from the residuals at an optimum, and that a search goes on from there."""

UPDATES = 4
"""Updates of the strengths of priors at the most: each is a search from where the one before has ended."""

CLOSE = 0.01
"""Gain of a cost, in variances of a residual, below which a search has ended: a seventh of a standard deviation."""

SETTLED = 0.8
"""Share of the noise before from which on it counts as settled: standard deviations are known no better."""

GRANTS = 3
"""Times at the most that less is granted to learned functions, which then miss less."""

LEAST_GRANTED = 1e-4
"""What is always granted to them [decades]."""

COARSE = 3e-3
"""What is granted to them at the least [decades] where solves are those of `LEARNED`, off by up to a tenth of it."""

BESIDE = 2
"""What is added to the seed of a search for that of its draws beside the optimum."""


def weighed(search: Search, waves: Sequence[Waveform], noise: float = np.inf) -> Search:
    """The search ended with a prior that weighs against the noise of the data.

    The residuals that a prior of too much weight leaves are taken for noise, which gives it that weight: noise and
    optimum are found in turn, until the noise stays; it is as it is where that does not fall. So are the strengths of
    the priors of learned functions.
    """
    first = not np.isfinite(noise)
    for k in range(WEIGHINGS):
        z, r, jacobian = search.optimum()
        at: dict[str, Any] = {"residuals": r[None], "jacobian": jacobian[None], "seed": search.seed}
        less = float(noise_of_each([search.problem], [waves], **at)[0])
        data = jacobian[: -len(search.problem.free)]
        updates = first and k < UPDATES
        strength = strength_at(search.problem, z, data, less) if updates else None
        # No iteration was left: the valley goes on.
        unfinished = search.progress.left == 0 and not search.switches
        if not (less < SETTLED * noise or unfinished or has_moved(search.problem, strength)):
            break
        noise, search = less, end_search(search, less, strength)
    return search


def granted_as_missed(search: Search, waves: Sequence[Waveform]) -> Search:
    """The search of learned functions ended with no more granted to them than they miss, as long as they miss less.

    What is granted hides what is smaller: a loop of 0.003 decades in the place of a line costs nothing beside 0.05.
    What a user grants stays.
    """
    if float(search.problem.group.model_sigma) != GRANTED:
        return search
    for _ in range(GRANTS):
        problem = _with_less_granted(search)
        if problem is None:
            break
        other = Search(problem, search.seed, search.tick, search.progress)
        other.best_z, other.ends = search.best_z, search.ends
        search = weighed(other, waves)
    return search


def _with_less_granted(search: Search) -> Problem | None:
    """The problem of a search with what its optimum misses as what is granted; None where that is hardly less."""
    problem = search.problem
    group, granted = problem.group, float(problem.group.model_sigma)
    weight = np.asarray(group.weight)
    counted = (weight > 0) & ~np.asarray(group.censored)
    _, r, _ = search.optimum()
    missed = unsaturated(r[: weight.size]).reshape(weight.shape)[counted] / weight[counted]
    if not missed.size:
        return None
    less = max(MAD * float(np.median(np.abs(missed))), LEAST_GRANTED)
    if less > SETTLED * granted:
        return None
    scatter = np.sqrt(np.maximum(1 / weight[weight > 0] ** 2 - granted**2, 0.0))
    heavier = weight.copy()
    heavier[weight > 0] = 1 / np.hypot(scatter, less)
    changes: dict[str, Any] = {"weight": heavier, "model_sigma": np.asarray(less)}
    policy = problem.policy if less > COARSE else PATIENT
    return replace(problem, group=replace(group, **changes), policy=policy)


def balanced(search: Search, waves: Sequence[Waveform]) -> Search:
    """The search ended with events that count by their sampling, where the data are then described to their noise."""
    other = ended_by_sampling(search, waves)
    if other is None:
        return search
    _, r, jacobian = other.optimum()
    return search if exceeds_scatter(other.problem, waves, r, jacobian) else other


def ended_by_sampling(search: Search, waves: Sequence[Waveform]) -> Search | None:
    """The search ended with events that count by their sampling, see `known_to_a_row`; None where there are none."""
    group = known_to_a_row(search.problem, waves)
    if group is None:
        return None
    problem = replace(search.problem, group=group, policy=PRECISE)
    other = Search(problem, search.seed, search.tick, replace(search.progress))
    other.best_z, other.ends = search.best_z, search.ends
    return weighed(other, waves)


def end_search(search: Search, noise: float, strength: np.ndarray | None = None) -> Search:
    """The search ended with a prior that weighs against the noise that there is, not against what was granted.

    `strength` are those of learned functions, where there are such.
    """
    known = jnp.asarray([noise, WEAK_SIGMA], float)
    problem = replace(search.problem, noise=known[0], prior_sigma=known[1])
    problem = with_strength(problem, strength)
    again = Search(problem, search.seed, search.tick, search.progress)
    done = search.progress
    best, _, jacobian = search.optimum()
    z, cost = (np.concatenate(x) for x in zip(*search.ends, strict=True))
    starts = last_starts(z, cost, best=best, jacobian=jacobian, noise=noise, count=BATCH)
    options: dict[str, Any] = dict(iterations=ENDING, progress=done, tick=search.report("weigh"))
    options |= ending(noise, search.best_cost)
    if problem.prior_root is not None:
        options["ending"] = Ending(halving=HALVING)
    try:
        levenberg_marquardt(again, starts, **options)
    except KeyboardInterrupt:
        return search
    again.ends = [(done.z.copy(), done.cost.copy())]
    return again if again.best_z is not None else search


def ended_from(search: Search, ends: list[tuple[np.ndarray, np.ndarray]]) -> Search:
    """A search that has ended, ended from where another one did as well; as it is where that is interrupted."""
    z, cost = (np.concatenate(x) for x in zip(*ends, strict=True))
    best, noise = z[np.argmin(cost)], float(search.problem.noise)
    jacobian = search(np.repeat(best[None], BATCH, axis=0))[1][0]
    starts = last_starts(z, cost, best=best, jacobian=jacobian, noise=noise, count=BATCH)
    options: dict[str, Any] = dict(iterations=ENDING, tick=search.report("weigh"))
    options |= ending(noise, search.best_cost)
    try:
        with keeping(search.progress) as done:
            levenberg_marquardt(search, starts, progress=done, **options)
    except KeyboardInterrupt:
        return search
    search.ends = [(done.z.copy(), done.cost.copy())]
    return search


@contextmanager
def keeping(progress: Progress) -> Iterator[Progress]:
    """Progress that still knows, after another search, where the one before ended."""
    before = progress.z.copy(), progress.cost.copy(), progress.converged.copy()
    try:
        yield progress
    finally:
        after = progress.z, progress.cost, progress.converged
        both = (np.concatenate(x) for x in zip(before, after, strict=True))
        progress.z, progress.cost, progress.converged = both


def ending(noise: float, cost: float) -> dict[str, float]:
    """How a search ends once the noise is known [sigma]; options of `levenberg_marquardt`."""
    tolerance = CLOSE * noise**2 / max(cost, np.finfo(float).tiny)
    return {"proximal": PROXIMAL, "tolerance": min(1e-4, tolerance)}


def begin_beside(search: Search, *, quiet: int) -> bool:
    """Begin the search again beside its optimum, see `search_beside`; whether it was interrupted."""
    options: dict[str, Any] = dict(progress=search.progress, tick=search.report("again"))
    options["proximal"] = PROXIMAL
    try:
        improve = partial(levenberg_marquardt, search, **options)
        with keeping(search.progress):
            search_beside(
                improve, *search.optimum(), count=BATCH, seed=search.seed + BESIDE, quiet=quiet
            )
    except KeyboardInterrupt:
        return True
    return False

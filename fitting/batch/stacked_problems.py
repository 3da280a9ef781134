"""Problems of one shape, each solved at points of its own by one kernel."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from memjax.core.fields import with_values
from memjax.runtime.compile_cache import cached_jit, is_array
from memjax.simulate.stiff_kernel import StiffLanes

from ..problem import Linearised
from ..sweeps.group import seeks_events
from ..sweeps.lanes import by_lane, by_point, solve_lanes
from ..sweeps.problem import Problem, begin_lanes, kernel_of, lengthened
from ..sweeps.read_lanes import linearise_lanes, observe_lanes

TOGETHER = (64, 16)
"""Points of one call of the kernel and of the programs around it: a program for each size."""


def blocks(count: int) -> list[tuple[np.ndarray, int]]:
    """So many points in blocks, and how many points each is filled up to."""
    large, small = TOGETHER
    parts, k = [], 0
    while k < count:
        size = large if count - k > 2 * small else small
        parts.append((np.arange(k, min(k + size, count)), size))
        k += size
    return parts


Points = Float[np.ndarray, "points free"]
Which = Int[np.ndarray, " points"]
"""Number of the problem of each of several points."""
Observed = tuple[np.ndarray, np.ndarray]
"""Residuals, success."""


class StackedProblems:
    """Problems of one shape (see `fitting.problem.shape_of`), of which some are solved at a time.

    Parameters
    ----------
    problems : sequence of Problem
        The problems.
    threads : int
        Threads of a solve.

    Notes
    -----
    Lanes of many problems fill the vectors of the kernel, and share the calls around it.
    """

    def __init__(self, problems: Sequence[Problem], *, threads: int):
        every, places = zip(*map(lengthened, problems), strict=True)
        self.residual_columns = places[0]
        self.kernel, self.threads = kernel_of(problems[0]), threads
        # A solve has one end: problems whose waveforms end together are solved together.
        self.ends = np.array([np.max(p.group.rows) for p in every])
        self.columns = _columns(every)
        self.problem, self.policy = every[0], every[0].policy
        self.steps = any(seeks_events(p.group) for p in problems)
        functions = (_begin_each, _linearise_each, _observe_each)
        self._begin, self._linearise, self._observe = (f.bind(self.problem) for f in functions)

    def linearise(self, z: Points, which: Which) -> Linearised:
        """Residuals, Jacobians and success at points, each of the problem of this number."""
        r, jacobian, ok = self._each(self._linearise, z, which, derive=True)
        return r[:, self.residual_columns], jacobian[:, self.residual_columns], ok

    def observe(self, z: Points, which: Which) -> Observed:
        """Residuals and success at points."""
        r, ok = self._each(self._observe, z, which, derive=False)
        return r[:, self.residual_columns], ok

    def roughly(self, rtol: float) -> "StackedProblems":
        """The same solved with another tolerance."""
        rough = copy(self)
        share = self.policy.atol / self.policy.rtol
        rough.policy = replace(self.policy, rtol=rtol, atol=share * rtol)
        return rough

    def _each(
        self, function: Callable, z: np.ndarray, which: np.ndarray, *, derive: bool
    ) -> list[np.ndarray]:
        """What a function of solved points gives at each of them."""
        parts, order = [], []
        for end in np.unique(self.ends[which]):
            same = np.flatnonzero(self.ends[which] == end)
            for part, size in blocks(len(same)):
                some = same[part]
                order.append(some)
                solutions = self._solved(function, z[some], which[some], derive, size)
                parts.append([x[: len(some)] for x in solutions])
        back = np.argsort(np.concatenate(order))
        return [np.concatenate(x)[back] for x in zip(*parts, strict=True)]

    def _solved(
        self, function: Callable, z: np.ndarray, which: np.ndarray, derive: bool, size: int
    ):
        """The same of so many points, filled up by points that are no numbers, which cost no solve."""
        more = size - len(z)
        z = np.pad(z, [(0, more), (0, 0)], constant_values=np.nan)
        leaves = [x[np.pad(which, (0, more), mode="edge")] for x in self.columns]
        values, derivatives, zeros = self._begin(leaves, z)
        along, group = derivatives if derive else None, _filled(self.problem, leaves).group
        times, drive = by_lane(group.stimuli.times), by_lane(group.stimuli.values)
        solve = partial(
            solve_lanes,
            self.kernel,
            z,
            values,
            along,
            stimuli=with_values(group.stimuli, {"times": times, "values": drive}),
            zeros=by_lane(zeros),
            rows=by_lane(group.rows),
            threads=self.threads,
            steps=self.steps,
        )
        there = np.repeat(np.isfinite(z[:, 0]), len(times) // len(z))
        # What is done of all steps that are kept is done of half as many; where these do not suffice, once more.
        half = replace(self.policy, max_steps=self.policy.max_steps // 2)
        for policy in (half, self.policy) if self.steps else (self.policy,):
            lanes = solve(policy=policy)
            if not np.any(np.asarray(lanes.counts)[there, 2]):
                break
        return map(np.asarray, function(leaves, z, lanes))


def _columns(problems: Sequence[Problem]) -> list[np.ndarray]:
    """Each array of the problems, stacked."""
    arrays = [jax.tree.leaves(eqx.filter(p, is_array)) for p in problems]
    return [np.stack(x) for x in zip(*arrays, strict=True)]


def _filled(problem: Problem, leaves: Sequence[Any]) -> Problem:
    arrays, static = eqx.partition(problem, is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), static)


def _at_each(function: Callable, problem: Problem, leaves: list, *arguments: Any) -> Any:
    """A function of a problem and a point, of problems whose arrays are stacked."""
    return jax.vmap(lambda arrays, *x: function(_filled(problem, arrays), *x))(leaves, *arguments)


@cached_jit
def _begin_each(problem: Problem, leaves: list, z: Float[Array, "points free"]):
    """As `begin_lanes`, of points that have problems of their own."""
    return _at_each(begin_lanes, problem, leaves, z)


@cached_jit
def _linearise_each(
    problem: Problem, leaves: list, z: Float[Array, "points free"], lanes: StiffLanes
):
    """As `linearise_lanes`, of points that have problems of their own."""
    return _at_each(linearise_lanes, problem, leaves, z, by_point(lanes, len(z)))


@cached_jit
def _observe_each(
    problem: Problem, leaves: list, z: Float[Array, "points free"], lanes: StiffLanes
):
    """Residuals and success, of points that have problems of their own."""
    return _at_each(observe_lanes, problem, leaves, z, by_point(lanes, len(z)))[:2]

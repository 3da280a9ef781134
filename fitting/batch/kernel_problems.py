"""Problems of one shape that one kernel solves, each at points of its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

from memjax.core.fields import with_values
from memjax.runtime.compile_cache import cached_jit, is_array
from memjax.simulate.stiff_kernel import StiffKernel, StiffLanes

from ..sweeps.lanes import by_lane, by_point, solve_lanes
from ..sweeps.problem import (
    Problem,
    begin_lanes,
    kernel_of,
    lengthened,
    linearise_lanes,
    observe_lanes,
)

_TOGETHER = 16
"""Points of one call of the kernel and of the programs around it: one size, one program."""


class KernelProblems:
    """Problems of one shape (see `fitting.problem.shape_of`) with a kernel, of which some are solved at a time.

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
        self.own = places[0]
        self.kernel, self.threads = cast(StiffKernel, kernel_of(problems[0])), threads
        # A solve has one end: problems whose waveforms end together are solved together.
        self.ends = np.array([np.max(p.group.rows) for p in every])
        arrays = [jax.tree.leaves(eqx.filter(p, is_array)) for p in every]
        self.columns = [np.stack(x) for x in zip(*arrays, strict=True)]
        self.problem = every[0]
        # What is done of all steps that may be is done of half as many; where these do not suffice, once more.
        policy = self.problem.policy
        self.short = replace(policy, max_steps=policy.max_steps // 2)
        functions = (_begin_each, _linearise_each, _observe_each)
        self._begin, self._linearise, self._observe = (f.bind(self.problem) for f in functions)

    def linearise(
        self, z: Float[np.ndarray, "points free"], which: Int[np.ndarray, " points"]
    ) -> tuple[np.ndarray, ...]:
        """Residuals, Jacobians and success at points, each of the problem of this number."""
        r, jacobian, ok = self._each(self._linearise, z, which, derive=True)
        return r[:, self.own], jacobian[:, self.own], ok

    def observe(
        self, z: Float[np.ndarray, "points free"], which: Int[np.ndarray, " points"]
    ) -> tuple[np.ndarray, ...]:
        """Residuals and success at points."""
        r, ok = self._each(self._observe, z, which, derive=False)
        return r[:, self.own], ok

    def _each(
        self, function: Callable, z: np.ndarray, which: np.ndarray, *, derive: bool
    ) -> list[np.ndarray]:
        """What a function of solved points gives at each of them."""
        parts, order = [], []
        for end in np.unique(self.ends[which]):
            same = np.flatnonzero(self.ends[which] == end)
            for k in range(0, len(same), _TOGETHER):
                some = same[k : k + _TOGETHER]
                order.append(some)
                parts.append(
                    [x[: len(some)] for x in self._solved(function, z[some], which[some], derive)]
                )
        back = np.argsort(np.concatenate(order))
        return [np.concatenate(x)[back] for x in zip(*parts, strict=True)]

    def _solved(self, function: Callable, z: np.ndarray, which: np.ndarray, derive: bool):
        """The same of so many points, filled up by points that are no numbers, which cost no solve."""
        more = _TOGETHER - len(z)
        z = np.pad(z, [(0, more), (0, 0)], constant_values=np.nan)
        leaves = [x[np.pad(which, (0, more), mode="edge")] for x in self.columns]
        values, derivatives, zeros = self._begin(leaves, z)
        along, group = derivatives if derive else None, _filled(self.problem, leaves).group
        times, drive = by_lane(group.stimuli.times), by_lane(group.stimuli.values)
        about: dict[str, Any] = dict(
            stimuli=with_values(group.stimuli, {"times": times, "values": drive})
        )
        about |= dict(zeros=by_lane(zeros), rows=by_lane(group.rows), threads=self.threads)
        there = np.repeat(np.isfinite(z[:, 0]), len(times) // len(z))
        for policy in (self.short, self.problem.policy):
            lanes = solve_lanes(self.kernel, z, values, along, policy=policy, **about)
            if not np.any(np.asarray(lanes.counts)[there, 2]):
                break
        return map(np.asarray, function(leaves, z, lanes))


def _filled(problem: Problem, leaves: Sequence[Any]) -> Problem:
    """A problem with other arrays."""
    arrays, rest = eqx.partition(problem, is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest)


def _at_each(function: Callable, problem: Problem, leaves: list, *rest: Any) -> Any:
    """A function of a problem and a point, of problems whose arrays are stacked."""
    return jax.vmap(lambda own, *x: function(_filled(problem, own), *x))(leaves, *rest)


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

"""Brownian increments for steps of any length, and the walk along them.

Three sources: fine increments that are summed (`grid`), a path object of diffrax's interface
(`along`), and new numbers for a run that only wants its time or its statistics (`fresh`).
"""

from collections.abc import Callable
from typing import NamedTuple

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Key

from benchmarks.cases.stiff_sde.problems import Problem

CHUNK = 128
"""Steps whose increments are made together; every number of fixed steps is a multiple of it."""


class Kick(NamedTuple):
    """What a path does in a step.

    Parameters
    ----------
    w : Float[Array, "channels"]
        Increment [sqrt(s)].
    area : Float[Array, "channels"]
        Space-time area [sqrt(s)]: mean of the path above its chord.
    """

    w: Array
    area: Array


Source = Callable[[Array, Float[Array, " times"]], Kick]
Step = Callable[..., Float[Array, " n"]]


def bounds(problem: Problem) -> Float[Array, " bounds"]:
    """Times between which a dyadic path has its trees: as of a memjax solve with one row, the end [s]."""
    end = problem.t_end
    corners = jnp.asarray(problem.stimulus.breakpoints(), end.dtype)
    inside = jnp.concatenate([jnp.zeros_like(end)[None], corners, end[None]])
    return jnp.append(jnp.sort(jnp.clip(inside, 0.0, end)), end)


def path(kind: str, problem: Problem, key: Key[Array, ""], *, steps) -> dfx.AbstractBrownianPath:
    """The Brownian path of one key: diffrax's tree, resolved beyond so many steps, or memjax's.

    The tree with areas is another path than that without.
    """
    if kind == "dyadic":
        from memjax.noise import DyadicPath

        edges = bounds(problem)
        # To pyright an equinox AbstractVar of the base, levy_area, is a field to pass.
        return DyadicPath(key=key, bounds=edges, channels=problem.channels)  # pyright: ignore[reportCallIssue]
    areas = {"tree": dfx.BrownianIncrement, "tree with areas": dfx.SpaceTimeLevyArea}
    return dfx.VirtualBrownianTree(
        0.0,
        problem.t_end,
        tol=problem.t_end / (2 * steps),
        shape=(problem.channels,),
        key=key,
        levy_area=areas[kind],
    )


def along(brownian: dfx.AbstractBrownianPath) -> Source:
    """Increments of a path object between given times; its areas are left out."""

    def of(j, times):
        if isinstance(brownian, dfx.VirtualBrownianTree):  # half the work of asking for differences
            w = jnp.diff(jax.vmap(lambda t: brownian.evaluate(t))(times), axis=0)
        else:
            w = jax.vmap(brownian.evaluate)(times[:-1], times[1:])
        return Kick(w, jnp.zeros_like(w))

    return of


def _normal(key, number, shape: tuple[int, ...], dtype) -> Array:
    """Standard normal numbers of a counter."""
    return jax.random.normal(jax.random.fold_in(key, number), shape, dtype)


def grid(problem: Problem, key: Key[Array, ""], *, steps, areas: bool = False) -> Source:
    """Sums over a fine grid of so many steps: one path for all coarser grids."""
    fine, rows = problem.t_end / steps, 2 if areas else 1

    def of(j, times):
        count = times.shape[0] - 1
        ratio = jnp.round((times[1] - times[0]) / fine)
        many = ratio.astype(int)
        first = (j * count + jnp.arange(count)) * many
        draw = lambda k: _normal(key, k, (rows, problem.channels), times.dtype)  # noqa: E731

        def add(q, sums):
            w, integral = sums
            z = jax.vmap(draw)(first + q)
            inner = z[:, 1] / np.sqrt(12.0) if areas else 0.0  # the area of the fine step
            return w + z[:, 0], integral + w + 0.5 * z[:, 0] + inner

        none = jnp.zeros((count, problem.channels), times.dtype)
        w, integral = lax.fori_loop(0, many, add, (none, none))
        return Kick(jnp.sqrt(fine) * w, jnp.sqrt(fine) * (integral / ratio - 0.5 * w))

    return of


def fresh(problem: Problem, key: Key[Array, ""], *, areas: bool = False) -> Source:
    """Increments as a program draws them that needs no second look at its path."""

    def of(j, times):
        shape = (times.shape[0] - 1, 2 if areas else 1, problem.channels)
        z = _normal(key, j, shape, times.dtype) * jnp.sqrt(times[1] - times[0])
        return Kick(z[:, 0], z[:, 1] / np.sqrt(12.0) if areas else jnp.zeros_like(z[:, 0]))

    return of


class Plan(NamedTuple):
    """Equal steps within each of some stretches.

    Parameters
    ----------
    edges : Float[np.ndarray, "stretches+1"]
        Where they begin and end [s].
    counts : Int[np.ndarray, "stretches"]
        Steps in each: a multiple of `CHUNK`, or none where it has no length.
    """

    edges: Float[np.ndarray, " edges"]
    counts: Int[np.ndarray, " stretches"]


def even(problem: Problem, n: int) -> Plan:
    """`n` equal steps."""
    return Plan(np.array([0.0, float(problem.t_end)]), np.array([n]))


def dyadic(problem: Problem, n: int) -> Plan:
    """A power of two of steps in each tree of a dyadic path, none longer than those of `n` equal ones."""
    edges = np.asarray(bounds(problem))
    spans = np.diff(edges) * n / float(problem.t_end)
    level = np.ceil(np.log2(np.maximum(spans, CHUNK)) - 1e-9).astype(int)
    return Plan(edges, np.where(spans > 0, 2**level, 0))


def walk(step: Step, problem: Problem, source: Source, plan: Plan) -> Float[Array, " states"]:
    """State after the steps ``y1 = step(problem, t, y, h, kick)`` of a plan; one compilation for all counts."""
    ends = jnp.cumsum(jnp.asarray(plan.counts) // CHUNK)

    def chunk(j, y):
        k = jnp.searchsorted(ends, j, side="right")
        count = jnp.asarray(plan.counts)[k]
        local = j - jnp.where(k > 0, ends[k - 1], 0)
        edges = jnp.asarray(plan.edges)
        h = (edges[k + 1] - edges[k]) / count.astype(edges.dtype)
        times = edges[k] + (local * CHUNK + jnp.arange(CHUNK + 1)).astype(h.dtype) * h
        xs = (times[:-1], source(j, times))
        return lax.scan(lambda z, x: (step(problem, x[0], z, h, x[1]), None), y, xs)[0]

    return lax.fori_loop(0, ends[-1], chunk, problem.y0)

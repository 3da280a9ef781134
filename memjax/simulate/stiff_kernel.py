"""Adaptive solves without noise, and their derivatives along several directions, by a kernel.

In C it is compiled (`memjax.lanes`) from a step of `memjax.solver.rosenbrock.rodas3_interval`, and takes the steps of
`solve_stiff` but for rounding. Steps of several lanes are computed side by side, in whole vectors, each at its own
time; derivatives of a lane are vectors over the directions, and refused steps have none. Where no compiler of C is at
hand, on other devices than the CPU, or where the equations hold what has no translation, XLA takes the same steps.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from ..core.scaling import Scaled
from ..lanes.backend import LaneFunction
from ..lanes.choice import compile_lanes
from ..lanes.drivers import Adaptive, AdaptiveEnd, Interval
from ..lanes.program import StepProgram, with_tangents
from ..runtime.arguments import is_traced
from ..runtime.compile_cache import fast_compile_options, is_array, supported_options
from ..runtime.cores import usable_cores
from ..solver.linear import dependent_results
from ..solver.rosenbrock import rodas3_interval
from ..stimulus import Sampled
from .adaptive import DIGITS, FIRST, SHORTEST
from .policy import Stiff

_WIDTH = 8
"""Directions come in multiples of this many: whole vectors of any processor."""


class StiffLanes(NamedTuple):
    """Solves of a batch of lanes; the last axis of derivatives are directions, those beyond the ones asked for are 0.

    Parameters
    ----------
    y : Float[Array, "lanes rows n"]
        Scaled states at the rows.
    dy : Float[Array, "lanes rows n directions"]
        Their derivatives.
    step_t, step_y : Float[Array, "lanes steps"], Float[Array, "lanes steps n"]
        Start and end of every accepted step; times are infinite beyond the last, states there mean nothing.
    step_dy : Float[Array, "lanes steps n directions"]
        Their derivatives.
    last : Float[Array, "lanes 1+n"]
        Time and state at which the solve ended.
    counts : Int[Array, "lanes 3"]
        Accepted and refused steps, and a `Result` (0, or that of too many steps).
    """

    y: Float[Array, "lanes rows n"]
    dy: Float[Array, "lanes rows n directions"]
    step_t: Float[Array, "lanes steps"]
    step_y: Float[Array, "lanes steps n"]
    step_dy: Float[Array, "lanes steps n directions"]
    last: Float[Array, "lanes states"]
    counts: Int[Array, "lanes 3"]


@dataclass(frozen=True)
class StiffKernel:
    """Adaptive solves of lanes as a call by XLA.

    Parameters
    ----------
    function : LaneFunction
        What is called.
    moving : tuple of int
        Which of the numbers of a system have derivatives.
    """

    function: LaneFunction
    moving: tuple[int, ...]

    @property
    def backend(self) -> str:
        """What computes, for provenance."""
        return self.function.backend

    @property
    def directions(self) -> int:
        """Along which there are derivatives, a multiple of eight."""
        driver: Any = self.function.driver
        return driver.directions

    def __call__(
        self,
        numbers: Float[Array | np.ndarray, "lanes numbers"],
        y0: Float[Array | np.ndarray, "lanes n"],
        derivatives: tuple[Array | np.ndarray, Array | np.ndarray] | None,
        *,
        stimuli: Sampled,
        zeros: Float[Array | np.ndarray, "sweeps zeros"],
        rows: Float[Array | np.ndarray, "sweeps rows"],
        policy: Stiff,
        steps: bool = True,
        threads: int | None = None,
    ) -> StiffLanes:
        """Solve; lane k is of sweep k modulo their number.

        Inside of a program of JAX it is not differentiated: `dy` are the derivatives.

        Parameters
        ----------
        numbers, y0
            Numbers of the system of each lane, see `numbers_of`, and its scaled state at the start.
        derivatives : tuple of Float[Array, "lanes moving any"], Float[Array, "lanes n any"], or None
            Derivatives of those numbers that move, and of the state at the start; None where none are asked for.
        stimuli, zeros, rows
            Drives of the sweeps, stacked, where they change sign, ascending, and times of output, ascending [s].
        policy : Stiff
            Tolerances and number of steps.
        steps : bool
            Whether all steps are given, and not the first one alone: they are many numbers.
        threads : int, optional
            Threads that share the lanes, by default one for each core; inside of a program there is one.
        """
        inside = is_traced(numbers)
        xp, threads = (jnp, 1) if inside else (np, threads or usable_cores())
        lanes, n = y0.shape
        wide = self.directions if derivatives is not None else 0
        none = np.zeros((lanes, len(self.moving), 0)), np.zeros((lanes, n, 0))
        along = [_widened(xp, x, wide) for x in derivatives or none]
        # Behind the last row by some roundings, as in `solve_stiff`.
        last = xp.max(xp.asarray(rows))
        end = last * (1 + 4 * np.finfo(float).eps)
        shortest = SHORTEST * np.finfo(float).eps * last
        parts = [*policy.tolerances(noisy=False), end, end * FIRST, last, shortest]
        control = xp.stack([xp.asarray(x, float) for x in parts])
        whole = [policy.max_steps, threads, stimuli.kind == "linear", wide > 0, steps]
        length, points = policy.max_steps + 1 if steps else 1, rows.shape[1]
        shapes = [(lanes, points, n), (lanes, points, n, wide), (lanes, length), (lanes, length, n)]
        shapes += [(lanes, length, n, wide), (lanes, 1 + n)]
        arguments = [control, np.array(whole, np.int32), stimuli.times, stimuli.values, zeros, rows]
        arguments += [numbers, y0, *along]
        return StiffLanes(*_call_of(self.function, tuple(shapes), inside=inside)(*arguments))


@functools.cache
def _call_of(function: LaneFunction, shapes: tuple, *, inside: bool) -> Callable:
    """A compiled call of a kernel; options for a loop by XLA can be given outside of programs alone."""
    results = [jax.ShapeDtypeStruct(x, np.float64) for x in shapes]
    results.append(jax.ShapeDtypeStruct((shapes[0][0], 3), np.int32))
    options = supported_options(fast_compile_options) if function.reason and not inside else None
    return jax.jit(lambda *arguments: function(arguments, results), compiler_options=options)


def _widened(xp: Any, x: Any, wide: int) -> Any:
    """Derivatives along more directions, the further ones 0."""
    x = xp.asarray(x)
    return xp.pad(x, [(0, 0), (0, 0), (0, wide - x.shape[-1])])


def numbers_of(scaled: Scaled) -> Float[Array, " numbers"]:
    """All numbers in the arrays of a system, one after the other."""
    leaves = jax.tree.leaves(eqx.filter(scaled, is_array))
    return jnp.concatenate([jnp.ravel(x) for x in leaves])


def moving_numbers(system_at: Callable[[Any], Scaled], z: Float[Array, "..."]) -> tuple[int, ...]:
    """Places of those numbers (see `numbers_of`) of a system that depend on coordinates."""
    leaves = lambda x: jax.tree.leaves(eqx.filter(system_at(x), is_array))  # noqa: E731
    closed = jax.make_jaxpr(leaves)(z)
    sizes = [int(np.prod(x.shape)) for x in closed.out_avals]
    return tuple(np.flatnonzero(np.repeat(dependent_results(closed.jaxpr), sizes)).tolist())


def stiff_kernel_of(scaled: Scaled, moving: Sequence[int], directions: int) -> StiffKernel:
    """Return the kernel of systems like this one, whose numbers do not matter.

    Parameters
    ----------
    scaled : Scaled
        The system.
    moving : sequence of int
        Which of its numbers (see `numbers_of`) have derivatives.
    directions : int
        Along how many directions.
    """
    wide, moving = max(-(-directions // _WIDTH) * _WIDTH, _WIDTH), tuple(moving)
    program = with_tangents(_program(scaled), moving)
    return StiffKernel(compile_lanes(program, Adaptive(wide, DIGITS)), moving)


def _program(scaled: Scaled) -> StepProgram:
    """A step of a system, whose numbers are the parameters."""
    arrays, static = eqx.partition(scaled, is_array)
    leaves, tree = jax.tree.flatten(arrays)
    sizes = [int(np.size(x)) for x in leaves]
    ends, total = np.cumsum(sizes), sum(sizes)

    def step(numbers, y, shared, at: Interval):
        cuts = zip(leaves, sizes, ends, strict=True)
        parts = [numbers[b - k : b].reshape(np.shape(x)).astype(x.dtype) for x, k, b in cuts]
        system = eqx.combine(jax.tree.unflatten(tree, parts), static)

        # Steps land on the corners of the drive: within one it is a straight line, held from the last row on.
        def field(t, z):
            beyond = lax.stop_gradient(jnp.maximum(t - at.last, 0.0))
            u = at.u + at.slope * (jnp.minimum(t - beyond, at.corner) - at.t_u)
            return system.drift(t, z, u)

        y1, error, slopes, remainder = rodas3_interval(
            field, system.project, at.t0, at.t1, y, h=at.h
        )
        return y1, AdaptiveEnd(error, *slopes, remainder)

    describe = lambda *shape: jax.ShapeDtypeStruct(shape, np.float64)  # noqa: E731
    return StepProgram(step, describe(total), describe(len(scaled.scale)), key=scaled)

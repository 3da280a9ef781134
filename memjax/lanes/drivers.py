"""Loops over the steps of many lanes: what each gives a step, and what it asks of one."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Interval(NamedTuple):
    """Moment of `Adaptive`: the ends of a step [s]; the drive as a straight line, by its value at a time and its slope;
    the last row, from which on it is held, and its next corner [s]; the length of the step [s], which may be shorter
    than the clock tells.
    """

    t0: Any
    t1: Any
    u: Any
    t_u: Any
    slope: Any
    last: Any
    corner: Any
    h: Any


class AdaptiveEnd(NamedTuple):
    """What `Adaptive` asks of a step beside the carry, all of its shape: the error, the slopes [per step] at the start
    and at the end, and what is left of an error of the derivatives.
    """

    error: Any
    start: Any
    end: Any
    remainder: Any


@dataclass(frozen=True)
class Adaptive:
    """Each lane takes steps of its own lengths, which follow from errors, and ends at times of its own.

    Programs have one vector as carry, float64, and derivatives, see `memjax.lanes.program.with_tangents`.

    Parameters
    ----------
    directions : int
        Along which there are derivatives, a multiple of eight.
    digits : int
        Binary digits to which lengths of steps are rounded.
    """

    directions: int
    digits: int


class FixedCarry(NamedTuple):
    """Carry of `Fixed`: states, which are looked at; what else is stored at rows; and what is not stored."""

    states: Any
    stored: Any = None
    memory: Any = None


class FixedEnd(NamedTuple):
    """What `Fixed` asks of a step beside the carry: numbers of which none may be NaN, and whether an implicit one was
    solved.
    """

    checked: Any
    converged: Any = ()


class EqualSteps(NamedTuple):
    """The steps of `Fixed`.

    Parameters
    ----------
    moment_at : callable
        ``moment_at(drive, number, t0, h)`` is what all lanes are given in a step of a number that starts at t0 [s]: the
        number first.
    drive : PyTree
        Its arrays.
    times, first
        Where lanes stand and the rows [s], and the number of the first step.
    chunks, size : int
        Chunks of steps between two rows, and steps of a chunk: states and rates are looked at after, and before each.
    """

    moment_at: Callable
    drive: Any
    times: Any
    first: Any
    chunks: int
    size: int

    def chunk_begins(self, t0: Any, t1: Any, number: Any) -> tuple:
        """Number, start and length of the first step of each chunk between two rows; that of the first is given."""
        h = (t1 - t0) / (self.chunks * self.size)
        k = self.size * jnp.arange(self.chunks)
        return number + k, t0 + k.astype(h.dtype) * h, jnp.full(self.chunks, h)

    def moments(self, number: Any, t0: Any, h: Any) -> Any:
        """Return the moments of a chunk, which is given by its first step."""

        def at(j):
            return self.moment_at(self.drive, number + j, t0 + j.astype(h.dtype) * h, h)

        return jax.vmap(at)(jnp.arange(self.size))


def are_finite(moments: Any) -> Any:
    """Whether all that lanes are given in some steps are numbers."""
    return functools.reduce(jnp.logical_and, [jnp.all(jnp.isfinite(x)) for x in moments])


class FixedLanes(NamedTuple):
    """What `Fixed` gives: states and what else is stored at the rows, [lanes, rows, ...]; what the last step left in
    memory, [lanes, ...]; how each lane stands, a `memjax.core.result.Result`; its largest stiffness, [lanes, 2].
    """

    states: Any
    stored: Any
    memory: Any
    result: Any
    stiffness: Any


@dataclass(frozen=True)
class Fixed:
    """All lanes take the same equal steps; states are stored at rows, and looked at from time to time.

    The function takes what all lanes share; `EqualSteps`; the parameters of lanes; their carries, `FixedCarry`. It
    gives `FixedLanes`.

    Parameters
    ----------
    moment : NamedTuple of jax.ShapeDtypeStruct
        What all lanes are given in a step.
    look : callable or None
        Two measures of how stiff a step's begin is, of what the step takes; see `memjax.simulate.guards`.
    """

    moment: Any
    look: Callable[[Any, Any, Any, Any], Any] | None = None


class ExchangeEnd(NamedTuple):
    """What `Exchange` asks of a step beside the carry: numbers that are finite where all is well, and whether the lane
    fires. The moment is the number of the step, and what arrives at each receptor.
    """

    checked: Any
    fires: Any


@dataclass(frozen=True)
class Table:
    """Connections whose spikes the driver delivers.

    Parameters
    ----------
    receptor : int
        That they belong to.
    sign : float
        Of their weights.
    later : int
        Steps by which delays are longer.
    latest, earliest : int
        Of how many exchange intervals ago spikes may arrive, at most and at least.
    aligned : bool
        Whether delays are whole exchange intervals.
    """

    receptor: int
    sign: float
    later: int
    latest: int
    earliest: int
    aligned: bool


@dataclass(frozen=True)
class Exchange:
    """All lanes take the equal steps of an interval, in which none depends on another; spikes arrive and leave.

    The function takes the parameters and the carries of lanes; the number of the interval's first step, and the steps
    from which on, and before which, it advances; arrivals at dense receptors, block after block and in a block step by
    step, and then of each table where rows begin, targets, weights, delays, and the numbers, steps and number of the
    spikes of all exchange intervals that are kept; and in how many words a lane keeps its spikes. It gives the carries
    after the steps, and those words: the newest step number, plus 1, first, 0 where there is none.

    Parameters
    ----------
    steps, block : int
        Steps of an exchange interval; lanes of a block of arrivals.
    halves : bool
        Whether a word holds the numbers of two spikes, the newer one in its lower half.
    dense : tuple of bool
        Of each receptor, whether its arrivals are an array over all steps.
    tables : tuple of Table
        Connections to the other receptors.
    """

    steps: int
    block: int
    halves: bool
    dense: tuple[bool, ...]
    tables: tuple[Table, ...]


Driver = Adaptive | Fixed | Exchange

"""Loops over the steps of many lanes: what each gives a step, and what it asks of one."""

from dataclasses import dataclass
from typing import Any, NamedTuple


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


class FixedEnd(NamedTuple):
    """What `Fixed` asks of a step beside the carry: numbers of which none may be NaN, and two measures of how stiff its
    begin was, see `memjax.simulate.guards`, or none.
    """

    checked: Any
    stiffness: Any


@dataclass(frozen=True)
class Fixed:
    """All lanes take the same equal steps; states are stored at rows, and looked at from time to time.

    The function takes what all lanes share; the moments of all steps, with leading axes; the parameters of lanes;
    their carries, [lanes, n]; the number of rows, and of steps from one look at states and rates to the next. It gives
    the carries at the rows, [rows, lanes, n]; how each lane stands, a `memjax.core.result.Result`; and the largest
    stiffness that its steps met, [lanes, 2].

    Parameters
    ----------
    moment : NamedTuple of jax.ShapeDtypeStruct
        What all lanes are given in a step: the number of the step first.
    """

    moment: Any


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

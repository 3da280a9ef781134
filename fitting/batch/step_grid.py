"""Grids of steps: intervals on whose ends they end, and how many each interval needs."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

MOST = 256
"""Steps between two rows beyond which a grid does not grow: what needs more is left to the adaptive solver."""

EVEN = 12
"""Equal steps between two rows from which on they are graded: fine where the solution is sharp."""

Grading = dict[tuple[int, int], np.ndarray]
"""Ends of the steps of some intervals, by wave and interval: shares of its length, ascending from 0 to 1."""

_BLOCK = 64  # sizes of grids are multiples of it: few sizes, few programs
# Times, as shares of that of the first row, on which steps end before it: a solve may start off its balance.
_GRADED = 4.0 ** -np.arange(7, 0, -1)
# Share of a step by which its ends are taken inwards, so that a jump of the drive counts for the right side.
_NUDGE = 1e-6
_SMALLEST = 1e-3  # the same that counts at least: no step becomes more than 9 times as long
_LARGEST = 512.0  # error of a step over its tolerance that counts at most: 8 times as many steps


class Grid(eqx.Module):
    """Steps of each lane.

    Parameters
    ----------
    t, h : Float[np.ndarray, "lanes waves steps"]
        Start and length of each step [s]; those behind the last row lead nowhere.
    u : Float[np.ndarray, "lanes waves steps"]
        Value of the drive just inside the start of each step [V or A].
    slope : Float[np.ndarray, "lanes waves steps"]
        By how much it grows during the step [V or A].
    at : Int[np.ndarray, "lanes waves rows"]
        Number of steps before each row.
    v, rate : Float[np.ndarray, "lanes waves rows"]
        Value of the drive just before each row, and by how much it grows per time [V or A, 1/s].
    count : Int[np.ndarray, ""]
        Steps that the longest lane needs.
    rtol : float
        Tolerance of a step relative to the state.
    """

    t: Float[Array | np.ndarray, "lanes waves steps"]
    h: Float[Array | np.ndarray, "lanes waves steps"]
    u: Float[Array | np.ndarray, "lanes waves steps"]
    slope: Float[Array | np.ndarray, "lanes waves steps"]
    at: Int[Array | np.ndarray, "lanes waves rows"]
    v: Float[Array | np.ndarray, "lanes waves rows"]
    rate: Float[Array | np.ndarray, "lanes waves rows"]
    count: Int[Array | np.ndarray, ""]
    rtol: Float[Array | np.ndarray, ""]


def over_lanes(grid: Grid) -> Grid:
    """Axes of a grid's leaves: all lanes go on as long as the longest needs to."""
    axes = jax.tree.map(lambda _: 0, grid)
    return eqx.tree_at(lambda g: (g.count, g.rtol), axes, (None, None))


class Plan:
    """Intervals on whose ends steps end, of each of many problems, and what drives them.

    Parameters
    ----------
    rows : Float[np.ndarray, "lanes waves rows"]
        Ascending times of output [s], the corners of the drive among them.
    drive : callable
        ``drive(t)``: value of the drive at times [s] of the shape (lanes, waves, times).
    """

    def __init__(self, rows: np.ndarray, drive: Any):
        first = np.where(rows[..., :1] > 0, rows[..., :1], rows[..., 1:2])
        times = np.concatenate([rows, first * _GRADED], axis=2)
        order = np.argsort(times, axis=2, kind="stable")
        self.place = np.argsort(order, axis=2)[..., : rows.shape[2]]
        ends = np.take_along_axis(times, order, axis=2)
        self.gap = np.diff(ends, axis=2, prepend=0.0)
        self.begin = ends - self.gap
        inside = [
            np.asarray(drive(t)) for t in (self.begin + _NUDGE * self.gap, ends - _NUDGE * self.gap)
        ]
        self.u, self.slope = inside[0], inside[1] - inside[0]
        rate = self.slope / np.where(self.gap > 0, self.gap, np.inf)
        self.v, self.rate = (np.take_along_axis(x, self.place, axis=2) for x in (inside[1], rate))

    def grid(
        self,
        which: np.ndarray,
        steps: np.ndarray,
        rtol: float,
        graded: Sequence[Grading] | Any = (),
    ) -> Grid:
        """Steps in every interval of some problems: `steps` of them, none where it has no length.

        They are equal but for intervals that `graded` names, lane by lane.
        """
        gap = self.gap[which]
        steps = np.where(gap > 0, steps, 0)
        at = np.cumsum(steps, axis=2)
        size, most = 1.5 * gap.shape[2], at[..., -1].max()
        while size < most:
            size *= 3  # each size is a program of its own, and its steps are no more than the longest lane's
        size = _BLOCK * math.ceil(size / _BLOCK)
        # Behind the last row its interval goes on: as many steps in every lane.
        filled = steps.copy()
        filled[..., -1] += size - at[..., -1]
        of = np.repeat(np.arange(steps.size), filled.ravel())
        k = np.arange(of.size) - (np.cumsum(filled) - filled.ravel())[of]
        share = 1.0 / np.maximum(steps, 1)

        def spread(start: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            """Values at the starts of steps, and their growth."""
            by = (whole * share).ravel()[of]
            out = start.ravel()[of] + k * by
            return out.reshape(*steps.shape[:2], size), by.reshape(*steps.shape[:2], size)

        t, h = spread(self.begin[which], gap)
        u, slope = spread(self.u[which], self.slope[which])
        found = [(lane, *at, x) for lane, own in enumerate(graded) for at, x in own.items()]
        if found:
            *intervals, ends = zip(*found, strict=True)
            of, number, starts, shares = _steps_of(ends)
            lane, wave, j = np.array(intervals)[:, of]
            place = lane, wave, number + (at - steps)[lane, wave, j]
            problem = which[lane], wave, j
            t[place] = self.begin[problem] + starts * self.gap[problem]
            h[place] = shares * self.gap[problem]
            u[place] = self.u[problem] + starts * self.slope[problem]
            slope[place] = shares * self.slope[problem]
        at = np.take_along_axis(at, self.place[which], axis=2)
        v, rate = self.v[which], self.rate[which]
        return Grid(t, h, u, slope, at, v, rate, np.asarray(most), np.asarray(rtol))


def needed(
    gap: np.ndarray, steps: np.ndarray, excess: np.ndarray, graded: Sequence[Grading] | Any = ()
) -> tuple[np.ndarray, np.ndarray, list[Grading]]:
    """Steps in each interval [s] for which the error of each is within its tolerance.

    `excess` are the errors over their tolerances in a solve of so many `steps`, in some intervals graded; where one is
    no number, so are those behind it.

    Returns
    -------
    wanted : Int[np.ndarray, "lanes waves intervals"]
        Numbers of steps.
    growth : Float[np.ndarray, "lanes waves intervals"]
        How much shorter the worst step of each interval has to be.
    gradings : list of Grading
        Intervals, lane by lane, in which so many equal steps are needed that graded ones are fewer.
    """
    count = np.where(gap > 0, steps, 0)
    at, size = np.cumsum(count, axis=2), excess.shape[2]
    broken = ~np.isfinite(excess)
    if broken.any():
        first = broken & (np.cumsum(broken, axis=2) == 1)
        excess = np.where(first, _LARGEST, np.where(broken, 1.0, excess))
    # Segments end where the next begins; behind the last row there is nothing that counts.
    counted = np.where(np.arange(size) < at[..., -1:], excess, 0.0).ravel()
    offset = size * np.arange(at[..., 0].size).reshape(*at.shape[:2], 1)
    taken = count > 0
    worst = np.maximum.reduceat(counted, (at - count + offset)[taken])
    wanted = np.ones(steps.shape)
    # The error, that of the embedded second-order solution, falls with the cube of the step; a tenth is in hand.
    wanted[taken] = np.ceil(count[taken] * np.cbrt(np.minimum(worst, _LARGEST)) * 1.1 - 0.1)
    growth = np.maximum(wanted, 1) / steps
    gradings: list[Grading] = [{} for _ in steps]
    uneven = wanted > EVEN
    for lane, intervals in enumerate(graded):
        for wave, j in intervals:
            uneven[lane, wave, j] = True
    places = np.argwhere(uneven & taken)
    if len(places):
        lane, wave, j = places.T
        counts, keys = count[lane, wave, j].tolist(), places.tolist()
        known = [graded[a].get((b, c)) if len(graded) else None for a, b, c in keys]
        ends = [_equal_steps(n) if x is None else x for n, x in zip(counts, known, strict=True)]
        of, number, _, shares = _steps_of(ends)
        at = (at - count)[lane, wave, j][of] + number
        errors = np.minimum(excess[lane[of], wave[of], at], _LARGEST)
        ends = _graded(ends, (of, number, shares, errors))
        growth[lane, wave, j] = 1.1 * np.cbrt(
            np.maximum.reduceat(errors, np.flatnonzero(number == 0))
        )
        wanted[lane, wave, j] = [len(x) - 1 for x in ends]
        for (a, b, c), x in zip(keys, ends, strict=True):
            gradings[a][b, c] = x
    return np.clip(wanted, 1, MOST).astype(np.int32), growth, gradings


@functools.cache
def _equal_steps(count: int) -> np.ndarray:
    """Ends of so many equal steps, as shares of their interval."""
    ends = np.linspace(0, 1, count + 1)
    ends.flags.writeable = False  # it is given to every caller
    return ends


def _steps_of(ends: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All steps of intervals: interval and number within it of each, start and length as shares of the interval."""
    last = np.cumsum([len(x) for x in ends]) - 1
    every = np.concatenate(ends)
    step = np.ones(len(every), bool)
    step[last] = False
    of = np.repeat(np.arange(len(ends)), np.diff(last, prepend=-1) - 1)
    number = np.flatnonzero(step) - np.concatenate([[0], last[:-1] + 1])[of]
    return of, number, every[step], np.diff(every)[step[:-1]]


def _graded(
    ends: Sequence[np.ndarray], steps: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
) -> list[np.ndarray]:
    """Ends of steps, as shares of their interval, so that the errors of the steps of each interval become alike.

    `steps` are interval, number, length and error of each.

    Notes
    -----
    The step is short where the error was large. From one old step to the next lengths at most double: what is sharp
    moves with the parameters.
    """
    of, number, shares, errors = steps
    size = number.max() + 1
    density, share = np.zeros((2, len(ends), size))
    density[of, number] = 1.1 * np.cbrt(np.maximum(errors, _SMALLEST)) / shares
    share[of, number] = shares
    # The largest of all before it, halved from step to step: powers of 2 leave digits as they are.
    halves = 2.0 ** np.arange(size)
    for direction in (slice(None), slice(None, None, -1)):
        d = density[:, direction]
        d[:] = np.maximum.accumulate(d * halves, axis=1) / halves
        density[share == 0] = 0.0  # behind the last step
    # The number of steps up to each end; equal shares of it are as long as they may be.
    total = np.zeros((len(ends), size + 1))
    np.cumsum(density * share, axis=1, out=total[:, 1:])
    counts = np.clip(np.ceil(total[:, -1]), 1, MOST).astype(int).tolist()
    each = zip(counts, total, ends, strict=True)
    return [np.interp(_equal_steps(n) * x[-1], x[: len(e)], e) for n, x, e in each]


def halved(graded: Sequence[Grading] | Any) -> list[Grading]:
    """Gradings with every step halved."""
    middle = lambda x: np.sort(np.concatenate([x, 0.5 * (x[1:] + x[:-1])]))  # noqa: E731
    return [{k: middle(x) for k, x in intervals.items()} for intervals in graded]

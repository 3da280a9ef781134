"""Grids of steps: intervals on whose ends they end, and how many each interval needs."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int

MOST = 64
"""Steps between two rows beyond which a grid does not grow: what needs more is left to the adaptive solver."""

_BLOCK = 64  # sizes of grids are multiples of it: few sizes, few programs
# Times, as shares of that of the first row, on which steps end before it: a solve may start off its balance.
_GRADED = 4.0 ** -np.arange(7, 0, -1)
# Share of a step by which its ends are taken inwards, so that a jump of the drive counts for the right side.
_NUDGE = 1e-6
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

    def grid(self, which: np.ndarray, steps: np.ndarray, rtol: float) -> Grid:
        """Equal steps in every interval of some problems: `steps` of them, none where it has no length."""
        gap = self.gap[which]
        steps = np.where(gap > 0, steps, 0)
        at = np.cumsum(steps, axis=2)
        size, most = 1.5 * gap.shape[2], at[..., -1].max()
        while size < most:
            size *= 1.5
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
        at = np.take_along_axis(at, self.place[which], axis=2)
        v, rate = self.v[which], self.rate[which]
        return Grid(t, h, u, slope, at, v, rate, np.asarray(most), np.asarray(rtol))


def needed(gap: np.ndarray, steps: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Steps in each interval [s] for which the error of each is within its tolerance.

    `excess` are the errors over their tolerances in a solve of so many `steps`; where one is no number, so are those
    behind it.
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
    return np.clip(wanted, 1, MOST).astype(np.int32)

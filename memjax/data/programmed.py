"""The voltage that a source would have applied, where it sat at its current limit and the file holds what was left."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

_EVEN = 0.1
"""Share of a step by which the steps of a ramp may differ."""

_LOST, _WITHIN = 1.5, 4
"""Steps by which the voltage stays behind the ramp after so many points at most: then it is what was left of it."""


def programmed(
    v: Float[np.ndarray, " points"],
    limited: Bool[np.ndarray, " points"],
    sweep: Int[np.ndarray, " points"],
    t: Float[np.ndarray, " points"] | None = None,
) -> Float[np.ndarray, " points"]:
    r"""Voltages as a source was told to apply them.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Voltage in the file [V].
    limited : Bool[np.ndarray, "points"]
        Points at the current limit.
    sweep : Int[np.ndarray, "points"]
        Label of the sweep of each point.
    t : Float[np.ndarray, "points"], optional
        Time [s].

    Returns
    -------
    Float[np.ndarray, "points"]
        The same, but where a file holds the measured voltage and it falls behind even ramps before and after the points
        at the limit: there these ramps go on, to where they meet.

    Notes
    -----
    A staircase goes in even steps from point to point, whatever the time between them: an instrument that changes its
    range pauses, and its source does not go on meanwhile. Only where the steps are uneven and the voltage is even in
    time is the ramp one of the time.
    """
    voltages = np.array(v, float)
    for label in np.unique(sweep[limited]):
        rows = np.flatnonzero(sweep == label)
        steps = np.arange(len(rows), dtype=float)
        for a, b in _runs(limited[rows]):
            rows_before = slice(max(a - 4, 0), a)
            is_staircase = _slope(voltages[rows[rows_before]], steps[rows_before]) is not None
            x = steps if t is None or is_staircase else t[rows] - t[rows[0]]
            ramp = _ramp(voltages[rows], x, a, b)
            if ramp is not None:
                voltages[rows[a:b]] = ramp
    return voltages


def _runs(mask: Bool[np.ndarray, " points"]) -> Iterator[tuple[int, int]]:
    """First row and end of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _slope(v: Float[np.ndarray, " four"], x: Float[np.ndarray, " four"]) -> float | None:
    """Slope of an even ramp of four points; None of any others."""
    if len(v) < 4 or np.any(np.diff(x) <= 0):
        return None
    slopes = np.diff(v) / np.diff(x)
    middle = float(np.mean(slopes))
    return middle if np.ptp(slopes) <= _EVEN * abs(middle) else None


def _ramp(v: np.ndarray, x: np.ndarray, a: int, b: int) -> Float[np.ndarray, " run"] | None:
    """The ramps through a stretch at the limit; None where there is none, or the voltage follows it."""
    up, down = (
        _slope(v[max(a - 4, 0) : a], x[max(a - 4, 0) : a]),
        _slope(v[b : b + 4], x[b : b + 4]),
    )
    if up is None or up * v[a - 1] <= 0:
        return None
    side, step = np.sign(v[a - 1]), abs(up) * float(np.median(np.diff(x)))
    going = side * (v[a - 1] + up * (x[a:b] - x[a - 1]))
    if b < len(v):
        if down is None or down * side >= 0:
            return None
        going = np.minimum(going, side * (v[b] + down * (x[a:b] - x[b])))
    lag = (going - side * v[a:b]) / step
    # A source that was told to stop at a top does so from a point of the ramp; a lost voltage leaves it at once.
    lost = lag[0] > _EVEN and np.max(lag[:_WITHIN]) > _LOST
    return side * going if lost else None


__all__ = ["programmed"]

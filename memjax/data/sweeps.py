"""Where one sweep ends and the next begins.

A sweep is one closed excursion of the driven quantity: out from the level at which the record rests
and back to it, an excursion to one side and the next one to the other side being one loop where the
sides alternate throughout. A record that jumps between levels (pulses) is one sweep.
"""

import numpy as np
from jaxtyping import Float, Int


def cut(x: Float[np.ndarray, " points"]) -> tuple[Int[np.ndarray, " points"], str | None]:
    """Number of the sweep of each point of one record.

    Parameters
    ----------
    x : Float[np.ndarray, "points"]
        Driven quantity: voltage [V], or current [A] where a current is driven. May be noisy.

    Returns
    -------
    numbers : Int[np.ndarray, "points"]
        0, 1, ... in the order of the points.
    why : str or None
        What was assumed, in words; None where the record is one plain excursion.
    """
    whole = np.zeros(len(x), dtype=int)
    span, noise = float(np.ptp(x)), _noise(x)
    if len(x) < 5 or span == 0 or noise > 0.05 * span:
        return whole, None
    if _is_pulsed(x, span, noise):
        return whole, "jumps between levels: taken as pulses, each record one sweep"
    y = x - _rest(x, span)
    starts, ends, sides = _excursions(y, noise)
    paired = len(sides) > 1 and bool(np.all(sides[1:] != sides[:-1]))
    excursions = 2 if paired else 1
    cuts = [
        _border(y, int(ends[k - 1]), int(starts[k]))
        for k in range(excursions, len(starts), excursions)
    ]
    if not cuts:
        return whole, None
    whole[cuts] = 1
    shape = "to both sides" if paired else "to one side"
    return np.cumsum(whole), f"cut into sweeps, each a closed excursion {shape} of the rest level"


def _noise(x: np.ndarray) -> float:
    """Standard deviation of the noise: of second differences, which a ramp does not have."""
    if len(x) < 5:
        return 0.0
    second = np.diff(x, 2)
    return float(1.4826 * np.median(np.abs(second)) / np.sqrt(6))


def is_pulsed(x: Float[np.ndarray, " points"]) -> bool:
    """Whether what is driven jumps between levels, as pulses do, and is no ramp.

    Parameters
    ----------
    x : Float[np.ndarray, "points"]
        Driven quantity [V or A].
    """
    span, noise = float(np.ptp(x)), _noise(x)
    return len(x) >= 5 and span > 0 and noise <= 0.05 * span and _is_pulsed(x, span, noise)


def _is_pulsed(x: np.ndarray, span: float, noise: float) -> bool:
    """Whether few steps, and these large ones, make most of the way."""
    steps = np.sort(np.abs(np.diff(x)))[::-1]
    moves = steps[steps > 5 * noise]
    if moves.size == 0:
        return False
    n_most = int(np.searchsorted(np.cumsum(moves), 0.8 * moves.sum())) + 1
    large = float(moves[moves > 0.2 * span].sum())
    return n_most < 0.1 * len(x) and large > 0.5 * float(moves.sum())


def _rest(x: np.ndarray, span: float) -> float:
    """Level from which excursions start: the first point if it is an extreme, else zero."""
    start, low, high = float(x[0]), float(x.min()), float(x.max())
    extreme = min(start - low, high - start) <= 0.05 * span
    return start if extreme or low > 0 or high < 0 else 0.0


def _excursions(y: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and last points of the excursions, and the side of each."""
    peak = np.abs(y).max()
    threshold = float(np.clip(8 * noise, 0.02 * peak, 0.1 * peak))
    steps = np.abs(np.diff(y))
    reach = np.maximum(np.append(steps, 0), np.append(0, steps))
    # A coarse ramp need not hit the rest level: the point closer than a step's half has passed it.
    home = np.abs(y) <= np.maximum(0.5 * threshold, 0.6 * np.minimum(reach, 0.3 * peak))
    outer = np.flatnonzero((np.abs(y) > threshold) & ~home)
    side = np.sign(y[outer])
    homes = np.cumsum(home)
    new = (side[1:] != side[:-1]) | (homes[outer[1:]] - homes[outer[:-1]] > 0)
    first = np.append(True, new)
    return outer[first], outer[np.append(new, True)], side[first]


def _border(y: np.ndarray, end: int, start: int) -> int:
    """First point of the later excursion: rest points in between go half to either."""
    between = np.abs(y[end + 1 : start])
    if between.size == 0:
        return start
    near = np.flatnonzero(between <= between.min() + 1e-6 * np.abs(y).max())
    if abs(y[end + 1] - y[end]) > 0.35 * np.ptp(y):
        return end + 1  # a jump back to rest begins the next ramp
    return int(end + 1 + near[0] + (near[-1] - near[0]) // 2 + 1)

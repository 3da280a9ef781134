"""Current limits, stated or seen, and currents without their sign."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A current limit and where it acts.

    Parameters
    ----------
    level : float or None
        Limit [A]; None where none is stated and none is seen.
    acts : Bool[np.ndarray, "points"]
        Points at the limit.
    warning : str or None
        What was inferred, in words.
    """

    level: float | None
    acts: Bool[np.ndarray, " points"]
    warning: str | None = None


def find_limit(
    v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"], *, stated: float | None
) -> Limit:
    """Current limit of a voltage-driven measurement.

    A stated limit acts within 0.5 % of its value. Else a limit is inferred from a flat top: points
    within 0.1 % of the largest |i|, at least three in a row and far more of them than just below,
    while the voltage varies at least five times as much as the current. Flat steps below the
    largest current are ranges of the instrument.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A].
    stated : float or None
        Limit in the settings of the file [A].

    Returns
    -------
    Limit
        Level, mask, warning.
    """
    size = np.abs(i)
    if stated is not None:
        return Limit(level=stated, acts=size >= 0.995 * stated)
    top = size >= 0.999 * size.max()
    if not _is_flat_top(v, size, top):
        return Limit(level=None, acts=np.zeros(len(i), dtype=bool))
    level = _round(float(np.median(size[top])))
    return Limit(
        level=level,
        acts=size >= 0.995 * float(np.median(size[top])),
        warning=f"compliance {level:.6g} A (or a range limit) inferred: {top.sum()} points within "
        "0.1 % of the largest |current| while the voltage varies",
    )


def has_lost_sign(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> bool:
    """Whether a current is a modulus: never negative though the voltage has both signs."""
    small = 0.02 * np.abs(v).max()
    return bool(i.min() >= 0 and i.max() > 0 and v.min() < -small and v.max() > small)


def has_opposite_sign(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> bool:
    """Whether nearly all the charge flows against the voltage."""
    power = v * i
    return bool(np.sum(power[power < 0]) < -0.9 * np.sum(np.abs(power)) < 0)


def _is_flat_top(v: np.ndarray, size: np.ndarray, top: np.ndarray) -> bool:
    shoulder = (size >= 0.99 * size.max()) & ~top
    edges = np.flatnonzero(np.diff(np.concatenate(([0], top.astype(np.int8), [0]))))
    longest = np.max(edges[1::2] - edges[::2])
    if size.max() == 0 or longest < 3 or np.sum(top) < max(4, 3 * np.sum(shoulder)):
        return False
    return _spread(np.abs(v[top])) > 5 * _spread(size[top])


def _spread(x: np.ndarray) -> float:
    low, middle, high = np.percentile(x, (5, 50, 95))
    return float((high - low) / middle) if middle else 0.0


def _round(level: float) -> float:
    """The level as a person would have set it, where two digits say it within 0.5 %."""
    rounded = float(f"{level:.1e}")
    return rounded if abs(rounded - level) <= 5e-3 * level else level

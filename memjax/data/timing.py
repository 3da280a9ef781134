"""Times that are one, and times that are made up from points."""

import numpy as np
from jaxtyping import Float, Int

from .labels import rows_of_labels


def check_time(
    t: Float[np.ndarray, " points"] | None,
) -> tuple[Float[np.ndarray, " points"] | None, list[str]]:
    """The time, or None where it does not advance; and what to say about it.

    Parameters
    ----------
    t : Float[np.ndarray, "points"] or None
        Time [s].
    """
    if t is None:
        return None, []
    still = int(np.sum(np.diff(t) == 0))
    if still > 0.5 * (len(t) - 1):
        return None, [
            f"time is useless ({still + 1} points at {t[0]:.4g} s, rounded): none is used"
        ]
    return t, [f"{still} points have the time of the point before (rounded)"] if still else []


def count_time(
    t: Float[np.ndarray, " points"] | None,
    sweep: Int[np.ndarray, " points"],
    point_time: float | None,
) -> tuple[Float[np.ndarray, " points"] | None, list[str]]:
    """The time, or the ends of the holds where there is none and `point_time` is given.

    Parameters
    ----------
    t : Float[np.ndarray, "points"] or None
        Time of the file [s].
    sweep : Int[np.ndarray, "points"]
        Sweep of each point.
    point_time : float or None
        Time for which each point is held [s].
    """
    if point_time is None:
        return t, []
    if t is not None:
        return t, ["the point time is not used: the file has a time"]
    counted = np.empty(len(sweep))
    for here in rows_of_labels(sweep):
        counted[here] = point_time * np.arange(1, len(here) + 1)
    return counted, [f"time counted from the points, {point_time:g} s each"]

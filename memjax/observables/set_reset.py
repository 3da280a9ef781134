"""Set and reset voltage of devices that keep their state: where the way out of a loop joins the way back."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_LEVELS = np.linspace(0.05, 0.98, 94)
"""Shares of the largest voltage at which both ways are compared."""

_OPEN = 0.05
"""Opening [decades] from which on a loop is one."""


@dataclass(frozen=True, kw_only=True)
class LoopClosing:
    r"""Point at which a loop closes.

    Parameters
    ----------
    kind : {"set", "reset"}
        Whether the conductance rises or falls.
    v : float
        \|v\| [V] beyond the widest opening at which half of it, in decades of the current, is left.
    """

    kind: str
    v: float


def loop_closing(
    v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]
) -> LoopClosing | None:
    """Set or reset voltage of one excursion.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] up to its peak and back, current [A] or its modulus.

    Returns
    -------
    LoopClosing or None
        None where a way has fewer than three points, or the ways are nowhere a twentieth of a decade apart.
    """
    size, amps = np.abs(np.asarray(v, float)), np.abs(np.asarray(i, float))
    peak = int(np.argmax(size))
    ways = np.arange(peak + 1), np.arange(peak, len(size))[::-1]
    if min(map(len, ways)) < 3:
        return None
    level = size[peak] * _LEVELS
    log_i = np.log10(amps + np.finfo(float).tiny)
    # Interpolation wants ascending voltages: the running maximum removes their noise.
    log_out, log_back = (np.interp(level, np.maximum.accumulate(size[k]), log_i[k]) for k in ways)
    gap = log_back - log_out
    widest = int(np.argmax(np.abs(gap)))
    half = gap * np.sign(gap[widest]) < 0.5 * abs(gap[widest])
    if abs(gap[widest]) < _OPEN:
        return None
    below_half = np.flatnonzero(half[widest:])
    v_close = level[widest + below_half[0]] if below_half.size else size[peak]
    return LoopClosing(kind="set" if gap[widest] > 0 else "reset", v=float(v_close))

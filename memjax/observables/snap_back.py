"""Threshold and hold voltage of a current sweep, from the snap-back of its voltage."""

import numpy as np
from jaxtyping import Float

from .excursion import Switching, hysteresis_area

SNAP_BACK = 0.05
"""Share of the threshold voltage by which the voltage has to fall, or of the hold voltage to rise, to count."""


def snap_back_of(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    *,
    sweep: int = 0,
    offset: int = 0,
) -> Switching:
    r"""Read one excursion of an imposed current.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Measured voltage [V] and imposed current [A], to one polarity and back.
    sweep : int
        Label.
    offset : int
        Row of the first point within its sweep.

    Returns
    -------
    Switching
        The device switched where \|v\| falls by 5 % of its largest value while \|i\| still rises, and returned where
        \|v\| climbs by as much while \|i\| falls. `v_th` is the largest \|v\| before that fall, `v_hold` the smallest
        before that climb. The on/off ratio is that of the voltages at one current, rising over falling.

    Notes
    -----
    A current source makes the branch of negative differential resistance visible: there are no thresholds of the
    current, and none is used.
    """
    size, amps = np.abs(np.asarray(v, float)), np.abs(np.asarray(i, float))
    peak = int(np.argmax(amps))
    rise, v_th = _fall_back(size[: peak + 1])
    # In reverse order the way back is like the way there: it climbs to the hold voltage's snap, then falls.
    row_back, _ = _fall_back(size[peak:][::-1])
    fall = None if row_back is None else len(size) - 1 - row_back
    v_hold = None if fall is None else float(np.min(size[peak : fall + 1]))
    return Switching(
        sweep=int(sweep),
        polarity=int(np.sign(np.asarray(i)[peak])) or 1,
        v_th=v_th,
        v_hold=v_hold,
        switched=rise is not None,
        returned=fall is not None,
        on_off_ratio=_voltage_ratio(amps, size, peak),
        hysteresis_area=hysteresis_area(np.asarray(v, float), np.asarray(i, float)),
        compliance_points=0,
        rise=None if rise is None else rise + offset,
        release=None,
        fall=None if fall is None else fall + offset,
    )


def _fall_back(size: Float[np.ndarray, " points"]) -> tuple[int | None, float | None]:
    """Row and value of the first maximum from which a voltage falls by `SNAP_BACK`; None where it never does."""
    largest = np.maximum.accumulate(size)
    below = np.flatnonzero(size < (1 - SNAP_BACK) * largest)
    if not below.size:
        return None, None
    row = int(np.argmax(size[: below[0]]))
    return row, float(size[row])


def _voltage_ratio(amps: np.ndarray, size: np.ndarray, peak: int) -> float | None:
    """Largest ratio of rising to falling voltage at one current, on the common range of currents."""
    if peak < 1 or peak > len(amps) - 2:
        return None
    order = np.argsort(amps[peak:], kind="stable") + peak
    common = (amps[: peak + 1] >= amps[order[0]]) & (amps[: peak + 1] > 0)
    falling = np.interp(amps[: peak + 1], amps[order], size[order])
    valid = common & (falling > 0)
    return float(np.max(size[: peak + 1][valid] / falling[valid])) if valid.any() else None

"""One excursion of what is driven to one polarity: where it lies, and what is read off it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float

from .data import numbers
from .polarity import stretches


@dataclass(frozen=True, kw_only=True)
class Switching:
    r"""Switching in one excursion of the voltage to one polarity.

    Parameters
    ----------
    sweep : int
        Label of the sweep.
    polarity : int
        +1 or -1.
    v_th, v_hold : float or None
        Switching voltage: first sampled \|v\| [V] on the rising branch at which \|i\| is above
        the on-threshold. Hold voltage: first sampled \|v\| [V] on the falling branch at which it
        is below the hold-threshold. None where that never happens. Where the voltage snaps back to the
        current limit, see `turn`, `v_th` is the largest one. Of an imposed current, see `snap_back_of`.
    switched, returned : bool
        Whether the thresholds were passed.
    on_off_ratio : float or None
        Largest ratio of falling to rising current at one voltage.
    hysteresis_area : float
        Area of the loop in the v-i plane [V A], unsigned.
    compliance_points : int
        Points at the current limit.
    branches : {"both", "out", "back"}
        Which branches were measured: "out" alone where the data end at the largest \|v\|, "back" alone where they
        begin with it.
    rise, release, fall : int or None
        Row within the sweep at which \|i\| rises through the on-threshold, falls below it, and
        falls below the hold-threshold. Of an imposed current, `rise` and `fall` are the rows at which
        the voltage snaps back.
    """

    sweep: int
    polarity: int
    v_th: float | None
    v_hold: float | None
    switched: bool
    returned: bool
    on_off_ratio: float | None
    hysteresis_area: float
    compliance_points: int
    rise: int | None
    release: int | None
    fall: int | None
    branches: str = "both"

    def to_json(self) -> dict:
        """Dictionary with units in the names, as ``memjax observe --json`` prints it."""
        d = asdict(self)
        json_names = {
            "v_th": "v_th_V",
            "v_hold": "v_hold_V",
            "hysteresis_area": "hysteresis_area_VA",
        }
        return {
            json_names.get(k, k): x for k, x in d.items() if k not in ("rise", "release", "fall")
        }


def excursions(v: Float[np.ndarray, " points"]) -> list[slice]:
    """Stretches of a sweep in which the voltage keeps one sign; points at rest go with the stretch before them."""
    return stretches(numbers(v, where="excursions", what="voltages"))


def complete_excursions(events: Sequence[Switching]) -> list[Switching]:
    """Excursions of which both branches were measured; all, where no polarity's are.

    Parameters
    ----------
    events : sequence of Switching
        See `switching`.

    Notes
    -----
    A file that stops or begins in the midst of a sweep says of that one neither that it never switched nor that it
    never returned.
    """
    sides = {f.polarity for f in events if f.branches == "both"}
    return [f for f in events if f.branches == "both" or f.polarity not in sides]


def turn(
    v: Float[np.ndarray, " points"], limited: Bool[np.ndarray, " points"] | None = None
) -> int:
    r"""Row at which an excursion turns: that of the largest \|v\|, or of the snap to the current limit just behind it.

    Parameters
    ----------
    v : Float[np.ndarray, "points"]
        Voltage of one excursion [V].
    limited : Bool[np.ndarray, "points"], optional
        Points at the current limit.

    Returns
    -------
    int
        Number of a row.

    Notes
    -----
    A source at its limit measures the voltage that is left, which falls where the device switches: the largest one is
    that before.
    """
    size = np.abs(numbers(v, where="turn", what="voltages"))
    peak = int(np.argmax(size))
    if limited is None or not limited.any():
        return peak
    first = int(np.argmax(limited))
    step = float(np.median(np.abs(np.diff(size))))
    # A snap is a fall by more than two usual steps, within two rows of the peak.
    snaps = peak < first <= peak + 2 and size[peak] - size[first] > 2 * step
    return first if snaps else peak


def lasting(past: Bool[np.ndarray, "... points"], peak: int) -> Bool[np.ndarray, "... points"]:
    """Rows of an excursion past a level, less those whose neighbours are not: one reading that jumps is no switching.

    At the ends, where a neighbour is missing, and at the peak, which coarse steps may pass in one row, it counts.

    Parameters
    ----------
    past : Bool[np.ndarray, "... points"]
        Whether each reading is past the level.
    peak : int
        Row of the peak.
    """
    out = past.copy()
    out[..., 1:-1] &= past[..., :-2] | past[..., 2:]
    out[..., peak] = past[..., peak]
    return out


def on_off_ratio(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> float | None:
    """Largest ratio of falling to rising current at one voltage [1], on the common voltage range.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        One excursion: voltage [V] up to its peak and back, current [A].

    Returns
    -------
    float or None
        None where one of the branches has fewer than two points.
    """
    v, i = (
        np.abs(numbers(x, where="on_off_ratio", what=w))
        for x, w in ((v, "voltages"), (i, "currents"))
    )
    peak = int(np.argmax(v))
    if peak < 1 or peak > len(v) - 2:
        return None
    # Only where both branches were measured; the falling one is interpolated in ln(I).
    common = v[: peak + 1] >= np.min(v[peak:])
    rising_rows = np.flatnonzero(common)[np.argsort(v[: peak + 1][common], kind="stable")]
    falling_rows = np.argsort(v[peak:], kind="stable")
    tiny = np.finfo(float).tiny
    falling = np.interp(
        v[: peak + 1][rising_rows], v[peak:][falling_rows], np.log(i[peak:][falling_rows] + tiny)
    )
    return float(np.exp(np.max(falling - np.log(i[: peak + 1][rising_rows] + tiny))))


def hysteresis_area(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> float:
    """Area enclosed by a loop [V A]: the absolute value of the integral of i dv around it, by trapezoids."""
    v, i = (
        numbers(x, where="hysteresis_area", what=w) for x, w in ((v, "voltages"), (i, "currents"))
    )
    # Back to the first point: the integral around the loop is that of a closed curve.
    v, i = np.append(v, v[:1]), np.append(i, i[:1])
    return float(abs(np.sum(np.diff(v) * (i[1:] + i[:-1]) / 2)))

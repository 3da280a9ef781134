"""Switching and hold voltage, on/off ratio, hysteresis area: read off measured and simulated sweeps alike."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from ..core.result import Trace
from ..errors import DataError
from .data import check_positive, one_member
from .excursion import (
    Switching,
    complete_excursions,
    excursions,
    hysteresis_area,
    lasting,
    on_off_ratio,
    turn,
)
from .polarity import branches_of
from .snap_back import snap_back_of

ON_THRESHOLD = 1e-8
"""Current [A] above which a device counts as on (published analysis of ref 7)."""

HOLD_THRESHOLD = 1e-11
"""Current [A] below which a device counts as off again (published analysis of ref 7)."""

NO_HOLD = 1e-60
"""Hold-threshold [A] of a device that nothing turns off: not even no current at no voltage."""


@runtime_checkable
class Sweeps(Protocol):
    """Data with voltage, current and sweep labels: a `Measurement`, or one member of a `Trace`."""

    @property
    def v(self) -> Float[np.ndarray, " points"]:
        """Voltage [V]."""
        ...

    @property
    def i(self) -> Float[np.ndarray, " points"]:
        """Current [A]."""
        ...

    @property
    def sweep(self) -> Int[np.ndarray, " points"]:
        """Label of the sweep."""
        ...


def _first(mask: np.ndarray, offset: int) -> int | None:
    """Index of the first true entry, counted from `offset`."""
    hits = np.flatnonzero(mask)
    return int(hits[0]) + offset if hits.size else None


def switching_of(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    *,
    sweep: int = 0,
    on_threshold: float = ON_THRESHOLD,
    hold_threshold: float = HOLD_THRESHOLD,
    at_compliance: np.ndarray | None = None,
    offset: int = 0,
    ends: bool = True,
) -> Switching:
    """Read one excursion.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A] (or its modulus).
    sweep : int
        Label.
    on_threshold, hold_threshold : float
        Currents [A], positive.
    at_compliance : bool array, optional
        Points at the current limit.
    offset : int
        Row of the first point within its sweep.
    ends : bool
        Whether the data of its sweep end with it.
    """
    size, amps = np.abs(np.asarray(v, float)), np.abs(np.asarray(i, float))
    peak = turn(size, at_compliance)
    branches = branches_of(size, begins=offset == 0, ends=ends)
    # What is on from the first point of a way back was not seen to switch.
    is_on, is_released, is_off = (
        lasting(past, peak)
        for past in (amps > on_threshold, amps < on_threshold, amps < hold_threshold)
    )
    rise = None if branches == "back" else _first(is_on[: peak + 1], 0)
    fall = _first(is_off[peak:], peak) if hold_threshold > NO_HOLD else None
    release = _first(is_released[peak:], peak) if rise is not None else None

    def voltage_at(k):
        return None if k is None else float(size[k])

    def row_in_sweep(k):
        return None if k is None else k + offset

    return Switching(
        sweep=int(sweep),
        polarity=int(np.sign(v[peak])) or 1,
        v_th=voltage_at(rise if rise is None else min(rise, int(np.argmax(size)))),
        v_hold=voltage_at(fall),
        switched=rise is not None,
        returned=fall is not None,
        on_off_ratio=on_off_ratio(size, amps),
        hysteresis_area=hysteresis_area(np.asarray(v, float), np.asarray(i, float)),
        compliance_points=0 if at_compliance is None else int(np.sum(at_compliance)),
        branches=branches,
        rise=row_in_sweep(rise),
        release=row_in_sweep(release),
        fall=row_in_sweep(fall),
    )


def switching(
    data: Sweeps | Trace,
    *,
    on_threshold: float = ON_THRESHOLD,
    hold_threshold: float = HOLD_THRESHOLD,
) -> list[Switching]:
    """Read every sweep: one entry per sweep and polarity.

    Parameters
    ----------
    data : Measurement, one member of a Trace, or a Trace of one member
        Voltage, current, sweep labels.
    on_threshold, hold_threshold : float
        Currents [A] that mean on and off; where a current is imposed, the voltage's snap-back says so instead, see
        `snap_back_of`.

    Returns
    -------
    list of Switching
        A sweep that never switches or never returns is in the list and says so.

    Raises
    ------
    BoundsError
        For a threshold that is not positive, or a trace of several members.
    SolveError
        If a solve of the member failed.
    DataError
        For anything else.
    """
    member = one_member(data, where="switching")
    for name, value in (("on-threshold", on_threshold), ("hold-threshold", hold_threshold)):
        check_positive(value, what=name)
    return list(_read(member, on_threshold, hold_threshold))


def _read(data: Sweeps, on_current: float, hold: float) -> Iterator[Switching]:
    """`switching_of` for every excursion of every sweep."""
    sweep, v, i = (np.asarray(x) for x in (data.sweep, data.v, data.i))
    at_limit = getattr(data, "at_compliance", None)
    # Rows of one sweep together, in their order, and sweeps in the order of their first rows.
    order = np.argsort(sweep, kind="stable")
    starts = np.flatnonzero(np.diff(sweep[order], prepend=sweep[order][0] - 1))
    groups = sorted(np.split(order, starts[1:]), key=lambda rows: rows[0])
    if getattr(data, "driven", "voltage") == "current":
        for rows in groups:
            for part in excursions(i[rows]):
                part_rows = rows[part]
                yield snap_back_of(
                    v[part_rows], i[part_rows], sweep=int(sweep[part_rows[0]]), offset=part.start
                )
        return
    for rows in groups:
        for part in excursions(v[rows]):
            part_rows = rows[part]
            yield switching_of(
                v[part_rows],
                i[part_rows],
                sweep=int(sweep[part_rows[0]]),
                on_threshold=on_current,
                hold_threshold=hold,
                at_compliance=None if at_limit is None else at_limit[part_rows],
                offset=part.start,
                ends=part.stop == len(rows),
            )


def summarise(events: list[Switching]) -> dict:
    """Counts, and the distributions of switching and hold voltage by polarity.

    Parameters
    ----------
    events : list of Switching
        See `switching`.

    Returns
    -------
    dict
        Counts, and for each polarity ("positive", "negative") median, mean, standard deviation [V]
        and number of values. Hold voltages are those of excursions that had switched; those of all
        that cross stand beside them. Excursions that were measured in part count as `incomplete` alone, see `whole`.
    """
    if not isinstance(events, list | tuple) or not all(isinstance(f, Switching) for f in events):
        raise DataError(
            f"a {type(events).__name__} in place of readings",
            where="summarise",
            allowed="what switching(data) gives",
        )
    complete = complete_excursions(events)
    summary: dict = {"excursions": 0, "incomplete": len(events) - len(complete)}
    for word, sign in (("positive", 1), ("negative", -1)):
        part = [f for f in complete if f.polarity == sign]
        if not part:
            continue
        switched = [f for f in part if f.switched]
        branches = [f.branches for f in part]
        halves = max(branches.count("out"), branches.count("back"))  # of one polarity: all, or none
        summary["excursions"] += branches.count("both") + halves
        summary[word] = {
            "excursions": branches.count("both") + halves,
            "switched": len(switched),
            "never_switched": sum(not f.switched and f.branches != "back" for f in part),
            "never_returned": sum(not f.returned and f.branches != "out" for f in part),
            "v_th_V": _statistics([f.v_th for f in switched]),
            "v_hold_V": _statistics([f.v_hold for f in switched if f.returned]),
            "v_hold_all_V": _statistics([f.v_hold for f in part if f.returned]),
        }
    return summary


def _statistics(values: list) -> dict:
    """Number, median, mean, standard deviation, extremes; None where there is no value."""
    if not values:
        return {"n": 0, "median": None, "mean": None, "sd": None, "min": None, "max": None}
    x = np.asarray(values, float)
    sd = float(np.std(x, ddof=1)) if len(x) > 1 else None
    return {
        "n": len(x),
        "median": float(np.median(x)),
        "mean": float(np.mean(x)),
        "sd": sd,
        "min": float(np.min(x)),
        "max": float(np.max(x)),
    }

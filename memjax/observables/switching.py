"""Switching and hold voltage, on/off ratio, hysteresis area: read off measured and simulated sweeps alike."""

import itertools
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from ..errors import DataError
from ..result import Trace
from .data import check_positive, numbers, one_member

ON_THRESHOLD = 1e-8
"""Current [A] above which a device counts as on (published analysis of ref 7)."""

HOLD_THRESHOLD = 1e-11
"""Current [A] below which a device counts as off again (published analysis of ref 7)."""

_AT_REST = 1e-3
"""Share of the largest |v| below which a point belongs to no polarity."""


@runtime_checkable
class Sweeps(Protocol):
    """What has voltage, current and sweep labels: a `Measurement`, or one member of a `Trace`."""

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


@dataclass(frozen=True, kw_only=True)
class Switching:
    r"""What one excursion of the voltage to one polarity shows.

    Parameters
    ----------
    sweep : int
        Label of the sweep.
    polarity : int
        +1 or -1.
    v_th, v_hold : float or None
        Switching voltage: first sampled \|v\| [V] on the rising branch at which \|i\| is above
        the on-threshold. Hold voltage: first sampled \|v\| [V] on the falling branch at which it
        is below the hold-threshold. None where that never happens.
    switched, returned : bool
        Whether the thresholds were passed.
    on_off_ratio : float or None
        Largest ratio of falling to rising current at one voltage.
    hysteresis_area : float
        Area of the loop in the v-i plane [V A], unsigned.
    compliance_points : int
        Points at the current limit.
    rise, release, fall : int or None
        Row within the sweep at which \|i\| rises through the on-threshold, falls below it, and
        falls below the hold-threshold.
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

    def to_json(self) -> dict:
        """Dictionary with units in the names, as ``memjax observe --json`` prints it."""
        d = asdict(self)
        named = {"v_th": "v_th_V", "v_hold": "v_hold_V", "hysteresis_area": "hysteresis_area_VA"}
        return {named.get(k, k): x for k, x in d.items() if k not in ("rise", "release", "fall")}


def _first(mask: np.ndarray, offset: int) -> int | None:
    """Index of the first true entry, counted from `offset`."""
    hits = np.flatnonzero(mask)
    return int(hits[0]) + offset if hits.size else None


def excursions(v: Float[np.ndarray, " points"]) -> list[slice]:
    """Stretches of a sweep in which the voltage keeps one sign; points at rest go with the stretch before them."""
    v = numbers(v, where="excursions", what="voltages")
    sign = np.where(np.abs(v) > _AT_REST * np.max(np.abs(v), initial=0.0), np.sign(v), 0.0)
    busy = np.flatnonzero(sign)
    if not busy.size:
        return []
    turns = busy[1:][np.diff(sign[busy]) != 0]
    edges = [0, *turns.tolist(), len(v)]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


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
    common = v[: peak + 1] >= np.min(v[peak:])
    up = np.flatnonzero(common)[np.argsort(v[: peak + 1][common], kind="stable")]
    down = np.argsort(v[peak:], kind="stable")
    tiny = np.finfo(float).tiny
    falling = np.interp(v[: peak + 1][up], v[peak:][down], np.log(i[peak:][down] + tiny))
    return float(np.exp(np.max(falling - np.log(i[: peak + 1][up] + tiny))))


def hysteresis_area(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> float:
    """Area enclosed by a loop [V A]: the absolute value of the integral of i dv around it, by trapezoids."""
    v, i = (
        numbers(x, where="hysteresis_area", what=w) for x, w in ((v, "voltages"), (i, "currents"))
    )
    v, i = np.append(v, v[:1]), np.append(i, i[:1])
    return float(abs(np.sum(np.diff(v) * (i[1:] + i[:-1]) / 2)))


def switching_of(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    *,
    sweep: int = 0,
    on_threshold: float = ON_THRESHOLD,
    hold_threshold: float = HOLD_THRESHOLD,
    at_compliance: np.ndarray | None = None,
    offset: int = 0,
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
    """
    size, amps = np.abs(np.asarray(v, float)), np.abs(np.asarray(i, float))
    peak = int(np.argmax(size))
    rise = _first(amps[: peak + 1] > on_threshold, 0)
    fall = _first(amps[peak:] < hold_threshold, peak)
    release = _first(amps[peak:] < on_threshold, peak) if rise is not None else None
    at = lambda k: None if k is None else float(size[k])  # noqa: E731
    moved = lambda k: None if k is None else k + offset  # noqa: E731
    return Switching(
        sweep=int(sweep),
        polarity=int(np.sign(v[peak])) or 1,
        v_th=at(rise),
        v_hold=at(fall),
        switched=rise is not None,
        returned=fall is not None,
        on_off_ratio=on_off_ratio(size, amps),
        hysteresis_area=hysteresis_area(np.asarray(v, float), np.asarray(i, float)),
        compliance_points=0 if at_compliance is None else int(np.sum(at_compliance)),
        rise=moved(rise),
        release=moved(release),
        fall=moved(fall),
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
        Currents [A] that mean on and off.

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
    own = one_member(data, where="switching")
    for name, value in (("on-threshold", on_threshold), ("hold-threshold", hold_threshold)):
        check_positive(value, what=name)
    return list(_read(own, on_threshold, hold_threshold))


def _read(data: Sweeps, on: float, hold: float) -> Iterator[Switching]:
    """`switching_of` for every excursion of every sweep."""
    sweep, v, i = (np.asarray(x) for x in (data.sweep, data.v, data.i))
    limited = getattr(data, "at_compliance", None)
    order = np.argsort(sweep, kind="stable")
    starts = np.flatnonzero(np.diff(sweep[order], prepend=sweep[order][0] - 1))
    groups = sorted(np.split(order, starts[1:]), key=lambda rows: rows[0])
    for rows in groups:
        for part in excursions(v[rows]):
            at = rows[part]
            yield switching_of(
                v[at],
                i[at],
                sweep=int(sweep[at[0]]),
                on_threshold=on,
                hold_threshold=hold,
                at_compliance=None if limited is None else limited[at],
                offset=part.start,
            )


def summarise(found: list[Switching]) -> dict:
    """Counts, and the distributions of switching and hold voltage by polarity.

    Parameters
    ----------
    found : list of Switching
        See `switching`.

    Returns
    -------
    dict
        Counts, and for each polarity ("positive", "negative") median, mean, standard deviation [V]
        and number of values. Hold voltages are those of excursions that had switched; those of all
        that cross stand beside them.
    """
    if not isinstance(found, list | tuple) or not all(isinstance(f, Switching) for f in found):
        raise DataError(
            f"a {type(found).__name__} in place of readings",
            where="summarise",
            allowed="what switching(data) gives",
        )
    summary: dict = {"excursions": len(found)}
    for word, sign in (("positive", 1), ("negative", -1)):
        part = [f for f in found if f.polarity == sign]
        if not part:
            continue
        switched = [f for f in part if f.switched]
        summary[word] = {
            "excursions": len(part),
            "switched": len(switched),
            "never_switched": len(part) - len(switched),
            "never_returned": sum(not f.returned for f in part),
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

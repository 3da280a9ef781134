"""Delay and relaxation: when a device answers a pulse, and how long it stays on after it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..core.result import Trace
from ..errors import BoundsError
from .data import check_positive, one_member
from .spikes import checked_rows
from .switching import Sweeps

ON_CURRENT = 1e-6
"""Current [A] above which a device counts as on in a pulse, where nothing else is said."""

_LOW, _HIGH = 0.25, 0.75
"""Shares of a pulse's height below which it is surely over, and above which it is surely there."""

_FLAT = 0.2
"""Height of a pulse over the largest |v| below which there is none."""


@runtime_checkable
class SweepsInTime(Sweeps, Protocol):
    """Data with time, voltage, current and sweep labels: a `Measurement`, or one member of a `Trace`."""

    @property
    def t(self) -> Float[np.ndarray, " points"] | None:
        """Time [s]."""
        ...


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """One pulse of a voltage.

    Parameters
    ----------
    onset, end : float
        Times [s] at which it passes half of its height, on straight lines between rows.
    amplitude : float
        Median voltage while it lasts [V], with its sign.
    stop : float
        Time [s] up to which its aftermath is watched: the next pulse's onset, or the last row.
    """

    onset: float
    end: float
    amplitude: float
    stop: float


@dataclass(frozen=True, kw_only=True)
class PulseResponse:
    r"""Response of the current in one pulse and after it.

    Parameters
    ----------
    sweep, pulse : int
        Label of the sweep, and which pulse in it.
    amplitude : float
        Voltage of the pulse [V].
    delay : float
        Time [s] from onset until \|i\| first rises above the threshold, on the straight line
        between rows; 0 where the device is on at the onset, infinite where it never switches: the
        pulse was then too short, by how much is not known (censored at `width`).
    relaxation : float
        Time [s] from the end of the pulse until \|i\| last falls below the threshold; 0 where it
        is below from the first row on, infinite where it is above it in the last row (censored at
        `watched`), NaN where the device had not switched.
    width, watched : float
        Length of the pulse, and of what was recorded after it [s].
    peak : float
        Largest \|i\| in the pulse [A].
    clipped : int
        Rows of pulse and aftermath at the limit of the source or of the instrument's range.
    """

    sweep: int
    pulse: int
    amplitude: float
    delay: float
    relaxation: float
    width: float
    watched: float
    peak: float
    clipped: int

    @property
    def switched(self) -> bool:
        """Whether the device switched on within the pulse."""
        return bool(np.isfinite(self.delay))

    @property
    def relaxed(self) -> bool:
        """Whether it switched, and was seen to switch off again."""
        return self.switched and bool(np.isfinite(self.relaxation))

    def to_json(self) -> dict:
        """Dictionary with units in the names; None for a time that was not seen."""

        def finite(x):
            return float(x) if np.isfinite(x) else None

        return {
            "sweep": self.sweep,
            "pulse": self.pulse,
            "amplitude_V": self.amplitude,
            "delay_s": finite(self.delay),
            "relaxation_s": finite(self.relaxation),
            "width_s": self.width,
            "watched_s": self.watched,
            "switched": self.switched,
            "relaxed": self.relaxed,
            "peak_A": self.peak,
            "clipped_points": self.clipped,
        }


def find_pulses(t: Float[np.ndarray, " rows"], v: Float[np.ndarray, " rows"]) -> list[Pulse]:
    """Pulses of a voltage over its base, of both polarities, in order.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    v : Float[np.ndarray, "rows"]
        Voltage [V]: a base (such as a read voltage) and pulses of about one height.

    Returns
    -------
    list of Pulse
        Empty where the voltage hardly changes. A pulse that has begun before the first row, or
        goes on after the last, counts from or to there.

    Notes
    -----
    A pulse begins where the voltage, after it was below a quarter of the height over the base,
    exceeds three quarters, and the other way round it ends: noise at the edges makes none.
    """
    t, v = checked_rows(t, v)
    spans: list[tuple[float, float, float]] = []
    for sign in (1.0, -1.0):
        u = np.maximum(sign * v, 0.0)
        top = u.max(initial=0.0)
        # Undershoots, and a base of the other sign, are no pulses.
        if top <= 0.5 * np.abs(v).max(initial=0.0):
            continue
        # Base and height are medians, which overshoots at the edges do not move.
        low = u[u <= top / 2]
        base = float(np.median(low)) if low.size else float(u.min())
        if top - base < _FLAT * top:
            continue
        share = (u - base) / (np.median(u[u > (top + base) / 2]) - base)
        spans += [(a, b, sign * float(np.median(u[k]))) for a, b, k in _spans(t, share)]
    spans.sort()
    stops = [a for a, _, _ in spans[1:]] + [float(t[-1])]
    return [
        Pulse(onset=a, end=b, amplitude=height, stop=stop)
        for (a, b, height), stop in zip(spans, stops, strict=False)
    ]


def _spans(t: np.ndarray, share: np.ndarray) -> Iterator[tuple[float, float, slice]]:
    """Onset, end and rows of each stretch that is surely there, from edge to edge at half height."""
    # Hysteresis: rows between a quarter and three quarters of the height decide nothing.
    sure = np.flatnonzero((share > _HIGH) | (share < _LOW))
    is_high = share[sure] > _HIGH
    onsets, ends = ([(float(t[0]), 0)] if is_high[0] else []), []
    for k in np.flatnonzero(np.diff(is_high)):
        a, b = sure[k], sure[k + 1]
        half = float(t[a] + (0.5 - share[a]) / (share[b] - share[a]) * (t[b] - t[a]))
        onsets.append((half, int(b))) if is_high[k + 1] else ends.append((half, int(a) + 1))
    if is_high[-1]:
        ends.append((float(t[-1]), len(t)))
    for (start, first), (end, last) in zip(onsets, ends, strict=True):
        yield start, end, slice(first, last)


def delays(
    t: Float[np.ndarray, " rows"],
    i: Float[np.ndarray, "*batch rows"],
    *,
    onset: float,
    end: float,
    threshold: float = ON_CURRENT,
) -> Float[np.ndarray, "*batch"]:
    r"""Times from onset until \|i\| first rises above a threshold [s], of many curves at once.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    i : Float[np.ndarray, "*batch rows"]
        Currents [A].
    onset, end : float
        Of the pulse [s].
    threshold : float
        Current that means on [A].

    Returns
    -------
    Float[np.ndarray, "*batch"]
        On the straight line between rows; 0 where the device is on at the onset, infinite where it
        does not switch before the end.
    """
    t, size = _times_and_moduli(t, i, threshold)
    first, last = np.searchsorted(t, onset, "right"), np.searchsorted(t, end, "right")
    is_on = size[..., first:last] > threshold
    if not is_on.shape[-1]:
        return np.full(is_on.shape[:-1], np.inf)
    k = first + np.argmax(is_on, axis=-1)
    delay = _crossing(t, size, np.maximum(k - 1, 0), k, threshold) - onset
    return np.where(is_on.any(axis=-1), np.maximum(delay, 0.0), np.inf)


def relaxations(
    t: Float[np.ndarray, " rows"],
    i: Float[np.ndarray, "*batch rows"],
    *,
    end: float,
    stop: float = np.inf,
    threshold: float = ON_CURRENT,
) -> Float[np.ndarray, "*batch"]:
    r"""Times from the end of a pulse until \|i\| last falls below a threshold [s], of many curves at once.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    i : Float[np.ndarray, "*batch rows"]
        Currents [A].
    end, stop : float
        End of the pulse, and time up to which its aftermath is watched [s].
    threshold : float
        Current that means on [A].

    Returns
    -------
    Float[np.ndarray, "*batch"]
        On the straight line between rows; 0 where no row after the end is above the threshold,
        infinite where the last one is.
    """
    t, size = _times_and_moduli(t, i, threshold)
    first, last = np.searchsorted(t, end, "right"), np.searchsorted(t, stop, "right")
    is_on = size[..., first:last] > threshold
    if not is_on.shape[-1]:
        return np.full(is_on.shape[:-1], np.nan)
    # The last row above the threshold: a current that flickers is not off yet.
    k = last - 1 - np.argmax(is_on[..., ::-1], axis=-1)
    relaxation = _crossing(t, size, k, np.minimum(k + 1, len(t) - 1), threshold) - end
    relaxation = np.where(is_on.any(axis=-1), np.maximum(relaxation, 0.0), 0.0)
    return np.where(is_on[..., -1], np.inf, relaxation)


def _times_and_moduli(t, i, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Times, and moduli of currents."""
    check_positive(threshold, what="threshold")
    t, i = checked_rows(t, i)
    return t, np.abs(i)


def _crossing(t: np.ndarray, x: np.ndarray, a, b, level: float):
    """When the straight line from row a to row b is at a level; at row b where it does not cross it."""
    xa, xb = (np.take_along_axis(x, np.asarray(k)[..., None], axis=-1)[..., 0] for k in (a, b))
    crosses = (xa > level) != (xb > level)
    share = np.where(crosses, (level - xa) / np.where(crosses, xb - xa, 1.0), 0.0)
    return np.where(crosses, t[a] + share * (t[b] - t[a]), t[a])


def pulse_responses(
    data: SweepsInTime | Trace, *, threshold: float = ON_CURRENT, off_threshold: float | None = None
) -> list[PulseResponse]:
    """Read delay and relaxation off every pulse of every sweep.

    Parameters
    ----------
    data : Measurement, one member of a Trace, or a Trace of one member
        Time, voltage, current, sweep labels. `at_compliance`, where it has that, marks clipped rows.
    threshold : float
        Current that means on [A]; below the limit of the source and of the instrument's range.
    off_threshold : float, optional
        Current below which the device is off again after the pulse [A]; `threshold` by default.

    Returns
    -------
    list of PulseResponse
        One per sweep and pulse, in order; a pulse in which nothing happens is in the list.

    Raises
    ------
    BoundsError
        For data without time or without a pulse, or a threshold at or above the current's limit.
    """
    member = one_member(data, where="pulse_responses", time=True)
    limit, off_current = (
        getattr(member, "compliance", None),
        threshold if off_threshold is None else off_threshold,
    )
    if limit is not None and max(threshold, off_current) >= limit:
        raise BoundsError(
            f"threshold = {max(threshold, off_current):g} A",
            allowed=f"below the limit of {limit:g} A of the current",
        )
    responses = list(_read(member, threshold, off_current))
    if not responses:
        raise BoundsError("a voltage without pulses", allowed="a base voltage and pulses over it")
    return responses


def _read(data: SweepsInTime, on_current: float, off_current: float) -> Iterator[PulseResponse]:
    """`PulseResponse` of every pulse of every sweep."""
    t, v, i, sweep = (np.asarray(x) for x in (data.t, data.v, data.i, data.sweep))
    at_limit = getattr(data, "at_compliance", np.zeros(len(v), bool))
    order = np.argsort(sweep, kind="stable")
    starts = np.flatnonzero(np.diff(sweep[order]))
    edges = [0, *(starts + 1).tolist(), len(order)]
    groups = sorted((order[a:b] for a, b in itertools.pairwise(edges)), key=lambda rows: rows[0])
    for rows in groups:
        yield from _of_sweep(
            t[rows], v[rows], i[rows], at_limit[rows], int(sweep[rows[0]]), on_current, off_current
        )


def _of_sweep(
    t, v, i, at_limit, label: int, on_current: float, off_current: float
) -> Iterator[PulseResponse]:
    """`PulseResponse` of every pulse of one sweep."""
    for number, p in enumerate(find_pulses(t, v)):
        delay = float(delays(t, i, onset=p.onset, end=p.end, threshold=on_current))
        relaxation = float(relaxations(t, i, end=p.end, stop=p.stop, threshold=off_current))
        inside = (t >= p.onset) & (t <= p.end)
        yield PulseResponse(
            sweep=label,
            pulse=number,
            amplitude=p.amplitude,
            delay=delay,
            relaxation=relaxation if np.isfinite(delay) else np.nan,
            width=p.end - p.onset,
            watched=p.stop - p.end,
            peak=float(np.max(np.abs(i[inside]), initial=0.0)),
            clipped=int(np.sum(at_limit[(t >= p.onset) & (t <= p.stop)])),
        )


def summarise_pulses(responses: list[PulseResponse]) -> dict:
    """Counts, and the distributions of delay and relaxation.

    Parameters
    ----------
    responses : list of PulseResponse
        See `pulse_responses`.

    Returns
    -------
    dict
        `pulses`, `switched`, `clipped` (pulses with rows at the current's limit), and of `delay_s`
        and `relaxation_s`: `n` values, how many of these are `censored` (never switched, still on
        at the end), `median` over all (Kaplan-Meier; None where more than half are censored), and
        `mean`, `sd`, `cv` (sd over mean), `min`, `max` of those that were seen, which censoring
        makes too short.
    """
    switched = [f for f in responses if f.switched]
    return {
        "pulses": len(responses),
        "switched": len(switched),
        "clipped": sum(f.clipped > 0 for f in responses),
        "delay_s": _distribution([f.delay for f in responses], [f.width for f in responses]),
        "relaxation_s": _distribution(
            [f.relaxation for f in switched], [f.watched for f in switched]
        ),
    }


def _distribution(values: list[float], limits: list[float]) -> dict:
    """Moments of the times that were seen, and the median of all."""
    from scipy.stats import CensoredData, ecdf

    x, limit = np.asarray(values, float), np.asarray(limits, float)
    finite = np.isfinite(x)
    summary = {"n": x.size, "censored": int(np.sum(~finite)), "median": None}
    if not finite.any():
        return summary | dict.fromkeys(("mean", "sd", "cv", "min", "max"))
    # Kaplan-Meier: what did not happen in time is known to be longer, by how much is not.
    curve = ecdf(CensoredData(uncensored=x[finite], right=limit[~finite])).cdf
    median_steps = np.flatnonzero(curve.probabilities >= 0.5)
    if not summary["censored"]:
        summary["median"] = float(np.median(x))
    elif median_steps.size:
        summary["median"] = float(curve.quantiles[median_steps[0]])
    mean, sd = (
        float(np.mean(x[finite])),
        float(np.std(x[finite], ddof=1)) if finite.sum() > 1 else None,
    )
    cv = sd / mean if sd is not None and mean > 0 else None
    ends = {"min": float(np.min(x[finite])), "max": float(np.max(x[finite]))}
    return summary | {"mean": mean, "sd": sd, "cv": cv} | ends

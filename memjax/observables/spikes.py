"""Spikes of measured and simulated traces: detection, intervals, firing probability, refractory period, drift.

Input that has no meaning raises; a figure for which there are no spikes is NaN.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Array, Bool, Float

from ..errors import BoundsError
from .data import numbers

Convention = Literal["begin", "inside"]
"""Which intervals a window holds: those that begin in it, or those of which both spikes lie in it."""


def checked_rows(
    t: Float[np.ndarray | Array, " rows"], x: Float[np.ndarray | Array, "... rows"]
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, "... rows"]]:
    """Times [s] and signal of a trace in float64.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    x : Float[np.ndarray, "... rows"]
        Signal.

    Returns
    -------
    tuple of Float[np.ndarray, "rows"] and Float[np.ndarray, "... rows"]
        Times [s], and the signal in its own unit.

    Raises
    ------
    BoundsError
        If lengths differ, the times do not increase, or there is a NaN or an infinity.
    """
    t, x = numbers(t, where="trace", what="times"), numbers(x, where="trace", what="a signal")
    if t.ndim != 1 or x.ndim < 1 or x.shape[-1] != t.size:
        raise BoundsError(
            f"times of shape {t.shape} for a signal of shape {x.shape}",
            where="trace",
            allowed="times (rows,), signal (..., rows)",
        )
    for name, values in (("t", t), ("signal", x)):
        if not np.isfinite(values).all():
            position = np.argwhere(~np.isfinite(values))[0]
            raise BoundsError(
                f"{name} = {values[tuple(position)]} at row {position[-1]}",
                where="trace",
                allowed="finite numbers",
                fix="drop failed members, or the rows without a reading",
            )
    backward = np.flatnonzero(np.diff(t) <= 0)
    if backward.size:
        k = int(backward[0])
        raise BoundsError(
            f"t goes from {t[k]:g} to {t[k + 1]:g} s at row {k + 1}",
            where="trace",
            allowed="increasing times",
            fix="pass one sweep at a time",
        )
    return t, x


def _thresholds(level: float, rearm: float | None, sign: int) -> tuple[float, float]:
    """Level and re-arming level of a signal that was multiplied by `sign`."""
    if sign not in (1, -1):
        raise BoundsError(f"sign = {sign}", allowed="1 (rises) or -1 (falls)")
    rearm = level if rearm is None else rearm
    if not (np.isfinite(level) and np.isfinite(rearm) and sign * rearm <= sign * level):
        side = "at or below" if sign == 1 else "at or above"
        raise BoundsError(f"rearm = {rearm:g} for level = {level:g}", allowed=f"rearm {side} level")
    return float(sign * level), float(sign * rearm)


def detect(
    t: Float[np.ndarray | Array, " rows"],
    x: Float[np.ndarray | Array, " rows"],
    *,
    level: float,
    rearm: float | None = None,
    sign: int = 1,
) -> Float[np.ndarray, " spikes"]:
    """Times at which a signal rises through a level, with hysteresis.

    A spike is a rise of `x` above `level` after `x` was below `rearm`; its time is that at which
    the straight line between the two rows crosses `level`. A trace that starts above `level` has no
    spike before it was below `rearm`; touching `level` is no spike.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing; their distances may differ.
    x : Float[np.ndarray, "rows"]
        Signal: current [A], voltage [V], or a state.
    level : float
        Level that a spike passes, in the unit of `x`.
    rearm : float, optional
        Level on the other side of which `x` has to be before the next spike. By default `level`
        itself, without hysteresis: each rise through it counts. Noise about the level then counts
        many times; `rearm` should be further from `level` than the noise is large.
    sign : {1, -1}
        -1 for spikes that fall: through `level` after `x` was above `rearm`.

    Returns
    -------
    Float[np.ndarray, "spikes"]
        Times [s], increasing.

    Raises
    ------
    BoundsError
        For times that do not increase, a NaN or an infinity, or `rearm` beyond `level`.
    """
    x = numbers(x, where="detect", what="a signal")
    return detect_all(t, x[None], level=level, rearm=rearm, sign=sign)[0]


def detect_all(
    t: Float[np.ndarray | Array, " rows"],
    x: Float[np.ndarray | Array, "members rows"],
    *,
    level: float,
    rearm: float | None = None,
    sign: int = 1,
) -> list[Float[np.ndarray, " _"]]:
    """Spike times of every member; see `detect`.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    x : Float[np.ndarray, "members rows"]
        Signal of each member.
    level, rearm, sign
        As `detect` has them.

    Returns
    -------
    list of Float[np.ndarray, "spikes"]
        Times [s], one array per member.
    """
    t, x = checked_rows(t, x)
    if x.ndim != 2:
        raise BoundsError(f"a signal of shape {x.shape}", where="detect_all", allowed="2 axes")
    fire_level, rearm_level = _thresholds(level, rearm, sign)
    x = sign * x
    side = (x > fire_level).astype(np.int8) - (x < rearm_level)
    changes = side != 0
    # Rows at which the signal enters a zone; a spike leads from the lower zone to the upper.
    changes[:, 1:] &= side[:, 1:] != side[:, :-1]
    member, row = np.nonzero(changes)
    sides = side[member, row]
    rise = (sides[1:] == 1) & (sides[:-1] == -1) & (member[1:] == member[:-1])
    m, k = member[1:][rise], row[1:][rise]
    share = (fire_level - x[m, k - 1]) / (x[m, k] - x[m, k - 1])
    times = t[k - 1] + share * (t[k] - t[k - 1])
    return [times[a:b] for a, b in itertools.pairwise(np.searchsorted(m, np.arange(len(x) + 1)))]


def _as_times(times) -> Float[np.ndarray, " spikes"]:
    """Spike times, if they are finite and increase."""
    times = numbers(times, where="spike train", what="spike times")
    if times.ndim != 1 or not (np.isfinite(times).all() and (np.diff(times) > 0).all()):
        raise BoundsError(
            "spike times that are not a list of increasing finite numbers",
            where="spike train",
            fix="np.unique(times[np.isfinite(times)])",
        )
    return times


def _check_window(start: float, stop: float) -> None:
    """Refuse a window that is none."""
    if not start < stop:
        raise BoundsError(f"a window from {start:g} to {stop:g} s", allowed="start < stop")


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeTrain:
    """Spikes of one device, and the window in which it was watched.

    Parameters
    ----------
    times : Float[np.ndarray, "spikes"]
        Times [s], increasing, within the window (its ends included).
    start, stop : float
        Window [s].

    Raises
    ------
    BoundsError
        If the times do not increase, or one lies outside the window.
    """

    times: Float[np.ndarray, " spikes"]
    start: float
    stop: float

    def __post_init__(self):
        times = _as_times(self.times)
        _check_window(self.start, self.stop)
        if times.size and not (self.start <= times[0] and times[-1] <= self.stop):
            raise BoundsError(
                f"spikes from {times[0]:g} to {times[-1]:g} s",
                where="spike train",
                allowed=f"its window, {self.start:g} to {self.stop:g} s",
            )

    @property
    def count(self) -> int:
        """Number of spikes."""
        return len(self.times)

    @property
    def rate(self) -> float:
        """Spikes over length of the window [1/s]."""
        return self.count / (self.stop - self.start)

    @property
    def isi(self) -> Float[np.ndarray, " intervals"]:
        """Intervals between successive spikes [s]."""
        return np.diff(self.times)

    @property
    def cv(self) -> float:
        """Standard deviation (over the number of intervals) over mean of the intervals [1]; NaN of fewer than two."""
        isi = self.isi
        return float(isi.std() / isi.mean()) if isi.size > 1 else float("nan")

    def latency(self, after: float | None = None) -> float:
        """Time [s] from `after` [s] (the start by default) to the first spike then or later; NaN without one."""
        after = self.start if after is None else after
        _check_inside(self, after, self.stop)
        return _first_after(self.times, after)

    def within(self, start: float, stop: float) -> "SpikeTrain":
        """The spikes at start <= t < stop [s], with that window; it has to lie in this train's own."""
        _check_window(start, stop)
        _check_inside(self, start, stop)
        times = self.times[in_window(self.times, start, stop)]
        return SpikeTrain(times=times, start=start, stop=stop)


Train = SpikeTrain | Float[np.ndarray | Array, " _"]
"""Spikes with their window, or bare times [s]."""


def _check_inside(train: SpikeTrain, start: float, stop: float) -> None:
    """Refuse a window about which a train says nothing."""
    if not (train.start <= start and stop <= train.stop):
        raise BoundsError(
            f"a window from {start:g} to {stop:g} s",
            where="spike train",
            allowed=f"within {train.start:g} to {train.stop:g} s, when it was watched",
        )


def in_window(
    times: Float[np.ndarray, " spikes"], start: float, stop: float
) -> Bool[np.ndarray, " spikes"]:
    """Which spikes [s] fall within start <= t < stop."""
    return (times >= start) & (times < stop)


def _first_after(times: np.ndarray, after: float) -> float:
    """Time to the first spike at or after `after`; NaN without one."""
    k = np.searchsorted(times, after)
    return float(times[k] - after) if k < len(times) else float("nan")


def _times(train: Train, start: float, stop: float) -> Float[np.ndarray, " spikes"]:
    """All spikes of a train that was watched in the window."""
    if isinstance(train, SpikeTrain):
        _check_inside(train, start, stop)
        return train.times
    return _as_times(train)


@dataclass(frozen=True, kw_only=True)
class IsiStatistics:
    """Moments of the intervals between the spikes of many members.

    Parameters
    ----------
    mean, cv : float
        Mean [s]; standard deviation (over the number of intervals) over mean [1]. NaN of none.
    mean_se, cv_se : float
        Standard errors, by the jackknife over members. NaN of one member.
    count, unfinished : int
        Intervals, and those that begin in the window and were not counted: their end was not seen
        or (convention "inside") lies beyond the window.
    """

    mean: float
    cv: float
    mean_se: float
    cv_se: float
    count: int
    unfinished: int


def jackknife(parts: Float[np.ndarray, "members ..."]) -> Float[np.ndarray, "..."]:
    """Standard error from the estimates that each leave one member out.

    Parameters
    ----------
    parts : Float[np.ndarray, "members ..."]
        The estimate, in any unit, without member 0, without member 1, ...

    Returns
    -------
    Float[np.ndarray, "..."]
        Standard error in the same unit; NaN of fewer than two members.

    References
    ----------
    B. Efron, C. Stein, Ann. Statist. 9, 586 (1981), doi:10.1214/aos/1176345462.
    """
    n = len(parts)
    if n < 2:
        return np.full(parts.shape[1:], np.nan)
    # The estimates differ little, each from all members but one: (n - 1)/n times their sum.
    spread = np.sum((parts - parts.mean(axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt((n - 1) / n * spread))


def _moments(sums: Float[np.ndarray, "... 3"], shift: float) -> Float[np.ndarray, "... 2"]:
    """Mean and coefficient of variation from number, sum and sum of squares of (interval - shift)."""
    with np.errstate(invalid="ignore"):
        mean = sums[..., 1] / sums[..., 0]
        variance = sums[..., 2] / sums[..., 0] - mean**2
        return np.stack(
            [shift + mean, np.sqrt(np.maximum(variance, 0.0)) / (shift + mean)], axis=-1
        )


def _intervals(
    times: np.ndarray, start: float, stop: float, convention: str
) -> Float[np.ndarray, " intervals"]:
    """Intervals of one member that the window holds."""
    inside = in_window(times, start, stop)
    in_count = inside[:-1] & inside[1:] if convention == "inside" else inside[:-1]
    return np.diff(times)[in_count]


def isi_statistics(
    trains: Sequence[Train], *, start: float, stop: float, convention: Convention = "begin"
) -> IsiStatistics:
    """Mean and coefficient of variation of all intervals in a window, pooled over members.

    Parameters
    ----------
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s] of each member; members are independent, intervals of one need not be.
    start, stop : float
        Window start <= t < stop [s].
    convention : {"begin", "inside"}
        "begin": intervals that begin in the window, followed to their ends, however late: each
        length is as likely to be counted as it occurs, if the trains go on long enough after `stop`
        (see `unfinished`). "inside": intervals of which both spikes lie in the window, as
        published protocols have it: long ones are counted more rarely, so that mean and CV are too
        small, by much where the window is not many intervals long.

    Returns
    -------
    IsiStatistics

    Raises
    ------
    BoundsError
        For a window that is none or in which a `SpikeTrain` was not watched, or another convention.
    """
    _check_window(start, stop)
    if convention not in ("begin", "inside"):
        raise BoundsError(f"convention = {convention!r}", allowed='"begin" or "inside"')
    times = [_times(s, start, stop) for s in trains]
    lengths = [_intervals(s, start, stop, convention) for s in times]
    beginnings = sum(int(np.sum(in_window(s, start, stop))) for s in times)
    count = sum(map(len, lengths))
    # Squares about the mean: no digits are lost where the spread is small.
    shift = sum(float(d.sum()) for d in lengths) / max(count, 1)
    sums = [[len(d), (d - shift).sum(), ((d - shift) ** 2).sum()] for d in lengths]
    sums = np.array(sums, float).reshape(-1, 3)
    total = sums.sum(axis=0)
    mean, cv = _moments(total, shift)
    # Leave-one-out moments: the sums of all less those of each member.
    mean_se, cv_se = jackknife(_moments(total - sums, shift))
    return IsiStatistics(
        mean=float(mean),
        cv=float(cv),
        mean_se=float(mean_se),
        cv_se=float(cv_se),
        count=count,
        unfinished=beginnings - count,
    )


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A share of trials and its confidence interval.

    Parameters
    ----------
    value : float
        Successes over trials [1].
    low, high : float
        Ends of the Wilson score interval [1].
    successes, trials : int
        Counts.
    """

    value: float
    low: float
    high: float
    successes: int
    trials: int


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Proportion:
    """Share of trials that succeeded, with the Wilson score interval.

    It holds its confidence for few trials and for shares near 0 and 1, where share +- z standard errors does not.

    Parameters
    ----------
    successes, trials : int
        Counts.
    confidence : float
        Confidence of the interval, two-sided, in (0, 1).

    Raises
    ------
    BoundsError
        For no trials, or more successes than trials.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927), doi:10.1080/01621459.1927.10502953.
    L. D. Brown, T. T. Cai, A. DasGupta, Stat. Sci. 16, 101 (2001), doi:10.1214/ss/1009213286.
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= trials or trials < 1:
        raise BoundsError(f"{successes} successes of {trials} trials", allowed="0 to all of >= 1")
    if not 0 < confidence < 1:
        raise BoundsError(f"confidence = {confidence:g}", allowed="between 0 and 1")
    interval = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Proportion(
        value=successes / trials,
        low=float(interval.low),
        high=float(interval.high),
        successes=successes,
        trials=trials,
    )


def firing_probability(
    trains: Sequence[Train], *, start: float, stop: float, confidence: float = 0.95
) -> Proportion:
    """Share of trains with a spike at start <= t < stop, with the Wilson score interval; see `wilson`.

    Parameters
    ----------
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s] of each independent trial.
    start, stop : float
        Window [s].
    confidence : float
        Confidence of the interval.

    Raises
    ------
    BoundsError
        Without trains, or for a window in which one was not watched.
    """
    _check_window(start, stop)
    has_spike = [bool(in_window(_times(s, start, stop), start, stop).any()) for s in trains]
    return wilson(sum(has_spike), len(has_spike), confidence=confidence)


def latency(trains: Sequence[Train], *, after: float) -> Float[np.ndarray, " trains"]:
    """Time from `after` to the first spike then or later.

    Parameters
    ----------
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s].
    after : float
        Time [s], such as the onset of the drive.

    Returns
    -------
    Float[np.ndarray, "trains"]
        Latency [s]; NaN for a train without such a spike. Latencies of the others are too short
        on average where many are NaN: report `firing_probability` beside them.
    """
    return np.array([_first_after(_times(s, after, after), after) for s in trains], float)


def refractory_period(trains: Sequence[Train], *, quantile: float = 0.0) -> float:
    """Shortest interval between spikes [s], or a low quantile of the intervals.

    Under a drive so strong that a spike follows as soon as it can, the intervals are the time for
    which a spike blocks the next one. Under a weaker drive this is an upper bound of it.

    Parameters
    ----------
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s] under the strong drive; intervals are pooled.
    quantile : float
        0 for the shortest interval. That of many noisy intervals is the shorter the more there
        are; a quantile such as 0.05 is not.

    Returns
    -------
    float
        Interval [s]; NaN without one.
    """
    if not 0 <= quantile <= 1:
        raise BoundsError(f"quantile = {quantile:g}", allowed="0 to 1")
    times = [s.times if isinstance(s, SpikeTrain) else _as_times(s) for s in trains]
    lengths = np.concatenate([np.zeros(0), *(np.diff(s) for s in times)])
    return float(np.quantile(lengths, quantile)) if lengths.size else float("nan")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How a threshold moves from spike to spike.

    Parameters
    ----------
    slope, slope_se : float
        Change per spike, in the unit of the threshold, and its standard error.
    mean : float
        Mean of the thresholds that were used.
    count, trains : int
        Thresholds that were used, and trains that they are of.
    """

    slope: float
    slope_se: float
    mean: float
    count: int
    trains: int


def drift(values: Sequence[Float[np.ndarray, " _"]]) -> Drift:
    """Slope of thresholds against spike number, by least squares with an intercept for each train.

    Differences between devices then do not enter. The standard error holds if the scatter about the lines is
    independent from spike to spike and of one size; a threshold that bends underestimates it.

    Parameters
    ----------
    values : sequence of Float[np.ndarray, "spikes"]
        Thresholds of each train, in order; NaN for one that is missing: its number counts.

    Returns
    -------
    Drift
        NaN where no train has two thresholds; NaN errors where nothing is left over for them.
    """
    numbers = [np.flatnonzero(np.isfinite(y)) for y in values]
    pairs = [(k, np.asarray(y, float)[k]) for k, y in zip(numbers, values) if k.size > 1]
    # About the mean of each train: its own intercept drops out.
    k = np.concatenate([np.zeros(0), *(k - k.mean() for k, _ in pairs)])
    y = np.concatenate([np.zeros(0), *(y - y.mean() for _, y in pairs)])
    if not pairs:
        nan = float("nan")
        return Drift(slope=nan, slope_se=nan, mean=nan, count=0, trains=0)
    # One slope, and one intercept for each train, are estimated.
    slope, free = float(k @ y / (k @ k)), k.size - len(pairs) - 1
    squares = float(np.sum((y - slope * k) ** 2))
    return Drift(
        slope=slope,
        slope_se=float(np.sqrt(squares / free / (k @ k))) if free > 0 else float("nan"),
        mean=float(np.mean(np.concatenate([y for _, y in pairs]))),
        count=k.size,
        trains=len(pairs),
    )


def threshold_drift(
    t: Float[np.ndarray | Array, " rows"],
    drive: Float[np.ndarray | Array, "... rows"],
    trains: Sequence[Train],
) -> Drift:
    """How the drive at which a device fires moves from spike to spike; see `drift`.

    The threshold of a spike is the value of the drive at its time, linear between rows: the drive
    has to pass the threshold slowly (a ramp, a triangle, the node of an integrator), and is not the
    signal by which the spikes were detected. For pulses of one height see `integration_times`.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    drive : Float[np.ndarray, "rows"] or Float[np.ndarray, "trains rows"]
        Drive, such as a voltage [V], of all trains or of each.
    trains : sequence of SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s].

    Returns
    -------
    Drift
        Slope [unit of the drive per spike].

    Raises
    ------
    BoundsError
        For a spike outside the trace, or another number of drives than of trains.
    """
    t, drive = checked_rows(t, drive)
    if drive.ndim > 1 and drive.shape[:-1] != (len(trains),):
        raise BoundsError(f"drives of shape {drive.shape} for {len(trains)} trains")
    drives = np.broadcast_to(drive, (len(trains), t.size))
    values = []
    for train, signal in zip(trains, drives):
        times = train.times if isinstance(train, SpikeTrain) else _as_times(train)
        if times.size and not (t[0] <= times[0] and times[-1] <= t[-1]):
            raise BoundsError(
                f"spikes from {times[0]:g} to {times[-1]:g} s",
                where="threshold_drift",
                allowed=f"within the trace, {t[0]:g} to {t[-1]:g} s",
            )
        values.append(np.interp(times, t, signal) if times.size else times)
    return drift(values)


def integration_times(
    train: Train, *, onsets: Float[np.ndarray, " onsets"]
) -> Float[np.ndarray, " onsets"]:
    """Time from each onset of the drive to the first spike before the next onset.

    ``drift([integration_times(train, onsets=pulses) for train in trains])`` says by how much it
    shortens from pulse to pulse (intrinsic plasticity).

    Parameters
    ----------
    train : SpikeTrain or Float[np.ndarray, "spikes"]
        Spikes [s].
    onsets : Float[np.ndarray, "onsets"]
        When pulses begin [s], increasing.

    Returns
    -------
    Float[np.ndarray, "onsets"]
        Integration times [s]; NaN for an onset without a spike.
    """
    onsets = np.asarray(onsets, float)
    if not (np.isfinite(onsets).all() and (np.diff(onsets) > 0).all()):
        raise BoundsError("onsets that do not increase", where="integration_times")
    times = train.times if isinstance(train, SpikeTrain) else _as_times(train)
    delays = np.array([_first_after(times, onset) for onset in onsets], float)
    # A spike after the next onset answers that one.
    return np.where(delays < np.diff(onsets, append=np.inf), delays, np.nan)

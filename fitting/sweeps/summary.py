"""Summaries of measurements, waveform by waveform: median currents, their scatter, and when the device switched."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

import memjax as mj
from memjax.errors import DataError
from memjax.observables import Thresholds, excursions, snap_back_of, switching_of, turn
from memjax.simulate import waveform

from ..residuals import named_far, scatter_of_bends
from ..verdict import SURE
from .limits import reach_of, same_limits
from .quiet_rows import CHANCE, Noise, masked_medians, noise_of_level_rows, noise_of_quiet_rows

EVENTS = ("rise", "release", "fall")
"""Rising through the on-threshold, falling below it again, falling below the hold-threshold.

Of an imposed current: its voltage snaps back, (nothing), and snaps back on the way down."""

RESPONSE = {"voltage": "i", "current": "v"}
"""What is measured, by what is driven: only that says anything of a device."""


@dataclass(frozen=True, kw_only=True)
class Waveform:
    r"""Sweeps that applied one waveform, summarised.

    Parameters
    ----------
    stimulus : memjax.Sampled
        What was applied.
    rows : Float[np.ndarray, "points"]
        When each point was measured [s].
    v : Float[np.ndarray, "points"]
        Applied value [V or A].
    log_response : Float[np.ndarray, "sweeps points"]
        log10(\|response\| + floor) of every sweep: of the current [decades of A], or where a current was
        imposed of the voltage [decades of V].
    used, censored : Bool[np.ndarray, "points"]
        Points whose current counts; points at the current limit, which bound it from below.
    events : Float[np.ndarray, "sweeps legs 3"]
        Row (between rows: minus one half) at which each of `EVENTS` happened in each sweep and
        excursion; NaN where it did not.
    legs : tuple of (int, int, int)
        First row, peak row and end of each excursion to one polarity.
    labels : Int[np.ndarray, "sweeps"]
        Labels of the sweeps.
    limits : tuple of float
        What the source's current was limited to at positive and at negative voltage [A]; infinite where by nothing.
    reach : float
        How far below its limit a current at it may be [decades].
    thresholds : memjax.observables.Thresholds
        Currents that mean on and off in `events`.
    log_left : Float[np.ndarray, "sweeps points"] or None
        log10 of the voltage that was left at the terminals, where a source at its current limit fell short of what it
        was told to apply and the file holds that [decades of V]; NaN elsewhere. None where no point is such.
    opposed : Bool[np.ndarray, "points"] or None
        Points at which the response flows against what is applied, see `opposed_rows`; None where that is unknown.
    cycles : Float[np.ndarray, "points"] or None
        Scatter between cycles that are fitted one after the other, see `scatter_of_cycles` [decades]; None of others.
    closings : dict of str to float
        That of the voltages of their sets and resets, by the kind of them [V].
    """

    stimulus: mj.Sampled
    rows: Float[np.ndarray, " points"]
    v: Float[np.ndarray, " points"]
    log_response: Float[np.ndarray, "sweeps points"]
    used: Bool[np.ndarray, " points"]
    censored: Bool[np.ndarray, " points"]
    events: Float[np.ndarray, "sweeps legs 3"]
    legs: tuple[tuple[int, int, int], ...]
    labels: Int[np.ndarray, " sweeps"]
    limits: tuple[float, float] = (np.inf, np.inf)
    reach: float = 0.0
    thresholds: Thresholds = Thresholds()
    log_left: Float[np.ndarray, "sweeps points"] | None = None
    opposed: Bool[np.ndarray, " points"] | None = None
    cycles: Float[np.ndarray, " points"] | None = None
    closings: dict[str, float] = field(default_factory=dict)

    @property
    def polarities(self) -> tuple[int, ...]:
        """Sign of each excursion."""
        return tuple(int(np.sign(self.v[peak])) for _, peak, _ in self.legs)

    @property
    def driven(self) -> str:
        """What the source imposed, "voltage" or "current"."""
        return self.stimulus.quantity

    def sizes(self, floor: float) -> tuple[np.ndarray, np.ndarray]:
        r"""Moduli of voltage [V] and current [A] at every row, medians of the sweeps less the floor of the response."""
        applied, response = np.abs(self.v), 10 ** self.median_log() - floor
        return (applied, response) if self.driven == "voltage" else (response, applied)

    @property
    def n_sweeps(self) -> int:
        """Number of sweeps."""
        return len(self.labels)

    def median_log(self) -> Float[np.ndarray, " points"]:
        r"""Median over sweeps of log10(\|response\| + floor)."""
        return self._medians[0]

    @functools.cached_property
    def _medians(self) -> tuple[np.ndarray, np.ndarray]:
        return median(self.log_response), middle(self.events)

    def happened(self) -> Bool[np.ndarray, "legs 3"]:
        """Which events happened in at least half of the sweeps."""
        return np.mean(np.isfinite(self.events), axis=0) >= 0.5

    def sudden(self) -> Bool[np.ndarray, "legs 3"]:
        """At which events the response jumps, see `is_sudden`."""
        return is_sudden(self.log_response, self.events, self.v)

    def median_events(self) -> Float[np.ndarray, "legs 3"]:
        """Median row of each event, over the sweeps in which it happened; NaN where it never did."""
        return self._medians[1]


def median(x: Float[np.ndarray, "sweeps ..."]) -> Float[np.ndarray, "..."]:
    """Median over sweeps; of one sweep without numpy's search, whose time is that of hundreds of additions."""
    return np.median(x, axis=0) if len(x) > 1 else x[0]


def middle(x: Float[np.ndarray, "sweeps ..."]) -> Float[np.ndarray, "..."]:
    """Median over sweeps of what is a number; NaN where nothing is."""
    if len(x) == 1:
        return np.where(np.isfinite(x[0]), x[0], np.nan)
    known = np.isfinite(x).any(axis=0)
    return np.where(known, nanmedian(np.where(known, x, 0.0)), np.nan)


CLEAR = 10.0
"""Multiple of the floor from which on a response is one."""

SUDDEN = 0.5
"""Change of a response from row to row [decades] above which it switches between them."""

MANY, STRAY = 10, 0.1
"""Sweeps of one waveform from which on others are strays, and the share of them that those are at most."""


MOST = 16
"""Waveforms that are fitted at the most where no one chose them: a fit takes as long as it has waveforms."""


def nanmedian(x: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "..."]:
    """Median along the first axis of what is a number: where all is, by the far faster function."""
    return np.nanmedian(x, axis=0) if len(x) > 1 and np.any(np.isnan(x)) else median(x)


def noise_floor(measurement: mj.Measurement) -> float:
    """Noise of the instrument at its lowest responses, `floor` of `noise_of_lowest`."""
    return float(noise_of_lowest(measurement.response[None], measurement.sweep).floor[0])


def noise_of_lowest(
    responses: Float[np.ndarray, "devices points"], sweep: Int[np.ndarray, " points"]
) -> Noise:
    """Noise of devices at their lowest responses; labels of sweeps are those of all of them.

    Robust standard deviation of the second differences among the lowest tenth of the modulus, over sqrt 6: the slope of
    a leakage counts for none. Where it hardly changes, see `noise_of_level_rows`, and where more rows than these read
    nothing, `noise_of_quiet_rows`.
    """
    size = np.abs(responses)
    low = size <= np.quantile(size, 0.1, axis=1, keepdims=True)
    # Three neighbours of one sweep.
    rows = low[:, 2:] & low[:, 1:-1] & low[:, :-2] & (sweep[2:] == sweep[:-2])
    middles = masked_medians(np.abs(np.diff(size, 2, axis=1)), rows)
    lowest = np.maximum(np.nan_to_num(scatter_of_bends(middles)), 1e-16)
    quiet = noise_of_quiet_rows(responses, sweep)
    other = np.maximum(noise_of_level_rows(responses, sweep), quiet)
    return Noise(np.where(other > CHANCE * lowest, other, lowest), quiet)


def _events(
    applied: np.ndarray, response: np.ndarray, at_limit: np.ndarray, settings: tuple
) -> np.ndarray:
    """Rows of `EVENTS` in each excursion, minus one half; NaN where none."""
    legs, levels, driven = settings
    events = np.full((len(legs), 3), np.nan)
    for k, (a, _, b) in enumerate(legs):
        if driven == "current":
            f = snap_back_of(response[a:b], applied[a:b], offset=a)
        else:
            options = {"on_threshold": levels.on, "hold_threshold": levels.hold, "offset": a}
            f = switching_of(applied[a:b], response[a:b], at_compliance=at_limit[a:b], **options)
        events[k] = [np.nan if r is None else r - 0.5 for r in (f.rise, f.release, f.fall)]
    return events


_ON_TIME, _PAUSED = 0.01, 0.1
"""Share of its duration by which the points of a sweep may be early or late in another one, and those of a ramp."""

_EVEN = 3.0
"""Largest step of a ramp, over its median step."""


def same_waveform(a: mj.Sampled, b: mj.Sampled) -> bool:
    """Whether two sweeps applied one waveform: to a tenth of a step in value and a percent in time.

    The points of a ramp may be a tenth of its duration early or late: instruments pause where they change their range.
    """
    if (a.kind, a.quantity) != (b.kind, b.quantity) or len(a.times) != len(b.times):
        return False
    steps = np.abs(np.diff(a.values))
    step = np.max(steps, initial=0.0)
    late = _PAUSED if step and step <= _EVEN * np.median(steps) else _ON_TIME
    near = np.max(np.abs(a.values - b.values)) <= 0.1 * step + 1e-12
    return bool(near and np.max(np.abs(a.times - b.times)) <= late * max(a.times[-1], 1e-300))


def is_sudden(
    log_response: Float[np.ndarray, "sweeps points"],
    events: Float[np.ndarray, "sweeps legs 3"],
    applied: Float[np.ndarray, " points"],
) -> Bool[np.ndarray, "legs 3"]:
    """Whether responses jump at events, in the median over the sweeps in which they happened, see `jumps`."""
    return np.nan_to_num(middle(jumps(log_response, events, applied))) > SUDDEN


def jumps(
    log_response: Float[np.ndarray, "sweeps points"],
    events: Float[np.ndarray, "sweeps legs 3"],
    applied: Float[np.ndarray, " points"],
) -> Float[np.ndarray, "sweeps legs 3"]:
    """By how much responses jump at events [decades]; NaN where none happened.

    A response that passes a level in small steps says itself when it does; the first reading beyond the level is then
    one whose noise was large, and comes too early. Nor does it jump where it follows what is applied: beside 0 V that
    changes by decades from row to row, and takes the current of a device along whose resistance stays.
    """
    last = log_response.shape[1] - 1
    before = np.clip(np.floor(np.nan_to_num(events)), 0, last - 1).astype(int)
    sweeps = np.arange(len(events))[:, None, None]
    step = log_response[sweeps, before + 1] - log_response[sweeps, before]
    size = np.abs(applied)
    known = (size[1:] > 0) & (size[:-1] > 0)  # a step to or from nothing takes along any response
    follows = np.full(last, np.inf)
    follows[known] = np.abs(np.diff(np.log10(np.where(size > 0, size, 1.0)))[known])
    same = np.sign(step) == np.sign(np.diff(size))[before]
    jump = np.where(same, np.maximum(np.abs(step) - follows[before], 0.0), np.abs(step))
    return np.where(np.isfinite(events), jump, np.nan)


def opposed_rows(
    applied: Float[np.ndarray, " points"],
    responses: Float[np.ndarray, "sweeps points"],
    floor: float,
) -> Bool[np.ndarray, " points"]:
    """Rows at which the median response has another sign than most of its polarity, clear of a floor [A or V].

    A modulus, and an instrument that counts the other direction as positive, have no such rows.
    """
    response, opposed = median(responses), np.zeros(len(applied), bool)
    for rows in (applied > 0, applied < 0):
        opposed |= rows & (np.sign(np.sum(response[rows])) * response < -SURE * floor)
    return opposed


def _unclear(events: np.ndarray, rows: int) -> np.ndarray:
    """Rows at which some sweeps have switched and others have not: events, not responses, describe them."""
    mask = np.zeros(rows, bool)
    for e in events.reshape(len(events), -1).T:
        e = e[np.isfinite(e)]
        if e.size >= max(1, len(events) // 2):
            low, high = np.quantile(e, [0.02, 0.98]) if e.size > 1 else (e[0], e[0])
            mask[max(int(np.floor(low)), 0) : int(np.ceil(high)) + 1] = True
    return mask


def summarise_sweeps(
    measurements: list[mj.Measurement],
    *,
    point_time: float | None,
    floor: float,
    thresholds: Thresholds | None = None,
) -> list[Waveform]:
    """Group sweeps of one device by the waveform that they applied, in order of appearance, and summarise each group.

    `point_time` [s] holds where files have no time; `floor` [A] is that of `noise_floor`.

    Raises
    ------
    DataError
        If there is no excursion of the voltage, or of the imposed current, or the response is 0 throughout.
    """
    if not any(np.any(m.response) for m in measurements):
        what = (
            f"the {'current' if measurements[0].driven == 'voltage' else 'voltage'} is 0 throughout"
        )
        raise DataError(
            what, where="the data", fix="check the columns and units with 'memjax read'"
        )
    groups: list[tuple[mj.Sampled, np.ndarray, tuple[float, float], list]] = []
    for m in measurements:
        stimuli, rows, labels = waveform(m, point_time)
        for s, r, label, limits in zip(stimuli, rows, labels, m.limits().tolist(), strict=True):
            sweep = m.select(m.sweep == label)
            left = np.where(sweep.applied != sweep.v, sweep.v, np.nan)
            known = (g for g in groups if same_waveform(g[0], s) and same_limits(g[2], limits))
            group = next(known, None)
            if group is None:
                groups.append(group := (s, r, (limits[0], limits[1]), []))
            group[3].append((label, left, sweep.response, sweep.at_compliance))
    levels = thresholds or Thresholds()
    waves = [w for g in groups if (w := _summary(*g, floor, levels)).legs]
    if not waves:
        what = f"no excursion of the {measurements[0].driven} in the data"
        raise DataError(what, allowed="sweeps or pulses", fix="check the columns")
    return waves


def without_strays(
    waves: Sequence[Waveform], chosen: bool
) -> tuple[list[Waveform], list[Waveform]]:
    """Waveforms that count, and strays, of too few sweeps beside the others; none is one where someone chose them.

    Notes
    -----
    Each waveform has one median, which weighs as much whether one sweep applied it or a hundred: a forming cycle beside
    a hundred others would be half of the data.
    """
    most = max(w.n_sweeps for w in waves)
    stray = lambda w: not chosen and most >= MANY and w.n_sweeps <= STRAY * most  # noqa: E731
    return [w for w in waves if not stray(w)], [w for w in waves if stray(w)]


def spread_waves(waves: Sequence[Waveform], *, chosen: bool) -> tuple[list[Waveform], list[str]]:
    """Waveforms that are fitted, spread evenly over those that there are, and a note where these are more than `MOST`.

    An oscilloscope that reads the voltage across a device gives each of a hundred cycles a waveform of its own.
    """
    if chosen or len(waves) <= MOST:
        return list(waves), []
    rows = np.linspace(0, len(waves) - 1, MOST).round().astype(int)
    text = f"of {len(waves)} waveforms {MOST}, spread evenly, are fitted; --sweeps chooses"
    return [waves[k] for k in rows], [text]


def far_sweeps(waves: Sequence[Waveform], floor: float) -> list[str]:
    """Sweeps whose responses are far from the others of their waveform, by number, in words: medians hide them."""
    what = "their median hides them, --sweeps or --exclude leaves them out"
    notes = []
    for w in waves:
        clear = w.median_log() > np.log10(CLEAR * floor)
        notes += named_far(
            w.log_response[:, clear], labels=w.labels.tolist(), name="sweeps", what=what
        )
    return notes


def _summary(
    stimulus: mj.Sampled, rows: np.ndarray, limits: tuple[float, float], members: list, floor: float, levels: Thresholds
) -> Waveform:  # fmt: skip
    v = np.asarray(stimulus.values)
    labels, left, responses, at_limit = (np.array(x) for x in zip(*members, strict=True))
    most = np.mean(at_limit, axis=0) >= 0.5
    parts = excursions(v)
    legs = tuple((p.start, p.start + turn(v[p], most[p]), p.stop) for p in parts)
    settings = (legs, levels, stimulus.quantity)
    events = np.stack([_events(v, x, c, settings) for x, c in zip(responses, at_limit)])
    log_response = np.log10(np.abs(responses) + floor)
    sudden = is_sudden(log_response, events, v)
    used = ~_unclear(np.where(sudden, events, np.nan), len(v)) & ~most
    if stimulus.quantity == "current":  # without a current a voltage is the instrument's offset
        used &= v != 0
    # Of the voltages that were left those at points where most sweeps were limited.
    known = most & (np.mean(np.isfinite(left) & (left != 0), axis=0) >= 0.5)
    log_left = (
        np.log10(np.where(known & (left != 0), np.abs(left), np.nan)) if known.any() else None
    )
    return Waveform(
        stimulus=stimulus,
        rows=rows,
        v=v,
        log_response=log_response,
        used=used,
        censored=most,
        events=events,
        legs=legs,
        labels=labels,
        limits=limits,
        reach=reach_of(v, responses, at_limit),
        thresholds=levels,
        log_left=log_left,
        opposed=opposed_rows(v, responses, floor),
    )

"""What sweeps show of a device before any model is fitted: volatile or not, polarity, gradual or abrupt, rectifying."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..observables.polarity import branches_of, stretches
from .measurement import Measurement
from .sweeps import is_pulsed
from .zero_reading import zero_reading

if TYPE_CHECKING:
    from ..observables.switching import Sweeps

_LEVELS = np.linspace(0.05, 0.98, 94)
"""Shares of the largest applied value at which both ways of an excursion are compared."""

_IS_LOW = np.abs(_LEVELS - 0.15) <= 0.1
"""Levels at which a state is read: too small a voltage to change it."""

_IS_CLEAR = np.abs(_LEVELS - 1) <= 0.9
"""Levels at which a rise is no offset of the current, which is large over a small voltage."""

_LAST, _NEAR_ZERO = 3, 0.01
"""Rows at the end of a way back that also tell the state, and the share of the largest value that they are above."""

_OPEN, _SURE = 0.05, 4.0
"""Opening of a loop [decades], 12 % of the current, and over the scatter of its points, from which on it is one."""

_RETURNED = 1 / 3
"""Share of the opening that a volatile device has left at low voltage. One that keeps its state keeps nearly all of it,
and even a conduction that differs between both branches by its curvature leaves more than half."""

_STEEP, _WITHIN = 0.5, 0.02
"""Share of the opening that an abrupt device passes within two rows, or a fiftieth of the sweep where rows are closer
(as `memjax.observables.find_thresholds` has it): more than half leaves no room for a state in between."""

RECTIFYING = 0.6
"""Decades between the conductances of one state at both polarities from which on a device rectifies. A model that does
not lies between both and misses either by half of that, at which a fit is called poor (`fitting.sweeps.verdict`)."""

ONE_WAY = 3.0
"""Decades from which on nothing flows one way."""

_FEWEST = 16
"""Rows of an excursion below which its ways, of half of them each, are too coarse to be compared."""

_CHARGING = "no loop of a device opens (most of the current charges a capacitance)"

NO_SWEEPS = f"no sweep was measured both ways in {_FEWEST} rows or more that hold a current"
"""Why sweeps have no features."""

_SMALL = 0.1
"""Share of the widest loop of the data below which another one is none: instruments open small ones by themselves."""

_FALL = 0.05
"""Share of the largest value by which no step of a ramp falls on the way out; where such falls add up to it, there is
no ramp, but readings at several levels."""

_MOST = 200
"""Sweeps that are looked at: enough for a median, and no file takes long."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of a device in its sweeps.

    Parameters
    ----------
    driven : {"voltage", "current"}
        What the source imposed.
    volatile : bool or None
        Whether the device forgets its state without a voltage; None where the data do not say.
    sets_at, resets_at : tuple of int
        Polarities at which the conductance is higher on the way back, and lower.
    rests_at : tuple of int
        Polarities at which nothing sets or resets, though they were measured up to where the other one sets.
    carries : bool
        Whether sweeps begin in the state in which others ended: they reset what they have not set.
    abrupt : bool or None
        Whether half of the opening comes within two rows, or a fiftieth of the sweep; None without a set.
    opening : float
        Largest of the openings of loops at both polarities [decades of the conductance].
    share : float or None
        Share of the opening that is left at low voltage on the way back, of loops that set; None without a set.
    jump : float or None
        Share of the opening that comes so; None without a set.
    rectification : float or None
        Decades by which the same state conducts better at positive than at negative voltage; None where one polarity
        was measured, or the sign of the current is lost.
    sweeps : int
        Number of sweeps that were looked at.
    reason : str
        Why the device is taken as volatile or not, in words.
    charges : bool
        Whether most of the current charges a capacitance: what the sweeps show is then no loop of a device.
    """

    driven: str
    volatile: bool | None
    sets_at: tuple[int, ...]
    resets_at: tuple[int, ...]
    rests_at: tuple[int, ...]
    carries: bool
    abrupt: bool | None
    opening: float
    share: float | None
    jump: float | None
    rectification: float | None
    sweeps: int
    reason: str
    charges: bool = False

    @property
    def switches(self) -> bool:
        """Whether a loop opens at all."""
        return bool(self.sets_at or self.resets_at)

    def __str__(self) -> str:
        """One line, with the numbers that decide."""
        if not self.switches:
            loop = f"no loop opens ({self.opening:.2g} decades at the most)"
            return f"{self.reason if self.charges else loop}, driven by {self.driven}"
        word = {True: "volatile", False: "non-volatile", None: "volatile or not is open"}
        parts = [f"{word[self.volatile]} ({self.reason})", self._polarity()]
        if self.abrupt is not None and self.jump is not None:
            text = "abrupt" if self.abrupt else "gradual"
            parts.append(f"{text} ({self.jump:.0%} of the set within two rows)")
        if self.rectification is not None and abs(self.rectification) >= RECTIFYING:
            parts.append(f"rectifying ({self.rectification:+.1f} decades)")
        return ", ".join([*parts, f"driven by {self.driven}"])

    def _polarity(self) -> str:
        """Describe at which polarity the device sets and resets."""
        words = {(1,): "positive", (-1,): "negative", (1, -1): "either"}
        actions = {"sets": self.sets_at, "resets": self.resets_at, "rests": self.rests_at}
        parts = [
            f"{verb} at {words[signs]} {self.driven}" for verb, signs in actions.items() if signs
        ]
        return " and ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Fields by name, with units in the names, as ``memjax read --json`` prints them."""
        content = asdict(self)
        for name in ("opening", "rectification"):
            content[f"{name}_decades"] = content.pop(name)
        signs = {n: list(content[n]) for n in ("sets_at", "resets_at", "rests_at")}
        return content | signs


class _Excursion(NamedTuple):
    """One excursion, both ways at common levels of what is applied."""

    # Number of its sweep, and its polarity.
    sweep: int
    sign: int
    # Largest applied value [V or A], and the typical step over it.
    peak: float
    step: float
    # log10 of the conductance on both ways [decades of S].
    out: Float[np.ndarray, " levels"]
    returning: Float[np.ndarray, " levels"]
    # The same at the end of the way back, less that of the way out at the same voltage; scatter of a point [decades].
    end: float
    noise: float
    # Widest gap between both ways, positive where the way back conducts better [decades].
    opening: float

    @property
    def steepest(self) -> tuple[float, float]:
        """Largest rise on the way out within two rows or a fiftieth [decades], and the value up to there [V or A]."""
        count = round(max(_WITHIN, min(2 * self.step, 0.5)) / (_LEVELS[1] - _LEVELS[0]))
        first = int(np.argmax(_IS_CLEAR))
        rise = self.out[first + count :] - self.out[first:-count]
        k = int(np.argmax(rise))
        return float(rise[k]), float(self.peak * _LEVELS[first + count + k])


def features(*data: "Sweeps") -> Features | None:
    r"""Return the features in sweeps of one device, whatever its model.

    Parameters
    ----------
    *data : Measurement, or one member of a Trace
        Voltage [V] and current [A] of shape ``(points,)``, labels of sweeps; all of one device.

    Returns
    -------
    Features or None
        None where no excursion of what is driven was measured both ways in 16 rows or more, as in records of pulses.

    Notes
    -----
    Both ways of each excursion are compared by log10 of \|i / v\|, at equal levels of what was applied. A polarity sets
    where at least half of its excursions open by more than 0.05 decades, and four times the scatter of their points,
    with the way back above the way out, and resets where it lies below. A polarity does both where a quarter of
    its excursions sets and another quarter resets.

    A device is non-volatile where some polarity resets: a loop can only begin in a state that was kept. Where the state
    that was set is lost before that, the data do not say whether by itself or by a small voltage. A relaxation that
    takes as long as the sweep looks like a reset.

    The device is volatile where at most a third of the opening is left at low voltage, or where both polarities set and
    none resets. Of one polarity whose loops stay open, repeated sweeps that begin in the off state do not say whether
    the device has forgotten, or was reset in another file.

    Recordings in which most of the current charges a capacitance (`memjax.data.zero_reading`) set and reset nowhere.
    """
    legs = [leg for k, d in enumerate(data) for leg in _excursions(d, k * _MOST)]
    if not legs:
        return None
    sides = {s: [x for x in legs if x.sign == s] for s in (1, -1)}
    least = _SMALL * float(np.quantile([abs(x.opening) for x in legs], 0.9))
    charges = all(_charges(d) for d in data)
    switching = () if charges else tuple(sides)
    sets_at = tuple(s for s in switching if _opens(sides[s], 1, least))
    resets_at = tuple(s for s in switching if _opens(sides[s], -1, least))
    sets = [x for x in legs if x.sign in sets_at and x.opening > _least(x, least)]
    share = float(np.median([_share(x) for x in sets])) if sets else None
    jump = (
        float(np.median([np.clip(x.steepest[0] / x.opening, 0.0, 1.0) for x in sets]))
        if sets
        else None
    )
    volatile, reason = _volatility(legs, sets_at, resets_at, share)
    modulus = any(getattr(d, "modulus", False) for d in data)
    return Features(
        driven=_driven(data[0]),
        volatile=volatile,
        sets_at=sets_at,
        resets_at=resets_at,
        rests_at=_rests_at(sides, sets, {*sets_at, *resets_at}),
        carries=_carries(legs, resets_at, least),
        abrupt=None if jump is None else jump >= _STEEP,
        opening=max(abs(float(np.median([x.opening for x in s]))) for s in sides.values() if s),
        share=share,
        jump=jump,
        rectification=None if modulus else _rectification(legs, nonvolatile=volatile is False),
        sweeps=sum(len(np.unique(d.sweep)[:_MOST]) for d in data),
        reason=_CHARGING if charges else reason,
        charges=charges,
    )


def _charges(data: "Sweeps") -> bool:
    """Whether most of the current of a recording charges a capacitance."""
    reading = zero_reading(data) if isinstance(data, Measurement) else None
    return reading is not None and reading.is_charging


def _driven(data: "Sweeps") -> str:
    """Return the quantity that the source imposed."""
    return getattr(data, "driven", "voltage")


def _excursions(data: "Sweeps", first_sweep: int = 0) -> Iterator[_Excursion]:
    """Excursions of the first sweeps of a recording of which both ways were measured; none of pulses."""
    first = np.sort(np.unique(data.sweep, return_index=True)[1])[:_MOST]
    labels = data.sweep[first]
    part = data.select(np.isin(data.sweep, labels)) if isinstance(data, Measurement) else data
    applied = np.asarray(getattr(part, "applied", part.v), float)
    amps = np.abs(part.i)
    # A current of 0 is one below the smallest.
    amps = np.maximum(amps, np.min(amps, where=amps > 0, initial=np.inf))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_g = np.log10(amps) - np.log10(np.abs(part.v))
    for k, label in enumerate(labels):
        rows = np.flatnonzero(part.sweep == label)
        if is_pulsed(applied[rows]):
            continue
        for leg in stretches(applied[rows]):
            x = applied[rows[leg]]
            begins, ends = leg.start == 0, leg.stop == len(rows)
            if branches_of(np.abs(x), begins=begins, ends=ends) == "both":
                yield from _excursion(first_sweep + k, x, log_g[rows[leg]])


def _excursion(sweep: int, x: np.ndarray, log_g: np.ndarray) -> Iterator[_Excursion]:
    """An excursion at common levels; none of too few rows, or of what is no ramp."""
    known = np.isfinite(log_g)
    x, log_g = x[known], log_g[known]
    if len(x) < _FEWEST:
        return
    size = np.abs(x)
    peak = int(np.argmax(size))
    out, returning = np.arange(peak + 1), np.arange(peak, len(x))[::-1]
    # Interpolation wants ascending values: the running maximum removes their noise.
    reached, returned = np.maximum.accumulate(size[out]), np.maximum.accumulate(size[returning])
    steps = np.diff(size[out]) / size[peak]
    if min(len(out), len(returning)) <= _LAST or -np.sum(steps[steps < -_FALL]) > 1:
        return
    level = size[peak] * _LEVELS
    ways = np.interp(level, reached, log_g[out]), np.interp(level, returned, log_g[returning])
    last = returning[size[returning] >= _NEAR_ZERO * size[peak]][:_LAST]
    gap = _smooth(ways[1] - ways[0])
    yield _Excursion(
        sweep=sweep,
        sign=int(np.sign(x[peak])),
        peak=float(size[peak]),
        out=ways[0],
        returning=ways[1],
        end=float(np.median(log_g[last] - np.interp(size[last], reached, log_g[out]))),
        # x - 2 y + z of independent points has 1 + 4 + 1 times their variance.
        noise=float(1.4826 * np.median(np.abs(np.diff(log_g, 2))) / np.sqrt(6)),
        step=float(np.median(np.abs(np.diff(size)))) / float(size[peak]),
        opening=float(gap[np.argmax(np.abs(gap))]),
    )


def _smooth(gap: Float[np.ndarray, " levels"]) -> Float[np.ndarray, " levels"]:
    """Running median of three levels: a current that crosses zero at one of them opens no loop."""
    middle = np.median([gap[:-2], gap[1:-1], gap[2:]], axis=0)
    return np.concatenate([middle[:1], middle, middle[-1:]])


def _least(x: _Excursion, least: float) -> float:
    """Opening from which on an excursion is a loop, where loops of the data are not below `least` [decades]."""
    return max(_OPEN, _SURE * x.noise, least)


def _opens(side: Sequence[_Excursion], sign: int, least: float) -> bool:
    """Whether half of the excursions to a polarity open with this sign, or a quarter beside one of the other sign.

    Also where the first one does and the others begin where it ended: nothing is left to do for them.
    """
    if not side:
        return False
    opening = np.array([x.opening for x in side])
    clear = np.abs(opening) > [_least(x, least) for x in side]
    this, other = (float(np.mean(clear & (np.sign(opening) == s))) for s in (sign, -sign))
    often = this >= 0.5 or min(this, other) >= 0.25
    once = len(side) > 1 and bool(clear[0]) and sign * opening[0] > 0 and other == 0
    return bool(often or (once and _stays(side)))


def _stays(side: Sequence[_Excursion]) -> bool:
    """Whether the other excursions begin in the state in which the first one ended."""
    changes = [np.median((x.out - side[0].out)[_IS_LOW]) for x in side[1:]]
    return bool(float(np.median(changes)) / side[0].opening > 0.5)


def _carries(legs: Sequence[_Excursion], resets_at: tuple[int, ...], least: float) -> bool:
    """Whether half of the sweeps that reset have not set before."""
    first: dict[int, bool] = {}
    for x in legs:
        if abs(x.opening) > _least(x, least):
            first.setdefault(x.sweep, x.sign in resets_at and x.opening < 0)
    resets = {x.sweep for x in legs if x.sign in resets_at and x.opening < -_least(x, least)}
    return bool(resets) and sum(first[k] for k in resets) >= 0.5 * len(resets)


def _rests_at(
    sides: Mapping[int, Sequence[_Excursion]], sets: Sequence[_Excursion], active: set[int]
) -> tuple[int, ...]:
    """Polarities at which nothing happens up to the value at which the other one sets."""
    if not sets:
        return ()
    value = float(np.median([x.steepest[1] for x in sets]))
    reached = {s: max((x.peak for x in side), default=0.0) for s, side in sides.items()}
    return tuple(s for s in sides if s not in active and reached[s] >= value)


def _share(x: _Excursion) -> float:
    """Share of the opening that is left at low voltage, or at the very end of the way back if that is less."""
    final_gap = min(float(np.median((x.returning - x.out)[_IS_LOW])), x.end)
    return float(np.clip(final_gap / x.opening, 0.0, 1.0))


def _volatility(
    legs: Sequence[_Excursion], sets_at: tuple, resets_at: tuple, share: float | None
) -> tuple[bool | None, str]:
    """Whether the device forgets, and why."""
    if resets_at and _relaxes(legs, sets_at):
        return (
            None,
            "what was set is off again as the reset begins, by itself or at a small voltage",
        )
    if resets_at:
        text = "a reset begins in a state that was kept"
        return (
            False,
            text if share is None else f"{text}, {share:.0%} of the set is left at low voltage",
        )
    if share is None:
        return None, "no loop sets"
    if share <= _RETURNED:
        return True, f"{share:.0%} of the opening is left at low voltage"
    if len(sets_at) > 1:
        return True, "both polarities set, each from the off state"
    sets = [x for x in legs if x.sign in sets_at]
    again = [x for x in sets[1:] if x.opening > 0.5 * sets[0].opening]
    others = [x for x in legs if x.sign not in sets_at]
    text = f"{share:.0%} of the opening is left at low voltage"
    if others and len(again) >= 0.5 * max(len(sets) - 1, 1):
        return True, "it sets from the off state each time, though nothing resets it"
    if again:
        return None, f"{text}, but each sweep begins in the off state"
    return False, text


def _differences(legs: Sequence[_Excursion], *, nonvolatile: bool) -> dict[int, float]:
    """Decades by which excursions conduct better than the next one of the other polarity, by their own polarity."""
    turns = [(a, b) for a, b in itertools.pairwise([*legs, legs[0]]) if a.sign * b.sign < 0]
    if not turns and not nonvolatile:
        turns = [(legs[0], x) for x in legs if x.sign != legs[0].sign]
    values = {
        s: [_difference(a, b, nonvolatile=nonvolatile) for a, b in turns if a.sign == s]
        for s in (1, -1)
    }
    return {s: float(np.median(x)) for s, x in values.items() if x}


def _relaxes(legs: Sequence[_Excursion], sets_at: tuple[int, ...]) -> bool:
    """Whether a state that was set is lost before the other polarity resets it, though the off states agree.

    Where these differ as much, the device rectifies.
    """
    lost = _differences(legs, nonvolatile=True)
    if len(sets_at) != 1 or len(lost) < 2:
        return False
    opening = float(np.median([x.opening for x in legs if x.sign in sets_at]))
    on, off = lost[sets_at[0]], lost[-sets_at[0]]
    return bool(on > _STEEP * opening and abs(off) < _STEEP * on)


def _rectification(legs: Sequence[_Excursion], *, nonvolatile: bool) -> float | None:
    """Decades by which the same state conducts better at positive voltage; None where one polarity was measured.

    The state at the end of an excursion is that at the begin of the next one where it is `kept`, of the first one after
    the last; else each begins at rest. On and off states have to agree: what resets at a small voltage is not taken
    for what conducts less.
    """
    middles = [s * x for s, x in _differences(legs, nonvolatile=nonvolatile).items()]
    if not middles:
        return None
    return min(middles, key=abs) if all(x * middles[0] > 0 for x in middles) else 0.0


def _difference(a: _Excursion, b: _Excursion, *, nonvolatile: bool) -> float:
    """Decades by which an excursion conducts better than the next one, at equal low voltages."""
    level = min(a.peak, b.peak) * np.linspace(0.1, 0.4, 16)
    first, second = a.returning if nonvolatile else a.out, b.out
    ways = (np.interp(level, x.peak * _LEVELS, y) for x, y in ((a, first), (b, second)))
    return float(np.median(np.subtract(*ways)))

"""On- and hold-threshold: the published ones where they make sense, else what the data's own jumps say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from .excursion import excursions, turn
from .switching import HOLD_THRESHOLD, NO_HOLD, ON_THRESHOLD, Sweeps

_LOW = (0.1, 0.3)
"""Shares of the largest voltage of an excursion between which it shows its leakage."""

_JUMP = 0.3
"""Rise of the conductance within two rows [decades] from which on it is switching."""

_REACH = 0.0199
"""Share of the largest voltage within which it may do so where rows are closer: two of a hundred, less rounding."""

_SHARE = 0.1
"""Share of the voltage itself that this is at most: at small voltages a smooth curve rises as fast as one likes."""

_OPEN = 2.0
"""Ratio of the currents of two ways at one voltage from which on it is said."""

_FEWEST, _LEVELS = 3, 33
"""Rows of a way, at the least, and levels at which two ways are compared."""

NEVER = (1e6, NO_HOLD)
"""Thresholds [A] that no current passes: of data that show no switching."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Currents that mean on and off again.

    Parameters
    ----------
    on, hold : float
        On- and hold-threshold [A].
    why : str
        Where they come from, in words.
    """

    on: float = ON_THRESHOLD
    hold: float = HOLD_THRESHOLD
    why: str = "published"

    @property
    def options(self) -> dict[str, float]:
        """Return the thresholds as arguments of `switching`."""
        return {"on_threshold": self.on, "hold_threshold": self.hold}

    def __str__(self) -> str:
        """Both, and where they come from."""
        if (self.on, self.hold) == NEVER:
            return f"no thresholds: {self.why}"
        on, hold = (
            "none" if level == never else f"{level:.3g} A"
            for level, never in zip((self.on, self.hold), NEVER, strict=True)
        )  # fmt: skip
        return f"on-threshold {on}, hold-threshold {hold} ({self.why})"


def find_thresholds(*data: Sweeps) -> Thresholds:
    """Thresholds that make sense of sweeps of a voltage.

    Parameters
    ----------
    *data : Measurement, or one member of a Trace
        Voltage, current, sweep labels; all of one device.

    Returns
    -------
    Thresholds
        1e-8 A and 1e-11 A, where most excursions leak less than 1e-8 A before they switch, or a current is imposed.
        Else the geometric means of the currents on both sides of the jumps of the conductance, by a factor of 2 within
        two rows (or 2 % of the largest voltage where rows are closer), on the way out and on the way back; `NEVER`
        where fewer than half of the excursions jump. The hold threshold alone is theirs where the leakage of most
        excursions that switch falls through 1e-11 A without a jump: there the voltage has become small, and the device
        has let go before.
    """
    voltages = [d for d in data if getattr(d, "driven", "voltage") == "voltage"]
    ways = [
        way for d in voltages for label in np.unique(d.sweep).tolist() for way in _ways(d, label)
    ]
    leaks = np.array([_leakage(v, i[None])[0] for (v, i), _ in ways])
    is_on = np.array([np.max(i, initial=0.0) > ON_THRESHOLD for (_, i), _ in ways], bool)
    if _leaks(leaks, is_on):
        # Backwards the way back is like the way out: the conductance rises where the device turns off.
        sides = [[_jump(v, i) for v, i in side] for side in zip(*ways, strict=True)]
        return _from_jumps(sides, ways)
    backs = [way_back for (_, way_back), switched in zip(ways, is_on, strict=True) if switched]
    smooth = [x for x in (_falls_smoothly(*way_back) for way_back in backs) if x is not None]
    if 2 * sum(smooth) <= len(smooth):
        return Thresholds()
    why = "published; hold-threshold from the jumps of the data, whose leakage falls through 1e-11 A without one"
    return Thresholds(hold=_middle([_jump(*way_back) for way_back in backs], NEVER[1]), why=why)


def find_thresholds_of_each(data: Sequence[Any]) -> list[Thresholds]:
    """`find_thresholds` of each of many devices to which one sweep of the same voltage was applied.

    Parameters
    ----------
    data : sequence of Measurement
        One sweep of each, alike in voltages, labels and points at the limit.
    """
    first, currents = int(data[0].sweep[0]), np.abs([d.i for d in data])
    rows, alike = np.arange(len(data[0].v)), []
    for (v, out), (v_back, returning) in _ways(replace(data[0], i=rows), first):
        alike.append(((v, currents[:, out]), (v_back, currents[:, returning])))
    leaks = np.stack([_leakage(*out) for out, _ in alike], axis=1)
    is_on = np.stack([np.max(i, axis=1) > ON_THRESHOLD for (_, i), _ in alike], axis=1)
    leaky = [_leaks(*x) for x in zip(leaks, is_on, strict=True)]
    flowing = currents > 0
    if not np.all(flowing == flowing[0]) or not any(leaky):
        return [find_thresholds(d) for d in data]
    jumps = [[_jumps(v, i, i[0] > 0) for v, i in side] for side in zip(*alike, strict=True)]
    return [
        _from_jumps([[way[k] for way in side] for side in jumps], list(_ways(data[k], first)))
        if leaky[k]
        else find_thresholds(d)
        for k, d in enumerate(data)
    ]


def _leaks(leaks: np.ndarray, is_on: np.ndarray) -> bool:
    """Whether most excursions that switch leak more than the on-threshold before."""
    # Those that never switch may leak as they like.
    typical = leaks[np.isfinite(leaks) & (is_on | ~is_on.any())]
    return bool(typical.size) and bool(np.median(typical) >= ON_THRESHOLD)


_Way = tuple[np.ndarray, np.ndarray]
"""Moduli of voltage [V] and current [A] along one branch, from small to large voltages."""


def _from_jumps(
    jumps: Sequence[list[float | None]], ways: Sequence[tuple[_Way, _Way]]
) -> Thresholds:
    """Thresholds out of the currents at the jumps of the ways out, and of those of the ways back."""
    levels = [_middle(side, never) for side, never in zip(jumps, NEVER, strict=True)]
    why = "from the jumps of the data, which leak more than 1e-8 A before they switch"
    if tuple(levels) == NEVER:
        apart = max((_opening(*pair) for pair in ways), default=1.0)
        why = "most currents do not jump up on the way out, nor down on the way back"
        # A reset, or switching over many rows, passes no threshold; it is said all the same.
        why += f"; at one voltage these differ by up to a factor of {apart:.2g}" * (apart >= _OPEN)
    return Thresholds(on=levels[0], hold=levels[1], why=why)


def _opening(out: _Way, returning: _Way) -> float:
    """Largest ratio of the currents of two ways at one voltage; median of neighbouring levels, which noise spares."""
    ways = [(np.maximum.accumulate(v[i > 0]), np.log10(i[i > 0])) for v, i in (out, returning)]
    top = min((v[-1] if len(v) else 0.0) for v, _ in ways)
    if min(len(v) for v, _ in ways) < _FEWEST:
        return 1.0
    level = top * np.linspace(_LOW[0], 0.9, _LEVELS)
    apart = np.abs(np.subtract(*(np.interp(level, v, log_i) for v, log_i in ways)))
    return float(10 ** np.max(np.median([apart[:-2], apart[1:-1], apart[2:]], axis=0)))


def _ways(data: Sweeps, label: int) -> Iterator[tuple[_Way, _Way]]:
    """Voltage and current on the way out, and on the way back in reverse, of each excursion of a sweep."""
    in_sweep = data.sweep == label
    v, i = (np.abs(x[in_sweep]) for x in (data.v, data.i))
    at_limit = getattr(data, "at_compliance", None)
    for part in excursions(data.v[in_sweep]):
        size, amps = v[part], i[part]
        peak = turn(size, None if at_limit is None else at_limit[in_sweep][part])
        yield (size[: peak + 1], amps[: peak + 1]), (size[peak:][::-1], amps[peak:][::-1])


def _falls_smoothly(v: Float[np.ndarray, " back"], i: Float[np.ndarray, " back"]) -> bool | None:
    """Whether the current falls through 1e-11 A as the voltage does, without a jump; None where it is never below."""
    rows_below = np.flatnonzero(i < HOLD_THRESHOLD)
    if not rows_below.size:
        return None
    k = int(rows_below[-1])  # the first one of the way back
    next_rows = _rows_ahead(v)
    pairs = [(a, int(b)) for a, b in enumerate(next_rows[: k + 1]) if k < b < len(v)]
    positive = [(a, b) for a, b in pairs if min(v[a], i[a], v[b], i[b]) > 0]
    rises = [np.log10(i[b] / i[a]) - np.log10(v[b] / v[a]) for a, b in positive]
    return bool(rises) and bool(max(rises) < _JUMP)


def _leakage(
    v: Float[np.ndarray, " out"], i: Float[np.ndarray, "devices out"]
) -> Float[np.ndarray, " devices"]:
    """Median currents at low voltage; NaN where no row is there."""
    largest = np.max(v, initial=0.0)
    low = (v >= _LOW[0] * largest) & (v <= _LOW[1] * largest)
    return np.median(i[:, low], axis=1) if low.any() else np.full(len(i), np.nan)


def _jump(v: Float[np.ndarray, " out"], i: Float[np.ndarray, " out"]) -> float | None:
    """Geometric mean of the currents on both sides of the largest jump of the conductance; None of a smooth one."""
    return _jumps(v, i[None], i > 0)[0]


def _jumps(
    v: Float[np.ndarray, " out"],
    i: Float[np.ndarray, "devices out"],
    flowing: Bool[np.ndarray, " out"],
) -> list[float | None]:
    """`_jump` of each of some currents, which flow in the same rows."""
    clear = flowing & (v > 0.05 * np.max(v, initial=0.0))
    log_i, log_v = np.log10(i[:, clear]), np.log10(v[clear])
    if len(log_v) < 3:
        return [None] * len(i)
    next_rows = np.minimum(_rows_ahead(v[clear]), len(log_v) - 1)
    conductance = log_i - log_v
    # Medians of three neighbours keep a step as it is, and nothing of one reading that jumps.
    three = conductance[:, :-2], conductance[:, 1:-1], conductance[:, 2:]
    conductance[:, 1:-1] = np.median(three, axis=0)
    rise = conductance[:, next_rows] - conductance
    devices = np.arange(len(i))
    k = np.argmax(rise, axis=1)
    levels = 10 ** (0.5 * (log_i[devices, k] + log_i[devices, next_rows[k]]))
    return [x if r >= _JUMP else None for x, r in zip(levels.tolist(), rise[devices, k])]


def _rows_ahead(v: Float[np.ndarray, " out"]) -> Int[np.ndarray, " out"]:
    """Row two rows further, or that of a voltage higher by `_WITHIN`, whichever is later; its length where none is."""
    highest = np.maximum.accumulate(v)
    reach = np.minimum(_REACH * np.max(v, initial=0.0), _SHARE * highest)
    rows = np.searchsorted(highest, highest + reach)
    return np.maximum(rows, np.arange(len(v)) + 2)


def _middle(jumps: list[float | None], never: float) -> float:
    """Median of the currents at the jumps, in decades; `never` where fewer than half of the branches jump."""
    values = [x for x in jumps if x is not None]
    return float(10 ** np.median(np.log10(values))) if 2 * len(values) >= len(jumps) > 0 else never

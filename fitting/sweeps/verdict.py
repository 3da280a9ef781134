"""Whether a fit describes its sweeps: by the shape of the loop, not by what was granted to the model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..constants import MODEL_SIGMA, VOLTAGE_SIGMA
from ..residuals import MAD
from ..verdict import (
    DEVIATION,
    SURE,
    WORDS,
    AbstractVerdict,
    Mark,
    decide,
    graded,
    graded_gain,
    graded_ratio,
    systematic,
)
from .closings import closing_marks
from .cycle_scatter import typical_scatter
from .falls import fall_marks
from .group import Group
from .loops import LEVELS, branch_error, branches
from .simulated import simulated_response
from .summary import CLEAR, Waveform

# Decades by which a tenth of the rows may be off in a good fit, and a quarter of them in a usable one: of normal
# deviations, `DEVIATION` leaves fewer rows so far off.
_FAR = (0.3, 0.6)
_FAR_SHARES = (0.1, 0.25)
# Shares of the switching voltage by which switching and return may be off beside a row: good, usable fits.
_EVENT = (0.05, 0.25)
# Shares of the largest response by which one of the other sign may be off.
_SIGN = (0.05, 0.25)
_OPEN = 0.02  # opening of a loop [decades] from which on it is one
_ROWS = 5  # rows of a state from which on its current is judged


@dataclass(frozen=True, kw_only=True)
class LoopVerdict(AbstractVerdict):
    """What a fit of sweeps is worth, and why.

    Parameters
    ----------
    word, reason
        See `AbstractVerdict`.
    area_ratio : float or None
        Area of the simulated over that of the measured loop, negative where it runs the other way round; None where no
        loop was measured.
    branch_ratio, simulated_branch_ratio : float or None
        Ratio of the responses on the way out and back at one applied value, geometric mean; None without a way back.
    gain : float or None
        One less the squared residuals over those of the best curve without memory; None where no loop was measured.
    on_ratio, off_ratio : float or None
        Simulated over measured response of the on- and of the off-state, of the polarity that is farther off; None
        where too few rows show that state.
    deviation : float
        Typical residual [decades of the response], robust.
    correlation : float
        Of the residuals of neighbouring points.
    """

    word: str
    reason: str
    area_ratio: float | None
    branch_ratio: float | None
    simulated_branch_ratio: float | None
    gain: float | None
    on_ratio: float | None = None
    off_ratio: float | None = None
    deviation: float
    correlation: float


def judge(
    waves: Sequence[Waveform],
    group: Group,
    residuals: Float[np.ndarray, " residuals"],
    simulated: Float[np.ndarray, "waves points"] | None = None,
    opposed: Bool[np.ndarray, "waves points"] | None = None,
) -> LoopVerdict:
    """The verdict on a fit, by its residuals [sigma] and log10 of the simulated response at the rows.

    Where the latter is not known it is that of `simulated_response`. `opposed` are rows at which the simulated response
    flows against what is applied; None where it flows so nowhere.

    Notes
    -----
    A loop is compared with its simulation by the area in the plane of voltage and current, by the ratio of its
    branches, and by what the fit explains beyond the best curve without memory, the mean of both branches. Residuals
    count by their systematic part, the typical one times the square root of the correlation of neighbours: noise has
    none. Each state counts by its typical response, beyond the scatter of single cycles and readings about it. All of
    these compare moduli: a response of the other sign counts by its distance, one that falls by `fall_marks`. Decades
    of an imposed current's voltage count six times. What was granted to the model plays no part, nor does the scatter
    between cycles that are fitted one after the other, see `scatter_of_cycles`.
    """
    simulated = simulated_response(group, residuals) if simulated is None else simulated
    deviation, correlation = _residuals(waves, simulated)
    spread = typical_scatter(waves)
    scale = MODEL_SIGMA / VOLTAGE_SIGMA if waves[0].driven == "current" else 1.0
    # One cycle follows no other more closely than cycles do each other.
    part = max(deviation * float(np.sqrt(max(correlation, 0.0))) - spread, 0.0)
    text = f"residuals of {deviation:.2g} decades that follow each other (correlation {correlation:.2g})"
    marks = [graded(scale * part, DEVIATION, text), *_events(waves, group, residuals)]
    shape, more = _shape(waves, simulated, spread)
    # Where no switching counts, set and reset do: those of a loop, not of noise.
    if not marks[1:] and waves[0].driven == "voltage" and shape["area_ratio"] is not None:
        more += closing_marks(waves, simulated, _scatter)
    states, state_marks = _states(waves, simulated, float(group.floor), scale)
    more += _signs(waves, simulated, opposed, float(group.floor))
    more.append(_far_rows(waves, simulated, float(group.floor), scale))
    if group.quiet is not None:
        more.append(_noise_mark(waves, float(group.quiet)))
    if waves[0].driven == "voltage":
        more += fall_marks(waves, simulated, float(group.floor), _scatter)
    good = "loop, switching and residuals agree with the data"
    word, reason = decide([*marks, *more, *state_marks], good)
    measures: dict[str, Any] = {"deviation": deviation, "correlation": correlation} | shape | states
    return LoopVerdict(word=word, reason=reason, **measures)


def doubted(verdict: LoopVerdict, reason: str) -> LoopVerdict:
    """A verdict that is not good: something that was left out describes the data decisively better."""
    return replace(verdict, word=WORDS[1], reason=reason) if verdict.word == WORDS[0] else verdict


def _residuals(waves: Sequence[Waveform], simulated: np.ndarray) -> tuple[float, float]:
    """Typical residual [decades], and the correlation of neighbouring ones, of points that count."""
    pairs = zip(waves, simulated)
    return systematic([np.where(w.used, s[: len(w.v)] - w.median_log(), np.nan) for w, s in pairs])


def _states(
    waves: Sequence[Waveform], simulated: np.ndarray, floor: float, scale: float
) -> tuple[dict[str, float | None], list[Mark]]:
    """Ratios of the responses of the on- and the off-state, simulated over measured, and marks.

    A state's response may be off by as much as single cycles and readings scatter: where they hardly do, by no more
    than the loop's area may. Rows of both polarities are judged apart.
    """
    rows: dict[tuple[str, int], list[np.ndarray]] = {}
    for w, s in zip(waves, simulated, strict=True):
        off, scatter = s[: len(w.v)] - w.median_log(), _scatter(w)
        for state, sign, k in _rows_of_states(w, floor):
            rows.setdefault((state, sign), []).append(np.stack([off[k], scatter[k]]))
    ratios: dict[str, float | None] = {"on_ratio": None, "off_ratio": None}
    marks, response = [], "current" if waves[0].driven == "voltage" else "voltage"
    for (state, sign), parts in rows.items():
        both = np.concatenate(parts, axis=1)
        if both.shape[1] < _ROWS:
            continue
        off, scatter = np.median(both, axis=1).tolist()
        name, word = f"{state}_ratio", "positive" if sign > 0 else "negative"
        if abs(off) >= abs(np.log10(ratios[name] or 1.0)):
            ratios[name] = 10**off
        text = (
            f"the {state}-state's {response} is {10**off:.2g} of the measured one, {word} polarity"
        )
        difference = f"{text} (which scatters by {100 * (10**scatter - 1):.2g} %)"
        marks.append(
            graded_ratio(10 ** (scale * off), difference, error=scale * scatter * float(np.log(10)))
        )
    return ratios, marks


def _beyond_scatter(
    w: Waveform, simulated: Float[np.ndarray, " points"], floor: float
) -> Float[np.ndarray, " counted"]:
    """Decades by which a response is off beyond the scatter of a cycle, where it or the data are clear of the floor."""
    x = w.median_log()
    clear = w.used & (np.maximum(x, simulated) > np.log10(CLEAR * floor))
    return np.maximum(np.abs(simulated - x) - _scatter(w), 0.0)[clear]


def _far_rows(waves: Sequence[Waveform], simulated: np.ndarray, floor: float, scale: float) -> Mark:
    """The mark of the rows that are farthest off, beyond the scatter of single cycles and readings.

    A typical residual says nothing of a part of the loop that is missed, be it by decades.
    """
    parts = [
        _beyond_scatter(w, s[: len(w.v)], floor) for w, s in zip(waves, simulated, strict=True)
    ]
    beyond = np.concatenate(parts)
    if beyond.size < _ROWS:
        return Mark(0, 0.0, "")
    good, usable = np.quantile(beyond, 1 - np.array(_FAR_SHARES)) * scale
    level = int(good > _FAR[0]) + int(usable > _FAR[1])
    decades, share = (usable, _FAR_SHARES[1]) if level == 2 else (good, _FAR_SHARES[0])
    text = f"{100 * share:.0f} % of the rows are off by {decades / scale:.2g} decades or more beyond their scatter"
    return Mark(level, float(good) / _FAR[0], text)


def _noise_mark(waves: Sequence[Waveform], noise: float) -> Mark:
    """The mark of data that hardly show a device, by the noise of readings that are nothing else [A or V].

    Any curve that stays within the noise describes such data. A device is seen in rows that are clear of it; a fit to
    rows that are mostly beyond it, but never by much, is not good.
    """
    x = np.concatenate([w.median_log() for w in waves]) - np.log10(noise)
    beyond = float(np.mean(x > np.log10(SURE)))
    clear = np.count_nonzero(x > np.log10(CLEAR)) >= _ROWS
    text = (
        f"the data hardly show a device: fewer than {_ROWS} rows exceed {CLEAR:.0f} times the noise of "
        f"{noise:.2g} {'A' if waves[0].driven == 'voltage' else 'V'}, {100 * beyond:.0f} % exceed {SURE:.0f} times it"
    )
    return Mark(0 if clear else 2 - int(beyond > 0.5), float(not clear), text)


def _scatter(w: Waveform) -> Float[np.ndarray, " points"]:
    """Standard deviation of one cycle's response about the median at each row [decades], or of a reading at least."""
    scatter = MAD * np.median(np.abs(w.log_response - w.median_log()), axis=0)
    scatter = np.maximum(scatter, branch_error(w))
    return scatter if w.cycles is None else np.fmax(scatter, w.cycles)


def _rows_of_states(w: Waveform, floor: float) -> Iterator[tuple[str, int, np.ndarray]]:
    """State, polarity and rows where it differs from the other one, clear of a floor of the response and of switching.

    A row is of the on-state where the conductance is higher than on the other way at the same voltage.
    """
    x, size = w.median_log(), np.abs(w.v)
    clear = w.used & (x > np.log10(CLEAR * floor))
    higher = 1 if w.driven == "voltage" else -1
    least = max(_OPEN, SURE * branch_error(w))
    for (begin, peak, end), sign in zip(w.legs, w.polarities, strict=True):
        ways = np.arange(begin, peak + 1), np.arange(peak, end)[::-1]
        if min(map(len, ways)) <= 2:
            continue
        low, high = (share * size[peak] for share in LEVELS)
        for branch, other in (ways, ways[::-1]):
            there = np.interp(size[branch], np.maximum.accumulate(size[other]), x[other])
            apart = higher * (x[branch] - there)
            inside = clear[branch] & (size[branch] >= low) & (size[branch] <= high)
            yield "on", sign, branch[inside & (apart > least)]
            yield "off", sign, branch[inside & (apart < -least)]


def _signs(
    waves: Sequence[Waveform], simulated: np.ndarray, opposed: np.ndarray | None, floor: float
) -> list[Mark]:
    """Marks of rows whose response has another sign than the simulated one, by polarity.

    A fit of moduli takes a current that passes 0 beside 0 V for one that dips. What counts is the distance that the
    last of `_ROWS` rows has, as a share of the largest response: fewer rows decide nothing.
    """
    shares: dict[int, list[np.ndarray]] = {}
    for k, w in enumerate(waves):
        if w.opposed is None:
            continue
        measured, other = (10**x - floor for x in (w.median_log(), simulated[k, : len(w.v)]))
        reverse = np.zeros(len(w.v), bool) if opposed is None else opposed[k, : len(w.v)]
        differs = (w.opposed != reverse) & ~w.censored
        for (begin, _, end), sign in zip(w.legs, w.polarities, strict=True):
            part = slice(begin, end)
            distance = (measured + other)[part][differs[part]]
            shares.setdefault(sign, []).append(distance / np.max(measured[part]))
    marks, response = [], "current" if waves[0].driven == "voltage" else "voltage"
    for sign, parts in shares.items():
        share = np.sort(np.concatenate(parts))[-_ROWS:]
        if len(share) == _ROWS:
            word = "positive" if sign > 0 else "negative"
            text = f"the {response} has the other sign near 0 V, by {share[0]:.2g} of the largest one, {word} polarity"
            marks.append(graded(float(share[0]), _SIGN, text))
    return marks


def _events(waves: Sequence[Waveform], group: Group, residuals: np.ndarray) -> list[Mark]:
    """Marks of switching and return of each excursion, by their voltages."""
    target, weight = np.asarray(group.event_rows), np.asarray(group.event_weight)
    if not weight.any():
        return []
    begin = np.asarray(group.target).size
    r = np.asarray(residuals)[begin : begin + target.size].reshape(target.shape)
    # The inverse of the saturation in `misfit`, 5 arcsinh(e / 5).
    rows = target + np.divide(5 * np.sinh(r / 5), weight, out=np.zeros_like(r), where=weight > 0)
    marks = []
    for a, w in enumerate(waves):
        if not weight[a].any():
            continue
        size = np.abs(w.v)
        step = float(np.median(np.abs(np.diff(size))))
        for leg, ((begin, peak, end), sign) in enumerate(zip(w.legs, w.polarities, strict=True)):
            word = "positive" if sign > 0 else "negative"
            for event, name, ends in (
                (0, "switching", (begin, peak)),
                (2, "return", (peak, end - 1)),
            ):
                if weight[a, leg, event] == 0:
                    continue
                here, there = (_between(size, x[a, leg, event], *ends) for x in (target, rows))
                # Voltages are those of rows: within one step of them two events are the same.
                off = max(abs(there - here) - step, 0.0) / size[peak]
                text = f"{name} at {there:.3g} V where {here:.3g} V was measured, {word} polarity"
                marks.append(graded(off, _EVENT, text))
    return marks


def _between(x: np.ndarray, row: float, first: int, last: int) -> float:
    """A value between rows, of a row moved inside the first and the last one."""
    row = min(max(float(row), first), last)
    k = min(int(row), len(x) - 2)
    return float((x[k + 1] - x[k]) * (row - k) + x[k])


def _areas(w: Waveform, simulated: np.ndarray, leg: tuple[int, int, int]) -> np.ndarray:
    """Areas of the measured and the simulated loop of an excursion, over all of it; positive where it sets."""
    part = slice(leg[0], leg[2])
    # Under an imposed current a device that sets lowers the response.
    higher = 1 if w.driven == "voltage" else -1
    responses = 10 ** np.stack([w.median_log()[part], simulated[part]])
    # By trapezoids.
    strips = np.diff(np.abs(w.v[part])) * (responses[:, 1:] + responses[:, :-1]) / 2.0
    return -higher * strips.sum(axis=1)


def _area_error(w: Waveform, leg: tuple[int, int, int], error: float) -> float:
    """Standard deviation of the measured area of an excursion, by that of a row [decades], see `branch_error`.

    Where both ways meet at a high current the noise of readings there outweighs a loop at low ones.
    """
    part = slice(leg[0], leg[2])
    scatter = float(np.log(10)) * error * 10 ** w.median_log()[part]
    # By trapezoids a row counts by half the distance of its neighbours.
    return float(np.sqrt(np.sum((scatter * np.gradient(np.abs(w.v[part]))) ** 2)))


def _shape(
    waves: Sequence[Waveform], simulated: np.ndarray, spread: float
) -> tuple[dict, list[Mark]]:
    """Loops measured and simulated: areas, ratios of branches, marks; `spread` is the scatter of cycles [decades]."""
    areas, openings, squares, noise, errors = [], [], [], [], []
    for w, s in zip(waves, simulated, strict=True):
        loops, error = (branches(w), branches(w, s[: len(w.v)])), branch_error(w)
        areas += [_areas(w, s, leg) for leg in w.legs]
        errors += [_area_error(w, leg, error) for leg in w.legs]
        for (_, _, *ways), (_, _, *drawn) in zip(*loops, strict=True):
            openings.append([np.abs(back - out) for out, back in (ways, drawn)])
            without_memory = [0.5 * (ways[0] + ways[1])] * 2
            squares.append(
                [
                    sum(np.sum((x - y) ** 2) for x, y in zip(ways, z))
                    for z in (drawn, without_memory)
                ]
            )
            noise.append(error)
    shape: dict = dict.fromkeys(["area_ratio", "branch_ratio", "simulated_branch_ratio", "gain"])
    if not openings:
        return shape, []
    measured, drawn = (float(np.mean([o[k] for o in openings])) for k in (0, 1))
    shape |= {"branch_ratio": 10**measured, "simulated_branch_ratio": 10**drawn}
    least = max(_OPEN, SURE * float(np.mean(noise)))
    if measured < least:
        text = f"a loop (branch ratio {10**drawn:.2f}) where none was measured ({10**measured:.2f})"
        return shape, [Mark(2 * int(drawn > 2 * max(measured, least)), drawn / least, text)]
    whole = sum(abs(a[0]) for a in areas)
    # By the sense in which the measured loop of each excursion runs: areas of the other sense are taken off.
    ratio = float(sum(np.sign(a[0]) * a[1] for a in areas) / max(whole, np.finfo(float).tiny))
    # An area that noise may have made is granted.
    granted = SURE * float(np.linalg.norm(errors)) / max(whole, np.finfo(float).tiny)
    off = np.sign(ratio - 1) * max(abs(ratio - 1) - granted, 0.0)
    left, most = np.sum(squares, axis=0)
    # What cycles scatter no curve explains.
    points = sum(o[0].size for o in openings)
    gain = 1 - float(max(left - 2 * points * spread**2, 0.0) / most)
    shape |= {"area_ratio": ratio, "gain": gain}
    text = f"of the loop it explains {gain:.2g}, where a curve without memory explains 0"
    if gain < 0:
        worse = f"squares of its residuals are {1 - gain:.2g} times as large"
        text = f"a curve without memory describes the loop better: {worse}"
    ratios = f"branch ratio {10**drawn:.2f}, measured {10**measured:.2f}"
    return shape, [
        graded_ratio(
            1 + float(off),
            f"the loop's area is {ratio:.2g} of the measured one ({ratios})",
            error=spread * float(np.log(10)),
        ),
        graded_gain(gain, text),
    ]

"""Two recordings of one device, of set and of reset sweeps, as one in the order of the cycles."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from memjax.errors import ReaderError

from .compliance import levels_of, ranges
from .measurement import Measurement

_READ = (0.05, 0.2)
"""Range of the voltage, over the largest of a sweep, in which the state before and after the sweep is read."""

_FEWEST = 3
"""Cycles from which on states tell which recording comes first: of two the second one shows a single change."""

_CLEARER = 2.0
"""Factor between the scatters of both orders, below which neither is the one that was measured."""

_ONE_SIDED = 0.02
"""Share of the largest voltage that a sweep of one polarity may have at the other one: an offset at rest."""


def interleave(first: Measurement, second: Measurement) -> Measurement:
    """Join two recordings of one device, sweep by sweep in the order of the cycles.

    Parameters
    ----------
    first, second : Measurement
        Recordings of the same cycles, such as set and reset sweeps: voltage [V] and current [A] of shape ``(points,)``.
        Cycles are the labels of the sweeps where both files number them, else the sweeps in their order.

    Returns
    -------
    Measurement
        All points of both, shape ``(points,)``. A cycle is one sweep with both halves, so that the second half goes on
        from the state at which the first one ended; its label is the number of the cycle. ``source["files"]`` has what
        both files said. Times [s] are those of the files where they go on within each cycle; else the second half
        begins one reading after the first, whatever the pause was. The last warning says which recording comes first
        in a cycle, and why.

    Raises
    ------
    ReaderError
        If the cycles differ, one recording drove a voltage and the other a current, or one current is a modulus.

    Notes
    -----
    The recording comes first at whose ends the states are that the sweeps of the other one begin with: of both orders
    the one in which log10 of the conductance at low voltage changes by the more equal steps from sweep to sweep.
    A step may be of any size, since a device may conduct differently at either polarity. With less than three cycles,
    or where both orders are about as likely, the recording that was given first comes first.
    """
    _check(first, second)
    both_numbered = _is_numbered(first) and _is_numbered(second)
    if both_numbered:
        cycles = np.sort(first.labels)
        labels = np.stack([cycles, cycles], axis=1)
    else:
        labels = np.stack([first.labels, second.labels], axis=1)
        cycles = np.arange(1, len(labels) + 1)
    pair, order_reason = _in_order((first, second), labels)
    labels = labels if pair[0] is first else labels[:, ::-1]
    what = "cycle by number" if both_numbered else "cycle in the order of its sweeps"
    text = (
        f"{_name(first)} and {_name(second)} are joined as one device, {what}: {ranges(cycles.tolist())}; "
        f"{_name(pair[0])} comes first in each, {order_reason}"
    )
    return _join(pair, labels, cycles, text)


def interleave_matching(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Join those recordings that say by themselves that they are two halves of the same cycles.

    Parameters
    ----------
    measurements : sequence of Measurement
        Recordings of voltage [V] and current [A].

    Returns
    -------
    list of Measurement
        In their order, with two in the place of the earlier one where both files number two or more cycles, the
        numbers are the same, one has positive and the other negative voltages alone, and no third one matches either.
    """
    matches = [[k for k, b in enumerate(measurements) if _are_halves(a, b)] for a in measurements]
    recordings: list[Measurement] = []
    for k, measurement in enumerate(measurements):
        partner = matches[k][0] if len(matches[k]) == 1 else k
        if partner == k or len(matches[partner]) > 1:
            recordings.append(measurement)
        elif k < partner:
            recordings.append(interleave(measurement, measurements[partner]))
    return recordings


def _check(first: Measurement, second: Measurement) -> None:
    """Refuse recordings that are not of the same cycles, or not of one kind."""
    where = f"{_name(first)} and {_name(second)}"
    for words, a, b in (
        ("driven quantities", first.driven, second.driven),
        ("moduli of the current", str(first.modulus), str(second.modulus)),
    ):
        if a != b:
            raise ReaderError(
                f"different {words}, {a} and {b}", where=where, allowed="recordings of one kind"
            )
    numbers = [sorted(m.labels.tolist()) for m in (first, second)]
    if _is_numbered(first) and _is_numbered(second) and numbers[0] != numbers[1]:
        raise ReaderError(
            f"cycles {ranges(numbers[0])} and {ranges(numbers[1])} do not match", where=where,
            allowed="the same numbers of cycles in both files",
            fix="choose those that both have: --sweeps 3-20",
        )  # fmt: skip
    if len(numbers[0]) != len(numbers[1]):
        raise ReaderError(
            f"{len(numbers[0])} and {len(numbers[1])} sweeps do not match", where=where,
            allowed="as many sweeps in one file as in the other", fix="choose some with --sweeps",
        )  # fmt: skip


def _is_numbered(m: Measurement) -> bool:
    """Whether the labels of the sweeps are numbers of cycles in the file."""
    return bool(m.source.get("numbered"))


def _are_halves(a: Measurement, b: Measurement) -> bool:
    """Whether two recordings number the same cycles, at opposite polarities of the voltage."""
    alike = (a.driven, a.modulus, a.reader) == (b.driven, b.modulus, b.reader)
    both_numbered = _is_numbered(a) and _is_numbered(b) and len(a.labels) > 1
    same = sorted(a.labels.tolist()) == sorted(b.labels.tolist())
    return alike and both_numbered and same and _polarity(a) * _polarity(b) == -1


def _polarity(m: Measurement) -> int:
    """Sign of the voltages; 0 where they have both."""
    small = _ONE_SIDED * float(np.max(np.abs(m.v)))
    above, below = bool(np.any(m.v > small)), bool(np.any(m.v < -small))
    return int(above) - int(below)


def _name(m: Measurement) -> str:
    """Name of the file."""
    return Path(str(m.source.get("file", "a measurement"))).name


def _in_order(
    pair: tuple[Measurement, Measurement], labels: Int[np.ndarray, "cycles 2"]
) -> tuple[tuple[Measurement, Measurement], str]:
    """Both recordings, that first which begins a cycle, and the reason in words."""
    states = [_states(m, labels[:, k]) for k, m in enumerate(pair)]
    as_given, as_swapped = _scatter(states[0], states[1]), _scatter(states[1], states[0])
    if len(labels) < _FEWEST or not np.isfinite(as_given + as_swapped):
        return pair, "as given: too few states tell"
    low, high = sorted((as_given, as_swapped))
    if high < _CLEARER * low:
        return pair, "as given: the states of both orders follow one another about as well"
    reason = (
        f"since the other one goes on from its states (changes differ by {low:.2g} decades, {high:.2g} "
        "the other way round)"
    )
    return (pair if as_given <= as_swapped else (pair[1], pair[0])), reason


def _states(m: Measurement, labels: Int[np.ndarray, " cycles"]) -> Float[np.ndarray, "cycles 2"]:
    """log10 of the conductance [S] at low voltage at the start and at the end of sweeps; NaN where none is read."""
    states = np.full((len(labels), 2), np.nan)
    for k, label in enumerate(labels):
        v, i = m.v[m.sweep == label], m.i[m.sweep == label]
        peak = int(np.argmax(np.abs(v)))
        size = np.abs(v) / max(float(np.abs(v[peak])), 1e-300)
        low = (size > _READ[0]) & (size < _READ[1]) & (i != 0)
        for n, branch in enumerate((slice(None, peak), slice(peak, None))):
            read = low[branch]
            if np.any(read):
                states[k, n] = np.median(np.log10(np.abs(i[branch][read] / v[branch][read])))
    return states


def _scatter(a: Float[np.ndarray, "cycles 2"], b: Float[np.ndarray, "cycles 2"]) -> float:
    """How much changes of state differ [decades], from ends of `a` to starts of `b` and on to the next start of `a`."""
    changes = (b[:, 0] - a[:, 1], a[1:, 0] - b[:-1, 1])
    return float(sum(np.mean(np.abs(x - np.median(x))) for x in changes if len(x)))


def _join(
    pair: tuple[Measurement, Measurement],
    labels: Int[np.ndarray, "cycles 2"],
    cycles: Int[np.ndarray, " cycles"],
    text: str,
) -> Measurement:
    """The halves of each cycle as one sweep."""
    parts = [
        m.select(m.sweep == label) for row in labels for m, label in zip(pair, row, strict=True)
    ]
    together = {
        n: np.concatenate([getattr(p, n) for p in parts]) for n in ("v", "i", "at_compliance")
    }
    times, clock = _times(parts)
    limit = np.concatenate([_limit(p) for p in parts])
    levels = levels_of(limit)
    a, b = pair
    words = dict.fromkeys((*a.warnings, *b.warnings, *clock, text))
    source = {
        **a.source, "file": f"{a.source.get('file', '')} and {b.source.get('file', '')}",
        "files": [a.source, b.source], "numbered": True,
        "chosen": any(m.source.get("chosen") for m in pair),
    }  # fmt: skip
    for name in ("sweep_names", "sha256"):
        source.pop(name, None)
    return replace(
        a, **together, t=times,
        sweep=np.repeat(cycles, [len(a.v) + len(b.v) for a, b in zip(parts[::2], parts[1::2], strict=True)]),
        compliance=levels[-1] if levels else None, limit=limit if levels else None,
        source=source, warnings=tuple(words),
    )  # fmt: skip


def _times(parts: Sequence[Measurement]) -> tuple[Float[np.ndarray, " points"] | None, list[str]]:
    """Times of the halves in turn [s], and what was assumed, in words."""
    halves = [p.t for p in parts if p.t is not None]
    if len(halves) < len(parts):
        unequal = ["one recording has no time: no time is used"] * bool(halves)
        return None, unequal
    if all(a[-1] < b[0] for a, b in zip(halves[::2], halves[1::2], strict=True)):
        return np.concatenate(halves), []
    shifted = []
    for a, b in zip(halves[::2], halves[1::2], strict=True):
        shifted += [a, a[-1] + float(np.median(np.diff(a))) + b - b[0]]
    text = "each file has a clock of its own: the second half of a cycle is taken to begin one reading after the first"
    return np.concatenate(shifted), [text]


def _limit(m: Measurement) -> Float[np.ndarray, " points"]:
    """Limit at each point [A], infinite where none is known."""
    level = np.inf if m.compliance is None else m.compliance
    return np.full(len(m.v), level) if m.limit is None else m.limit


__all__ = ["interleave", "interleave_matching"]

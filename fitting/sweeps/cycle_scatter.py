"""Scatter between cycles where sweeps are fitted one after the other, so that no median of them shows it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.observables import excursions, loop_closing

from .summary import Waveform


def scatter_of_cycles(measurement: mj.Measurement) -> Float[np.ndarray, " points"]:
    """Standard deviation of a cycle from another one of the same voltages [decades]; NaN where there is none.

    That of the difference between neighbours over the root of two: a drift from the first cycle to the last is none.
    """
    scatter, size = np.full(len(measurement.v), np.nan), np.abs(measurement.response)
    log = np.log10(np.where(size > 0, size, np.nan))
    for rows in map(np.stack, _alike(measurement)):
        square = np.diff(log[rows], axis=0) ** 2
        known = np.isfinite(square)
        total, count = np.sum(np.where(known, square, 0.0), axis=0), np.sum(known, axis=0)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        scatter[rows] = np.sqrt(mean / 2)
    return scatter


def scatter_of_closings(measurement: mj.Measurement) -> dict[str, float]:
    """The same of the voltages of sets and of resets [V], of the kinds that at least two neighbours have."""
    squares: dict[str, list[float]] = {}
    for group in _alike(measurement):
        closings = [_closings(measurement, rows) for rows in group]
        for first, second in pairwise(closings):
            for key in first.keys() & second.keys():
                squares.setdefault(key[0], []).append((first[key] - second[key]) ** 2)
    return {kind: float(np.sqrt(np.mean(x) / 2)) for kind, x in squares.items()}


def _closings(measurement: mj.Measurement, rows: np.ndarray) -> dict[tuple[str, int], float]:
    """Voltages of the sets and resets of a cycle [V], by their kind and the number of the excursion."""
    v, size = measurement.applied[rows], np.abs(measurement.response[rows])
    parts = [loop_closing(v[p], size[p]) for p in excursions(v)]
    return {(c.kind, k): c.v for k, c in enumerate(parts) if c is not None}


def _alike(measurement: mj.Measurement) -> list[list[np.ndarray]]:
    """Rows of sweeps in groups of the same voltages, to half of a step."""
    groups: list[list[np.ndarray]] = []
    for label in measurement.labels:
        rows = np.flatnonzero(measurement.sweep == label)
        v = measurement.applied[rows]
        near = 0.5 * float(np.max(np.abs(np.diff(v)), initial=0.0))
        for group in groups:
            other = measurement.applied[group[0]]
            if len(other) == len(v) and np.all(np.abs(other - v) <= near):
                group.append(rows)
                break
        else:
            groups.append([rows])
    return groups


def with_cycles(
    waves: Sequence[Waveform], measurements: Sequence[mj.Measurement]
) -> list[Waveform]:
    """Waveforms that are whole measurements, with the scatter of the cycles in them; others as they are."""
    if len(waves) != len(measurements):
        return list(waves)
    pairs = zip(waves, measurements, strict=True)
    return [_with_scatter(w, m) if len(w.v) == len(m.v) else w for w, m in pairs]


def _with_scatter(wave: Waveform, measurement: mj.Measurement) -> Waveform:
    """A waveform with the scatter of the cycles of a measurement."""
    closings = scatter_of_closings(measurement) if measurement.driven == "voltage" else {}
    return replace(wave, cycles=scatter_of_cycles(measurement), closings=closings)


def typical_scatter(waves: Sequence[Waveform]) -> float:
    """Median of the scatter between cycles at rows that count [decades]; 0 where sweeps are summarised by medians."""
    known = [np.zeros(0), *(w.cycles[w.used] for w in waves if w.cycles is not None)]
    scatter = np.concatenate(known)
    scatter = scatter[np.isfinite(scatter)]
    return float(np.median(scatter)) if scatter.size else 0.0

"""Sweeps of more points than a fit can tell apart: averages of neighbours, closer where the device switches."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

import memjax as mj
from memjax.observables import excursions, find_pulses

from .summary import noise_floor

MOST, POINTS = 2000, 500
"""Points of a sweep from which on it is thinned, and to how many, unless said otherwise."""

_ALIKE = 0.02  # share by which lengths of sweeps that have one grid may differ
_BLOCKS = 2000  # blocks of a sweep in which its currents are looked at, at the most
_JUMP = 0.03  # share of the range of what is driven by which it jumps
_MOST_JUMPS = 0.1  # jumps at which a grid has edges at the most, as a share of its points

MOST_CURVES, CURVE_POINTS = 30, 400
"""Curves under a pulse that a report shows at the most, and points of each."""


def thin(
    measurement: mj.Measurement, points: int | None = None, *, point_time: float | None = None
) -> mj.Measurement:
    """A measurement whose sweeps have no more points than a fit needs, and a warning; unchanged where it has no more.

    `points` of a sweep are averages of voltage, current and time over neighbours: by default 500 of sweeps of more than
    2,000; 0 leaves all. `point_time` [s] is that of a point where the file has none.

    Notes
    -----
    Sweeps of one length have one grid, so that sweeps of one waveform stay so. Half of its points are spread evenly,
    half where the logarithm of the current moves faster than elsewhere, and averages end where what is driven turns or
    jumps. Noise falls as in averages: that of the fit is that of the averages.
    """
    m = measurement
    most = (MOST if points is None else points) or len(m.v)
    points = POINTS if points is None else points
    sweeps = [np.flatnonzero(m.sweep == label) for label in m.labels]
    if max(map(len, sweeps)) <= most or (m.t is None and point_time is None):
        return m
    if m.t is None:
        numbers = np.concatenate([np.arange(1, len(x) + 1) for x in sweeps])
        m = replace(m, t=numbers * float(point_time or 0.0))
        sweeps = [np.flatnonzero(m.sweep == label) for label in m.labels]
    floor, starts = noise_floor(m), []
    for rows in _alike(sweeps):
        if len(rows[0]) > most:
            grid = _grid(m, rows, floor, points)
            starts += [x[_edges(grid, len(x))] for x in rows]
        else:
            starts += rows
    return _averaged(m, sweeps, np.sort(np.concatenate(starts)))


def _alike(sweeps: Sequence[Int[np.ndarray, " _"]]) -> list[list[np.ndarray]]:
    groups: list[list[np.ndarray]] = []
    for rows in sorted(sweeps, key=len):
        if groups and len(rows) <= (1 + _ALIKE) * len(groups[-1][0]):
            groups[-1].append(rows)
        else:
            groups.append([rows])
    return groups


def _edges(grid: Float[np.ndarray, " edges"], size: int) -> Int[np.ndarray, " averages"]:
    """First rows of the averages of a sweep, each once; the first and the last row stand alone."""
    return np.unique(np.concatenate([[0, 1], np.round(grid * (size - 1)), [size - 1]]).astype(int))


def _grid(
    m: mj.Measurement, rows: Sequence[np.ndarray], floor: float, points: int
) -> Float[np.ndarray, " edges"]:
    """Where averages begin, as shares of a sweep."""
    jumps = _turns(m.applied[rows[0]], points)
    blocks = min(_BLOCKS, *map(len, rows), len(rows[0]))
    speed = np.mean([_speed(m.response[x], floor, blocks) for x in rows], axis=0)
    even = np.full(len(speed), 1 / len(speed))
    density = 0.5 * (even + speed / speed.sum()) if speed.sum() > 0 else even
    total = np.concatenate([[0.0], np.cumsum(density)])
    left = max(points - len(jumps) - 2, 2)
    spread = np.interp(np.arange(1, left) / left, total, np.linspace(0, 1, len(total)))
    return np.sort(np.concatenate([jumps, spread]))


def _turns(x: Float[np.ndarray, " rows"], points: int) -> Float[np.ndarray, " edges"]:
    """Where what is driven turns or jumps, as shares of the sweep; only where it turns if it jumps ever so often."""
    peaks = [p.start + int(np.argmax(np.abs(x[p]))) for p in excursions(x)]
    turns = [*peaks, *(k + 1 for k in peaks if k + 1 < len(x))]  # a peak stands alone
    step = np.abs(np.diff(x))
    jumps = np.flatnonzero(step > max(_JUMP * np.ptp(x), 20 * float(np.median(step)))) + 1
    if len(jumps) > _MOST_JUMPS * points:
        jumps = jumps[:0]
    edges = [np.asarray(turns, int), jumps - 1, jumps, jumps + 1]  # so do the points beside a jump
    return np.unique(np.clip(np.concatenate(edges), 0, len(x) - 1)) / (len(x) - 1)


def _speed(
    x: Float[np.ndarray, " rows"], floor: float, blocks: int
) -> Float[np.ndarray, " blocks"]:
    """By how much the logarithm of a response moves in each block, beyond what it does in most [decades]."""
    edges = np.linspace(0, len(x), blocks + 1).astype(int)[:-1]
    mean = np.add.reduceat(x, edges) / np.diff(np.append(edges, len(x)))
    # Beside ten floors the noise of currents near 0 A is no motion.
    step = np.abs(np.diff(np.log10(np.abs(mean) + 10 * floor), prepend=np.nan, append=np.nan))
    step = np.fmax(step[1:], step[:-1])
    return np.maximum(step - 4 * np.median(step), 0.0)


def _averaged(
    m: mj.Measurement, sweeps: Sequence[np.ndarray], starts: Int[np.ndarray, " averages"]
) -> mj.Measurement:
    """Averages over the points from each start to the next, sweep by sweep."""
    order = np.concatenate(sweeps)
    first = np.sort(np.argsort(order)[starts])
    count = np.diff(np.append(first, len(order)))
    mean = lambda x: np.add.reduceat(np.asarray(x, float)[order], first) / count  # noqa: E731
    rows = order[first]
    text = (
        f"{len(order):,} points in {len(sweeps)} sweeps: averages of up to {int(count.max())} neighbours, "
        f"{len(first):,} in all, closer where the current moves fast; --points says how many a sweep has, 0 takes all"
    )
    return replace(
        m, v=mean(m.v), i=mean(m.i), t=mean(m.t), sweep=m.sweep[rows],
        at_compliance=mean(m.at_compliance) >= 0.5,
        limit=None if m.limit is None else m.limit[rows],
        warnings=(*m.warnings, text),
    )  # fmt: skip


def curves_of(measurement: mj.Measurement) -> dict[str, np.ndarray]:
    """Some of the curves with a pulse, thinned, time from the onset of the pulse of each: curve, t_s, v_V, i_A."""
    labels = measurement.labels
    some = labels[np.unique(np.linspace(0, len(labels) - 1, MOST_CURVES).astype(int))]
    parts = []
    for label in some.tolist():
        curve = thin(measurement.select(measurement.sweep == label), CURVE_POINTS)
        if curve.t is not None and (pulses := find_pulses(curve.t, curve.v)):
            parts.append((curve.sweep, curve.t - pulses[0].onset, curve.v, curve.i))
    columns = map(np.concatenate, zip(*parts, strict=True))
    return dict(zip(("curve", "t_s", "v_V", "i_A"), columns, strict=False))

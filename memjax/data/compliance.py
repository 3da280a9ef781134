"""Current limits, stated or seen, and currents without their sign."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from .plateaus import Plateau, are_free, excursions_of, find_plateaus, reach

Stated = float | tuple[float, float] | Float[np.ndarray, " points"]
"""A limit for all points, one for positive and one for negative voltage, or one for each point [A]."""

_APART = 0.05
"""Gap between the levels of plateaus, over the level, beyond which they are two limits, however small their scatter."""

_LONG, _SHARE = 10, 0.1
"""Points of a plateau that may be alone; their share of its excursion, if it is a limit whatever other sweeps show."""

_NEAR = 0.15
"""How far a plateau may lie from a stated limit, over it, and still be what the instrument makes of it."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Current limits and where they act.

    Parameters
    ----------
    values : Float[np.ndarray, "points"] or None
        Limit at each point [A], infinite where none is known; None where none is stated and none is seen.
    acts : Bool[np.ndarray, "points"]
        Points at the limit.
    warnings : tuple of str
        What was inferred, in words.
    """

    values: Float[np.ndarray, " points"] | None
    acts: Bool[np.ndarray, " points"]
    warnings: tuple[str, ...] = ()

    @property
    def level(self) -> float | None:
        """The only limit, or the largest [A]; None where there is none."""
        levels = levels_of(self.values)
        return levels[-1] if levels else None


def levels_of(limits: Float[np.ndarray, " points"] | None) -> list[float]:
    """Limits that differ [A], ascending; none where there is no limit."""
    return [] if limits is None else [float(x) for x in np.unique(limits[np.isfinite(limits)])]


def find_limit(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    *,
    sweep: Int[np.ndarray, " points"] | None = None,
    stated: Stated | None = None,
) -> Limit:
    """Current limits of a voltage-driven measurement, sweep by sweep and polarity by polarity.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A].
    sweep : Int[np.ndarray, "points"], optional
        Label of the sweep of each point; all are one sweep by default.
    stated : float, pair of floats or Float[np.ndarray, "points"], optional
        Limit that the file or the user states [A]: one, one for each polarity, or one for each point.

    Returns
    -------
    Limit
        Limits, mask, warnings.

    Notes
    -----
    Without a stated limit, the plateaus on top of the excursions tell (`find_plateaus`): plateaus of about one level
    are one limit, whatever their scatter and their drift from sweep to sweep; short ones count where most of the sweeps
    that get as far have one. A sweep without a plateau has the limit of the nearest sweep, at the same polarity where
    that has one, unless its current goes beyond.

    A point acts where it lies less below its limit, or below the plateau of its own sweep, than 0.5 % or four standard
    deviations of the scatter of the plateau.
    """
    sweep = np.zeros(len(i), int) if sweep is None else sweep
    plateaus = find_plateaus(v, i, sweep)
    if stated is not None:
        return _as_stated(v, i, stated, plateaus)
    acts, limits = np.zeros(len(i), dtype=bool), np.full(len(i), np.inf)
    tops = {(s, p): _top(np.abs(i[rows])) for s, p, rows in excursions_of(v, sweep)}
    groups = [g for g in _grouped(plateaus) if _is_sure(g, plateaus, tops)]
    if not groups:
        return Limit(values=None, acts=acts)
    of = {(p.sweep, p.polarity): (group, p) for group in groups for p in group}
    index_of = {label: k for k, label in enumerate(dict.fromkeys(sweep.tolist()))}
    known = np.array([(index_of[label], polarity) for label, polarity in of])
    every = [group for group, _ in of.values()]
    for label, polarity, rows in excursions_of(v, sweep):
        key = label, polarity
        group, plateau = of.get(key, (None, None))
        if group is None:
            nearest = every[_nearest(known, index_of[label], polarity)]
            group = None if tops[key] > _ceiling(nearest) else nearest
        if group is not None:
            limits[rows] = _level(group)
            acts[rows] = np.abs(i[rows]) >= _edge(group, plateau)
    return Limit(values=limits, acts=acts, warnings=tuple(map(_said, groups)))


def limits_of_sweeps(
    v: Float[np.ndarray, " points"],
    point_limits: Float[np.ndarray, " points"],
    sweep: Int[np.ndarray, " points"],
) -> Float[np.ndarray, "sweeps 2"]:
    """Limit of each sweep at positive and at negative voltage [A], infinite where none is known.

    Parameters
    ----------
    v, point_limits : Float[np.ndarray, "points"]
        Voltage [V], and the limit at each point [A].
    sweep : Int[np.ndarray, "points"]
        Label of the sweep of each point.

    Returns
    -------
    Float[np.ndarray, "sweeps 2"]
        In the order in which the sweeps occur. A polarity that a sweep does not have has the limit of the other one.
    """
    index_of = {label: k for k, label in enumerate(dict.fromkeys(sweep.tolist()))}
    limits = np.full((len(index_of), 2), np.nan)
    for label, polarity, rows in excursions_of(v, sweep):
        limits[index_of[label], 0 if polarity > 0 else 1] = np.median(point_limits[rows])
    limits = np.where(np.isnan(limits), limits[:, ::-1], limits)
    return np.where(np.isnan(limits), np.inf, limits)


def has_lost_sign(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> bool:
    """Whether a current is a modulus: never negative though the voltage has both signs."""
    small = 0.02 * np.abs(v).max()
    return bool(i.min() >= 0 and i.max() > 0 and v.min() < -small and v.max() > small)


def has_opposite_sign(v: Float[np.ndarray, " points"], i: Float[np.ndarray, " points"]) -> bool:
    """Whether nearly all the charge flows against the voltage."""
    power = v * i
    return bool(np.sum(power[power < 0]) < -0.9 * np.sum(np.abs(power)) < 0)


def _as_stated(v, i, stated: Stated, plateaus: Sequence[Plateau]) -> Limit:
    """A stated limit, and where it acts: below it by no more than the scatter of the instrument at it."""
    size, acts = np.abs(i), np.zeros(len(i), dtype=bool)
    limits = np.where(v < 0, stated[1], stated[0]) if isinstance(stated, tuple) else stated
    limits = np.broadcast_to(np.asarray(limits, float), i.shape).copy()
    # As far below as points of a plateau without scatter: a limit that is stated needs no plateau.
    acts |= size >= 0.995 * limits
    above = []
    for p in plateaus:
        limit = float(np.median(limits[p.rows]))
        if abs(limit / p.level - 1) <= _NEAR:
            reached = np.minimum(limits[p.rows], p.level) * (1 - reach(p.scatter))
            acts[p.rows] = size[p.rows] >= reached
        elif p.level > limit:
            above.append((p.level / limit, p, limit))
    return Limit(values=limits, acts=acts, warnings=_contradicted(above))


def _contradicted(above: list[tuple[float, Plateau, float]]) -> tuple[str, ...]:
    """Describe plateaus that lie above stated limits [A], and by how many times."""
    if not above:
        return ()
    _, p, limit = max(above, key=lambda x: x[0])
    sweeps = ranges(sorted({p.sweep for _, p, _ in above}))
    return (
        f"the current stays above the stated compliance of {limit:g} A in sweeps {sweeps}, at up to {p.level:.4g} A",
    )


def _grouped(plateaus: Sequence[Plateau]) -> list[list[Plateau]]:
    """Plateaus of one limit each, in order of their levels: without a gap between neighbours."""
    ordered = sorted(plateaus, key=lambda p: p.level)
    groups = [ordered[:1]] if ordered else []
    for before, p in itertools.pairwise(ordered):
        gap = max(_APART, reach(max(before.scatter, p.scatter)))
        if p.level > (1 + gap) * before.level:
            groups.append([])
        groups[-1].append(p)
    return groups


def _top(size: np.ndarray) -> float:
    """Third largest current [A]: two may overshoot."""
    return float(np.sort(size)[-3:][0])


def _is_sure(
    group: Sequence[Plateau], every: Sequence[Plateau], tops: dict[tuple[int, int], float]
) -> bool:
    """Whether plateaus are a limit: a long one, or those of half of the excursions that get as far."""
    if not are_free(group):
        return False
    if any(p.count >= max(_LONG, _SHARE * len(p.rows)) for p in group):
        return True
    # Excursions that get as far without a plateau speak against short ones.
    flat, signs, edge = (
        {(p.sweep, p.polarity) for p in every},
        {p.polarity for p in group},
        _edge(group),
    )
    without = sum(top >= edge and k not in flat and k[1] in signs for k, top in tops.items())
    return (len(group) > 1 or group[0].count >= _LONG) and len(group) >= without


def _nearest(known: Int[np.ndarray, "plateaus 2"], sweep_index: int, polarity: int) -> int:
    """Which plateau, of sweeps at places and polarities, is nearest to a sweep: at the same polarity first."""
    # The last key of lexsort counts first.
    other = known[:, 1] != polarity
    return int(np.lexsort((np.abs(known[:, 0] - sweep_index), other))[0])


def _ceiling(group: Sequence[Plateau]) -> float:
    """Current beyond which a sweep has not the limit of these plateaus [A]."""
    return _median(group) * (1 + max(_APART, reach(_scatter(group))))


def _median(group: Sequence[Plateau]) -> float:
    """Level of a limit [A]."""
    return float(np.median([p.level for p in group]))


def _scatter(group: Sequence[Plateau]) -> float:
    """Standard deviation of readings at a limit over its level, within a sweep and from sweep to sweep."""
    return float(np.hypot(np.median([p.scatter for p in group]), _drift(group)))


def _drift(group: Sequence[Plateau]) -> float:
    """Robust standard deviation of the levels of plateaus over their median."""
    levels = np.array([p.level for p in group]) / _median(group)
    # 1.4826 median deviations are a standard deviation of normal numbers; a sweep with another level weighs nothing.
    return float(1.4826 * np.median(np.abs(levels - 1)))


def _edge(group: Sequence[Plateau], plateau: Plateau | None = None) -> float:
    """Current from which a point is at a limit [A]; of a sweep with a plateau of its own, from below that."""
    if plateau is None:
        return _median(group) * (1 - reach(_scatter(group)))
    return plateau.level * (
        1 - reach(max(plateau.scatter, float(np.median([p.scatter for p in group]))))
    )


def _level(group: Sequence[Plateau]) -> float:
    """The level as a person would have set it, where two digits say it within 0.5 %."""
    level = _median(group)
    rounded = float(f"{level:.1e}")
    return rounded if abs(rounded - level) <= 5e-3 * level else level


def _said(group: Sequence[Plateau]) -> str:
    """Describe what was inferred, for which sweeps and polarity, with the spread."""
    signs = {p.polarity for p in group}
    side = {1: "positive voltage", -1: "negative voltage"}
    where = "both polarities" if len(signs) > 1 else side[signs.pop()]
    labels = list(dict.fromkeys(p.sweep for p in group))
    sweeps = f"sweep{'s' * (len(labels) > 1)} {ranges(labels)}"
    steady = f"scatter {100 * np.median([p.scatter for p in group]):.2g} %"
    if len(group) > 1:
        steady += f", {100 * _drift(group):.2g} % between plateaus"
    points = sum(p.count for p in group)
    return (
        f"compliance {_level(group):.6g} A (or a range limit) inferred at {where} from {sweeps}: {points} points stay "
        f"at it while the voltage varies ({steady})"
    )


def ranges(labels: Sequence[int]) -> str:
    """Whole numbers in words, ascending ones in a row as their ends: ``0-3, 7``; the first few of many."""
    parts: list[list[int]] = []
    for label in sorted(labels):
        if parts and label == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], label]
        else:
            parts.append([label, label])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in parts]
    return ", ".join(words[:6]) + (f", ... ({len(labels)})" if len(words) > 6 else "")

"""Current limits of the sweeps of a fit: that of the source in each, and how near a current at it has to be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Array, Bool, Float

import memjax as mj
from memjax.circuit import UNLIMITED, limited_bench
from memjax.data.plateaus import reach

from ..residuals import MAD

LEAST_REACH = 0.02
"""How far below its limit a simulated current may stay and still be at it: the limiter's bend."""


def limits_of(bench: mj.Bench) -> tuple[float, float] | None:
    """Limits that a bench names [A], at positive and at negative current."""
    if bench.compliance is None:
        return None
    negative = bench.compliance_negative
    return float(bench.compliance), float(bench.compliance if negative is None else negative)


def share_limits(measurements: Sequence[mj.Measurement], bench: mj.Bench) -> list[mj.Measurement]:
    """Measurements of one device with what limits each sweep: nothing of theirs where the bench names limits.

    A measurement without a limit has the largest of the others where it stays below; limits that act nowhere are left
    out: they say nothing of the source.
    """
    levels = [level for m in measurements if np.any(m.at_compliance) for level in m.compliances]
    driven = all(m.driven == "voltage" for m in measurements)
    most = max(levels) if levels and driven and bench.compliance is None else None
    limited = []
    for m in measurements:
        has_limit = most is not None and np.any(m.at_compliance) and m.compliances
        below = most is not None and np.max(np.abs(m.i)) <= most
        limited.append(
            m if has_limit else replace(m, compliance=most if below else None, limit=None)
        )
    return limited


def same_limits(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two pairs of limits [A] are the same for an instrument: to 2 %, or without a limit both."""
    return all(x == y or abs(x - y) <= 0.02 * max(x, y) < np.inf for x, y in zip(a, b, strict=True))


def reach_of(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, "sweeps points"],
    at_limit: Bool[np.ndarray, "sweeps points"],
) -> float:
    """How far below a limit a reading at it may lie [decades]: by its scatter, or by the limiter's own bend.

    Voltages [V] and currents [A] are those of sweeps of one waveform, `at_limit` the readings at the limit.
    """
    sides = [np.abs(i[at_limit & side]) for side in (v >= 0, v < 0)]
    distances = np.concatenate(
        [np.abs(x / np.median(x) - 1) for x in sides if x.size] or [np.zeros(1)]
    )
    below = max(reach(MAD * float(np.median(distances))), LEAST_REACH)
    return float(-np.log10(1 - min(below, 0.5)))


def by_wave(
    bench: mj.Bench, limits: Float[Array | np.ndarray, "waves 2"] | None
) -> dict[str, Float[np.ndarray, "1 waves"]]:
    """Limits of waveforms, for `simulate`, where they differ and the bench has what they replace; else nothing."""
    if limits is None or bench.compliance is None:
        return {}
    return limited_bench(bench, np.asarray(limits))[1]


def levels_by_sign(
    bench: Mapping[str, float | None], levels: list[float]
) -> dict[int, list[float]]:
    """Limits [A] at positive and at negative voltage.

    `bench` holds `compliance` and `compliance_negative`, which is None where both polarities have the same `levels`.
    """
    positive, negative = bench["compliance"], bench.get("compliance_negative")
    if positive is None or negative is None:
        return {1: levels, -1: levels}
    return {k: [x] * (x < UNLIMITED) for k, x in ((1, positive), (-1, negative))}


def levels_of(bench: mj.Bench, limits: Float[Array | np.ndarray, "waves 2"] | None) -> list[float]:
    """Limits of a fit that differ [A], ascending; that of sources without one is none."""
    known = limits_of(bench) or ()
    levels = np.unique(np.ravel(known if limits is None else limits))
    return [float(x) for x in levels if x < UNLIMITED]

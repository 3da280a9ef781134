"""Plateaus: where the current stays at one level, on top of an excursion, while the voltage goes on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

_WINDOWS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.12)
"""Half widths, relative to the level, of the windows in which a plateau is sought: narrow ones first."""

_LEAST = 0.005
"""Points that lie no further below a plateau than this share of its level belong to it, however flat it is."""

_REACH = 4.0
"""So do points that lie no further below it than so many standard deviations of its own scatter."""

_LARGEST = 0.05
"""Scatter of a plateau at most."""

_STEEP = 0.5
"""Slope d(ln i)/d(ln v) below which a current bends into its top, as that of a device that saturates."""

_FOLLOWS = 0.75
"""Slope d(ln i)/d(ln v) of a device without a limit at least: nearly that of a resistor."""

_NOISES = 2.0
"""Standard deviation of the voltage on a plateau at least, over that of its noise from point to point."""

_PARTS, _WANDERS = 5, 5.0
"""Parts of a plateau whose medians are compared, and by how many standard errors they differ at most."""

_COARSEST = 0.02
"""Resolution of an instrument at its top, over the top, below which no window is looked at."""

_TINY = 1e-300


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """A flat top of the current in one sweep at one polarity of the voltage.

    Parameters
    ----------
    sweep, polarity : int
        Label of the sweep; 1 or -1.
    rows : Int[np.ndarray, "rows"]
        All rows of the sweep at this polarity.
    level : float
        Median modulus of the current on the plateau [A].
    scatter : float
        Standard deviation of the current on it, over the level, robust.
    count : int
        Points on it.
    square, product, residual : float
        Sums over ln v and ln i about their means: squares of ln v, products, and squared residuals of the regression.
    """

    sweep: int
    polarity: int
    rows: Int[np.ndarray, " rows"]
    level: float
    scatter: float
    count: int
    square: float
    product: float
    residual: float


def reach(scatter: float) -> float:
    """How far below a level a point may lie and still be on the plateau, over the level."""
    return max(_LEAST, _REACH * scatter)


def excursions_of(
    v: Float[np.ndarray, " points"], sweep: Int[np.ndarray, " points"]
) -> Iterator[tuple[int, int, Int[np.ndarray, " rows"]]]:
    """Label, polarity and rows of each sweep at each polarity of the voltage, in order of their first rows."""
    sign = np.sign(v).astype(int)
    order = np.lexsort((sign, sweep))
    cuts = np.flatnonzero((np.diff(sweep[order]) != 0) | (np.diff(sign[order]) != 0)) + 1
    for rows in sorted(np.split(order, cuts), key=lambda r: r[0]):
        if len(rows) and sign[rows[0]]:
            yield int(sweep[rows[0]]), int(sign[rows[0]]), rows


def find_plateaus(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, " points"],
    sweep: Int[np.ndarray, " points"],
) -> list[Plateau]:
    """Plateaus on top of the excursions of a voltage-driven measurement.

    Parameters
    ----------
    v, i : Float[np.ndarray, "points"]
        Voltage [V] and current [A].
    sweep : Int[np.ndarray, "points"]
        Label of the sweep of each point.

    Returns
    -------
    list of Plateau
        At most one for each sweep and polarity.

    Notes
    -----
    The level is where the largest currents are densest. It is a plateau if the current comes from below half of it and
    runs into it without bending, hardly any point lies above, far more points lie on it than just below, three of them
    in a row, the voltage varies, and the current has no course of its own. Whether it follows the voltage, several
    plateaus of one level tell together (`are_free`). Steps below the top are ranges of the instrument.
    """
    plateaus = []
    for label, polarity, rows in excursions_of(v, sweep):
        if top := _plateau(np.abs(v[rows]), np.abs(i[rows])):
            plateaus.append(Plateau(sweep=label, polarity=polarity, rows=rows, **top))
    return plateaus


def are_free(plateaus: Sequence[Plateau]) -> bool:
    """Whether the current on plateaus of one level surely does not follow the voltage."""
    square, product, residual = (
        sum(getattr(p, n) for p in plateaus) for n in ("square", "product", "residual")
    )
    freedom = max(sum(p.count - 2 for p in plateaus), 1)
    # Three standard errors: only a slope that is surely less than a device's speaks for a limit.
    slope = product / max(square, _TINY) + 3 * np.sqrt(residual / freedom / max(square, _TINY))
    return bool(square > 0 and slope < _FOLLOWS)


def _plateau(u: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the fields of a `Plateau` on top of one excursion; empty if there is none."""
    if len(y) < 5 or np.count_nonzero(y) < 5:
        return {}
    log, log_u = np.log(np.maximum(y, _TINY)), np.log(np.maximum(u, _TINY))
    # The third largest: two points may overshoot. Below half of it nothing is a plateau on top.
    high = np.sort(log[log > np.sort(log)[-3] - np.log(2)])
    digit = min(float(np.min(np.diff(high)[np.diff(high) > 0], initial=np.inf)), _COARSEST)
    for window in (w for w in _WINDOWS if w >= digit):
        level = _densest(high, window)
        if _is_plateau(log_u, log, level, window):
            plateau = _measured(y, log_u, log, level, window)
            return plateau if plateau["scatter"] <= _LARGEST else {}
    return {}


def _densest(x: np.ndarray, window: float) -> float:
    """Median of the values of the sorted `x` in the window that holds most of them, the highest of such windows."""
    ends = np.searchsorted(x, x + 2 * window, side="right")
    counts = ends - np.arange(len(x))
    k = len(x) - 1 - int(np.argmax(counts[::-1]))
    return float(x[(k + ends[k] - 1) // 2] + x[(k + ends[k]) // 2]) / 2


def _measured(
    y: np.ndarray, u: np.ndarray, log: np.ndarray, level: float, window: float
) -> dict[str, Any]:
    """Return the fields of a plateau, its window as wide as its scatter, from currents and logarithms of voltage
    and current.
    """
    for _ in range(3):
        on = np.abs(log - level) <= window
        level = float(np.median(log[on]))
        scatter = float(1.4826 * np.median(np.abs(log[on] - level)))
        window = reach(scatter)
    # Where it runs in and out it follows the voltage: there it is below its level.
    upper = np.flatnonzero(on & (log >= level))
    core = np.flatnonzero(on)
    core = core[(core >= upper[0]) & (core <= upper[-1])]
    x, z = u[core] - np.mean(u[core]), log[core] - np.mean(log[core])
    square, product = float(x @ x), float(x @ z)
    residual = float(z @ z) - product**2 / max(square, _TINY)
    summary = {"level": float(np.median(y[on])), "scatter": scatter, "count": int(np.sum(on))}
    return summary | {"square": square, "product": product, "residual": max(residual, 0.0)}


def _is_plateau(u: np.ndarray, log: np.ndarray, level: float, window: float) -> bool:
    """Whether a level is a plateau, of logarithms of voltage and current, for points within a window about it."""
    on = np.abs(log - level) <= window
    count, above = np.sum(on), np.sum(log > level + window)
    below = np.sum((log < level - window) & (log >= level - 5 * window))
    if count < max(4, 0.02 * len(log), 3 * below) or above > max(2, 0.05 * count):
        return False
    if _longest(on) < 3 or not np.any(log < level - np.log(2)):
        return False
    if not _only_overshoots(_runs(on), np.flatnonzero(log > level + 2 * window)):
        return False
    return _varies(u[on]) and not _wanders(log[on]) and not _bends(u, log, level - window)


def _only_overshoots(runs: np.ndarray, beyond: np.ndarray) -> bool:
    """Whether rows beyond a level lie where the current runs into it or leaves it, as a source may overshoot there."""
    long = runs[runs[:, 1] - runs[:, 0] > 2]
    near = (beyond[:, None] >= long[:, 0] - 2) & (beyond[:, None] < long[:, 1] + 2)
    return bool(np.all(np.any(near, axis=1)))


def _runs(mask: np.ndarray) -> Int[np.ndarray, "runs 2"]:
    """First row, and row behind the last, of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return edges.reshape(-1, 2)


def _longest(mask: np.ndarray) -> int:
    """Length of the longest run of true values."""
    return int(np.max(np.diff(_runs(mask), axis=1), initial=0))


def _varies(u: np.ndarray) -> bool:
    """Whether the voltage varies by more than its noise from point to point."""
    # Second differences know no trend; of independent noise their variance is six times its own.
    noise = 1.4826 * float(np.median(np.abs(np.diff(u, 2)))) / np.sqrt(6)
    return bool(np.std(u) > _NOISES * noise)


def _wanders(log: np.ndarray) -> bool:
    """Whether the current along a plateau has a course of its own, beyond the scatter from point to point."""
    parts = np.array_split(log, min(_PARTS, len(log) // 2))
    # Mean modulus of a difference of two normal numbers: 2 / sqrt(pi) standard deviations; that of a median is
    # sqrt(pi / 2) = 1.2533 times that of a mean.
    scatter = float(np.mean(np.abs(np.diff(log)))) * np.sqrt(np.pi) / 2
    error = 1.2533 * scatter / np.sqrt(len(log) / len(parts))
    return bool(np.ptp([np.median(x) for x in parts]) > max(_LEAST, _WANDERS * error))


def _bends(u: np.ndarray, log: np.ndarray, edge: float) -> bool:
    """Whether the current bends gently into what lies above an edge, as the voltage rises."""
    first = int(np.argmax(log >= edge))
    low = np.flatnonzero(log[: first + 1] < edge - 0.25)
    if not len(low):
        return False
    rise = u[first - 1] - u[low[-1]]
    return bool(rise > 0 and log[first - 1] - log[low[-1]] < _STEEP * rise)

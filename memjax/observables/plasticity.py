"""Plasticity: paired pulses, responses to pulses, rate and spike-timing dependence, retention."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float

from ..errors import BoundsError
from ..runtime.flags import check_flags
from .spikes import checked_rows

Values = float | Float[np.ndarray | Array, "..."]
"""One number, or an array of them."""


def _finite(name: str, values, *, zero: bool = True) -> np.ndarray:
    """Values in float64, if they are finite (and none is zero)."""
    values = np.asarray(values, float)
    if not np.isfinite(values).all() or not (zero or values.all()):
        raise BoundsError(
            f"{name} = {values if values.ndim == 0 else 'an array'} that is not finite"
            + ("" if zero else ", or zero"),
            allowed="finite numbers" if zero else "finite numbers other than 0",
        )
    return values


def _columns(name: str, x, y, minimum: int) -> tuple[np.ndarray, np.ndarray]:
    """Two finite columns of one length, sorted by the first."""
    x, y = _finite(name, x), _finite(name, y)
    if x.ndim != 1 or x.shape != y.shape or x.size < minimum:
        raise BoundsError(
            f"columns of shapes {x.shape} and {y.shape}",
            where=name,
            allowed=f"one length, at least {minimum} points",
        )
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def paired_pulse_ratio(first: Values, second: Values) -> float | Float[np.ndarray, "..."]:
    """Response to the second of two pulses over that to the first [1]: above 1 facilitation, below 1 depression.

    Parameters
    ----------
    first, second : float or Float[np.ndarray, "..."]
        Responses, such as mean currents [A] of one sign; see `responses`.

    Returns
    -------
    float or Float[np.ndarray, "..."]
        Second response over the first [1], of the shape of the arguments.

    Raises
    ------
    BoundsError
        For a first response of zero, or a NaN.
    """
    ratio = _finite("second response", second) / _finite("first response", first, zero=False)
    return ratio if ratio.ndim else float(ratio)


def weight_change(before: Values, after: Values) -> float | Float[np.ndarray, "..."]:
    """Relative change of a weight, (after - before) / before [1].

    Parameters
    ----------
    before, after : float or Float[np.ndarray, "..."]
        Weights, such as conductances [S], or currents [A] at one reading voltage.

    Returns
    -------
    float or Float[np.ndarray, "..."]
        Relative change [1], of the shape of the arguments.

    Raises
    ------
    BoundsError
        For a weight before of zero, or a NaN.
    """
    start = _finite("weight before", before, zero=False)
    change = (_finite("weight after", after) - start) / start
    return change if change.ndim else float(change)


def _interpolate(t: np.ndarray, i: np.ndarray, time: float) -> np.ndarray:
    """Values on the straight line between rows."""
    k = int(np.clip(np.searchsorted(t, time, side="right") - 1, 0, t.size - 2))
    share = (time - t[k]) / (t[k + 1] - t[k])
    return np.asarray(i[..., k] + share * (i[..., k + 1] - i[..., k]))


def _cut(t: np.ndarray, i: np.ndarray, start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """The straight lines between rows, from `start` to `stop`."""
    if not (t.size > 1 and t[0] <= start < stop <= t[-1]):
        ends = f"{t[0]:g} to {t[-1]:g} s" if t.size > 1 else "two rows at least"
        raise BoundsError(f"a window from {start:g} to {stop:g} s", where="trace", allowed=ends)
    inner = (t > start) & (t < stop)
    # Interpolated ends: the mean over a window does not depend on where its rows lie.
    ends = [_interpolate(t, i, time)[..., None] for time in (start, stop)]
    times = np.concatenate([[start], t[inner], [stop]])
    return times, np.concatenate([ends[0], i[..., inner], ends[1]], axis=-1)


def responses(
    t: Float[np.ndarray | Array, " rows"],
    i: Float[np.ndarray | Array, "... rows"],
    *,
    windows: Sequence[tuple[float, float]],
    kind: Literal["mean", "peak"] = "mean",
) -> Float[np.ndarray, "... windows"]:
    """Mean or peak of a signal in windows of time.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing; their distances may differ.
    i : Float[np.ndarray, "... rows"]
        Signal, such as a current [A]; straight lines between rows.
    windows : sequence of (float, float)
        Start and stop [s] of each.
    kind : {"mean", "peak"}
        Mean over time, or the value furthest from zero, with its sign.

    Returns
    -------
    Float[np.ndarray, "... windows"]
        Responses in the unit of `i`.

    Raises
    ------
    BoundsError
        For a window that is none or not within the trace, or a trace with a NaN.
    """
    t, i = checked_rows(t, i)
    if kind not in ("mean", "peak"):
        raise BoundsError(f"kind = {kind!r}", where="responses", allowed='"mean" or "peak"')
    values_by_window = []
    for start, stop in windows:
        times, values = _cut(t, i, start, stop)
        if kind == "mean":
            values_by_window.append(np.trapezoid(values, times, axis=-1) / (stop - start))
        else:
            largest = np.argmax(np.abs(values), axis=-1)
            values_by_window.append(np.take_along_axis(values, largest[..., None], axis=-1)[..., 0])
    return np.stack(values_by_window, axis=-1) if values_by_window else np.zeros((*i.shape[:-1], 0))


def _sign_changes(x: np.ndarray, y: np.ndarray, *, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions at which y changes its sign, linear between points (or the middle of the points at
    zero), and the signs after them.
    """
    if log and not (x > 0).all():
        raise BoundsError(f"{x.min():g} on a logarithmic scale", allowed="positive numbers")
    x = np.log(x) if log else x
    busy = np.flatnonzero(y)
    turn = np.flatnonzero(np.diff(np.sign(y[busy])))
    a, b = busy[turn], busy[turn + 1]
    # The secant between the last points of either sign; zeros between them are one crossing.
    line = x[a] - y[a] / (y[b] - y[a]) * (x[b] - x[a])
    position = np.where(b - a > 1, (x[np.minimum(a + 1, b)] + x[b - 1]) / 2, line)
    return np.exp(position) if log else position, np.sign(y[b])


@dataclass(frozen=True, kw_only=True, eq=False)
class PprCurve:
    """Intervals at which the paired-pulse ratio, a function of the interval, passes 1.

    Parameters
    ----------
    to_depression, to_facilitation : Float[np.ndarray, "crossings"]
        Intervals [s] at which the ratio falls below 1, and rises above it; empty where it never does.
    """

    to_depression: Float[np.ndarray, " falls"]
    to_facilitation: Float[np.ndarray, " rises"]


def ppr_curve(
    intervals: Float[np.ndarray | Array, " points"],
    ratios: Float[np.ndarray | Array, " points"],
    *,
    log: bool = False,
) -> PprCurve:
    """Intervals at which facilitation (ratio above 1) turns into depression, and back.

    Parameters
    ----------
    intervals : Float[np.ndarray, "points"]
        Intervals between the two pulses [s], in any order.
    ratios : Float[np.ndarray, "points"]
        Paired-pulse ratios [1].
    log : bool
        Whether to interpolate linearly in the logarithm of the interval. Points of a ratio of
        exactly 1 between the two sides count as one crossing, in their middle.

    Raises
    ------
    BoundsError
        For fewer than two points, a NaN, or an interval <= 0 with `log`.
    """
    check_flags({"log": log}, where="ppr_curve")
    x, y = _columns("ppr_curve", intervals, ratios, 2)
    position, sign = _sign_changes(x, y - 1, log=log)
    return PprCurve(to_depression=position[sign < 0], to_facilitation=position[sign > 0])


def srdp(
    rates: Float[np.ndarray | Array, " points"],
    changes: Float[np.ndarray | Array, " points"],
    *,
    log: bool = False,
) -> float:
    """Threshold rate [1/s] at which the change of weight flips its sign (spike-rate-dependent plasticity).

    Parameters
    ----------
    rates : Float[np.ndarray, "points"]
        Rates of spikes [1/s], in any order.
    changes : Float[np.ndarray, "points"]
        Changes of the weight, in any unit.
    log : bool
        Whether to interpolate linearly in the logarithm of the rate.

    Returns
    -------
    float
        Threshold rate [1/s].

    Raises
    ------
    BoundsError
        If the sign never flips, or flips more than once: then there is no one threshold.
    """
    check_flags({"log": log}, where="srdp")
    x, y = _columns("srdp", rates, changes, 2)
    positions, _ = _sign_changes(x, y, log=log)
    if positions.size != 1:
        flips = (
            f"flips at {np.array2string(positions, precision=4)} 1/s"
            if positions.size
            else "never flips"
        )
        raise BoundsError(
            f"the sign of the change {flips}",
            where=f"rates from {x[0]:g} to {x[-1]:g} 1/s",
            allowed="one flip",
            fix="average repetitions" if positions.size else "measure at lower or higher rates",
        )
    return float(positions[0])


@dataclass(frozen=True, kw_only=True)
class StdpSide:
    r"""One side of a window of spike-timing-dependent plasticity.

    Parameters
    ----------
    amplitude, amplitude_se : float
        Of A exp(-\|dt\| / tau), in the unit of the change, and standard error.
    tau, tau_se : float
        Time constant [s] and standard error. Errors are NaN of two points, which lie on the curve,
        and where the least squares end at a limit of tau (see `stdp_window`).
    width : float
        Area over height, \|integral of dw over dt\| / max \|dw\| [s], without a model: by trapezoids
        between the first and the last point. That of an exponential that has decayed is tau. Noise
        makes the height too large, hence the width too small. NaN where all dw are zero.
    points : int
        Points of this side.
    """

    amplitude: float
    amplitude_se: float
    tau: float
    tau_se: float
    width: float
    points: int


@dataclass(frozen=True, kw_only=True)
class StdpWindow:
    """Change of weight against the time between spikes.

    Parameters
    ----------
    positive, negative : StdpSide or None
        Sides of dt > 0 and dt < 0; None where there are fewer than two times.
    """

    positive: StdpSide | None
    negative: StdpSide | None


_GRID = 81
"""Time constants at which the least squares are tried first."""

_REACH = 100.0
"""How far beyond the measured times a time constant may lie."""


def _exponential(dt: np.ndarray, dw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amplitude and time constant of least squares, and their standard errors."""
    from scipy.optimize import least_squares

    time, size = dt.max(), np.abs(dw).max() or 1.0
    # Of order one, so that tolerances mean the same for milliseconds and for seconds.
    u, y = dt / time, dw / size
    low, high = np.log(u.min() / _REACH), np.log(_REACH)

    def decay(log_tau):
        return np.exp(-u / np.exp(log_tau))

    def best(log_tau):  # the amplitude is linear
        e = decay(log_tau)
        return (e @ y) / max(e @ e, np.finfo(float).tiny)

    def slopes(p) -> Any:  # to pyright the default of least_squares is its type
        e = decay(p[1])
        return np.stack([e, p[0] * e * u / np.exp(p[1])], axis=1)

    grid = np.linspace(low, high, _GRID)
    # Least squares may have several minima in tau: start at the best of a grid.
    rough = grid[np.argmin([np.sum((best(g) * decay(g) - y) ** 2) for g in grid])]
    rough = np.clip(rough, grid[1], grid[-2])
    fit = least_squares(
        lambda p: p[0] * decay(p[1]) - y,
        [best(rough), rough],
        jac=slopes,  # pyright: ignore[reportArgumentType]
        bounds=([-np.inf, low], [np.inf, high]),
        xtol=1e-14,
        ftol=1e-14,
        gtol=1e-14,
    )
    value = np.array([fit.x[0] * size, np.exp(fit.x[1]) * time])
    # No standard error without a degree of freedom, nor at an end of the search.
    free, singular = y.size - 2, np.linalg.cond(fit.jac) > 1e12
    if free < 1 or singular or np.min(np.abs(fit.x[1] - [low, high])) < 1e-3:
        return value, np.full(2, np.nan)
    # Covariance s^2 (J'J)^-1 of least squares.
    errors = np.sqrt(np.diag(np.linalg.inv(fit.jac.T @ fit.jac)) * np.sum(fit.fun**2) / free)
    return value, errors * [size, value[1]]


def _width(dt: np.ndarray, dw: np.ndarray) -> float:
    """Area over height; repeats at one time are averaged."""
    times, number = np.unique(dt, return_inverse=True)
    means = np.bincount(number, dw) / np.bincount(number)
    height = np.abs(means).max()
    return float(abs(np.trapezoid(means, times)) / height) if height > 0 else float("nan")


def _side(dt: np.ndarray, dw: np.ndarray) -> StdpSide | None:
    """One side, of times dt > 0."""
    if np.unique(dt).size < 2:
        return None
    (amplitude, tau), (amplitude_se, tau_se) = _exponential(dt, dw)
    return StdpSide(
        amplitude=float(amplitude),
        amplitude_se=float(amplitude_se),
        tau=float(tau),
        tau_se=float(tau_se),
        width=_width(dt, dw),
        points=len(dt),
    )


def stdp_window(
    dt: Float[np.ndarray | Array, " points"], dw: Float[np.ndarray | Array, " points"]
) -> StdpWindow:
    r"""Both sides of a window of spike-timing-dependent plasticity, by least squares of A exp(-\|dt\| / tau).

    Each side by itself; all points weigh the same, and errors come from the scatter about the
    curve. The time constant is sought from a hundredth of the shortest to a hundred times the
    longest time of the side; points at dt = 0 belong to neither side.

    Parameters
    ----------
    dt : Float[np.ndarray, "points"]
        Time of the postsynaptic spike minus that of the presynaptic one [s], in any order.
    dw : Float[np.ndarray, "points"]
        Change of the weight, such as `weight_change` [1].

    Returns
    -------
    StdpWindow

    Raises
    ------
    BoundsError
        For columns of different lengths or a NaN.

    References
    ----------
    S. Song, K. D. Miller, L. F. Abbott, Nat. Neurosci. 3, 919 (2000), doi:10.1038/78829.
    """
    x, y = _columns("stdp_window", dt, dw, 1)
    return StdpWindow(positive=_side(x[x > 0], y[x > 0]), negative=_side(-x[x < 0], y[x < 0]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Retention:
    """Share of a weight that is kept over time, without a law of decay.

    Parameters
    ----------
    times : Float[np.ndarray, "times"]
        Times since the first row [s].
    share : Float[np.ndarray, "... times"]
        Share of the first row's weight over the baseline that is left [1].
    """

    times: Float[np.ndarray, " times"]
    share: Float[np.ndarray, "... times"]

    @property
    def loss(self) -> Float[np.ndarray, "... times"]:
        """Relative loss, 1 - kept [1]."""
        return 1 - self.share


def retention(
    t: Float[np.ndarray | Array, " rows"],
    w: Float[np.ndarray | Array, "... rows"],
    *,
    at: float | Float[np.ndarray, " times"],
    baseline: float = 0.0,
) -> Retention:
    """Share of a weight that is kept some time after the first row, linear between rows.

    Parameters
    ----------
    t : Float[np.ndarray, "rows"]
        Times [s], increasing.
    w : Float[np.ndarray, "... rows"]
        Weight, such as a conductance [S].
    at : float or Float[np.ndarray, "times"]
        Times since the first row [s].
    baseline : float
        Weight to which it decays, in its unit: (w(t) - baseline) / (w(0) - baseline) is kept.

    Raises
    ------
    BoundsError
        For a time outside the trace, or a first weight at the baseline.
    """
    t, w = checked_rows(t, w)
    times = np.atleast_1d(_finite("at", at))
    if t.size < 2 or not ((times >= 0) & (times <= t[-1] - t[0])).all():
        allowed = f"0 to {t[-1] - t[0]:g} s" if t.size > 1 else "two rows at least"
        raise BoundsError(f"retention at {times} s after the first row", allowed=allowed)
    first = _finite("first weight over baseline", w[..., :1] - baseline, zero=False)
    remainder = (
        np.stack([_interpolate(t, w, min(t[0] + s, t[-1])) for s in times], axis=-1) - baseline
    )
    return Retention(times=times, share=remainder / first)

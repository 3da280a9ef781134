"""Laws of decay of a resistance, fitted and compared by the criterion of Akaike."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from memjax.crossbar.retention import logarithm_of_time, power_of_time, stretched_exponential
from memjax.data import DecayRecord
from memjax.errors import DataError

from ..residuals import neighbour_correlation

_LONGEST = 50.0  # how far beyond the record a time constant may lie


@dataclass(frozen=True, kw_only=True)
class Law:
    """A law of decay.

    Parameters
    ----------
    name : str
        Its name.
    units : dict of str to str
        Parameters and their units.
    value : callable
        ``value(t, p)``: resistance over the scale [1] at times over the duration [1].
    starts : callable
        ``starts(first, last)``: starts of the search.
    low, high : tuple of float
        Bounds.
    """

    name: str
    units: dict[str, str]
    value: Callable
    starts: Callable
    low: tuple[float, ...]
    high: tuple[float, ...]


# Times are searched for as logarithms.
_FAST, _SLOW, _SHORT = np.log(1e-4), np.log(_LONGEST), (0.001, 0.03, 0.5)
LAWS: tuple[Law, ...] = (
    Law(
        name="stretched exponential",
        units={"r0": "ohm", "r_inf": "ohm", "tau": "s", "beta": "1"},
        value=lambda t, p: stretched_exponential(t, p[0], p[1], np.exp(p[2]), p[3]),
        starts=lambda a, b: [
            (a, b + share * (b - a), np.log(tau), beta)
            for share, tau, beta in ((0.1, 0.3, 0.7), (1.0, 1.0, 0.5), (0.0, 0.05, 1.0))
        ],
        low=(0.0, 0.0, _FAST, 0.1),
        high=(10.0, 10.0, _SLOW, 2.0),
    ),
    Law(
        name="logarithm of time",
        units={"r0": "ohm", "a": "ohm", "t0": "s"},
        value=lambda t, p: logarithm_of_time(t, p[0], p[1], np.exp(p[2])),
        starts=lambda a, b: [(a, (b - a) / np.log1p(1 / t0), np.log(t0)) for t0 in _SHORT],
        low=(0.0, -10.0, _FAST),
        high=(10.0, 10.0, _SLOW),
    ),
    Law(
        name="power of time",
        units={"r0": "ohm", "nu": "1", "t0": "s"},
        value=lambda t, p: power_of_time(t, p[0], p[1], np.exp(p[2])),
        starts=lambda a, b: [(a, np.log(b / a) / np.log1p(1 / t0), np.log(t0)) for t0 in _SHORT],
        low=(0.0, -10.0, _FAST),
        high=(10.0, 10.0, _SLOW),
    ),
)
"""What is compared."""


@dataclass(frozen=True, kw_only=True)
class LawFit:
    """One law, fitted.

    Parameters
    ----------
    name : str
        Its name.
    values, std, units : dict
        Parameters, their standard errors, their units; an error is None where the least squares end
        at a bound or the parameters are not told apart.
    rms : float
        Root mean square of the relative residuals [1].
    correlation : float
        Autocorrelation of the residuals from one reading to the next; the errors allow for it.
    aic : float
        Akaike's criterion, of the number of independent readings that this correlation leaves.
    ahead : float or None
        Median relative error of the second half of the time where only the first is fitted [1].
    curve : Float[np.ndarray, "rows"]
        Resistance at the record's times [ohm].
    """

    name: str
    values: dict[str, float]
    std: dict[str, float | None]
    units: dict[str, str]
    rms: float
    correlation: float
    aic: float
    ahead: float | None
    curve: Float[np.ndarray, " rows"]


def _least(law: Law, t: np.ndarray, y: np.ndarray) -> Any:
    """Best of the least squares from the law's starts."""
    from scipy.optimize import least_squares

    few, low, high = max(len(y) // 50, 1), np.asarray(law.low), np.asarray(law.high)
    off: Any = lambda p: law.value(t, p) - y  # noqa: E731
    starts = law.starts(float(np.median(y[:few])), float(np.median(y[-5 * few :])))
    options: dict[str, Any] = dict(bounds=(low, high), x_scale="jac", max_nfev=200)
    fits = [least_squares(off, np.clip(x, low + 1e-6, high - 1e-6), **options) for x in starts]
    return min(fits, key=lambda f: f.cost)


def fit_law(law: Law, t: Float[np.ndarray, " rows"], r: Float[np.ndarray, " rows"]) -> LawFit:
    """Fit a law of decay, one of `LAWS`, to resistances [ohm] at times [s]; the fitted law.

    Raises
    ------
    DataError
        For fewer than 8 readings.
    """
    if len(t) < 8:
        raise DataError(f"{len(t)} readings", where="retention", allowed="at least 8")
    since, scale = t - t[0], float(np.median(r))
    time = float(since[-1])
    best = _least(law, since / time, r / scale)
    off, rho = best.fun, neighbour_correlation(best.fun)
    # Values that follow each other by rho tell as much as this many independent ones.
    independent = max(len(t) * (1 - rho) / (1 + rho), len(best.x) + 1)
    half = since <= time / 2
    ahead = None
    if half.sum() >= 8 and (~half).any():
        early = _least(law, since[half] / time, r[half] / scale)
        late = scale * law.value(since[~half] / time, early.x)
        ahead = float(np.median(np.abs(late - r[~half]) / r[~half]))
    values, std = _in_units(law, best, scale, time, independent)
    return LawFit(
        name=law.name,
        values=values,
        std=std,
        units=law.units,
        rms=float(np.sqrt(np.mean(off**2))),
        correlation=rho,
        aic=float("nan"),
        ahead=ahead,
        curve=scale * (r / scale + off),
    )


def compare(record: DecayRecord) -> tuple[LawFit, ...]:
    """All laws fitted to a run, the best by Akaike's criterion first.

    Notes
    -----
    The criterion counts as many independent readings as the residuals' correlation under the law of
    least residuals leaves, the same number for all.
    """
    fits = [fit_law(law, record.t, record.r) for law in LAWS]
    rho = min(fits, key=lambda f: f.rms).correlation
    n = len(record.t) * (1 - rho) / (1 + rho)
    aic = lambda f: float(2 * n * np.log(max(f.rms, 1e-300)) + 2 * len(f.values))  # noqa: E731
    return tuple(sorted((replace(f, aic=aic(f)) for f in fits), key=lambda f: f.aic))


def _in_units(law: Law, best: Any, scale: float, time: float, independent: float):
    """Values and standard errors in the law's units."""
    jtj = best.jac.T @ best.jac
    size = np.sqrt(np.diag(jtj))
    sound = np.all(size > 0) and np.linalg.cond(jtj / np.outer(size, size)) < 1e12
    variance = 2 * best.cost / max(len(best.fun) - len(best.x), 1) * len(best.fun) / independent
    sigma = np.sqrt(np.diag(np.linalg.inv(jtj)) * variance) if sound else np.full(len(size), np.nan)
    values: dict[str, float] = {}
    std: dict[str, float | None] = {}
    for k, (name, unit) in enumerate(law.units.items()):
        x = float(best.x[k])
        value = scale * x if unit == "ohm" else time * np.exp(x) if unit == "s" else x
        slope = {"ohm": scale, "s": value}.get(unit, 1.0)
        inside = min(x - law.low[k], law.high[k] - x) > 1e-3 and np.isfinite(sigma[k])
        values[name], std[name] = float(value), float(slope * sigma[k]) if inside else None
    return values, std

"""Criteria of information of fits to the same data, and scores of what they predict."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from ..residuals import Residuals


def alike(every: list[Residuals]) -> Bool[np.ndarray, " rows"]:
    """Which rows weigh the same in all fits; none where these have not one number of rows."""
    first = every[0].sigma
    if any(x.sigma.shape != first.shape for x in every):
        return np.zeros(first.shape, bool)
    return np.all([np.isclose(x.sigma, first, rtol=1e-9) for x in every], axis=0)


def correlation(
    values: Float[np.ndarray, " rows"], series: Int[np.ndarray, " rows"]
) -> float:  # fmt: skip
    """Correlation of neighbours of one curve; 0 unless it is surely above, 0.99 at the most."""
    pairs = (series[1:] == series[:-1]) & (series[1:] >= 0)
    a, b, n = values[1:][pairs], values[:-1][pairs], np.count_nonzero(pairs)
    rho = float(np.sum(a * b) / max(np.sum(a**2), 1e-300))
    return min(rho, 0.99) if n >= 8 and rho > 2 / np.sqrt(n) else 0.0


def independent(values: Float[np.ndarray, " rows"], series: Int[np.ndarray, " rows"]) -> float:
    """Number of independent values: those of a curve count the less, the more neighbours are alike."""
    rho, curves = correlation(values, series), np.count_nonzero(series >= 0)
    return float(curves * (1 - rho) / (1 + rho) + len(series) - curves)


def criteria(
    left: Mapping[str, Residuals], free: Mapping[str, int]
) -> tuple[dict[str, dict[str, float]], float | None, str]:
    """AIC, AICc, BIC and difference of AIC by model, the number of independent residuals, or why there are none.

    Parameters
    ----------
    left : mapping of str to Residuals
        What each fit leaves of the data.
    free : mapping of str to int
        Number of free parameters of each.
    """
    every = list(left.values())
    if len(every) < 2:
        return {}, None, "fewer than two models were fitted"
    if reasons := [x.no_likelihood for x in every if x.no_likelihood]:
        return {}, None, reasons[0]
    if not np.all(alike(every)):
        text = (
            "the fits do not weigh the same data alike (switching counts for volatile models only)"
        )
        return {}, None, text
    squares = {n: float(np.sum(x.values**2)) for n, x in left.items()}
    best = left[min(squares, key=lambda n: squares[n])]
    counted = np.isfinite(best.sigma)
    n, most = independent(best.values[counted], best.series[counted]), max(free.values())
    if n <= most + 2:
        text = f"neighbouring residuals are so alike that only {n:.0f} of {best.points} count as independent"
        return {}, n, f"{text}, for up to {most} parameters"
    found = {name: _of(squares[name], n, free[name] + 1) for name in left}
    least = min(x["aic"] for x in found.values())
    return {m: x | {"delta_aic": x["aic"] - least} for m, x in found.items()}, n, ""


def _of(squares: float, n: float, k: int) -> dict[str, float]:
    """Criteria of a sum of squares of n independent residuals, and k parameters with their variance."""
    fit = n * float(np.log(max(squares, 1e-300) / n))
    aic = fit + 2 * k
    return {"aic": aic, "aicc": aic + 2 * k * (k + 1) / (n - k - 1), "bic": fit + k * np.log(n)}


def scores(left: Mapping[str, Residuals]) -> tuple[dict[str, dict], int]:
    """Root mean square, median residual, distance behind the best by model; rows left out, which do not weigh alike.

    Parameters
    ----------
    left : mapping of str to Residuals
        What each fit leaves of data that it has not seen.
    """
    every = list(left.values())
    same = alike(every)
    counted = np.any([np.isfinite(x.sigma) for x in every], axis=0) if same.any() else ~same
    count = np.count_nonzero(same & counted)
    if not count:
        return {}, len(same)
    squares = {n: np.where(same, x.values, 0.0) ** 2 for n, x in left.items()}
    best = min(squares, key=lambda n: np.sum(squares[n]))
    found: dict[str, dict] = {}
    for name, own in left.items():
        away = (squares[name] - squares[best])[same & counted]
        found[name] = {
            "score": float(np.sqrt(np.sum(squares[name]) / count)),
            "held_residual": own.typical if np.isfinite(own.typical) else None,
            "behind": _over_error(away, own.series[same & counted]),
        }
    return found, int(np.count_nonzero(counted & ~same))


def _over_error(x: Float[np.ndarray, " rows"], series: Int[np.ndarray, " rows"]) -> float:
    """Mean over its standard error, of correlated values; 0 where all are 0."""
    off = x - np.mean(x)
    error = np.sqrt(np.mean(off**2) / max(independent(off, series) - 1, 1.0))
    return float(np.mean(x) / error) if error > 0 else 0.0


__all__ = ["alike", "correlation", "criteria", "independent", "scores"]

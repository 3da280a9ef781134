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


def independent(values: Float[np.ndarray, " rows"], series: Int[np.ndarray, " rows"]) -> float:
    """Number of independent values: those of a curve count the less, the more neighbours are alike.

    Their correlation counts where it is surely above 0, and as 0.99 at the most.
    """
    pairs = (series[1:] == series[:-1]) & (series[1:] >= 0)
    a, b, n = values[1:][pairs], values[:-1][pairs], np.count_nonzero(pairs)
    rho = min(float(np.sum(a * b) / max(np.sum(a**2), 1e-300)), 0.99)
    # Two standard errors of a correlation of n independent pairs: less is as good as none.
    rho = rho if n >= 8 and rho > 2 / np.sqrt(n) else 0.0
    curves = np.count_nonzero(series >= 0)
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

    Notes
    -----
    Where some fits have no likelihood, criteria are those of the others, if these are two or more.
    """
    if len(left) < 2:
        return {}, None, "fewer than two models were fitted"
    reasons = [x.no_likelihood for x in left.values() if x.no_likelihood]
    left = {n: x for n, x in left.items() if not x.no_likelihood}
    every = list(left.values())
    if len(every) < 2:
        return {}, None, reasons[0]
    if not np.all(alike(every)):
        reason = "the fits do not weigh the same data alike, as switching by volatile models"
        return {}, None, reason
    squares = {n: float(np.sum(x.values**2)) for n, x in left.items()}
    best = left[min(squares, key=lambda n: squares[n])]
    counted = np.isfinite(best.sigma)
    n, most = independent(best.values[counted], best.series[counted]), max(free[m] for m in left)
    if n <= most + 2:
        text = f"residuals follow each other: {n:.0f} of {best.points} count as independent"
        return {}, n, f"{text}, for up to {most} parameters"
    by_model = {name: _of(squares[name], n, free[name] + 1) for name in left}
    least = min(x["aic"] for x in by_model.values())
    return {m: x | {"delta_aic": x["aic"] - least} for m, x in by_model.items()}, n, ""


def _of(squares: float, n: float, k: int) -> dict[str, float]:
    """Criteria of a sum of squares of n independent residuals, and k parameters with their variance."""
    fit = n * float(np.log(max(squares, 1e-300) / n))
    more = 2 * k * (k + 1) / (n - k - 1)
    return {"aic": fit + 2 * k, "aicc": fit + 2 * k + more, "bic": fit + k * float(np.log(n))}


def scores(left: Mapping[str, Residuals]) -> tuple[dict[str, dict[str, float | None]], int]:
    """Root mean square, median residual, distance behind the best by model; rows left out, which do not weigh alike.

    Parameters
    ----------
    left : mapping of str to Residuals
        What each fit leaves of data that it has not seen.

    Notes
    -----
    A fit without likelihood weighs data by its prior: it has a median residual alone.
    """
    alone: dict[str, dict[str, float | None]] = {
        n: {"score": None, "held_residual": x.typical, "behind": None} for n, x in left.items()
    }
    left = {n: x for n, x in left.items() if not x.no_likelihood}
    every = list(left.values())
    if not every:
        return alone, 0
    same = alike(every)
    used = same & np.isfinite(every[0].sigma)
    if not used.any():
        return alone, len(same)
    r = {n: np.where(same, x.values[: len(same)], 0.0) for n, x in left.items()}
    square = {n: float(np.sum(x**2) / np.count_nonzero(used)) for n, x in r.items()}
    best = min(square, key=lambda n: square[n])
    count = max(independent(r[best][used], every[0].series[used]), 1.0)
    by_model = alone
    for name in left:
        # Of (m + e)^2 - e^2 with noise e as the best leaves it, and what the predictions are apart by, m.
        apart = np.sum((r[name] - r[best]) ** 2) / np.count_nonzero(used)
        error = 2 * np.sqrt(apart * square[best] / count)
        deficit = float((square[name] - square[best]) / error) if error > 0 else 0.0
        by_model[name] |= {"score": float(np.sqrt(square[name])), "behind": deficit}
    return by_model, int(np.count_nonzero(~same))

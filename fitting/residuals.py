"""What a fit leaves of its data, in a form in which fits of several models are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

MAD = 1.4826
"""Standard deviation of a normal over its median absolute deviation."""

MEDIAN = 1.2533
"""Standard error of a median over that of a mean, of normal numbers: sqrt(pi / 2)."""


def variance_of_median(count: int) -> float:
    """Variance of the median of so many normal numbers, over that of one of them.

    Notes
    -----
    pi / 2n of many. Of an even number the median is a mean of two, and scatters by less than that of the odd number
    before: the offsets are those of the exact variances 0.4487, 0.2982, 0.2868, 0.2147 of 3 to 6 numbers, to 1.5 %.
    """
    return np.pi / 2 / (count + (np.pi / 2 - 1 if count % 2 else 1.3))


FAR_Z = 5.0
"""Robust z from which on a curve is far from the others: chance makes no such z, of normal numbers in 6e-7 of cases."""

LEAST_SCATTER = 0.02
"""Scatter of deviations that z counts at least [decades]: what is off by a fifth is not far, however tight."""

_WIDE = 0.75  # quantile of a curve's deviations: a step that comes a little later is none of a quarter of its points

FEWEST_CURVES = 5
"""Curves below which none is far from the others."""

_NAMED = 8  # curves that are named at the most


def scatter_of_bends(middle):
    """Standard deviation of points from the median modulus of their second differences: a slope counts for none."""
    # x - 2 y + z of independent points has 1 + 4 + 1 times their variance.
    return MAD * middle / np.sqrt(6)


def scatter_about_neighbours(x: Float[np.ndarray, " rows"]) -> float:
    """Robust standard deviation of rows about their neighbours; 0 of fewer than three."""
    bends = np.abs(np.diff(x, 2))
    return float(scatter_of_bends(np.median(bends))) if bends.size else 0.0


def far_from_others(
    curves: Float[np.ndarray, "curves points"],
) -> list[tuple[int, float, float]]:
    """Curves [decades] that are far from their median: place, deviation [decades] of a quarter of the points, robust z.

    Notes
    -----
    z is the deviation less the median of those of all, over their robust standard deviation.
    """
    if len(curves) < FEWEST_CURVES or not curves.shape[1]:
        return []
    size = np.quantile(np.abs(curves - np.median(curves, axis=0)), _WIDE, axis=1)
    apart = size - np.median(size)
    z = apart / max(MAD * float(np.median(np.abs(apart))), LEAST_SCATTER)
    far = np.flatnonzero(z > FAR_Z)
    return [(int(k), float(size[k]), float(z[k])) for k in far]


def named_far(
    curves: Float[np.ndarray, "curves points"], labels: Sequence[int], *, name: str, what: str
) -> list[str]:
    """A sentence that names curves far from the others by their numbers; none where there are none.

    `name` is what the curves are called, `what` what becomes of them.
    """
    far = far_from_others(curves)
    if not far:
        return []
    more = f" and {len(far) - _NAMED} more" if len(far) > _NAMED else ""
    listing = ", ".join(f"{labels[k]} ({x:.2g} decades, z {z:.3g})" for k, x, z in far[:_NAMED])
    text = "far from the others at a quarter of the points or more (robust z)"
    return [f"{name} {text}: {listing}{more}; {what}"]


def neighbour_correlation(off: Float[np.ndarray, " rows"]) -> float:
    """Correlation of residuals from one row to the next, 0 to 0.99."""
    return float(np.clip(np.sum(off[1:] * off[:-1]) / max(np.sum(off**2), 1e-300), 0.0, 0.99))


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """Residuals of data, and what each was weighed by.

    Parameters
    ----------
    values : Float[np.ndarray, "rows"]
        Residuals as they are minimised [sigma].
    sigma : Float[np.ndarray, "rows"]
        Standard deviations by which they were weighed [unit of the data]; infinite where a row is no datum: it does not
        count, or only bounds the model.
    series : Int[np.ndarray, "rows"]
        Number of the curve in which neighbouring rows follow one another; -1 for what stands alone, such as an event.
    unit : str
        In which the residuals of curves are read, as "decades".
    no_likelihood : str
        Why these residuals have no likelihood; "" where they have one.
    """

    values: Float[np.ndarray, " rows"]
    sigma: Float[np.ndarray, " rows"]
    series: Int[np.ndarray, " rows"]
    unit: str
    no_likelihood: str = ""

    @property
    def points(self) -> int:
        """Number of data."""
        return int(np.sum(np.isfinite(self.sigma)))

    @property
    def typical(self) -> float | None:
        """Median modulus of the residuals of curves [unit]; None where none counts."""
        known = np.isfinite(self.sigma) & (self.series >= 0)
        sizes = np.abs(self.values[known] * self.sigma[known])
        return float(np.median(sizes)) if known.any() else None

"""What a fit leaves of its data, in a form in which fits of several models are compared."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


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
        own = np.isfinite(self.sigma) & (self.series >= 0)
        return float(np.median(np.abs(self.values[own] * self.sigma[own]))) if own.any() else None

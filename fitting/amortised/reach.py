"""How far statistics may lie from those of simulated devices, for a density to know anything of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

QUANTILE = 0.999
"""Share of the simulated devices that lie within reach."""

_LEAST = 1e-6  # of the largest variance: directions of less are those of rounding
_SAME = 0.02  # by which a statistic may differ that never does in simulations, of its size or 1


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The region of statistics that simulated devices fill.

    Parameters
    ----------
    center : Float[np.ndarray, "statistics"]
        Mean.
    scale : Float[np.ndarray, "statistics"]
        Standard deviations; 0 of those that never differ.
    root : Float[np.ndarray, "some some"]
        Root of the inverse correlation of those that do.
    limit : float
        Distance of Mahalanobis within which 99.9 % of the simulated devices lie.
    """

    center: Float[np.ndarray, " statistics"]
    scale: Float[np.ndarray, " statistics"]
    root: Float[np.ndarray, "some some"]
    limit: float

    @classmethod
    def of(
        cls,
        statistics: Float[np.ndarray, "devices statistics"],
        scale: Float[np.ndarray, " statistics"],
    ) -> "Reach":
        """Of simulated devices; `scale` as for `Reach`."""
        statistics, some = np.asarray(statistics, float), scale > 0
        center = statistics.mean(axis=0)
        x = (statistics - center)[:, some] / scale[some]
        size, axes = np.linalg.eigh(x.T @ x / len(x))
        root = axes / np.sqrt(np.maximum(size, _LEAST * size[-1]))
        limit = float(np.quantile(np.linalg.norm(x @ root, axis=1), QUANTILE))
        return cls(center=center, scale=scale, root=root, limit=limit)

    def distance(
        self, statistics: Float[np.ndarray, "devices statistics"]
    ) -> Float[np.ndarray, " devices"]:
        """Distance of Mahalanobis over the limit: above 1 it is outside; infinite where what never differs does."""
        offsets, some = statistics - self.center, self.scale > 0
        distance = np.linalg.norm(offsets[:, some] / self.scale[some] @ self.root, axis=1)
        same = np.abs(offsets[:, ~some]) <= _SAME * np.maximum(np.abs(self.center[~some]), 1.0)
        return np.where(same.all(axis=1), distance / self.limit, np.inf)

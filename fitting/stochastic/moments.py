"""Medians, spreads and correlations of samples: which parameters explain them, and a search for those that do.

See `fitting.sweeps.cycle_moments`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

NARROWEST = 1e-3
"""Standard deviation of a logarithm at the least: that of devices that are alike."""

WIDEST = 1.0
"""Standard deviation of a logarithm beyond which the spread of a parameter explains nothing."""

FARTHEST = 0.5
"""Largest move of a search in one step [natural log units]."""

_FELT = 0.02  # change of a feature per change of a parameter, both logarithms, below which it does not follow
_SINGULAR = 1e6  # condition number from which on parameters are one


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Median, standard deviation and correlations of features, and of how many cycles.

    Parameters
    ----------
    center, sd : Float[np.ndarray, "features"]
        Of natural logarithms.
    correlation : Float[np.ndarray, "features features"]
        Of natural logarithms.
    cycles : int
        How many.
    resolution : Float[np.ndarray, "features"] or float
        Step of the readings of the features, in natural logarithms: the median lies anywhere within it.
    """

    center: Float[np.ndarray, " features"]
    sd: Float[np.ndarray, " features"]
    correlation: Float[np.ndarray, "features features"]
    cycles: int
    resolution: Float[np.ndarray, " features"] | float = 0.0

    @classmethod
    def of(
        cls,
        values: Float[np.ndarray, "cycles features"],
        *,
        shrunk: bool = False,
        resolution: Float[np.ndarray, " features"] | float = 0.0,
    ) -> "Moments":
        """Those of values, which are positive.

        Correlations are `shrunk` as if as many further cycles as there are features had shown none: those of five
        cycles are hardly more than chance, those of forty stay.
        """
        x = np.log(values)
        sd = np.maximum(np.std(x, axis=0, ddof=1), NARROWEST)
        correlation = np.atleast_2d(np.cov(x, rowvar=False)) / np.outer(sd, sd)
        np.fill_diagonal(correlation, 1.0)
        if shrunk:
            share = len(x) / (len(x) + len(sd))
            correlation = share * correlation + (1 - share) * np.eye(len(sd))
        return cls(
            center=np.median(x, axis=0),
            sd=sd,
            correlation=correlation,
            cycles=len(x),
            resolution=resolution,
        )

    def some(self, features: Sequence[int]) -> "Moments":
        """Those of some features."""
        k = list(features)
        step = np.broadcast_to(self.resolution, self.sd.shape)[k]
        return replace(
            self,
            center=self.center[k],
            sd=self.sd[k],
            correlation=self.correlation[np.ix_(k, k)],
            resolution=step,
        )

    @property
    def root(self) -> Float[np.ndarray, "features features"]:
        """A root of the covariance."""
        matrix = self.correlation + 1e-9 * np.eye(len(self.sd))
        return self.sd[:, None] * np.linalg.cholesky(matrix)

    @property
    def errors(self) -> tuple[Float[np.ndarray, " features"], float]:
        """Standard errors of the medians, and of the logarithms of the standard deviations."""
        scatter = np.sqrt(0.5 * np.pi / self.cycles) * self.sd
        of_median = np.hypot(scatter, np.asarray(self.resolution) / np.sqrt(12))
        return of_median, 1 / np.sqrt(2 * (self.cycles - 1))

    def away(self, simulated: "Moments") -> Float[np.ndarray, "2 features"]:
        """Differences of medians and of logarithms of standard deviations, in standard errors."""
        of_median, of_sd = self.errors
        medians = (simulated.center - self.center) / of_median
        return np.stack([medians, np.log(simulated.sd / self.sd) / of_sd])


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which parameters explain which features.

    Parameters
    ----------
    names : tuple of str
        Parameters.
    features : tuple of int
        Features that they explain.
    slope : Float[np.ndarray, "features names"]
        Change of the logarithm of a feature by that of a parameter.
    scatter : float
        Sum of the variances of the logarithms of the parameters that this asks for.
    """

    names: tuple[str, ...]
    features: tuple[int, ...]
    slope: Float[np.ndarray, "features names"]
    scatter: float


def choices(
    names: Sequence[str],
    slopes: Float[np.ndarray, "features names"],
    target: Moments,
    *,
    count: int,
) -> list[Choice]:
    """Sets of parameters that explain the scatter of the features, those with the least scatter of their own first.

    A feature that follows no parameter, or asks for a scatter that none has, is left out; nothing where all are.
    """
    features = [k for k, row in enumerate(slopes) if np.max(np.abs(row), initial=0.0) > _FELT]
    while features:
        some, root, sets = slopes[features], target.some(features).root, []
        for columns in combinations(range(len(names)), len(features)):
            matrix = some[:, columns]
            if np.linalg.cond(matrix) > _SINGULAR:
                continue
            scatter = np.linalg.solve(matrix, root)
            if np.sum(scatter**2, axis=1).max() < WIDEST**2:
                sets.append((float(np.sum(scatter**2)), columns))
        if sets:
            return [
                Choice(
                    names=tuple(str(names[k]) for k in columns),
                    features=tuple(features),
                    slope=some[:, columns],
                    scatter=scatter,
                )
                for scatter, columns in sorted(sets)[:count]
            ]
        # The feature goes that parameters follow least.
        follow = np.max(np.abs(some), axis=1) / target.sd[features]
        del features[int(np.argmin(follow))]
    return []


def vector_of(center: np.ndarray, root: np.ndarray) -> Float[np.ndarray, " moments"]:
    """Medians and a lower triangular root of a covariance as one vector, whose elements may be any numbers."""
    scale = np.diag(root)
    below = (root / scale[:, None])[np.tril_indices(len(root), -1)]
    return np.concatenate([center, np.log(scale), below])


def parts_of(vector: Float[np.ndarray, " moments"], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Medians and root of `vector_of` of so many features."""
    root = np.eye(n)
    root[np.tril_indices(n, -1)] = vector[2 * n :]
    return vector[:n], np.exp(vector[n : 2 * n])[:, None] * root


class Mixing:
    """Anderson mixing: the next point of a search whose map is nearly the identity [1]_.

    References
    ----------
    .. [1] D. G. Anderson, J. ACM 12, 547 (1965), doi:10.1145/321296.321305
    """

    def __init__(self, scale: np.ndarray, depth: int = 6):
        self.scale, self.depth = scale, depth
        self.x: list[np.ndarray] = []
        self.f: list[np.ndarray] = []

    def __call__(self, x: np.ndarray, f: np.ndarray) -> np.ndarray:
        """The point after `x`, where the map misses its target by `f`."""
        self.x, self.f = [*self.x, x][-self.depth :], [*self.f, f][-self.depth :]
        step = f
        if len(self.x) > 1:
            dx, df = np.diff(self.x, axis=0), np.diff(self.f, axis=0)
            gamma = np.linalg.lstsq((df / self.scale).T, f / self.scale, rcond=1e-3)[0]
            step = f - gamma @ (dx + df)
        return x + np.clip(step, -FARTHEST, FARTHEST)

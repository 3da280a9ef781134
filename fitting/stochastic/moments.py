"""Medians, spreads and correlations of samples: which parameters explain them, and a search for those that do.

See `fitting.sweeps.cycle_moments`.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

NARROWEST = 1e-3
"""Standard deviation of a logarithm at the least: that of devices that are alike."""

WIDEST = 1.0
"""Standard deviation of a logarithm beyond which the spread of a parameter explains nothing."""

WIDEST_RATE = 4.0
"""The same of a rate or a time: an energy of activation that scatters by 0.1 eV, four times the energy kT of a room."""

FARTHEST = 0.5
"""Largest move of a search in one step [natural log units]."""

_FELT = 0.02  # change of a feature per change of a parameter, both logarithms, below which it does not follow
_GROUPS = 400  # random groups of values of which the typical standard deviation is the median
_SINGULAR = 1e6  # condition number from which on parameters are one


def typical_sd(
    x: Float[np.ndarray, "values features"], count: int
) -> Float[np.ndarray, " features"]:
    """Standard deviation that so many of the values typically show: the median over random groups, NaN left out.

    A few cycles are compared with many simulated ones. One of five hundred that did not set completely would decide on
    the standard deviation of all, and five measured cycles would hardly ever show it.
    """
    if count >= len(x):
        return np.nanstd(x, axis=0, ddof=1)
    picks = np.random.default_rng(0).integers(len(x), size=(_GROUPS, max(count, 3)))
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # groups of which fewer than two show a feature
        return np.nanmedian(np.nanstd(x[picks], axis=1, ddof=1), axis=0)


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
        like: int | None = None,
    ) -> "Moments":
        """Those of values, which are positive; of a feature that some do not show (NaN) those of the others.

        Correlations are `shrunk` as if as many further cycles as there are features had shown none: those of five
        cycles are hardly more than chance, those of forty stay. Standard deviations are those that so many values as
        `like` says typically show, see `typical_sd`; by default that of all.
        """
        x = np.log(values)
        sd = np.maximum(typical_sd(x, like or len(x)), NARROWEST)
        whole = x[np.isfinite(x).all(axis=1)]
        scatter = np.maximum(np.std(whole, axis=0, ddof=1), NARROWEST)
        correlation = np.atleast_2d(np.cov(whole, rowvar=False)) / np.outer(scatter, scatter)
        np.fill_diagonal(correlation, 1.0)
        if shrunk:
            share = len(x) / (len(x) + len(sd))
            correlation = share * correlation + (1 - share) * np.eye(len(sd))
        return cls(
            center=np.nanmedian(x, axis=0),
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
        # Correlations of one have a root, too.
        matrix = self.correlation + 1e-9 * np.eye(len(self.sd))
        return self.sd[:, None] * np.linalg.cholesky(matrix)

    @property
    def errors(self) -> tuple[Float[np.ndarray, " features"], float]:
        """Standard errors of the medians, and of the logarithms of the standard deviations."""
        # A median of n normal numbers scatters by sqrt(pi / 2 n) of their deviation; anywhere within a step is
        # a variance of a twelfth of its square; the logarithm of a deviation scatters by 1 / sqrt(2 (n - 1)).
        scatter = np.sqrt(0.5 * np.pi / self.cycles) * self.sd
        of_median = np.hypot(scatter, np.asarray(self.resolution) / np.sqrt(12))
        return of_median, 1 / np.sqrt(2 * (self.cycles - 1))

    def differences(self, simulated: "Moments") -> Float[np.ndarray, "2 features"]:
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
    widest: Float[np.ndarray, " names"] | float = WIDEST,
) -> list[Choice]:
    """Sets of parameters that explain the scatter of the features, those with the least scatter of their own first.

    A feature that follows no parameter, or asks for a scatter that none has, is left out; nothing where all are.
    `widest` is the largest standard deviation that each parameter may have.
    """
    limit = np.broadcast_to(widest, len(names))
    features = [k for k, row in enumerate(slopes) if np.max(np.abs(row), initial=0.0) > _FELT]
    while features:
        some, root, sets = slopes[features], target.some(features).root, []
        for columns in combinations(range(len(names)), len(features)):
            matrix = some[:, columns]
            if np.linalg.cond(matrix) > _SINGULAR:
                continue
            # What parameters scatter by where features do by `root`: the squares of a row add to a variance.
            scatter = np.linalg.solve(matrix, root)
            if np.all(np.sum(scatter**2, axis=1) < limit[list(columns)] ** 2):
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
            # Points that lie nearly along a line leave directions open: `rcond` leaves these out of the mixture.
            gamma = np.linalg.lstsq((df / self.scale).T, f / self.scale, rcond=1e-3)[0]
            step = f - gamma @ (dx + df)
        return x + np.clip(step, -FARTHEST, FARTHEST)

"""Samples of what a measurement shows, and how far two of them lie apart."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

_LEVELS = 10  # quantiles of each projection that are compared

_REPLICATES = 200

_MODEL = 0.25  # error [steps of the readings] granted to the model's quantiles
# Share of the features' variance that principal components hold; standard deviation of a feature of
# simulated cycles, at the least, over that of measured ones.
_SHARE, _NARROWEST = 0.9, 0.5
_ROUNDING = 1e-12  # share of the mean distance by which equal distances differ in rounding
_HALVES = 200  # random halves of the measured values that give the floor of a distance


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Values that one event of one kind of excursion took, cycle by cycle.

    Parameters
    ----------
    label : str
        Which excursion, as "positive".
    names : tuple of str
        What was read off, as "v_th".
    unit : str or tuple of str
        Unit of all values, or of each.
    values : Float[np.ndarray, "cycles names"]
        Measured values.
    step : float
        Resolution of a reading [unit].
    """

    label: str
    names: tuple[str, ...]
    unit: str | tuple[str, ...]
    values: Float[np.ndarray, "cycles names"]
    step: float = 0.0


class Target:
    r"""Quantiles of a measured sample along several directions, its spreads, and the standard deviations of these.

    Parameters
    ----------
    sample : Sample
        Measured.
    seed : int
        Seed of the resampling.
    draws : int
        Size of the simulated samples: their own scatter adds to the standard deviations.
    simulated : Float[np.ndarray, "n names"], optional
        Cycles of a model that is near. Features then count by their covariance in these; without, each by its own
        variance in resampled measured cycles.

    Notes
    -----
    The sum of squared residuals of quantiles is a weighted squared Wasserstein-2 distance, summed over projections: a
    sliced Wasserstein distance, which is zero only where all projected distributions agree. Directions
    are the axes and the diagonals of each pair, in units of the measured spread, so that the joint
    distribution of a pair counts and not only its margins. Quantiles of a few cycles say little of tails, which the
    spread along each axis holds: it counts as much as all quantiles of that axis.

    Principal components of the features, each counting by its variance, make the sum twice the negative logarithm of
    a synthetic likelihood [2]_. Those with little variance are left out: many features, whose simulated slopes have
    errors, would overstate the information. The covariance is that of simulated cycles: in measured ones a small
    spread goes with a small variance of its own, and spreads would come out too small [3]_.

    References
    ----------
    .. [1] N. Bonneel et al., J. Math. Imaging Vis. 51, 22 (2015), doi:10.1007/s10851-014-0506-3
    .. [2] L. Price, C. Drovandi, A. Lee, D. Nott, J. Comput. Graph. Stat. 27, 1 (2018),
       doi:10.1080/10618600.2017.1302882
    .. [3] J. Altonji, L. Segal, J. Bus. Econ. Stat. 14, 353 (1996), doi:10.1080/07350015.1996.10524661
    """

    def __init__(
        self,
        sample: Sample,
        *,
        seed: int,
        draws: int,
        simulated: Float[np.ndarray, "n names"] | None = None,
    ):
        values = sample.values
        self.sample = sample
        self.scale = np.maximum(np.std(values, axis=0), max(sample.step, 1e-300))
        axes = np.eye(len(sample.names))
        pairs = [
            axes[a] + s * axes[b] for a, b in combinations(range(len(axes)), 2) for s in (1, -1)
        ]
        self.directions = np.array([*axes, *(p / np.sqrt(2) for p in pairs)])
        # Middles of equal shares: the mean over them is the midpoint rule for the integral over all quantiles.
        self.levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
        self.measured = self.features(values)
        rng = np.random.default_rng(seed)
        replicates = self._resampled(values, rng)
        # Spreads of resampled cycles are too small in the mean: how replicates scatter is what counts.
        self.moved = replicates - replicates.mean(axis=0)
        # The scatter of both samples: 1/n of the measured one, 1/draws of the simulated one.
        self.inflation = 1 + len(values) / draws
        size = np.linalg.norm(self.directions * _MODEL * sample.step / self.scale, axis=1)
        granted = np.concatenate([np.repeat(size, _LEVELS), size[: len(axes)]])
        self.sigma = np.sqrt(np.var(replicates, axis=0) * self.inflation + granted**2)
        if simulated is None:
            self.sigma[-len(axes) :] /= np.sqrt(_LEVELS)  # as much as all quantiles of an axis
            self.weights = np.diag(1 / self.sigma)
        else:
            drawn = self._resampled(simulated, rng)
            self.weights = self._whitening(np.cov(drawn, rowvar=False) * self.inflation, granted)
            # A spread, or an outer quantile, of few cycles is smaller in the mean than that of many.
            larger = self._resampled(simulated, rng, size=draws)
            self.measured = self.measured + larger.mean(axis=0) - drawn.mean(axis=0)

    def _resampled(
        self,
        values: Float[np.ndarray, "n names"],
        rng: np.random.Generator,
        size: int | None = None,
    ) -> Float[np.ndarray, "replicates residuals"]:
        """Features of values drawn anew: so many, or as many as were measured."""
        picks = rng.integers(0, len(values), (_REPLICATES, size or len(self.sample.values)))
        return np.stack([self.features(values[p]) for p in picks])

    def _whitening(
        self,
        covariance: Float[np.ndarray, "residuals residuals"],
        granted: Float[np.ndarray, " residuals"],
    ) -> Float[np.ndarray, "components residuals"]:
        """Principal components of the features, each in units of its standard deviation."""
        sd = np.maximum(np.sqrt(np.diag(covariance)), _NARROWEST * self.sigma)
        size, axes = np.linalg.eigh(covariance / np.outer(sd, sd))
        share = np.cumsum(size[::-1]) / np.sum(size)
        count = 1 + int(np.searchsorted(share, _SHARE))
        components, size = axes[:, -count:].T, size[-count:]
        return components / np.sqrt(size + components**2 @ (granted / sd) ** 2)[:, None] / sd

    def weigh(self, features: Float[np.ndarray, "... residuals"]) -> Float[np.ndarray, "..."]:
        """Features in units of their standard deviations."""
        return features @ self.weights.T

    def features(self, values: Float[np.ndarray, "n names"]) -> Float[np.ndarray, " residuals"]:
        """Quantiles of a sample along each direction, and its spread along each axis [measured spreads]."""
        scaled = values / self.scale
        along = np.quantile(scaled @ self.directions.T, self.levels, axis=0)
        return np.concatenate([along.T.ravel(), np.std(scaled, axis=0)])

    def residuals(
        self, simulated: Float[np.ndarray, "draws names"]
    ) -> Float[np.ndarray, " residuals"]:
        """Simulated less measured features [standard deviations]."""
        return self.weigh(self.features(simulated) - self.measured)

    def shifts(self) -> Float[np.ndarray, "replicates residuals"]:
        """The residuals when cycles are drawn anew."""
        return self.weigh(self.moved)


def energy_distance(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> float:
    """Energy distance of two samples, unbiased: below 0 where they are closer than chance.

    References
    ----------
    .. [1] G. Szekely, M. Rizzo, J. Stat. Plan. Inference 143, 1249 (2013), doi:10.1016/j.jspi.2013.03.018
    """
    n, m = len(x), len(y)
    # Pairs of different points only: distances of points from themselves, which are 0, would bias it.
    spread = cdist(x, x).sum() / (n * (n - 1)) + cdist(y, y).sum() / (m * (m - 1))
    return float(2 * cdist(x, y).mean() - spread)


def energy_test(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], *, seed: int, permutations: int = 999
) -> float:
    """Probability of an energy distance at least as large between samples of one distribution, by permutation."""
    both, n, m = np.concatenate([x, y]), len(x), len(y)
    distances, rng = cdist(both, both), np.random.default_rng(seed)
    orders = [np.arange(n + m), *(rng.permutation(n + m) for _ in range(permutations))]
    inside = np.zeros((len(orders), n + m))
    np.put_along_axis(inside, np.array(orders)[:, :n], 1.0, axis=1)
    # Sums of distances within the first group, from it to all, and within the second.
    one = np.sum((inside @ distances) * inside, axis=1)
    one_to_all = inside @ distances.sum(axis=1)
    two = distances.sum() - 2 * one_to_all + one
    statistic = 2 * (one_to_all - one) / (n * m) - one / n**2 - two / m**2
    # The samples as they are count as one of the orders: the probability is never 0.
    reached = statistic[1:] >= statistic[0] - _ROUNDING * distances.mean()
    return float((1 + np.sum(reached)) / len(orders))


def split_half_distance(
    values: Float[np.ndarray, " n"], *, seed: int | np.random.Generator
) -> float:
    """Mean Wasserstein-1 distance of random halves of a sample: what two perfect ones of half its size differ by."""
    rng, half = np.random.default_rng(seed), len(values) // 2
    mixed = (rng.permutation(values) for _ in range(_HALVES))
    return float(np.mean([wasserstein_distance(x[:half], x[half:]) for x in mixed]))


def compare(
    target: Target, simulated: Float[np.ndarray, "draws names"], *, seed: int
) -> dict[str, dict]:
    """Numbers that say how far a simulated sample is from the measured one, by name.

    Returns
    -------
    dict
        For each name: mean, SD and quantiles of both, the Wasserstein-1 distance `w1` and its `floor`,
        in the sample's unit; under "joint": energy distance [measured spreads], the probability of a permutation
        test, and the correlations of each pair.
    """
    sample, out = target.sample, {}
    units = (sample.unit,) * len(sample.names) if isinstance(sample.unit, str) else sample.unit
    for name, unit, x, y in zip(sample.names, units, sample.values.T, simulated.T, strict=True):
        out[name] = {
            "unit": unit,
            "measured": _described(x),
            "simulated": _described(y),
            "w1": float(wasserstein_distance(x, y)),
            "floor": split_half_distance(x, seed=seed),
        }
    x, y = sample.values / target.scale, simulated / target.scale
    # Beyond four times as many 1/n + 1/m falls by a fifth at most, and time rises as the square of n + m.
    few = y[np.random.default_rng(seed).permutation(len(y))[: 4 * len(x)]]
    out["joint"] = {
        "energy": energy_distance(x, y),
        "p": energy_test(x, few, seed=seed),
        "correlation": {
            f"{sample.names[a]}, {sample.names[b]}": [_correlation(s, a, b) for s in (x, y)]
            for a, b in combinations(range(len(sample.names)), 2)
        },
    }
    return out


def _described(x: Float[np.ndarray, " n"]) -> dict[str, float | int]:
    low, middle, high = (float(q) for q in np.quantile(x, [0.05, 0.5, 0.95]))
    spread = {"mean": float(x.mean()), "sd": float(x.std(ddof=1))}
    return {"n": len(x), **spread, "q05": low, "median": middle, "q95": high}


def _correlation(x: Float[np.ndarray, "n d"], a: int, b: int) -> float | None:
    """Correlation of two columns; None where one is constant."""
    flat = np.ptp(x[:, a]) == 0 or np.ptp(x[:, b]) == 0
    return None if flat else float(np.corrcoef(x[:, a], x[:, b])[0, 1])


def first(mask: np.ndarray) -> np.ndarray:
    """Index of the first true value along the last axis; its length where there is none."""
    return np.where(mask.any(axis=-1), mask.argmax(axis=-1), mask.shape[-1])

"""Response surfaces: what simulations scatter about, as a smooth function of their coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg import cho_factor, cho_solve, solve_triangular

# Correlation lengths that are tried, in units of the typical distance of two points.
_LENGTHS = (1.0, 2.0, 4.0)
# Variances of the surface about a plane that are tried, in units of the variance of the noise.
_SIGNALS = tuple(10.0**k for k in range(-1, 5))
_FEW = 256  # points by which most places are seen to be known well
_LEAST = 1e-6  # variance of a coordinate that was not varied, and of a surface, at the least


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Smoothness of a surface: correlation length [whitened coordinates], variance over that of the noise."""

    length: float
    signal: float


class Surface:
    r"""A smooth function through noisy values: a plane, and a Gaussian process about it (universal kriging).

    Parameters
    ----------
    z : Float[np.ndarray, "points n"]
        Coordinates that matter.
    values : Float[np.ndarray, "points values"]
        What was simulated there.
    weight : Float[np.ndarray, "points"]
        Inverse variances of its noise, relative.
    shape : Shape, optional
        Smoothness; by default that of the highest restricted likelihood.

    References
    ----------
    .. [1] C. Rasmussen, C. Williams, Gaussian Processes for Machine Learning (2006), section 2.7,
       doi:10.7551/mitpress/3206.001.0001
    """

    def __init__(self, z, values, *, weight, shape: Shape | None = None):
        self.middle = z.mean(axis=0)
        covariance = np.atleast_2d(np.cov(z, rowvar=False)) + _LEAST * np.eye(z.shape[1])
        self.root = np.linalg.cholesky(covariance)
        self.points = x = self._white(z)
        plane, near = _plane(x), _squared_distances(x, x)
        self.shape = shape or _likeliest(near, plane, values, weight)
        # In units of the variance of one simulation's noise, which is one over the weight.
        covariance = self.shape.signal * np.exp(-0.5 * near / self.shape.length**2)
        factor = cho_factor(covariance + np.diag(1 / weight))
        # Generalised least squares for the plane; the process passes through what the plane leaves.
        self.variance = _Variance(x, plane, factor, self.shape)
        whole, trend = cho_solve(factor, values), self.variance.trend
        self.slopes = self.variance.spread @ (plane.T @ whole)
        self.pulls = self.shape.signal * (whole - trend @ self.slopes)
        some = np.linspace(0, len(x) - 1, min(len(x), _FEW)).astype(int)
        factor_of_some = cho_factor(covariance[np.ix_(some, some)] + np.diag(1 / weight[some]))
        self.few = _Variance(x[some], plane[some], factor_of_some, self.shape)
        # Each coordinate times the pulls, one beside the other: slopes are one product of matrices.
        moments = x[:, :, None] * self.pulls[:, None]
        self.moments = np.concatenate([self.pulls, moments.reshape(len(x), -1)], axis=1)
        self.back = np.linalg.inv(self.root)

    def _white(self, z: Float[np.ndarray, "points n"]) -> Float[np.ndarray, "points n"]:
        """Coordinates in which the points are spread alike in all directions."""
        return solve_triangular(self.root, (z - self.middle).T, lower=True).T

    def __call__(
        self, z: Float[np.ndarray, "points n"]
    ) -> tuple[Float[np.ndarray, "points values"], Float[np.ndarray, "points values n"]]:
        """Values and slopes at points."""
        u = self._white(z)
        near = np.exp(-0.5 * _squared_distances(u, self.points) / self.shape.length**2)
        pulls = (near @ self.moments).reshape(len(u), 1 + u.shape[1], -1)
        values = _plane(u) @ self.slopes + pulls[:, 0]
        # The derivative of each bell is itself times the way to its middle.
        bent = (pulls[:, 1:] - u[:, :, None] * pulls[:, :1]) / self.shape.length**2
        slopes = np.moveaxis(bent + self.slopes[1:], 1, 2)
        # From white coordinates back to those of the points.
        return values, slopes @ self.back

    def deviation(self, z: Float[np.ndarray, "points n"]) -> Float[np.ndarray, " points"]:
        """Standard deviation of the surface at points, in units of that of one simulation.

        That of universal kriging: of the process where points are far, and of the plane beneath it.
        """
        return self.variance(self._white(z))[0]

    def beyond(
        self, z: Float[np.ndarray, "points n"]
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, "points n"]]:
        """By how much points are known worse than by one simulation [its standard deviation], and the slope.

        Some of the points that were simulated leave a larger deviation than all of them: where it is small enough with
        these, the others are not asked.
        """
        u = self._white(z)
        over, slopes = np.zeros(len(u)), np.zeros(u.shape)
        far = np.flatnonzero(self.few(u)[0] > 1)
        if len(far):
            deviation, slope = self.variance(u[far])
            over[far], slopes[far] = (
                np.maximum(deviation - 1, 0.0),
                slope * (deviation > 1)[:, None],
            )
        return over, slopes @ self.back


class _Variance:
    """The deviation of universal kriging: of the process where points are far, and of the plane beneath it."""

    def __init__(self, points, plane, factor, shape: Shape):
        self.points, self.shape = points, shape
        self.inverse = cho_solve(factor, np.eye(len(points)))
        self.trend = self.inverse @ plane
        self.spread = np.linalg.inv(plane.T @ self.trend)

    def __call__(self, u: Float[np.ndarray, "points n"]) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviation at white coordinates, in units of that of one simulation, and its slope."""
        x, length = self.points, self.shape.length
        near = self.shape.signal * np.exp(-0.5 * _squared_distances(u, x) / length**2)
        known, off = near @ self.inverse, _plane(u) - near @ self.trend
        tilt = off @ self.spread
        variance = self.shape.signal - np.sum(near * known, axis=1) + np.sum(tilt * off, axis=1)
        deviation = np.sqrt(np.maximum(variance, _LEAST))
        # Half the derivative of the variance; over the deviation it is that of the root.
        pull = near * (known + tilt @ self.trend.T)
        toward = (pull @ x - u * pull.sum(axis=1, keepdims=True)) / length**2
        return deviation, (tilt[:, 1:] - toward) / deviation[:, None]


class Surfaces:
    """Surfaces of groups of values, each over the coordinates that move the group.

    Parameters
    ----------
    z : Float[np.ndarray, "points n"]
        Coordinates.
    values : sequence of Float[np.ndarray, "points values"]
        By group.
    weight : Float[np.ndarray, "points"]
        See `Surface`.
    acting : sequence of Bool[np.ndarray, "n"]
        Which coordinates move each group.
    shapes : sequence of Shape, optional
        Of each group.
    """

    def __init__(
        self,
        z: Float[np.ndarray, "points n"],
        values: Sequence[np.ndarray],
        *,
        weight: Float[np.ndarray, " points"],
        acting: Sequence[Bool[np.ndarray, " n"]],
        shapes: Sequence[Shape | None] | None = None,
    ):
        groups = zip(values, acting, shapes or [None] * len(values), strict=True)
        self.acting = acting
        self.parts = [Surface(z[:, a], v, weight=weight, shape=s) for v, a, s in groups]

    @property
    def shapes(self) -> list[Shape]:
        """Smoothness of each."""
        return [p.shape for p in self.parts]

    def __call__(self, z: Float[np.ndarray, "points n"]) -> tuple[np.ndarray, np.ndarray]:
        """Values of all groups, one after the other, and their slopes."""
        pairs = [p(z[:, a]) for p, a in zip(self.parts, self.acting, strict=True)]
        return np.concatenate([v for v, _ in pairs], axis=1), self._slopes([s for _, s in pairs])

    def deviation(self, z: Float[np.ndarray, "points n"]) -> Float[np.ndarray, "points groups"]:
        """Standard deviation of each group [that of one simulation], see `Surface.deviation`."""
        parts = zip(self.parts, self.acting, strict=True)
        return np.stack([p.deviation(z[:, a]) for p, a in parts], axis=1)

    def beyond(
        self, z: Float[np.ndarray, "points n"]
    ) -> tuple[Float[np.ndarray, "points groups"], Float[np.ndarray, "points groups n"]]:
        """By how much each group is known worse than by one simulation [its standard deviation], and the slope."""
        pairs = [p.beyond(z[:, a]) for p, a in zip(self.parts, self.acting, strict=True)]
        over = np.stack([d for d, _ in pairs], axis=1)
        return over, self._slopes([s[:, None] for _, s in pairs])

    def _slopes(self, slopes: Sequence[np.ndarray]) -> np.ndarray:
        """Slopes of all groups, one after the other; zero by coordinates that do not act."""
        whole = [np.zeros((*s.shape[:2], len(a))) for s, a in zip(slopes, self.acting, strict=True)]
        for w, s, a in zip(whole, slopes, self.acting, strict=True):
            w[..., a] = s
        return np.concatenate(whole, axis=1)


def _plane(u: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones((len(u), 1)), u], axis=1)


def _squared_distances(u: np.ndarray, x: np.ndarray) -> np.ndarray:
    # A difference of products, which rounding may leave a little below zero.
    squares = np.sum(u**2, axis=1)[:, None] + np.sum(x**2, axis=1)
    return np.maximum(squares - 2 * u @ x.T, 0.0)


def _likeliest(near: np.ndarray, plane: np.ndarray, values: np.ndarray, weight: np.ndarray):
    """The shape of the highest restricted likelihood, the variance of each value's noise profiled out."""
    # Two white points differ by sqrt(2) in each coordinate: by this in all, in the root mean square.
    root, typical = np.sqrt(weight), np.sqrt(2 * (plane.shape[1] - 1))
    # Contrasts: combinations of the values that no plane moves.
    contrasts = np.linalg.qr(plane * root[:, None], mode="complete")[0][:, plane.shape[1] :]
    data = contrasts.T @ (values * root[:, None])
    best, highest = Shape(length=typical, signal=1.0), -np.inf
    for length in _LENGTHS:
        kernel = np.exp(-0.5 * near / (length * typical) ** 2) * np.outer(root, root)
        # In these axes the covariance 1 + signal K of the contrasts is diagonal, for every signal.
        size, axes = np.linalg.eigh(contrasts.T @ kernel @ contrasts)
        squares = (axes.T @ data) ** 2
        for signal in _SIGNALS:
            spread = 1 + signal * np.maximum(size, 0.0)[:, None]
            noise = np.mean(squares / spread, axis=0) + 1e-300
            # Twice the logarithm over the number of contrasts; squares over their own mean only add a constant.
            likelihood = -np.sum(np.log(noise)) - values.shape[1] * np.mean(np.log(spread))
            if likelihood > highest:
                best, highest = Shape(length=length * typical, signal=signal), likelihood
    return best

"""Simulated points along a valley, response surfaces through them, and the minima on these."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from .failures import FAILURES, in_words
from .kriging import Surfaces
from .valleys import GRID, Goal, Valley, first_order_profiles

_BATCHES = 4  # batches of simulated points in each round
_WIDE, _FEWEST, _MOST = 6, 8, 12  # rounds before which replicates look beyond, and all rounds
# Move of a median, and change of a standard deviation, that ends the rounds [standard deviations].
_MOVED = 0.3
_SURFACES = 8  # surfaces that share the replicates
# Standard deviations of first points about optima, of what replicates that look beyond are drawn
# from, and of points about replicates.
_WIDER, _STRETCHED, _JITTER = 4.0, 2.0, 0.7
_SIGMAS = 3.0  # standard deviations of the prior beyond which nothing is simulated
# Share of the points with the lowest losses; rise of the loss above them, per residual, from which
# on points count less, and how steeply.
_LOWEST, _FAR, _STEEP = 0.1, 0.5, 2.0
# Residual per standard deviation by which a surface is known worse than by one simulation: it may be wrong.
_PULL = 2.5
_ITERATIONS, _GAIN = 60, 1e-4  # iterations on a surface, and the share of the loss that is no gain
# Replicates from which each value of a profile is minimised; share of the points beyond either end of it.
_NEAR, _OUTER = 3, 0.005
# Standard deviations of a profile's prior, at least, and of a coordinate that is held.
_WIDEST, _HELD = 2.0, 1e-3
# Weight below which a point is left out; width of a coordinate at the least.
_LEAST_WEIGHT, _NARROWEST = 1e-3, 1e-3


class Minima(NamedTuple):
    """Where losses are least, and how low."""

    z: Float[np.ndarray, "problems n"]
    cost: Float[np.ndarray, " problems"]


Simulate = Callable[[np.ndarray, int], tuple[list[np.ndarray], np.ndarray]]
"""Features [standard deviations] of each target at points, with the random numbers of a batch, and which are good."""


# Of matrices so small, threads of the linear algebra wait for each other.
@threadpool_limits.wrap(limits=1, user_api="blas")
def explore(
    goal: Goal,
    simulate: Simulate,
    optima: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    size: int,
    tick: Callable[[Progress], None] | None = None,
) -> Valley:
    """The estimate and its replicates, from `optima`: where the loss is low, and the covariance there.

    Where hardly a simulation succeeds nothing is estimated: no round, and the optima as replicates. A round that fails
    leaves what the rounds before it reached. `size` points are simulated together; `tick` is called after each batch.
    """
    walk = _Walk(goal, simulate, size, tick)
    z = np.stack([x for x, _ in optima])
    none = np.zeros((z.shape[1], 0))
    valley = Valley(z=z[0], replicates=z, rounds=0, settled=False, grid=none, rise=none)
    try:
        walk.add(walk.first_points(optima))
        while sum(map(len, walk.z)) > 2 * len(goal.prior):  # a plane, and as much again
            valley = walk.estimate(valley)
            if valley.settled or valley.rounds >= _MOST:
                break
            walk.add(walk.among(valley.replicates))
        return walk.with_profiles(valley) if valley.rounds else valley
    except (KeyboardInterrupt, *FAILURES) as reason:
        stopped = isinstance(reason, KeyboardInterrupt)
        grid, rise = first_order_profiles(valley.z, valley.replicates)
        return replace(
            valley,
            grid=grid,
            rise=rise,
            interrupted=stopped,
            failure="" if stopped else in_words(reason),
        )


class _Walk:
    """Simulated points, and the surfaces through them."""

    def __init__(self, goal: Goal, simulate: Simulate, size: int, tick):
        self.goal, self.simulate, self.size, self.tick = goal, simulate, size, tick
        self.rng = np.random.default_rng(goal.seed)
        self.z: list[np.ndarray] = []
        self.values: list[list[np.ndarray]] = []
        self.measured, self.resampled = goal.measured, goal.resampled()
        self.shown = Progress(goal.centre[None].copy(), np.full(1, np.inf))

    def add(self, z: np.ndarray) -> None:
        """Simulate points, batch by batch."""
        most = _SIGMAS * self.goal.prior
        z = np.clip(z, self.goal.centre - most, self.goal.centre + most)
        for k in range(0, len(z), self.size):
            points = z[k : k + self.size]
            values, good = self.simulate(points, len(self.z))
            self.z.append(points[good])
            self.values.append([v[good] for v in values])
            distance = np.sum((np.concatenate(values, axis=1)[good] - self.measured) ** 2, axis=1)
            self.shown.cost = np.minimum(self.shown.cost, 0.5 * np.min(distance, initial=np.inf))
            self.shown.counted(len(points), int(np.sum(~good)))
            self.shown.left = _BATCHES * (_MOST + 1) - len(self.z)
            if self.tick is not None:
                self.tick(self.shown)

    def first_points(self, optima: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """First points, about each optimum."""
        count = _BATCHES * self.size
        which = self.rng.integers(0, len(optima), count)
        normal = self.rng.normal(size=(count, len(self.goal.prior)))
        roots = [np.linalg.cholesky(c) for _, c in optima]
        return np.stack([optima[k][0] + _WIDER * roots[k] @ x for k, x in zip(which, normal)])

    def among(self, z: np.ndarray) -> np.ndarray:
        """Points where some lie, each shaken as far as the data leave it there."""
        z = z[self.rng.integers(0, len(z), _BATCHES * self.size)]
        slopes, normal = self.mean(z)[1], self.rng.normal(size=z.shape)
        # Gauss-Newton: what the features, in standard deviations, and the prior say about each point.
        information = np.einsum("kri,krj->kij", slopes, slopes) + np.diag(self.goal.prior**-2)
        roots = np.linalg.cholesky(np.linalg.inv(information))
        return z + _JITTER * np.einsum("kij,kj->ki", roots, normal)

    def estimate(self, before: Valley) -> Valley:
        """Minima on surfaces through all points, for the measured features and for resampled ones."""
        z = np.concatenate(self.z)
        batch = np.repeat(np.arange(len(self.z)), [len(x) for x in self.z])
        values = [np.concatenate(v) for v in zip(*self.values, strict=True)]
        weight = self._weights(z, np.concatenate(values, axis=1))
        keep = weight > _LEAST_WEIGHT
        z, batch, weight = z[keep], batch[keep], weight[keep]
        values = [v[keep] for v in values]

        def surfaces(weight, shapes=None):
            return Surfaces(z, values, weight=weight, acting=self.goal.acting, shapes=shapes)

        self.mean = mean = surfaces(weight)
        starts = np.concatenate([before.z[None], before.replicates[:_SURFACES]])
        measured = self.measured[None]
        best = self._least(mean, starts[:, None], measured, self.goal.centre[None]).z[0]
        self.shown.z = best[None]
        replicates = self._replicates(before, best, mean.shapes, weight, batch, surfaces)
        rounds = before.rounds + 1
        # Along a valley the least loss is anywhere; the estimate is that on its floor which is nearest to the middle.
        middle, widths = np.median(replicates, axis=0), replicates.std(axis=0)
        starts, widths = np.stack([best, middle])[:, None], np.maximum(widths, _NARROWEST)
        best = self._least(mean, starts, measured, middle[None], widths).z[0]
        still = rounds >= _FEWEST and _unmoved(before.replicates, replicates)
        return replace(before, z=best, replicates=replicates, rounds=rounds, settled=still)

    def with_profiles(self, estimate: Valley) -> Valley:
        """The valley with the profile of each coordinate: what the data alone, and a wide prior, leave of it.

        An interval of replicates would leave out the end of a long valley where the truth may be, since few of them
        lie there: how far the loss rises does not depend on the length of a valley.

        A surface averages over many simulations, of which the scatter of a single one is therefore too large an error:
        here features count by the error of the surface at the estimate.
        """
        n, drawn = len(estimate.z), estimate.replicates
        gain = self._gain(estimate.z)
        ends = np.quantile(np.concatenate(self.z), [_OUTER, 1 - _OUTER], axis=0)
        low, high = np.minimum(ends[0], drawn.min(axis=0)), np.maximum(ends[1], drawn.max(axis=0))
        grid = np.linspace(low, high, GRID, axis=1)
        which, at = np.repeat(np.arange(n), GRID), grid.ravel()
        # Starts that have the value: the estimate moved there, and the replicates that are nearest to it.
        near = np.argsort(np.abs(drawn[:, which] - at), axis=0)[:_NEAR]
        starts = np.concatenate([np.broadcast_to(estimate.z, (1, len(at), n)), drawn[near]]).copy()
        held = np.arange(len(at)), which
        starts[:, *held] = at
        centres = np.repeat(self.goal.centre[None], len(at), axis=0)
        prior = np.repeat(np.maximum(self.goal.prior, _WIDEST)[None], len(at), axis=0)
        prior_part = 0.5 * ((at - centres[held]) / prior[held]) ** 2
        # A narrow prior holds the coordinate in place of its own, which `prior_part` counts.
        centres[held], prior[held] = at, _HELD
        features = np.broadcast_to(self.measured, (len(at), len(self.measured)))
        least = self._least(self.mean, starts, features, centres, prior, gain)
        # Deeper minima elsewhere may be holes of the surface: what lies as low as the estimate's own valley is inside.
        wide = np.maximum(self.goal.prior, _WIDEST)[None]
        own_valley = estimate.z[None, None], features[:1], self.goal.centre[None]
        valley = self._least(self.mean, *own_valley, wide, gain)
        rise = np.maximum((prior_part + least.cost).reshape(n, GRID) - valley.cost[0], 0.0)
        grid = np.concatenate([grid, valley.z.T], axis=1)  # a narrow one may lie between two values
        rise = np.concatenate([rise, np.zeros((n, 1))], axis=1)
        order = np.argsort(grid, axis=1)
        grid, rise = np.take_along_axis(grid, order, 1), np.take_along_axis(rise, order, 1)
        return replace(estimate, grid=grid, rise=rise)

    def _gain(self, z: np.ndarray) -> Float[np.ndarray, " residuals"]:
        """Standard deviation with one simulation, over that with the surface at a point, of each feature."""
        known = np.minimum(self.mean.deviation(z[None])[0], 1.0)
        # In units of the variance of the data: theirs is 1, the rest of the inflation that of one simulation.
        whole = np.array([t.inflation for t in self.goal.targets])
        gain = np.sqrt(whole / (1 + (whole - 1) * known**2))
        return np.repeat(gain, [len(t.weights) for t in self.goal.targets])

    def _replicates(self, before: Valley, best, shapes, weight, batch, surfaces):
        """Minima for resampled features, each on one of several surfaces that weigh the batches at random."""
        features, centres = self.resampled
        if before.rounds + 1 < _WIDE:  # a surface is right no further than where points were
            features = self.measured + _STRETCHED * (features - self.measured)
            centres = self.goal.centre + _STRETCHED * (centres - self.goal.centre)
        replicates = np.empty((len(features), len(best)))
        for k in range(_SURFACES):
            mine = slice(k, None, _SURFACES)
            # Weights of a Bayesian bootstrap, one a batch: the points of a batch share their random numbers.
            drawn = weight * self.rng.exponential(size=len(self.z))[batch]
            # Never 0: the inverse is the variance of a point's noise.
            one = surfaces(np.maximum(drawn, _LEAST_WEIGHT**2), shapes)
            goal, centre = features[mine], centres[mine]
            known = [before.replicates[mine]] if before.rounds else before.replicates[:, None]
            starts = [np.broadcast_to(x, centre.shape) for x in (best[None], *known)]
            replicates[mine] = self._least(one, np.stack(starts), goal, centre).z
        return replicates

    def _weights(self, z: np.ndarray, values: np.ndarray) -> np.ndarray:
        """What points count: less where the loss is far above the least one, where no replicate lies."""
        loss = 0.5 * np.sum((values - self.measured) ** 2, axis=1)
        loss += 0.5 * np.sum(((z - self.goal.centre) / self.goal.prior) ** 2, axis=1)
        far = (loss - np.quantile(loss, _LOWEST)) / values.shape[1]
        return np.exp(-_STEEP * np.maximum(far - _FAR, 0.0))

    def _least(
        self, surfaces, starts, features, centres, prior=None, gain: np.ndarray | float = 1.0
    ) -> Minima:
        """The best of the minima that some starts of each problem lead to; residuals times their gain."""
        tries, problems, n = starts.shape
        p = np.broadcast_to(self.goal.prior if prior is None else prior, (problems, n))
        of = np.tile(np.arange(problems), tries)
        gain = np.broadcast_to(gain, features.shape[1:])

        def evaluate(z, which):
            values, slopes = surfaces(z)
            far, outward = surfaces.beyond(z)
            k = of[which]
            r = [gain * (values - features[k]), (z - centres[k]) / p[k], _PULL * far]
            jac = [gain[:, None] * slopes, np.eye(n) / p[k][:, None], _PULL * outward]
            return np.concatenate(r, 1), np.concatenate(jac, 1), np.ones(len(z), bool)

        options: dict[str, Any] = dict(iterations=_ITERATIONS, tolerance=_GAIN, together=False)
        done = levenberg_marquardt(evaluate, starts.reshape(-1, n), **options)
        cost = done.cost.reshape(tries, problems)
        best = np.argmin(cost, axis=0), np.arange(problems)
        return Minima(z=done.z.reshape(tries, problems, n)[best], cost=cost[best])


def _unmoved(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether neither medians nor standard deviations have moved."""
    spread = now.std(axis=0) + 1e-12
    move = np.abs(np.median(now, axis=0) - np.median(before, axis=0))
    change = np.abs(spread - before.std(axis=0))
    return bool(np.max(np.maximum(move, change) / spread) < _MOVED)

r"""Bootstrap replicates of an estimate by simulation: how far it may lie, along curved valleys too.

Notes
-----
Near the least loss, features of simulated cycles are a smooth function of the coordinates, a response surface, about
which simulations scatter. On the surface the loss is minimised for the measured features, which is the estimate, and
for each of the features of resampled cycles, the prior's centre drawn anew as well, which are its replicates [1]_. A
normal approximation would see one point of a valley; replicates follow it, and lie in several where there are
several. Points are added where the replicates lie until these no longer move.

The scatter of the search itself is that of surfaces whose batches of simulations, each with random numbers of its
own, have random weights (Bayesian bootstrap [2]_): each surface has a share of the replicates.

References
----------
.. [1] D. Oliver, N. He, A. Reynolds, Conditioning permeability fields to pressure data, ECMOR V (1996),
   doi:10.3997/2214-4609.201406884
.. [2] D. Rubin, Ann. Stat. 9, 130 (1981), doi:10.1214/aos/1176345338
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from .least_squares import Progress, levenberg_marquardt
from .samples import Target
from .surface import Cloud, Surfaces

_BATCHES = 4
"""Batches of simulated points in each round."""

_WIDE, _FEWEST, _MOST = 6, 8, 12
"""Rounds before which replicates look beyond, and all rounds."""

_MOVED = 0.3
"""Move of a median, and change of a standard deviation, that ends the rounds [standard deviations]."""

_SURFACES = 8
"""Surfaces that share the replicates."""

_WIDER, _STRETCHED, _JITTER = 4.0, 2.0, 0.7
"""Standard deviations of first points about optima, of what replicates that look beyond are drawn from, and of points
about replicates."""

_SIGMAS = 3.0
"""Standard deviations of the prior beyond which nothing is simulated."""

_LOWEST, _FAR, _STEEP = 0.1, 0.5, 2.0
"""Share of the points with the lowest losses; rise of the loss above them, per residual, from which on points count
less, and how steeply."""

_PULL = 0.2
"""Residual per standard deviation outside of where points are."""

_ITERATIONS, _GAIN = 60, 1e-4
"""Iterations on a surface, and the share of the loss that is no gain."""

_LEAST_WEIGHT, _NARROWEST = 1e-3, 1e-3
"""Weight below which a point is left out; width of a coordinate at the least."""


@dataclass(frozen=True, kw_only=True)
class Valley:
    """What a set of features leaves of the coordinates.

    Parameters
    ----------
    z : Float[np.ndarray, "n"]
        The estimate.
    replicates : Float[np.ndarray, "replicates n"]
        Estimates from resampled cycles.
    rounds : int
        Rounds of simulations.
    settled : bool
        Whether the replicates had ceased to move.
    interrupted : bool
        Whether the rounds were stopped before their end.
    """

    z: Float[np.ndarray, " n"]
    replicates: Float[np.ndarray, "replicates n"]
    rounds: int
    settled: bool
    interrupted: bool = False


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What simulated features are to be like.

    Parameters
    ----------
    targets : sequence of Target
        Measured features.
    centre, prior : Float[np.ndarray, "n"]
        Mean and standard deviation of the coordinates' prior.
    acting : sequence of Bool[np.ndarray, "n"]
        Which coordinates move each target.
    seed : int
        Of the prior's centres, the points and the weights.
    """

    targets: Sequence[Target]
    centre: Float[np.ndarray, " n"]
    prior: Float[np.ndarray, " n"]
    acting: Sequence[Bool[np.ndarray, " n"]]
    seed: int

    def resampled(self) -> tuple[np.ndarray, np.ndarray]:
        """Features of resampled cycles, those with the same number together, and centres of the prior."""
        moved = np.concatenate([t.shifts() for t in self.targets], axis=1)
        drawn = np.random.default_rng(self.seed).normal(size=(len(moved), len(self.prior)))
        return self.measured + moved, self.centre + self.prior * drawn

    @property
    def measured(self) -> Float[np.ndarray, " residuals"]:
        """Measured features of all targets [standard deviations]."""
        return np.concatenate([t.measured / t.sigma for t in self.targets])


Simulate = Callable[[np.ndarray, int], tuple[list[np.ndarray], np.ndarray]]
"""Features [standard deviations] of each target at points, with the random numbers of a batch, and which are good."""


def explore(
    goal: Goal,
    simulate: Simulate,
    optima: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    size: int,
    tick: Callable[[Progress], None] | None = None,
) -> Valley:
    """The estimate and its replicates.

    Where hardly a simulation succeeds nothing is estimated: no round, and the optima as replicates.

    Parameters
    ----------
    goal : Goal
        What is sought.
    simulate : callable
        ``simulate(z, batch)``, see `Simulate`.
    optima : sequence of (Float[np.ndarray, "n"], Float[np.ndarray, "n n"])
        Where the loss is low, and the covariance of the coordinates there.
    size : int
        Points of a batch.
    tick : callable, optional
        Called after each batch.
    """
    walk = _Walk(goal, simulate, size, tick)
    z = np.stack([x for x, _ in optima])
    found = Valley(z=z[0], replicates=z, rounds=0, settled=False)
    try:
        walk.add(walk.about(optima))
        while sum(map(len, walk.z)) > 2 * len(goal.prior):  # a plane, and as much again
            found = walk.estimate(found)
            if found.settled or found.rounds == _MOST:
                return found
            walk.add(walk.among(found.replicates))
    except KeyboardInterrupt:
        return replace(found, interrupted=True)
    return found


class _Walk:
    """Simulated points, and the surfaces through them."""

    def __init__(self, goal: Goal, simulate: Simulate, size: int, tick):
        self.goal, self.simulate, self.size, self.tick = goal, simulate, size, tick
        self.rng = np.random.default_rng(goal.seed)
        self.z: list[np.ndarray] = []
        self.covariance = np.zeros((0, 0, 0))
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
            away = np.sum((np.concatenate(values, axis=1)[good] - self.measured) ** 2, axis=1)
            self.shown.cost = np.minimum(self.shown.cost, 0.5 * np.min(away, initial=np.inf))
            self.shown.counted(len(points), int(np.sum(~good)))
            if self.tick is not None:
                self.tick(self.shown)

    def about(self, optima: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """First points, about each optimum."""
        count = _BATCHES * self.size
        which = self.rng.integers(0, len(optima), count)
        normal = self.rng.normal(size=(count, len(self.goal.prior)))
        roots = [np.linalg.cholesky(c) for _, c in optima]
        return np.stack(
            [optima[k][0] + _WIDER * roots[k] @ x for k, x in zip(which, normal, strict=True)]
        )

    def among(self, replicates: np.ndarray) -> np.ndarray:
        """Points where the replicates lie, each shaken as far as the data leave it there."""
        which = self.rng.integers(0, len(replicates), _BATCHES * self.size)
        normal = self.rng.normal(size=(len(which), replicates.shape[1]))
        roots = np.linalg.cholesky(self.covariance)[which]
        return replicates[which] + _JITTER * np.einsum("kij,kj->ki", roots, normal)

    def estimate(self, before: Valley) -> Valley:
        """Minima on surfaces through all points, for the measured features and for resampled ones."""
        z = np.concatenate(self.z)
        batch = np.repeat(np.arange(len(self.z)), [len(x) for x in self.z])
        values = [np.concatenate(v) for v in zip(*self.values, strict=True)]
        weight = self._weights(z, np.concatenate(values, axis=1))
        keep = weight > _LEAST_WEIGHT
        z, batch, weight = z[keep], batch[keep], weight[keep]
        values = [v[keep] for v in values]
        cloud = Cloud(z)

        def surfaces(weight, shapes=None):
            return Surfaces(z, values, weight=weight, acting=self.goal.acting, shapes=shapes)

        mean = surfaces(weight)
        starts = np.concatenate([before.z[None], before.replicates[:_SURFACES]])
        own = (self.measured[None], self.goal.centre[None])
        best = self._least(mean, cloud, starts[:, None], *own)[0]
        self.shown.z = best[None]
        replicates = self._replicated(before, best, cloud, mean.shapes, weight, batch, surfaces)
        rounds = before.rounds + 1
        # Along a valley the least loss is anywhere; the estimate is that on its floor which is nearest to the middle.
        middle, widths = np.median(replicates, axis=0), replicates.std(axis=0)
        starts = np.stack([best, middle])[:, None]
        best = self._least(
            mean, cloud, starts, self.measured[None], middle[None], np.maximum(widths, _NARROWEST)
        )[0]
        slopes = mean(replicates)[1]
        information = np.einsum("kri,krj->kij", slopes, slopes) + np.diag(self.goal.prior**-2)
        self.covariance = np.linalg.inv(information)
        still = rounds >= _FEWEST and _unmoved(before.replicates, replicates)
        return Valley(z=best, replicates=replicates, rounds=rounds, settled=still)

    def _replicated(self, before: Valley, best, cloud: Cloud, shapes, weight, batch, surfaces):
        """Minima for resampled features, each on one of several surfaces that weigh the batches at random."""
        features, centres = self.resampled
        if before.rounds + 1 < _WIDE:  # a surface is right no further than where points were
            features = self.measured + _STRETCHED * (features - self.measured)
            centres = self.goal.centre + _STRETCHED * (centres - self.goal.centre)
        replicates = np.empty((len(features), len(best)))
        for k in range(_SURFACES):
            mine = slice(k, None, _SURFACES)
            drawn = weight * self.rng.exponential(size=len(self.z))[batch]
            one = surfaces(np.maximum(drawn, _LEAST_WEIGHT**2), shapes)
            goal, centre = features[mine], centres[mine]
            known = [before.replicates[mine]] if before.rounds else before.replicates[:, None]
            starts = [np.broadcast_to(x, centre.shape) for x in (best[None], *known)]
            replicates[mine] = self._least(one, cloud, np.stack(starts), goal, centre)
        return replicates

    def _weights(self, z: np.ndarray, values: np.ndarray) -> np.ndarray:
        """What points count: less where the loss is far above the least one, where no replicate lies."""
        away = 0.5 * np.sum((values - self.measured) ** 2, axis=1)
        away += 0.5 * np.sum(((z - self.goal.centre) / self.goal.prior) ** 2, axis=1)
        far = (away - np.quantile(away, _LOWEST)) / values.shape[1]
        return np.exp(-_STEEP * np.maximum(far - _FAR, 0.0))

    def _least(
        self, surfaces, cloud: Cloud, starts, features, centres, prior: np.ndarray | None = None
    ) -> np.ndarray:
        """The best of the minima that some starts of each problem lead to."""
        p = self.goal.prior if prior is None else prior
        tries, problems, n = starts.shape
        of = np.tile(np.arange(problems), tries)

        def evaluate(z, which):
            values, slopes = surfaces(z)
            far, outward = cloud.beyond(z)
            r = [values - features[of[which]], (z - centres[of[which]]) / p, _PULL * far[:, None]]
            narrow = np.broadcast_to(np.diag(1 / p), (len(z), n, n))
            jac = [slopes, narrow, _PULL * outward[:, None]]
            return np.concatenate(r, 1), np.concatenate(jac, 1), np.ones(len(z), bool)

        done = levenberg_marquardt(
            evaluate,
            starts.reshape(-1, n),
            iterations=_ITERATIONS,
            tolerance=_GAIN,
            together=False,
        )
        best = np.argmin(done.cost.reshape(tries, problems), axis=0)
        return done.z.reshape(tries, problems, n)[best, np.arange(problems)]


def _unmoved(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether neither medians nor standard deviations have moved."""
    spread = now.std(axis=0) + 1e-12
    move = np.abs(np.median(now, axis=0) - np.median(before, axis=0))
    change = np.abs(spread - before.std(axis=0))
    return bool(max(np.max(move / spread), np.max(change / spread)) < _MOVED)


def linear(goal: Goal, z: np.ndarray, jacobian: np.ndarray, *, interrupted: bool) -> Valley:
    """A point and its replicates to first order, for a search that was stopped or could not be simulated.

    Parameters
    ----------
    goal : Goal
        What is sought.
    z : Float[np.ndarray, "n"]
        The point.
    jacobian : Float[np.ndarray, "residuals n"]
        Of the residuals there, the prior's last.
    interrupted : bool
        Whether it was stopped.
    """
    features, centres = goal.resampled()
    shifts = np.concatenate(
        [features - goal.measured, (centres - goal.centre) / goal.prior], axis=1
    )
    moved = np.linalg.solve(jacobian.T @ jacobian, jacobian.T @ shifts.T).T
    return Valley(z=z, replicates=z + moved, rounds=0, settled=False, interrupted=interrupted)


__all__ = ["Goal", "Simulate", "Valley", "explore", "linear"]

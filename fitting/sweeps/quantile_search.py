"""Search for the coordinates of an ensemble whose quantiles are those of the measured cycles."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from ..problem import PRIOR_SIGMA
from ..stochastic.two_sample import Target
from ..stochastic.valleys import Goal
from .ensemble import Ensemble

_STEP = 0.1  # half the step of the central differences
# Starts that are improved, for how many iterations, and the share of the loss that is no gain.
_IMPROVED, _ITERATIONS, _GAIN = 3, 6, 2e-3
_LARGEST_FAILED = 0.02  # share of cycles whose solve may fail at a point that counts


class QuantileSearch:
    """Residuals of an ensemble against targets, with a prior about its start, and their minimisation.

    Parameters
    ----------
    ensemble : Ensemble
        Simulated cycles as a function of coordinates.
    targets : sequence of Target
        Measured quantiles.
    known : mapping of str to float
        Standard deviations of the priors by parameter [natural log units]; `PRIOR_SIGMA` of all others.
    """

    def __init__(self, ensemble: Ensemble, targets: Sequence[Target], known: Mapping[str, float]):
        self.ensemble, self.targets, self.centre = ensemble, targets, ensemble.start()
        named = [PRIOR_SIGMA if c.spread else known.get(c.name) for c in ensemble.coordinates]
        self.strengths = named.count(None)
        self.prior = np.array([PRIOR_SIGMA if x is None else x for x in named])

    def residuals(self, z: Float[np.ndarray, "points n"]) -> tuple[np.ndarray, np.ndarray]:
        """Residuals at points, the prior's last, and whether enough cycles were solved."""
        distances, enough = self._away(z)
        return np.concatenate([*distances, (z - self.centre) / self.prior], axis=1), enough

    def _away(self, z: Float[np.ndarray, "points n"]) -> tuple[list[np.ndarray], np.ndarray]:
        """Residuals of each target, and whether enough cycles were solved."""
        events, good = self.ensemble(z)
        keep = good | ~np.any(good, axis=1, keepdims=True)  # of a point without any, all
        residuals = [
            np.stack([t.residuals(x[k]) for x, k in zip(e, keep, strict=True)])
            for t, e in zip(self.targets, events, strict=True)
        ]
        return residuals, good.mean(axis=1) >= 1 - _LARGEST_FAILED

    def __call__(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, Jacobian and success, start by start."""
        points = []
        for point in z:
            r, ok = self.residuals(point + _STEP * self.pattern)
            n = len(point)
            points.append((r[0], (r[1 : n + 1] - r[n + 1 :]).T / (2 * _STEP), ok.all()))
        r, jac, ok = (np.stack(x) for x in zip(*points, strict=True))
        return r, jac, ok

    @property
    def pattern(self) -> Float[np.ndarray, "points n"]:
        """Where differences are taken."""
        unit = np.eye(len(self.centre))
        return np.concatenate([0 * unit[:1], unit, -unit])

    def costs(self, z: Float[np.ndarray, "points n"]) -> Float[np.ndarray, " points"]:
        """Half the sums of squares at many points, in batches of one size."""
        size, costs = len(self.pattern), []
        for k in range(0, len(z), size):
            batch = np.resize(z[k : k + size], (size, z.shape[1]))
            r, ok = self.residuals(batch)
            costs.append(np.where(ok, 0.5 * np.sum(r**2, axis=1), np.inf))
        return np.concatenate(costs)[: len(z)]

    def run(self, starts: np.ndarray, tick) -> tuple[list[Progress], bool]:
        """What the best start of each strength of noise, the best few of them, leads to, the best first.

        Interrupted, also what has been reached by then.
        """
        show = partial(tick, "randomness") if tick else None
        options: dict[str, Any] = dict(iterations=_ITERATIONS, tolerance=_GAIN, tick=show)
        ends: list[Progress] = []
        try:
            chosen = self.chosen(starts)
            for k, z in enumerate(chosen, 1):
                later = _ITERATIONS * (len(chosen) - k)
                ends.append(Progress(z[None], np.full(1, np.inf), later=later))
                levenberg_marquardt(self, z[None], progress=ends[-1], **options)
        except KeyboardInterrupt:
            return ends or [Progress(starts[:1], np.full(1, np.inf))], True
        return sorted(ends, key=lambda p: p.cost[0]), False

    def chosen(self, starts: np.ndarray) -> list[np.ndarray]:
        """The best start of each strength of noise, the best few of them."""
        best: dict[tuple, np.ndarray] = {}
        for k in np.argsort(self.costs(starts)):
            best.setdefault(tuple(starts[k][: self.strengths]), starts[k])
        return list(best.values())[:_IMPROVED]

    def features(self, z: Float[np.ndarray, "points n"]) -> tuple[list[np.ndarray], np.ndarray]:
        """Features of each target [standard deviations], and whether enough cycles were solved."""
        size = (len(self.pattern), z.shape[1])  # one size, one program
        distances, enough = self._away(np.resize(z, size))
        pairs = zip(distances, self.targets, strict=True)
        return [r[: len(z)] + t.weigh(t.measured) for r, t in pairs], enough[: len(z)]

    def goal(self, acting: Sequence[np.ndarray]) -> Goal:
        """The targets and the prior, for a search on surfaces of features."""
        return Goal(
            targets=self.targets,
            centre=self.centre,
            prior=self.prior,
            acting=acting,
            seed=self.ensemble.options["seed"],
        )

    def acting(self, jacobians: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Which coordinates move each target; all of them, where none does so by a step of the differences."""
        moved = np.any([np.abs(j) > 0 for j in jacobians], axis=0)
        ends = np.cumsum([0, *(len(t.weights) for t in self.targets)])
        acting = [moved[a:b].any(axis=0) for a, b in pairwise(ends)]
        return [a if a.any() else ~a for a in acting]

"""Search for medians and covariance of parameters with which simulated cycles are like the measured ones.

See `fitting.sweeps.cycle_moments`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from memjax.core.fields import parameter_specs
from memjax.core.params import get, replace as with_values
from memjax.errors import FitError
from memjax.noise import cycle_factors

from ..optimize.levenberg_marquardt import Progress
from ..stochastic.moments import (
    WIDEST,
    Choice,
    Mixing,
    Moments,
    choices,
    parts_of,
    vector_of,
)
from .set_reset import CycleReading, CycleSimulation

_MOVE = 0.2  # change of the logarithm of a parameter, either way, over which features are differentiated
# Rounds, each with the slopes where the last one ended; sets of parameters that are tried in each; corrections of each.
_ROUNDS, _CHOICES, _ITERATIONS = 2, 4, 12
_MOST = 2 * _ROUNDS * _CHOICES * _ITERATIONS
# Iterations after which a set of parameters is given up whose loss is so many times the best one.
_PATIENCE, _HOPELESS = 4, 4.0
_MET = 0.1  # differences of moments, in standard errors of the measured ones, that end the search


class CycleSearch:
    """Simulated cycles of a device as a function of medians and of a root of the covariance of logarithms.

    Parameters
    ----------
    device : AbstractDevice
        With the values of the fit.
    names : sequence of str
        Parameters that may differ from cycle to cycle.
    reading : CycleReading
        What is read off a cycle.
    simulation : CycleSimulation
        How cycles are simulated.
    target : Moments
        What they are to be like.
    seed : int
        Of the draws.
    """

    def __init__(
        self,
        device: Any,
        names: Sequence[str],
        *,
        reading: CycleReading,
        simulation: CycleSimulation,
        target: Moments,
        seed: int,
    ):
        self.device, self.names, self.seed = device, tuple(names), seed
        self.reading, self.simulation, self.target = reading, simulation, target

    def slopes(self) -> Float[np.ndarray, "features names"]:
        """Change of the logarithms of the features by those of the parameters, cycle after cycle alike."""
        members, swept = self.simulation.shape
        n, columns = len(self.names), []
        for begin in range(0, n, members // 2):
            part = range(begin, min(begin + members // 2, n))
            moves = np.zeros((members, n))
            for row, k in enumerate(part):
                moves[2 * row : 2 * row + 2, k] = _MOVE, -_MOVE
            factors = {
                x: np.repeat(np.exp(moves[:, k, None]), swept, axis=1)
                for k, x in enumerate(self.names)
            }
            logs = np.log(self.values(self.device, factors)[:, -1])
            pairs = logs[: 2 * len(part)].reshape(len(part), 2, -1)
            columns += list((pairs[:, 0] - pairs[:, 1]) / (2 * _MOVE))
        # Of a move with which the solve fails, or nothing is read, nothing is known.
        return np.nan_to_num(np.array(columns).T)

    def values(self, device: Any, factors: dict[str, Any]) -> np.ndarray:
        """What the cycles that count show, ``(members, cycles, features)``."""
        whole = {n: factors.get(n, np.ones(self.simulation.shape)) for n in self.names}
        return self.reading(self.simulation.counted(self.simulation(device, whole)))

    def draws(self, names: Sequence[str], seed: int, *, whitened: bool = False) -> np.ndarray:
        """Normal numbers ``(members, swept, names)``; `whitened` ones have exactly no mean and no correlation."""
        members, swept = self.simulation.shape
        unit = cycle_factors(
            self.seed + seed, dict.fromkeys(names, 1.0), members=members, sweeps=swept
        )
        normal = np.stack([np.log(np.asarray(unit[n])) for n in names], axis=-1)
        if not whitened:
            return normal
        flat = normal.reshape(-1, len(names))
        flat = flat - flat.mean(axis=0)
        root = np.linalg.cholesky(flat.T @ flat / len(flat))
        return np.linalg.solve(root, flat.T).T.reshape(normal.shape)

    def of(self, device: Any) -> "CycleSearch":
        """The same search of another device."""
        return CycleSearch(
            device,
            self.names,
            reading=self.reading,
            simulation=self.simulation,
            target=self.target,
            seed=self.seed,
        )

    def features(
        self, point: "Point", normal: Float[np.ndarray, "members swept names"]
    ) -> tuple[Float[np.ndarray, "cycles features"], float]:
        """All features of the cycles in which each can be read, and the share of the others."""
        factors = np.exp(normal @ point.root.T)
        named = {n: factors[..., k] for k, n in enumerate(point.choice.names)}
        values = self.values(point.device, named).reshape(-1, len(self.reading.names))
        good = np.all(np.isfinite(values) & (values > 0), axis=1)
        return values[good], float(1 - good.mean())


def moved(
    device: Any, names: Sequence[str], move: Sequence[float] | Float[np.ndarray, " names"]
) -> Any:
    """A device whose parameters are multiplied by exponentials, within their bounds."""
    specs = parameter_specs(device)
    values = {
        n: float(np.clip(float(get(device, n)) * np.exp(x), *specs[n].bounds))
        for n, x in zip(names, move, strict=True)
    }
    return with_values(device, values)


@dataclass(kw_only=True)
class Point:
    """Where a search stands: moves of medians of parameters, a root of their covariance, how far moments are off."""

    search: CycleSearch
    choice: Choice
    move: np.ndarray
    root: np.ndarray
    cost: float = np.inf
    met: bool = False

    @property
    def device(self) -> Any:
        """The device with these medians."""
        return moved(self.search.device, self.choice.names, self.move)


class _Best:
    """The best point so far, and who is told of it."""

    def __init__(self, show: Callable[[Progress], None] | None):
        self.point: Point | None = None
        self.show, self.shown = show, Progress(np.zeros((1, 1)), np.zeros(1))

    @property
    def cost(self) -> float:
        """Loss of the best point."""
        return np.inf if self.point is None else self.point.cost

    def see(self, point: Point) -> None:
        """Keep a point that is better."""
        self.point = point if point.cost < self.cost else self.point
        self.shown.iterations, self.shown.cost = self.shown.iterations + 1, np.array([self.cost])
        left = _MOST - self.shown.iterations
        self.shown.left = max(left, 1)
        if self.show is not None:
            self.show(self.shown)


def _descend(search: CycleSearch, choice: Choice, best: _Best) -> None:
    """Move medians and covariance of some parameters until the moments of simulated cycles are the measured ones."""
    target, n = search.target.some(choice.features), len(choice.features)
    normal = search.draws(choice.names, 0, whitened=True)
    inverse, wanted = np.linalg.inv(choice.slope), vector_of(target.center, target.root)
    of_median, of_sd = target.errors
    # An element below the diagonal is a correlation, whose error is one over a root of the number of cycles.
    below = np.full(n * (n - 1) // 2, target.cycles**-0.5)
    mixing, x = Mixing(np.concatenate([of_median, np.full(n, of_sd), below])), wanted
    for k in range(_ITERATIONS):
        center, root = parts_of(x, n)
        move, root = inverse @ (center - target.center), inverse @ root
        wide = np.maximum(np.sqrt(np.sum(root**2, axis=1)) / WIDEST, 1.0)
        point = Point(search=search, choice=choice, move=move, root=root / wide[:, None])
        values, _ = search.features(point, normal)
        if len(values) <= n:
            return
        simulated = Moments.of(values[:, list(choice.features)])
        # What no parameter explains counts as well: sets that explain more are better.
        away = search.target.away(Moments.of(values))
        point.cost, point.met = 0.5 * float(np.sum(away**2)), bool(np.abs(away).max() < _MET)
        best.see(point)
        if point.met or (k >= _PATIENCE and point.cost > _HOPELESS * best.cost):
            return
        x = mixing(x, wanted - vector_of(simulated.center, simulated.root))


def run(
    search: CycleSearch, others: Sequence[Any], show: Callable[[Progress], None] | None
) -> tuple[Point | None, bool]:
    """The best point, None where no parameter moves what cycles show, and whether the search was interrupted.

    `others` are devices that the data allow as well.
    """
    best, searches = _Best(show), [search, *map(search.of, others)]
    try:
        for _ in range(_ROUNDS):
            pairs = [
                (c, s)
                for s in searches
                for c in choices(s.names, s.slopes(), s.target, count=_CHOICES)
            ]
            # What explains more comes first, then what asks for less scatter.
            pairs.sort(key=lambda p: (-len(p[0].features), p[0].scatter))
            for choice, start in pairs[: 2 * _CHOICES]:
                _descend(start, choice, best)
                if best.point is not None and best.point.met:
                    return best.point, False
            if best.point is None:
                if pairs:
                    text = "no cycles could be simulated in which the device sets and resets"
                    raise FitError(text)
                return None, False
            searches = [best.point.search.of(best.point.device)]
    except KeyboardInterrupt:
        if best.point is None:
            raise
        return best.point, True
    return best.point, False

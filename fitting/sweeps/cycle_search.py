"""Search for medians and covariance of parameters with which simulated cycles are like the measured ones.

See `fitting.sweeps.cycle_moments`.
"""

import re
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
    FARTHEST,
    WIDEST,
    WIDEST_RATE,
    Choice,
    Mixing,
    Moments,
    choices,
    parts_of,
    vector_of,
)
from .set_reset import CycleReading, CycleSimulation

# Changes of the logarithm of a parameter, either way, over which features are differentiated.
_MOVES = 0.2 * 2.0 ** np.arange(5)
# Rounds, each with the slopes where the last one ended; sets of parameters that are tried in each; corrections of each.
_ROUNDS, _CHOICES, _ITERATIONS = 2, 4, 12
_MOST = 2 * _ROUNDS * _CHOICES * _ITERATIONS
# Iterations after which a set of parameters is given up whose loss is so many times the best one.
_PATIENCE, _HOPELESS = 4, 4.0
_CENTERINGS = 8  # steps towards the measured medians
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
        specs = parameter_specs(device)
        units = [specs[n].unit for n in self.names]
        self.widest = np.array([WIDEST_RATE if re.search(r"\bs\b", u) else WIDEST for u in units])

    def slopes(self) -> Float[np.ndarray, "features names"]:
        """Change of the logarithms of the features by those of the parameters, cycle after cycle alike.

        Voltages are read in steps of the waveform, which small moves of a parameter do not pass. The slope is therefore
        the secant over the smallest move by which some feature changes as much as it scatters, else over the largest.
        """
        members, swept = self.simulation.shape
        n, m = len(self.names), len(_MOVES)
        # One lane for each parameter, move and sign.
        lanes = np.kron(np.eye(n), np.kron(_MOVES, [1.0, -1.0])[:, None])
        logs = []
        for begin in range(0, len(lanes), members):
            part = np.zeros((members, n))
            part[: len(lanes) - begin] = lanes[begin : begin + members]
            factors = {
                x: np.repeat(np.exp(part[:, k, None]), swept, axis=1)
                for k, x in enumerate(self.names)
            }
            with np.errstate(invalid="ignore", divide="ignore"):
                # The last cycle: in earlier ones a device still shows the state in which it began.
                logs.append(np.log(self.values(self.device, factors)[:, -1]))
        pairs = np.concatenate(logs)[: len(lanes)].reshape(n, m, 2, -1)
        change = pairs[:, :, 0] - pairs[:, :, 1]
        size = np.abs(change) / (2 * self.target.sd)
        enough = np.nan_to_num(size, nan=0.0).max(axis=2) >= 1
        chosen = np.where(enough.any(axis=1), enough.argmax(axis=1), _last_finite(change))
        # Of a move with which the solve fails, or nothing is read, nothing is known.
        return np.nan_to_num(change[range(n), chosen] / (2 * _MOVES[chosen, None])).T

    def values(self, device: Any, factors: dict[str, Any]) -> np.ndarray:
        """What the cycles that count show, ``(members, cycles, features)``."""
        whole = {n: factors.get(n, np.ones(self.simulation.shape)) for n in self.names}
        return self.reading(self.simulation.counted(self.simulation(device, whole)))

    def centered(self, covariance: Float[np.ndarray, "names names"]) -> "CycleSearch":
        """The search of the device whose cycles have the measured medians, and that departs least from this one.

        By a few Gauss-Newton steps, where `covariance` (of logarithms) says how far parameters may go: a fit describes
        all points of a loop, of which these voltages and resistances are few.
        """
        search, wanted = self, self.target.center
        errors = self.target.errors[0]
        for _ in range(_CENTERINGS):
            with np.errstate(invalid="ignore", divide="ignore"):
                shown = np.log(search.values(search.device, {})[0, -1])
            gap = np.nan_to_num(wanted - shown)
            if np.all(np.abs(gap) < errors):
                break
            slopes = search.slopes()
            # The most probable move: what the fit leaves open is the prior, and medians have errors.
            known = slopes @ covariance @ slopes.T + np.diag(errors**2)
            step = covariance @ slopes.T @ np.linalg.solve(known, gap)
            step = step * min(1.0, FARTHEST / max(np.max(np.abs(step)), 1e-300))
            search = search.of(moved(search.device, self.names, step))
        return search

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
        parts: dict[str, Any] = dict(reading=self.reading, simulation=self.simulation)
        return CycleSearch(device, self.names, **parts, target=self.target, seed=self.seed)

    def features(
        self, point: "Point", normal: Float[np.ndarray, "members swept names"]
    ) -> tuple[Float[np.ndarray, "cycles features"], float]:
        """All features of the cycles that set and reset at any voltage, and the share of those that show not all."""
        factors = np.exp(normal @ point.root.T)
        named = {n: factors[..., k] for k, n in enumerate(point.choice.names)}
        values = self.values(point.device, named).reshape(-1, len(self.reading.names))
        values = np.where(values > 0, values, np.nan)
        whole = np.isfinite(values).all(axis=1)
        return values[np.isfinite(values).any(axis=1)], float(1 - whole.mean())


def _last_finite(change: Float[np.ndarray, "names moves features"]) -> np.ndarray:
    """Index of the largest move of each parameter with which all features are read; 0 where there is none."""
    finite = np.isfinite(change).all(axis=2)
    return np.max(np.where(finite, np.arange(len(_MOVES)), 0), axis=1)


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
    widest = search.widest[[search.names.index(n) for n in choice.names]]
    inverse, wanted = np.linalg.inv(choice.slope), vector_of(target.center, target.root)
    of_median, of_sd = target.errors
    # An element below the diagonal is a correlation, whose error is one over a root of the number of cycles.
    below = np.full(n * (n - 1) // 2, target.cycles**-0.5)
    mixing, x = Mixing(np.concatenate([of_median, np.full(n, of_sd), below])), wanted
    for k in range(_ITERATIONS):
        center, root = parts_of(x, n)
        move, root = inverse @ (center - target.center), inverse @ root
        wide = np.maximum(np.sqrt(np.sum(root**2, axis=1)) / widest, 1.0)
        point = Point(search=search, choice=choice, move=move, root=root / wide[:, None])
        values, _ = search.features(point, normal)
        if np.count_nonzero(np.isfinite(values).all(axis=1)) <= n:
            return
        # What no parameter explains counts as well: sets that explain more are better.
        every = Moments.of(values, like=target.cycles)
        differences, simulated = search.target.differences(every), every.some(choice.features)
        point.cost = 0.5 * float(np.sum(differences**2))
        point.met = bool(np.abs(differences).max() < _MET)
        best.see(point)
        if point.met or (k >= _PATIENCE and point.cost > _HOPELESS * best.cost):
            return
        x = mixing(x, wanted - vector_of(simulated.center, simulated.root))


def run(
    searches: Sequence[CycleSearch], show: Callable[[Progress], None] | None
) -> tuple[Point | None, bool]:
    """The best point, None where no parameter moves what cycles show, and whether the search was interrupted.

    `searches` are those of devices that the data allow.
    """
    best = _Best(show)
    try:
        for _ in range(_ROUNDS):
            pairs = [
                (c, s)
                for s in searches
                for c in choices(s.names, s.slopes(), s.target, count=_CHOICES, widest=s.widest)
            ]
            # What explains more comes first, then what asks for less scatter.
            pairs.sort(key=lambda p: (-len(p[0].features), p[0].scatter))
            for choice, start in pairs:
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

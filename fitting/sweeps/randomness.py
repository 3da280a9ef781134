r"""Ion noise, spread from cycle to cycle and kinetics together, by simulation with common random numbers.

Notes
-----
Residuals are differences of quantiles, simulated less measured, along axes and diagonals of the events of each
excursion (`two_sample.Target`): half their sum of squares is a weighted sliced Wasserstein-2 distance.
Whether a cycle switches in one reading or the next is a threshold, which derivatives along a path do not see;
the Jacobian is therefore of central differences of the quantiles over finite steps, all points with the same
random numbers, and Levenberg-Marquardt minimises: indirect inference [1]_.

Priors: a standard deviation of a factor of 7 for strengths of noise and spreads; for what the deterministic fit found
the one that it gave, but half a natural log unit at least, since noise shifts the medians that it was fitted to, and it
knows nothing of that, and one at most.

Noise, spreads and rates make up for each other along curved valleys of the loss, where the random numbers of a
simulation decide which point is lowest. The optima are therefore where a second search begins, which averages over
random numbers and takes errors from bootstrap replicates: see `fitting.stochastic.valleys`.

References
----------
.. [1] C. Gourieroux, A. Monfort, Simulation-Based Econometric Methods (1996), doi:10.1093/0198774753.001.0001
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

import memjax as mj
from memjax.core.params import replace as with_values

from ..inference.identifiability import LIMIT
from ..stochastic.exploration import explore
from ..stochastic.failures import FAILURES, in_words
from ..stochastic.result import LEVEL, Stochastic, logarithmic
from ..stochastic.two_sample import compare, energy_test
from ..stochastic.valleys import Valley, ends_of, linear
from .cycle_moments import calibrate_cycles
from .cycles import CHECKED, DRAWS, OTHER_SEEDS, Cycles, noise_of
from .ensemble import Coordinate, of_sweeps
from .instrument import parameter_names
from .quantile_search import QuantileSearch
from .result import FitResult

FEWEST = 8
"""Cycles of a waveform below which they say nothing of a distribution."""

_WAVES = 4  # waveforms, those applied most often, that are simulated
# Limits of the standard deviation of the prior of what the deterministic fit found [natural log units]: its own.
_TIGHTEST, _LOOSEST = 0.5, 1.0
_HALVINGS = 2  # how often they are halved at most where adaptive steps give another distribution
# Standard deviations of a loss by which an optimum may lie above the best and be followed.
_LEVELS = 3.0
# Standard deviations by which the loss of an estimate may exceed that of the point it began from.
_WORSE = 3.0
_ONE = 0.6827  # probability of an interval of one standard deviation either way
_ROUGH = 64  # cycles, at the most, of each waveform at each point until there are optima
_FRESH = 6  # the first seed of the replicates' simulations

ESTIMATOR = "quantiles of simulated cycles on a response surface; errors from profiles of the loss"


def calibrate(
    result: FitResult,
    *,
    noise: Sequence[str] | None = None,
    draws: int | None = None,
    tick: Callable[[str, Any], None] | None = None,
) -> FitResult:
    """Calibrate ion noise, spread from cycle to cycle and rates to the distributions that the cycles show.

    Parameters
    ----------
    result : FitResult
        A deterministic fit, where the search starts.
    noise : sequence of str, optional
        Strengths of noise to calibrate; by default those other than zero, else those that suit the model.
    draws : int, optional
        Simulated cycles of each waveform at each point, by default 128: fewer are faster and leave the result with
        more of their own scatter.
    tick : callable, optional
        Called with the name of the round and a `Progress`.

    Returns
    -------
    FitResult
        With `device`, `cycle_spread` and `stochastic` replaced; with a note where nothing could be
        calibrated. Of a device that keeps its state medians and spreads of parameters are calibrated: see
        `fitting.sweeps.cycle_moments`.

    Notes
    -----
    Steps are fixed in the search, ten between two readings at first. At the end cycles are simulated with
    other random numbers in fixed and in adaptive steps: where an energy test tells them apart, the steps are halved
    and the search goes on.
    """
    if not getattr(result.device, "volatile", False):
        return calibrate_cycles(result, draws=draws, tick=tick)
    waves = [w for w in result.waves if w.n_sweeps >= FEWEST and w.driven == "voltage"]
    waves = sorted(waves, key=lambda w: -w.n_sweeps)[:_WAVES]
    if not waves:
        note = f"no randomness was calibrated: it takes {FEWEST} cycles of one voltage waveform"
        return replace(result, notes=(*result.notes, note))
    strengths = noise_of(result.device) if noise is None else tuple(noise)
    problem, sigma = result.problem, np.clip(result.uncertainty.sigma_z, _TIGHTEST, _LOOSEST)
    by_name, of_device = dict(zip(problem.free, sigma, strict=True)), parameter_names(problem.free)
    cycles = Cycles(
        device=result.device,
        experiment=of_sweeps(waves, floor=float(problem.group.floor), seed=result.seed),
        known={n: s for n, s in by_name.items() if n in of_device},
        noise=strengths,
        bench=problem.bench,
        env=problem.env,
        read_noise=result.read_noise,
        seed=result.seed,
        draws=draws or DRAWS,
    )
    stochastic = search(cycles, tick=tick)
    names = ("device", "cycle_spread", "interrupted")
    return replace(result, stochastic=stochastic, **{n: getattr(stochastic, n) for n in names})


def search(cycles: Cycles, *, tick: Callable[[str, Any], None] | None = None) -> Stochastic:
    """Noise, spreads and parameters with which simulated cycles are like the measured ones."""
    coordinates, spreads = cycles.choose()
    substeps = cycles.substeps
    begin = cycles.starts(cycles.ensemble(coordinates, cycles.steps(substeps)), spreads)
    optimum = _Optimum(cycles, coordinates, begin, substeps, tick)
    for _ in range(_HALVINGS):
        if optimum.interrupted or optimum.failure or min(optimum.step_p) > LEVEL:
            break
        substeps *= 2
        try:
            optimum = _Optimum(cycles, coordinates, optimum.valley, substeps, tick)
        except FAILURES as error:
            optimum.failure = in_words(error)
    return _stochastic(cycles, optimum, spreads)


class _Optimum:
    """The end of a search in fixed steps, and its events under other random numbers and in adaptive steps."""

    def __init__(
        self, cycles: Cycles, coordinates, begin: np.ndarray | Valley, substeps: int, tick
    ):
        self.cycles, self.coordinates, self.policy = cycles, coordinates, cycles.steps(substeps)
        self.search = self.seeded(0)
        self.valley, self.costs = self._cheaper(*self._valleys(begin, tick))
        self.z, self.interrupted = self.valley.z, self.valley.interrupted
        self.failure = self.valley.failure
        fixed, adaptive = (
            cycles.solved_events(cycles.ensemble(coordinates, p, draws=CHECKED, seed=1), self.z)
            for p in (self.policy, mj.Auto())
        )
        self.events, self.failed = adaptive
        pairs = zip(fixed[0], self.events, cycles.targets, strict=True)
        self.step_p = [energy_test(a / t.scale, b / t.scale, seed=0) for a, b, t in pairs]

    def seeded(self, seed: int, **changes) -> QuantileSearch:
        """The search with other random numbers; `changes` of the ensemble."""
        return self.cycles.search(self.coordinates, self.policy, seed, **changes)

    def _cheaper(self, valley: Valley, first: Valley) -> tuple[Valley, np.ndarray]:
        """The estimate and its loss under other random numbers; the point before it, where that has a lower one.

        A surface may be wrong where it was not looked at again: simulations decide.
        """
        points = np.stack([valley.z, first.z])
        costs = np.array([self.seeded(s).costs(points) for s in OTHER_SEEDS])
        worse = np.mean(costs[:, 0] - costs[:, 1]) > _WORSE * np.std(costs[:, 1], ddof=1)
        return (first, costs[:, 1]) if worse else (valley, costs[:, 0])

    def _valleys(self, begin: np.ndarray | Valley, tick) -> tuple[Valley, Valley]:
        """The estimate and its replicates, from starts or from the valley of larger steps; and to first order."""
        search = self.search
        if isinstance(begin, Valley):
            optima = [(begin.z, np.cov(begin.replicates, rowvar=False))]
            jacobians = [search(begin.z[None])[1][0]]
        else:
            rough = self.seeded(0, draws=min(_ROUGH, self.cycles.draws))
            ends, interrupted = rough.run(begin, tick)
            if interrupted:
                z = min(ends, key=lambda p: p.cost[0]).z[0]
                stopped = linear(search.goal([]), z, search(z[None])[1][0], interrupted=True)
                return stopped, stopped
            points = np.concatenate([p.z for p in ends])
            self.cycles.weigh(self.coordinates, self.policy, points[0])
            self.search = search = self.seeded(0)
            r, jacobians, ok = search(points)
            cost = np.where(ok, 0.5 * np.sum(r**2, axis=1), np.inf)
            order = np.argsort(cost)
            # Half a chi squared of n residuals scatters by sqrt(n / 2): optima nearer than that are not told apart.
            near = cost[order] <= cost.min() + _LEVELS * np.sqrt(r.shape[1] / 2)
            best = order[near] if np.isfinite(cost.min()) else order[:1]
            jacobians = list(jacobians[best])
            optima = [(z, np.linalg.inv(j.T @ j)) for z, j in zip(points[best], jacobians)]
        goal = search.goal(search.acting(jacobians))
        show = partial(tick, "replicates") if tick else None
        simulate = lambda z, batch: self.seeded(_FRESH + batch).features(z)  # noqa: E731
        valley = explore(goal, simulate, optima, size=len(search.pattern), tick=show)
        first = linear(
            goal, optima[0][0], jacobians[0], interrupted=valley.interrupted, failure=valley.failure
        )
        return valley if valley.rounds else first, first


def _stochastic(cycles: Cycles, optimum: _Optimum, spreads: Mapping[str, str]) -> Stochastic:
    """The calibration in numbers."""
    search, valley = optimum.search, optimum.valley
    ensemble = search.ensemble
    names = [str(c) for c in ensemble.coordinates]

    def values(rows: np.ndarray) -> dict[str, np.ndarray]:
        pairs = zip(ensemble.coordinates, rows, strict=True)
        return {str(c): np.asarray(ensemble.value(c, x)) for c, x in pairs}

    value, prior = values(optimum.z), dict(zip(names, search.prior, strict=True))
    value = {n: float(x) for n, x in value.items()}
    grid = values(valley.grid)
    profiles = {n: (grid[n], y) for n, y in zip(names, valley.rise, strict=True)}
    widths = {n: logarithmic(ends_of(*p, _ONE)) for n, p in profiles.items()}
    std = {n: abs(value[n]) * widths[n] for n in value}
    count = int(sum(len(t.sample.values) for t in cycles.targets))
    spread = {
        n: {
            "sigma_ln": value[s],
            "std": std[s],
            "from": event,
            "sweeps": count,
            "method": ESTIMATOR,
        }
        for n, event in spreads.items()
        if (s := str(Coordinate(n, True)))
    }
    medians = {c.name: value[c.name] for c in ensemble.coordinates if not c.spread}
    pairs = zip(cycles.targets, optimum.events, strict=True)
    return Stochastic(
        estimator=ESTIMATOR,
        device=with_values(cycles.device, medians),
        cycle_spread=spread,
        noise=cycles.noise,
        values=value,
        std=std,
        undetermined=tuple(n for n, s in widths.items() if s > max(LIMIT, 0.5 * prior[n])),
        replicates=values(valley.replicates.T),
        profiles=profiles,
        prior=prior,
        settled=valley.settled,
        loss=float(optimum.costs.mean()),
        loss_noise=float(optimum.costs.std(ddof=1)),
        draws=cycles.draws,
        step=float(ensemble.options["policy"].dt),
        failed=optimum.failed,
        comparison=[{"label": t.sample.label} | compare(t, x, seed=cycles.seed) for t, x in pairs],
        step_p=optimum.step_p,
        simulated=optimum.events,
        interrupted=optimum.interrupted,
        failure=optimum.failure,
    )

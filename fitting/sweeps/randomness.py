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

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.fields import parameter_specs
from memjax.params import get, replace as with_values
from memjax.solver import SemiImplicitEuler

from ..inference.identifiability import LIMIT
from ..optimize.levenberg_marquardt import Progress, levenberg_marquardt
from ..problem import PRIOR_SIGMA
from ..stochastic.result import LEVEL, Stochastic, logarithmic
from ..stochastic.two_sample import Target, compared, energy_test
from ..stochastic.valleys import Goal, Valley, ends_of, explore, linear
from .ensemble import Coordinate, Ensemble, Experiment, of_sweeps
from .fit import FitResult
from .pathwise import calibrate_spread

DRAWS = 128
"""Simulated cycles of each waveform at each point, where nothing else is asked for."""

CHECKED = 200
"""Simulated cycles of each waveform that are compared at the end, by other random numbers and adaptive steps."""

FEWEST = 8
"""Cycles of a waveform below which they say nothing of a distribution."""

_WAVES = 4  # waveforms, those applied most often, that are simulated
# Limits of the standard deviation of the prior of what the deterministic fit found [natural log units]: its own.
_TIGHTEST, _LOOSEST = 0.5, 1.0
_STEP = 0.1  # half the step of the central differences
_SUBSTEPS = 10  # steps between two readings, to begin with
_HALVINGS = 2  # how often they are halved at most where adaptive steps give another distribution
_FAR, _LESS_FAR = 0.7, 0.25  # changes of the logarithm of a rate that tell which events it moves
# How much more it counts against a rate that it moves the other event than that it moves its own.
_APART = 2.0
# Starts: strengths of noise, times 1 in its unit or its own value; spreads for switching and for
# return; factors on the rates whose spread is that of the return.
_NOISES, _SPREADS, _SHIFTS = (0.3, 1.0, 3.0), ((0.03, 0.3), (0.08, 0.3), (0.08, 0.8)), (1.0, 2.0)
# Starts that are improved, for how many iterations, and the share of the loss that is no gain.
_IMPROVED, _ITERATIONS, _GAIN = 3, 6, 2e-3
# Standard deviations of a loss by which an optimum may lie above the best and be followed.
_LEVELS = 3.0
# Standard deviations by which the loss of an estimate may exceed that of the point it began from.
_WORSE = 3.0
_ONE = 0.6827  # probability of an interval of one standard deviation either way
# Other seeds, counted from that of the search, under which the loss is seen again; 1 checks the steps.
_OTHERS = range(2, 6)
_FRESH = 6  # the first seed of the replicates' simulations
_LARGEST_FAILED = 0.02  # share of cycles whose solve may fail at a point that counts

ESTIMATOR = "quantiles of simulated cycles on a response surface; errors from profiles of the loss"


def strength_of(device: Any, name: str) -> float:
    """Value of a parameter, such as the strength of a noise; 0 where there is none."""
    value = get(device, name)
    return 0.0 if value is None else float(value)  # pyright: ignore[reportArgumentType]  # a number


def noise_of(device: Any) -> tuple[str, ...]:
    """Strengths of noise that are calibrated: those other than zero, else the ones that suit the model."""
    specs = parameter_specs(device)
    strengths = [n for n, s in specs.items() if s.noise]
    acting = tuple(n for n in strengths if strength_of(device, n) > 0)
    if acting:
        return acting
    return ("sigma_ion",) if "sigma_ion" in strengths else tuple(strengths)


class _Search:
    """Residuals of an ensemble, and its search."""

    def __init__(self, ensemble: Ensemble, targets: Sequence[Target], known: Mapping[str, float]):
        self.ensemble, self.targets, self.centre = ensemble, targets, ensemble.start()
        named = [PRIOR_SIGMA if c.spread else known.get(c.name) for c in ensemble.coordinates]
        self.strengths = named.count(None)
        self.prior = np.array([PRIOR_SIGMA if x is None else x for x in named])

    def residuals(self, z: Float[np.ndarray, "points n"]) -> tuple[np.ndarray, np.ndarray]:
        """Residuals at points, the prior's last, and whether enough cycles were solved."""
        away, enough = self._away(z)
        return np.concatenate([*away, (z - self.centre) / self.prior], axis=1), enough

    def _away(self, z: Float[np.ndarray, "points n"]) -> tuple[list[np.ndarray], np.ndarray]:
        """Residuals of each target, and whether enough cycles were solved."""
        events, good = self.ensemble(z)
        keep = good | ~np.any(good, axis=1, keepdims=True)  # of a point without any, all
        found = [
            np.stack([t.residuals(x[k]) for x, k in zip(e, keep, strict=True)])
            for t, e in zip(self.targets, events, strict=True)
        ]
        return found, good.mean(axis=1) >= 1 - _LARGEST_FAILED

    def __call__(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Residuals, Jacobian and success, start by start."""
        found = []
        for point in z:
            r, ok = self.residuals(point + _STEP * self.pattern)
            n = len(point)
            found.append((r[0], (r[1 : n + 1] - r[n + 1 :]).T / (2 * _STEP), ok.all()))
        r, jac, ok = (np.stack(x) for x in zip(*found, strict=True))
        return r, jac, ok

    @property
    def pattern(self) -> Float[np.ndarray, "points n"]:
        """Where differences are taken."""
        unit = np.eye(len(self.centre))
        return np.concatenate([0 * unit[:1], unit, -unit])

    def costs(self, z: Float[np.ndarray, "points n"]) -> Float[np.ndarray, " points"]:
        """Half the sums of squares at many points, in batches of one size."""
        size, found = len(self.pattern), []
        for k in range(0, len(z), size):
            batch = np.resize(z[k : k + size], (size, z.shape[1]))
            r, ok = self.residuals(batch)
            found.append(np.where(ok, 0.5 * np.sum(r**2, axis=1), np.inf))
        return np.concatenate(found)[: len(z)]

    def run(self, starts: np.ndarray, tick) -> tuple[list[Progress], bool]:
        """What the best start of each strength of noise, the best few of them, leads to, the best first.

        Interrupted, also what has been reached by then.
        """
        found: list[Progress] = []
        try:
            for z in self.chosen(starts):
                found.append(Progress(z[None], np.full(1, np.inf)))
                levenberg_marquardt(
                    self,
                    z[None],
                    iterations=_ITERATIONS,
                    tolerance=_GAIN,
                    progress=found[-1],
                    tick=(lambda p: tick("randomness", p)) if tick else None,
                )
        except KeyboardInterrupt:
            return found or [Progress(starts[:1], np.full(1, np.inf))], True
        return sorted(found, key=lambda p: p.cost[0]), False

    def chosen(self, starts: np.ndarray) -> list[np.ndarray]:
        """The best start of each strength of noise, the best few of them."""
        cost, seen = self.costs(starts), {}
        for k in np.argsort(cost):
            seen.setdefault(tuple(starts[k][: self.strengths]), starts[k])
        return list(seen.values())[:_IMPROVED]

    def features(self, z: Float[np.ndarray, "points n"]) -> tuple[list[np.ndarray], np.ndarray]:
        """Features of each target [standard deviations], and whether enough cycles were solved."""
        size = (len(self.pattern), z.shape[1])  # one size, one program
        away, enough = self._away(np.resize(z, size))
        found = [r[: len(z)] + t.weigh(t.measured) for r, t in zip(away, self.targets, strict=True)]
        return found, enough[: len(z)]

    def goal(self, acting: Sequence[np.ndarray]) -> Goal:
        """What is sought, in features."""
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


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where a search for the randomness begins.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the values of a deterministic fit.
    experiment : Experiment
        What is compared.
    known : dict of str to float
        Parameters that may move, and the standard deviations that the fit leaves them [unconstrained].
    noise : tuple of str
        Strengths of ion noise to calibrate.
    bench, env
        What stood around the device.
    read_noise : dict
        See `fitting.sweeps.variability.read_noise`.
    seed : int
        Of all random numbers.
    substeps : int
        Steps between two readings, to begin with.
    draws : int, optional
        Simulated cycles of each waveform at each point, by default 128.
    spreads : dict of str to str, optional
        Parameters that differ from cycle to cycle, and the event that each explains; by default those rates
        that move one event most and the others least.
    """

    device: Any
    experiment: Experiment
    known: Mapping[str, float]
    noise: tuple[str, ...]
    bench: mj.Bench
    env: mj.Environment | None
    read_noise: Mapping[str, float]
    seed: int
    substeps: int = _SUBSTEPS
    draws: int | None = None
    spreads: Mapping[str, str] | None = None


class _Cycles:
    """Simulated cycles of an experiment, and the measured ones that they are to be like."""

    def __init__(self, start: Start):
        self.start, self.noise = start, start.noise
        self.draws = start.draws or DRAWS
        self.specs = parameter_specs(start.device)
        samples = [r.sample for r in start.experiment.readings]
        self.targets = [Target(s, seed=start.seed, draws=self.draws) for s in samples]
        strengths = {n: strength_of(start.device, n) or 1.0 for n in self.noise}
        self.device = with_values(start.device, strengths)

    def ensemble(
        self, coordinates, policy, *, draws: int | None = None, seed: int = 0, **changes
    ) -> Ensemble:
        """Cycles as a function of coordinates."""
        start = self.start
        options = dict(device=self.device, read_noise=start.read_noise) | changes
        return Ensemble(
            coordinates=coordinates,
            experiment=start.experiment,
            bench=start.bench,
            env=start.env,
            policy=policy,
            draws=draws or self.draws,
            seed=start.seed + seed,
            **options,
        )

    def search(self, coordinates, policy, seed: int) -> "_Search":
        """Residuals as a function of coordinates."""
        ensemble = self.ensemble(coordinates, policy, seed=seed)
        return _Search(ensemble, self.targets, self.start.known)

    def steps(self, substeps: int) -> mj.Fixed:
        """Fixed steps, so many between two readings."""
        return mj.Fixed(self.start.experiment.gap / substeps, method=SemiImplicitEuler(damped=True))

    def sensitivities(
        self, names: Sequence[str], far: float
    ) -> list[Float[np.ndarray, "events names"]]:
        """Change of the events of noise-free cycles over a move of each parameter either way, reading by reading."""
        plain = with_values(self.device, dict.fromkeys(self.noise, 0.0))
        silent = {"relative": 0.0, "floor_A": 0.0}
        coordinates = [Coordinate(n) for n in names]
        ensemble = self.ensemble(
            coordinates, self.steps(self.start.substeps), draws=1, device=plain, read_noise=silent
        )
        unit = np.eye(len(names))
        events, _ = ensemble(ensemble.start() + far * np.concatenate([unit, -unit]))
        n = len(names)
        return [np.abs(e[:n, 0] - e[n:, 0]).T / (2 * far) for e in events]

    def choose(self) -> tuple[list[Coordinate], dict[str, str]]:
        """What is calibrated, and for the sake of which event each spread.

        Strengths of noise; parameters that move an event; and for the switching and for the return of each reading the
        spread of the rate that moves it most and the other least: measured, the two are hardly correlated.
        """
        names = tuple(self.start.known)
        moved = self.sensitivities(names, _FAR)
        # A long move may end where a cycle no longer switches, and so seem to move its return as well.
        shorter = self.sensitivities(names, _LESS_FAR)
        rates = np.array([_is_rate(self.specs[n].unit) for n in names])
        spread_of = rates if rates.any() else np.ones(len(names), bool)
        spreads: dict[str, str] = dict(self.start.spreads or {})
        for *ways, target in zip(moved, shorter, [] if spreads else self.targets):
            sample, returns = target.sample, range(len(ways[0]) - 1, 0, -1)
            # The last return first; where that only sees the leakage, the one before.
            for events in ([0], returns) if returns else ():
                for event in events:
                    others = [r[1:].max(axis=0) if event == 0 else r[0] for r in ways]
                    own = [r[event] for r in ways]
                    lead = np.where(spread_of, np.max(np.subtract(own, others), axis=0), -np.inf)
                    if lead.max() > sample.step:
                        apart = np.max(np.subtract(own, _APART * np.array(others)), axis=0)
                        name = names[int(np.argmax(np.where(lead > sample.step, apart, -np.inf)))]
                        spreads.setdefault(name, f"{sample.names[event]}, {sample.label}")
                        break
        steps = np.array([t.sample.step for t in self.targets])
        most = np.array([rows.max(axis=0) for rows in moved])
        felt = [n for n, m in zip(names, most.T, strict=True) if np.any(m > steps)]
        kept = [*map(Coordinate, (*self.noise, *felt))]
        return [*kept, *(Coordinate(n, spread=True) for n in spreads)], spreads

    def starts(
        self, ensemble: Ensemble, spreads: Mapping[str, str]
    ) -> Float[np.ndarray, "starts n"]:
        """Starts that share the scatter between noise and spreads in different ways."""
        first = {t.sample.names[0] for t in self.targets}
        holding = {n for n, event in spreads.items() if event.partition(",")[0] not in first}
        found = [ensemble.start()]
        for strength, widths, shift in product(_NOISES, _SPREADS, _SHIFTS):
            z = found[0].copy()
            for k, c in enumerate(ensemble.coordinates):
                if c.spread:
                    z[k] = np.log(widths[c.name in holding])
                elif c.name in self.noise:
                    z[k] = ensemble.coordinate(c, strength * ensemble.value(c, z[k]))
                elif c.name in holding:
                    z[k] = ensemble.coordinate(c, shift * ensemble.value(c, z[k]))
            found.append(z)
        return np.array(found)

    def weigh(self, coordinates, policy, z: np.ndarray) -> None:
        """From here on features count by their covariance in cycles simulated at a point."""
        drawn = [
            self.cycles(self.ensemble(coordinates, policy, draws=CHECKED, seed=s), z)[0]
            for s in _OTHERS
        ]
        about = dict(seed=self.start.seed, draws=self.draws)
        self.targets = [
            Target(t.sample, simulated=np.concatenate(x), **about)
            for t, *x in zip(self.targets, *drawn, strict=True)
        ]

    def cycles(self, ensemble: Ensemble, z: np.ndarray) -> tuple[list[np.ndarray], float]:
        """Events of the solved cycles at a point, as the targets have them, and the share that failed."""
        events, good = ensemble(z[None])
        keep = good[0]
        return [e[0][keep] for e in events], float(1 - keep.mean())


def _is_rate(unit: str) -> bool:
    """Whether a unit holds a time."""
    return bool(re.search(r"\bs\b|Hz", unit))


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
        calibrated. Without noise the spread of `cycle_spread` alone is calibrated, along the paths of the
        solve, which is sound there: see `fitting.sweeps.pathwise`.

    Notes
    -----
    Steps are fixed in the search, ten between two readings at first. At the end cycles are simulated with
    other random numbers in fixed and in adaptive steps: where an energy test tells them apart, the steps are halved
    and the search goes on.
    """
    waves = [w for w in result.waves if w.n_sweeps >= FEWEST and w.driven == "voltage"]
    waves = sorted(waves, key=lambda w: -w.n_sweeps)[:_WAVES]
    if not waves or not getattr(result.device, "volatile", False):
        note = f"no randomness was calibrated: it takes a volatile device and {FEWEST} cycles of one voltage waveform"
        return replace(result, notes=(*result.notes, note))
    strengths = noise_of(result.device) if noise is None else tuple(noise)
    if not strengths and result.cycle_spread:
        return calibrate_spread(result, tick=tick)
    problem, sigma = result.problem, np.clip(result.uncertainty.sigma_z, _TIGHTEST, _LOOSEST)
    found = search(
        Start(
            device=result.device,
            experiment=of_sweeps(waves, floor=float(problem.group.floor), seed=result.seed),
            known=dict(zip(problem.free, sigma, strict=True)),
            noise=strengths,
            bench=problem.bench,
            env=problem.env,
            read_noise=result.read_noise,
            seed=result.seed,
            draws=draws,
        ),
        tick=tick,
    )
    return replace(
        result,
        device=found.device,
        cycle_spread=found.cycle_spread,
        stochastic=found,
        interrupted=found.interrupted,
    )


def search(start: Start, *, tick: Callable[[str, Any], None] | None = None) -> Stochastic:
    """Noise, spreads and parameters with which simulated cycles are like the measured ones.

    Parameters
    ----------
    start : Start
        Where to begin.
    tick : callable, optional
        Called with the name of the round and a `Progress`.
    """
    made = _Cycles(start)
    coordinates, spreads = made.choose()
    first = made.ensemble(coordinates, made.steps(start.substeps))
    found = _Found(made, coordinates, made.starts(first, spreads), start.substeps, tick)
    for halving in range(1, _HALVINGS + 1):
        if found.interrupted or min(found.step_p) > LEVEL:
            break
        found = _Found(made, coordinates, found.valley, start.substeps * 2**halving, tick)
    return _finished(made, found, spreads)


class _Found:
    """What a search in fixed steps found, and how it looks under other random numbers and in adaptive steps."""

    def __init__(self, made: _Cycles, coordinates, begin: np.ndarray | Valley, substeps: int, tick):
        again = partial(made.search, coordinates, made.steps(substeps))
        self.made = made
        self.search = again(0)
        self.valley, self.costs = self._sound(again, *self._searched(again, begin, tick))
        self.z, self.interrupted = self.valley.z, self.valley.interrupted
        fixed, adaptive = (
            made.cycles(made.ensemble(coordinates, p, draws=CHECKED, seed=1), self.z)
            for p in (made.steps(substeps), mj.Auto())
        )
        self.cycles, self.failed = adaptive
        pairs = zip(fixed[0], self.cycles, made.targets, strict=True)
        self.step_p = [energy_test(a / t.scale, b / t.scale, seed=0) for a, b, t in pairs]

    def _sound(self, again, valley: Valley, first: Valley) -> tuple[Valley, np.ndarray]:
        """What was found, and its loss under other random numbers; the point before it, where that has a lower one.

        A surface may be wrong where it was not looked at again: simulations decide.
        """
        points = np.stack([valley.z, first.z])
        costs = np.array([again(s).costs(points) for s in _OTHERS])
        worse = np.mean(costs[:, 0] - costs[:, 1]) > _WORSE * np.std(costs[:, 1], ddof=1)
        return (first, costs[:, 1]) if worse else (valley, costs[:, 0])

    def _searched(self, again, begin: np.ndarray | Valley, tick) -> tuple[Valley, Valley]:
        """The estimate and its replicates, from starts or from what was found in larger steps; and to first order."""
        search, told = self.search, (lambda p: tick("replicates", p)) if tick else None
        if isinstance(begin, Valley):
            optima = [(begin.z, np.cov(begin.replicates, rowvar=False))]
            jacobians = [search(begin.z[None])[1][0]]
        else:
            ended, interrupted = search.run(begin, tick)
            if interrupted:
                z = min(ended, key=lambda p: p.cost[0]).z[0]
                stopped = linear(search.goal([]), z, search(z[None])[1][0], interrupted=True)
                return stopped, stopped
            points = np.concatenate([p.z for p in ended])
            self.made.weigh(again.args[0], again.args[1], points[0])
            self.search = search = again(0)
            r, jacobians, ok = search(points)
            cost = np.where(ok, 0.5 * np.sum(r**2, axis=1), np.inf)
            order = np.argsort(cost)
            near = cost[order] <= cost.min() + _LEVELS * np.sqrt(r.shape[1] / 2)
            kept = order[near] if np.isfinite(cost.min()) else order[:1]
            jacobians = list(jacobians[kept])
            optima = [
                (z, np.linalg.inv(j.T @ j)) for z, j in zip(points[kept], jacobians, strict=True)
            ]
        goal = search.goal(search.acting(jacobians))
        found = explore(
            goal,
            lambda z, batch: again(_FRESH + batch).features(z),
            optima,
            size=len(search.pattern),
            tick=told,
        )
        first = linear(goal, optima[0][0], jacobians[0], interrupted=found.interrupted)
        return found if found.rounds else first, first


def _finished(made: _Cycles, found: _Found, spreads: Mapping[str, str]) -> Stochastic:
    """What was found, in numbers."""
    search, z = found.search, found.z
    ensemble = search.ensemble
    value = {str(c): float(ensemble.value(c, z[k])) for k, c in enumerate(ensemble.coordinates)}
    valley, prior = found.valley, dict(zip(value, search.prior, strict=True))
    at = dict(zip(value, ensemble.coordinates, strict=True))
    drawn, profiles = (
        {n: np.asarray(ensemble.value(at[n], x)) for n, x in zip(value, rows, strict=True)}
        for rows in (valley.replicates.T, valley.grid)
    )
    profiles = {n: (profiles[n], y) for n, y in zip(value, valley.rise, strict=True)}
    widths = {n: logarithmic(ends_of(*p, _ONE)) for n, p in profiles.items()}
    std = {n: abs(value[n]) * widths[n] for n in value}
    spread = {
        n: {
            "sigma_ln": value[s],
            "std": std[s],
            "from": event,
            "sweeps": int(sum(len(t.sample.values) for t in made.targets)),
            "method": ESTIMATOR,
        }
        for n, event in spreads.items()
        if (s := str(Coordinate(n, True)))
    }
    medians = {c.name: value[c.name] for c in ensemble.coordinates if not c.spread}
    return Stochastic(
        estimator=ESTIMATOR,
        device=with_values(made.start.device, medians),
        cycle_spread=spread,
        noise=made.noise,
        values=value,
        std=std,
        undetermined=tuple(n for n, s in widths.items() if s > max(LIMIT, 0.5 * prior[n])),
        replicates=drawn,
        profiles=profiles,
        prior=prior,
        settled=found.valley.settled,
        loss=float(found.costs.mean()),
        loss_noise=float(found.costs.std(ddof=1)),
        draws=made.draws,
        step=float(ensemble.options["policy"].dt),
        failed=found.failed,
        comparison=[
            {"label": t.sample.label} | compared(t, c, seed=made.start.seed)
            for t, c in zip(made.targets, found.cycles, strict=True)
        ],
        step_p=found.step_p,
        simulated=found.cycles,
        interrupted=found.interrupted,
    )

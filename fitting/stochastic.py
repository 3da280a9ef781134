r"""Ion noise, spread from cycle to cycle and kinetics together, by simulation with common random numbers.

Notes
-----
Residuals are differences of quantiles, simulated less measured, along axes and diagonals of the events of each
excursion (`fitting.samples.Target`): half their sum of squares is a weighted sliced Wasserstein-2 distance.
Whether a cycle switches in one reading or the next is a threshold, which derivatives along a path do not see;
the Jacobian is therefore of central differences of the quantiles over finite steps, all points with the same
random numbers, and Levenberg-Marquardt minimises. Priors: the standard deviations of the deterministic fit, at most a
factor of e, for what it found; a factor of 7 for strengths of noise and spreads.

With J the Jacobian, S the covariance of the residuals under resampling of the cycles (and the scatter of the
simulated ones) and P the prior's precision, the covariance of the coordinates is :math:`(J^TJ + P)^{-1}(J^TSJ +
P)(J^TJ + P)^{-1}` [1]_.

References
----------
.. [1] C. Gourieroux, A. Monfort, Simulation-Based Econometric Methods (1996), doi:10.1093/0198774753.001.0001
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import optax
from jaxtyping import Float

import memjax as mj
from memjax.fields import parameter_specs
from memjax.params import get, replace as with_values
from memjax.solver import SemiImplicitEuler

from .ensemble import NAMES, Coordinate, Ensemble, measured_samples
from .fit import FitResult
from .least_squares import Progress, levenberg_marquardt
from .pathwise import calibrate_spread
from .problem import PRIOR_SIGMA
from .samples import Target, compared, energy_test
from .summary import Waveform

DRAWS = 128
"""Simulated cycles of each waveform at each point."""

CHECKED = 200
"""Simulated cycles of each waveform that are compared at the end, by other random numbers and adaptive steps."""

FEWEST = 8
"""Cycles of a waveform below which they say nothing of a distribution."""

_WAVES = 4
"""Waveforms, those applied most often, that are simulated."""

_TIGHTEST, _LOOSEST = 0.05, 1.0
"""Limits of the standard deviation of the prior of what the deterministic fit found [natural log units]: its own."""

_STEP = 0.1
"""Half the step of the central differences."""

_SUBSTEPS = 10
"""Steps between two readings, to begin with."""

_HALVINGS = 2
"""How often they are halved at most where adaptive steps give another distribution."""

_LEVEL = 0.01
"""Probability of the energy test below which two policies count as different."""

_FAR = 0.7
"""Change of the logarithm of a rate that tells which events it moves."""

_NOISES, _SPREADS, _SHIFTS = (0.3, 1.0, 3.0), ((0.03, 0.3), (0.08, 0.3), (0.08, 0.8)), (1.0, 2.0)
"""Starts: strengths of noise, times 1 in its unit or its own value; spreads for switching and for return; factors on
the rates whose spread is that of the return."""

_IMPROVED, _FIRST, _ITERATIONS, _GAIN = 3, 8, 20, 2e-3
"""Starts that are improved, for how many iterations; most iterations of the best; share of the loss that is no gain."""

_POLISHED, _LONGEST = 12, 0.3
"""Steps that average over random numbers, and the longest move of a coordinate in one of them."""

_FRESH = 2
"""First of the seeds, counted from that of the search, that neither the search nor the check of the steps uses."""

_REPEATS = 4
"""Other seeds under which the loss is seen again."""

_LARGEST_FAILED = 0.02
"""Share of cycles whose solve may fail at a point that counts."""

ESTIMATOR = "quantiles of simulated cycles, central differences with common random numbers, Levenberg-Marquardt"


@dataclass(frozen=True, kw_only=True)
class Stochastic:
    """How the randomness of a fit came about.

    Parameters
    ----------
    estimator : str
        In words.
    noise : tuple of str
        Strengths of ion noise among the values.
    values, std : dict of str to float
        Medians of parameters [unit] and spreads `sigma_ln(NAME)` that were calibrated, and their
        standard deviations.
    undetermined : tuple of str
        Those whose standard deviation exceeds half the prior's.
    loss, loss_noise : float
        Half the sum of squared residuals; its standard deviation under other random numbers.
    draws : int
        Simulated cycles of each waveform at each point.
    step : float
        Time step of the simulations [s].
    failed : float
        Share of the checked cycles whose solve failed; they are left out.
    comparison : list of dict
        Of each excursion: label, and `fitting.samples.compared` of measured cycles and cycles
        simulated with other random numbers and adaptive steps.
    step_p : list of float
        Probability of the energy test between fixed and adaptive steps, by excursion.
    simulated : list of Float[np.ndarray, "cycles names"]
        Those cycles.
    """

    estimator: str
    noise: tuple[str, ...]
    values: dict[str, float]
    std: dict[str, float]
    undetermined: tuple[str, ...]
    loss: float
    loss_noise: float
    draws: int
    step: float
    failed: float
    comparison: list[dict]
    step_p: list[float]
    simulated: list[Float[np.ndarray, "cycles names"]]


def strength_of(device: Any, name: str) -> float:
    """Strength of a noise, 0 where there is none."""
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
        events, good = self.ensemble(z)
        found = []
        for k, point in enumerate(z):
            keep = good[k] if good[k].any() else ~good[k]
            parts = [
                t.residuals(e[k][keep][:, : len(t.sample.names)])
                for t, e in zip(self.targets, events, strict=True)
            ]
            found.append(np.concatenate([*parts, (point - self.centre) / self.prior]))
        return np.stack(found), good.mean(axis=1) >= 1 - _LARGEST_FAILED

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

    def run(self, starts: np.ndarray, tick) -> tuple[np.ndarray, bool]:
        """The best point of a search, and whether it was interrupted.

        Starts of the same strength of noise compete; the best of the best strengths are improved for some
        iterations, and the best of these to the end.
        """
        shown = Progress(starts[:1].copy(), np.full(1, np.inf))
        report = (lambda p: tick("randomness", p)) if tick else None
        if report:
            report(shown)
        best, lowest = starts[0], np.inf
        try:
            rounds = [(z, _FIRST) for z in self.chosen(starts)] if len(starts) > 1 else []
            for z, iterations in [*rounds, (None, _ITERATIONS)]:
                shown.z = (best if z is None else z)[None]
                levenberg_marquardt(
                    self,
                    shown.z,
                    iterations=iterations,
                    tolerance=_GAIN,
                    progress=shown,
                    tick=report,
                )
                if shown.cost[0] < lowest:
                    best, lowest = shown.z[0].copy(), shown.cost[0]
        except KeyboardInterrupt:
            return (shown.z[0] if shown.cost[0] < lowest else best), True
        return best, False

    def chosen(self, starts: np.ndarray) -> list[np.ndarray]:
        """The best start of each strength of noise, the best few of them."""
        cost, seen = self.costs(starts), {}
        for k in np.argsort(cost):
            seen.setdefault(tuple(starts[k][: self.strengths]), starts[k])
        return list(seen.values())[:_IMPROVED]

    def polish(self, z: np.ndarray, again: Callable[[int], "_Search"], tick) -> np.ndarray:
        """The point at which the loss is least in the mean over random numbers.

        Damped Gauss-Newton steps, other random numbers in each, shortened by a schedule so that what is particular to
        the numbers averages out (stochastic approximation).
        """
        schedule = optax.cosine_decay_schedule(1.0, _POLISHED, alpha=0.1)
        hessian = np.zeros((len(z), len(z)))
        shown = Progress(z[None], np.full(1, np.inf))
        for k in range(_POLISHED):
            r, jac, ok = (x[0] for x in again(_FRESH + k)(z[None]))
            if not ok:
                continue
            hessian += jac.T @ jac
            mean = hessian / (shown.iterations + 1)
            move = np.linalg.solve(mean + 0.1 * np.diag(np.diag(mean)), jac.T @ r)
            z = z - np.asarray(schedule(k)) * np.clip(move, -_LONGEST, _LONGEST)
            shown.iterations, shown.cost = shown.iterations + 1, np.array([0.5 * r @ r])
            if tick is not None:
                tick("polish", shown)
        return z

    def covariance(self, z: np.ndarray) -> Float[np.ndarray, "n n"]:
        """Covariance of the coordinates at the optimum."""
        _, (jac,), _ = self(z[None])
        n = jac.shape[1]
        data, precision = jac[:-n], np.diag(self.prior**-2.0)
        inverse, at, middle = np.linalg.inv(data.T @ data + precision), 0, precision.copy()
        for t in self.targets:
            shifts = t.shifts()
            moved = shifts @ data[at : at + shifts.shape[1]]
            at += shifts.shape[1]
            middle += np.cov(moved, rowvar=False).reshape(n, n) * t.inflation
        return inverse @ middle @ inverse


class _Cycles:
    """The cycles of a fit: which waveforms, what is read off them, and how they are simulated."""

    def __init__(self, result: FitResult, waves: Sequence[Waveform], noise: tuple[str, ...]):
        self.result, self.waves, self.noise = result, waves, noise
        self.specs = parameter_specs(result.device)
        floor = float(result.problem.group.floor)
        samples = measured_samples(waves, floor=floor, seed=result.seed)
        self.targets = [Target(s, seed=result.seed, draws=DRAWS) for s in samples]
        self.gap = min(float(np.median(np.diff(w.rows))) for w in waves)
        strengths = {n: strength_of(result.device, n) or 1.0 for n in self.noise}
        self.device = with_values(result.device, strengths)

    def ensemble(
        self, coordinates, policy, *, draws: int = DRAWS, seed: int = 0, **changes
    ) -> Ensemble:
        """Cycles as a function of coordinates."""
        problem = self.result.problem
        options = dict(device=self.device, read_noise=self.result.read_noise) | changes
        return Ensemble(
            coordinates=coordinates,
            waves=self.waves,
            bench=problem.bench,
            env=problem.env,
            policy=policy,
            draws=draws,
            seed=self.result.seed + seed,
            **options,
        )

    def search(self, coordinates, policy, seed: int) -> "_Search":
        """Residuals as a function of coordinates."""
        problem, sigma = self.result.problem, self.result.uncertainty.sigma_z
        known = dict(zip(problem.free, np.clip(sigma, _TIGHTEST, _LOOSEST), strict=True))
        return _Search(self.ensemble(coordinates, policy, seed=seed), self.targets, known)

    def steps(self, substeps: int) -> mj.Fixed:
        """Fixed steps, so many between two readings."""
        return mj.Fixed(self.gap / substeps, method=SemiImplicitEuler())

    def sensitivities(self, names: Sequence[str]) -> Float[np.ndarray, "names legs 3"]:
        """Change of the events of noise-free cycles with the logarithm of each parameter [V]."""
        plain = with_values(self.device, dict.fromkeys(self.noise, 0.0))
        silent = {"relative": 0.0, "floor_A": 0.0}
        coordinates = [Coordinate(n) for n in names]
        ensemble = self.ensemble(
            coordinates, self.steps(_SUBSTEPS), draws=1, device=plain, read_noise=silent
        )
        ensemble.jitter = 0 * ensemble.jitter
        unit = np.eye(len(names))
        events, _ = ensemble(ensemble.start() + _FAR * np.concatenate([unit, -unit]))
        at = np.stack([e[:, 0] for e in events], axis=1)
        return (at[: len(names)] - at[len(names) :]) / (2 * _FAR)

    def choose(self) -> tuple[list[Coordinate], dict[str, str]]:
        """What is calibrated, and for the sake of which event each spread.

        Strengths of noise; parameters that move an event; and per event the spread of the rate that moves it most and
        the other event of the excursion least.
        """
        names = self.result.problem.free
        moved = np.abs(self.sensitivities(names))
        rates = np.array([_is_rate(self.specs[n].unit) for n in names])
        spread_of = rates if rates.any() else np.ones(len(names), bool)
        steps = np.array([t.sample.step for t in self.targets])
        spreads: dict[str, str] = {}
        for leg, target in enumerate(self.targets):
            for event, other in ((0, 2), (2, 0)):
                lead = moved[:, leg, event] - moved[:, leg, other]
                best = int(np.argmax(np.where(spread_of, lead, -np.inf)))
                seen = event < len(target.sample.names) and lead[best] > steps[leg]
                if seen and names[best] not in spreads:
                    spreads[names[best]] = f"{NAMES[event]}, {target.sample.label}"
        felt = [n for n, m in zip(names, moved, strict=True) if np.any(m.max(axis=1) > steps)]
        kept = [*map(Coordinate, (*self.noise, *felt))]
        return [*kept, *(Coordinate(n, spread=True) for n in spreads)], spreads

    def starts(
        self, ensemble: Ensemble, spreads: Mapping[str, str]
    ) -> Float[np.ndarray, "starts n"]:
        """Starts that share the scatter between noise and spreads in different ways."""
        holding = {n for n, event in spreads.items() if not event.startswith(NAMES[0])}
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

    def cycles(self, ensemble: Ensemble, z: np.ndarray) -> tuple[list[np.ndarray], float]:
        """Events of the solved cycles at a point, as the targets have them, and the share that failed."""
        events, good = ensemble(z[None])
        keep = good[0]
        named = zip(events, self.targets, strict=True)
        return [e[0][keep][:, : len(t.sample.names)] for e, t in named], float(1 - keep.mean())


def _is_rate(unit: str) -> bool:
    """Whether a unit holds a time."""
    return bool(re.search(r"\bs\b|Hz", unit))


def calibrate(
    result: FitResult,
    *,
    noise: Sequence[str] | None = None,
    tick: Callable[[str, Any], None] | None = None,
) -> FitResult:
    """Calibrate ion noise, spread from cycle to cycle and rates to the distributions that the cycles show.

    Parameters
    ----------
    result : FitResult
        A deterministic fit, where the search starts.
    noise : sequence of str, optional
        Strengths of noise to calibrate; by default those other than zero, else those that suit the model.
    tick : callable, optional
        Called with the name of the round and a `Progress`.

    Returns
    -------
    FitResult
        With `device`, `cycle_spread` and `stochastic` replaced; with a note where nothing could be
        calibrated. Without noise the spread of `cycle_spread` alone is calibrated, along the paths of the
        solve, which is sound there: see `fitting.pathwise`.

    Notes
    -----
    Steps are fixed in the search, ten between two readings at first. At the end cycles are simulated with
    other random numbers in fixed and in adaptive steps: where an energy test tells them apart, the steps are halved
    and the search goes on.
    """
    waves = [w for w in result.waves if w.n_sweeps >= FEWEST]
    waves = sorted(waves, key=lambda w: -w.n_sweeps)[:_WAVES]
    if not waves or not getattr(result.device, "volatile", False):
        note = f"no randomness was calibrated: it takes a volatile device and {FEWEST} cycles of one waveform"
        return replace(result, notes=(*result.notes, note))
    strengths = noise_of(result.device) if noise is None else tuple(noise)
    if not strengths and result.cycle_spread:
        return calibrate_spread(result, tick=tick)
    made = _Cycles(result, waves, strengths)
    coordinates, spreads = made.choose()
    first = made.ensemble(coordinates, made.steps(_SUBSTEPS))
    found = _Found(made, coordinates, made.starts(first, spreads), _SUBSTEPS, tick)
    for halving in range(1, _HALVINGS + 1):
        if found.interrupted or min(found.step_p) > _LEVEL:
            break
        found = _Found(made, coordinates, found.z[None], _SUBSTEPS * 2**halving, tick)
    return _finished(made, found, spreads)


class _Found:
    """What a search in fixed steps found, and how it looks under other random numbers and in adaptive steps."""

    def __init__(self, made: _Cycles, coordinates, starts: np.ndarray, substeps: int, tick):
        again = partial(made.search, coordinates, made.steps(substeps))
        self.search = again(0)
        z, self.interrupted = self.search.run(starts, tick)
        self.z = z if self.interrupted else self.search.polish(z, again, tick)
        fixed, adaptive = (
            made.cycles(made.ensemble(coordinates, p, draws=CHECKED, seed=1), self.z)
            for p in (made.steps(substeps), mj.Auto())
        )
        self.cycles, self.failed = adaptive
        pairs = zip(fixed[0], self.cycles, made.targets, strict=True)
        self.step_p = [energy_test(a / t.scale, b / t.scale, seed=0) for a, b, t in pairs]
        seeds = range(_FRESH + _POLISHED, _FRESH + _POLISHED + _REPEATS)
        self.costs = np.array([again(s).costs(self.z[None])[0] for s in seeds])


def _finished(made: _Cycles, found: _Found, spreads: Mapping[str, str]) -> FitResult:
    """The result with what was found."""
    result, search, z = made.result, found.search, found.z
    ensemble = search.ensemble
    sigma = np.sqrt(np.diag(search.covariance(z)))
    value = {str(c): float(ensemble.value(c, z[k])) for k, c in enumerate(ensemble.coordinates)}
    slope = [
        (ensemble.value(c, z[k] + _STEP) - ensemble.value(c, z[k] - _STEP)) / (2 * _STEP)
        for k, c in enumerate(ensemble.coordinates)
    ]
    std = {n: float(abs(s) * x) for n, s, x in zip(value, slope, sigma, strict=True)}
    loose = sigma > 0.5 * search.prior
    comparison = [
        {"label": t.sample.label} | compared(t, c, seed=result.seed)
        for t, c in zip(made.targets, found.cycles, strict=True)
    ]
    spread = {
        n: {
            "sigma_ln": value[str(Coordinate(n, True))],
            "std": std[str(Coordinate(n, True))],
            "from": event,
            "sweeps": int(sum(w.n_sweeps for w in made.waves)),
            "method": ESTIMATOR,
        }
        for n, event in spreads.items()
    }
    randomness = Stochastic(
        estimator=ESTIMATOR,
        noise=made.noise,
        values=value,
        std=std,
        undetermined=tuple(n for n, x in zip(value, loose, strict=True) if x),
        loss=float(found.costs.mean()),
        loss_noise=float(found.costs.std(ddof=1)),
        draws=DRAWS,
        step=float(ensemble.options["policy"].dt),
        failed=found.failed,
        comparison=comparison,
        step_p=found.step_p,
        simulated=found.cycles,
    )
    device = with_values(
        result.device, {c.name: value[c.name] for c in ensemble.coordinates if not c.spread}
    )
    return replace(
        result,
        device=device,
        cycle_spread=spread,
        stochastic=randomness,
        interrupted=found.interrupted,
    )

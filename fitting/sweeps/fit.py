"""From files to a calibrated device or circuit: guess, screen, search, uncertainty."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.errors import DataError
from memjax.fields import parameter_specs, stored
from memjax.observables import Thresholds, find_thresholds
from memjax.params import get, known
from memjax.policy import require_x64

from ..inference.identifiability import Identifiability, in_logarithms, joined, of_information
from ..optimize.levenberg_marquardt import (
    Progress,
    crossover,
    half_squares,
    levenberg_marquardt,
    screen,
)
from ..problem import begun
from ..residuals import Residuals
from ..result import AbstractFit
from ..stochastic.result import Stochastic
from .covariance import Uncertainty, uncertainty
from .failures import no_start
from .group import pack
from .halves import residuals_of
from .initial_guess import guess, starts
from .limits import limits_of, said, shared, simulated
from .problem import PATIENT, Problem, responses
from .summary import Waveform, noise_floor, summarise_sweeps, without_strays
from .thinning import thinned
from .variability import cycle_spread, read_noise
from .verdict import Verdict, judge

BATCH = 8
"""Starts that advance together."""

SCREENED = 128
"""Starts that are screened."""

REVERSED = "the model sets at the polarity at which the data reset: the device is taken as reversed"

NOTHING = "no start could be solved"

ENDING = 25
"""Most iterations in which a search ends, once the noise is known."""


@dataclass(frozen=True, kw_only=True, repr=False)
class FitResult(AbstractFit):
    """A calibrated device or circuit, and how it came about.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the best parameters.
    model : str
        The name by which `memjax.model` makes one; "circuit" for a circuit of one's own.
    problem : Problem
        What was minimised.
    waves : list of Waveform
        The data.
    z : Float[np.ndarray, "free"]
        Unconstrained coordinates of the best parameters.
    loss : float
        Half the sum of squared residuals.
    uncertainty : Uncertainty
        Covariance, correlations, what is not determined.
    verdict : Verdict
        Whether the fit describes the data, and why (not).
    read_noise, cycle_spread : dict
        See `fitting.sweeps.variability`.
    search : Progress
        Iterations, evaluations, failures, cost of each start.
    seed : int
        Seed of starts and resampling.
    notes : tuple of str
        Decisions that were taken, in words.
    interrupted : bool
        Whether the search was stopped before its end.
    point_time : float or None
        Hold time of a point [s].
    measurements : list of Measurement
        The data as they were read.
    profiles : tuple of Profile
        Of each free parameter, where `fitting.profiles` made them.
    sample : Sample or None
        Draws from the posterior, where `fitting.draw_fit` made them.
    stochastic : Stochastic or None
        How the randomness was calibrated, see `fitting.sweeps.randomness.calibrate`.
    """

    device: mj.AbstractDevice | mj.Circuit
    model: str
    problem: Problem
    waves: list[Waveform]
    z: Float[np.ndarray, " free"]
    loss: float
    uncertainty: Uncertainty
    verdict: Verdict
    read_noise: dict
    cycle_spread: dict
    search: Progress
    seed: int
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    point_time: float | None = None
    measurements: list[mj.Measurement] = field(default_factory=list)
    stochastic: Stochastic | None = None
    profiles: tuple[Any, ...] = ()
    sample: Any = None

    def moved(self, problem: Problem, z, covariance) -> "FitResult":
        """See `AbstractFit`; the spread from cycle to cycle stays."""
        r, jacobian, _ = problem.linearise(z[None])
        about: dict[str, Any] = {
            "z": z,
            "residuals": r[0],
            "jacobian": jacobian[0],
            "seed": self.seed,
        }
        known = uncertainty(problem, self.waves, **about)
        sigma = np.sqrt(np.diag(covariance))
        known = replace(
            known,
            covariance=covariance,
            sigma_z=sigma,
            correlation=covariance / np.outer(sigma, sigma),
            source="all files of a joint fit",
        )
        at = jnp.asarray(z)
        verdict = judge(self.waves, problem.group, r[0], np.asarray(responses(problem, at)))
        about = dict(
            device=problem.at(at), problem=problem, z=z, loss=0.5 * float(np.sum(r[0] ** 2))
        )
        return replace(self, **about, uncertainty=known, verdict=verdict)

    def residuals(self, data: Sequence[mj.Measurement] | None = None) -> Residuals:
        """See `AbstractFit`; `data` are measurements of the same device."""
        problem = self.problem
        if data is None:
            return residuals_of(problem, self.z)
        group, bench = problem.group, problem.bench
        if group.limits is not None:  # those of other sweeps say themselves what limited them
            bench = replace(bench, compliance=None, compliance_negative=None)
        given = float(group.small_sigma) == float(group.model_sigma)
        made = prepare(
            data, problem.device, bench=bench, env=problem.env, point_time=self.point_time,
            free=problem.free, fix=None, model_sigma=float(group.model_sigma) if given else None,
            seed=self.seed, screened=1,
        )  # fmt: skip
        own = replace(made.problem.bench, reversed=problem.bench.reversed)
        return residuals_of(replace(problem, group=made.problem.group, bench=own), self.z)

    @property
    def thresholds(self) -> Thresholds:
        """Currents that mean on and off, in the fit as in tables and pictures."""
        return self.waves[0].thresholds

    @property
    def n_points(self) -> int:
        """Points of all sweeps."""
        return int(sum(w.log_response.size for w in self.waves))

    @property
    def covariance(self) -> Float[np.ndarray, "free free"]:
        """Covariance of the coordinates."""
        return self.uncertainty.covariance

    @property
    def freedom(self) -> float:
        """Degrees of freedom behind the covariance."""
        return self.uncertainty.freedom

    @property
    def largest_voltage(self) -> float:
        """Largest voltage of the data [V]."""
        return max(np.max(w.sizes(float(self.problem.group.floor))[0]) for w in self.waves)

    @property
    def identifiability(self) -> Identifiability:
        """Which combinations of the parameters that are reported the data determine, and which not.

        Those that simulated cycles calibrated are judged by their replicates, the others by the fit of the medians.
        """
        free, random = self.problem.free, self.stochastic
        seen = in_logarithms(self.problem.device, free, self.z, self.uncertainty.fisher)
        if random is None:
            return of_information(free, seen)
        return joined(free, seen, tuple(random.replicates), random.covariance)


def choose_free(
    default: Sequence[str],
    device: mj.AbstractDevice | mj.Circuit,
    free: Sequence[str] | None,
    fix: Mapping[str, float],
):
    """Names of the free parameters."""
    names = known(device, free, where="--free") if free else list(default)
    noise = [n for n in names if parameter_specs(device)[n].noise]
    if noise:
        raise DataError(
            f"{', '.join(noise)} cannot be fitted to a deterministic loss",
            where="--free",
            allowed="parameters of the drift, the conduction and the noise-free state",
            fix="give noise parameters with --fix",
        )
    return tuple(n for n in names if n not in fix)


@dataclass
class _Search:
    """The search as it goes: what is known survives an interrupt."""

    problem: Problem
    seed: int
    tick: Callable[[str, Progress], None] | None
    progress: Progress = field(default_factory=lambda: Progress(np.zeros((0, 0)), np.zeros(0)))
    best_z: np.ndarray | None = None
    best_cost: float = np.inf

    def __call__(self, z: np.ndarray):
        """Residuals, Jacobians and success; remembers the best point."""
        r, jac, ok = self.problem.linearise(z)
        cost = half_squares(r, ok)
        if np.min(cost) < self.best_cost:
            self.best_cost, self.best_z = float(np.min(cost)), z[np.argmin(cost)].copy()
        return r, jac, ok

    def round(self, candidates: np.ndarray, *, name: str) -> None:
        """Screen candidates, then improve the best of them."""
        tick = self.tick
        report = (lambda p: tick(name, p)) if tick else None
        if report:
            report(self.progress)
        chosen = screen(self, candidates, keep=BATCH, progress=self.progress)
        levenberg_marquardt(self, chosen, progress=self.progress, tick=report)

    def run(self, candidates: np.ndarray) -> bool:
        """Two rounds, the second from recombined results of the first; whether it was interrupted."""
        try:
            self.round(candidates, name="search")
            done = self.progress
            if self.best_z is not None:
                again = crossover(done.z, done.cost, count=len(candidates) // 2, seed=self.seed + 1)
                self.round(again, name="refine")
        except KeyboardInterrupt:
            if self.best_z is None:
                raise
            return True
        return False


def fit(
    measurements: Sequence[mj.Measurement],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    bench: mj.Bench | None = None,
    env: mj.Environment | None = None,
    point_time: float | None = None,
    free: Sequence[str] | None = None,
    fix: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    model_sigma: float | None = None,
    thresholds: tuple[float | None, float | None] = (None, None),
    points: int | None = None,
    seed: int = 0,
    screened: int = SCREENED,
    tick: Callable[[str, Progress], None] | None = None,
) -> FitResult:
    r"""Calibrate a device or circuit to sweeps of one.

    Parameters
    ----------
    measurements : sequence of Measurement
        All of one device, or of what drives one circuit.
    device : AbstractDevice or Circuit
        The model, with values of what is not fitted; a circuit starts from its own.
    bench, env : Bench, Environment, optional
        What stood around a device; the compliance of the files is taken where it names none. Temperature.
    point_time : float, optional
        Time for which each point was held [s], where files have no time.
    free, fix : sequence of str, mapping of str to float, optional
        Parameters to fit, by default those that the data can say something about; values of those that are not [SI].
    start : mapping of str to float, optional
        Values at which the search and the prior of free parameters begin [SI], in place of those that the data show;
        bounds are those of the device, see `memjax.params.bounded`.
    model_sigma : float, optional
        Standard deviation granted to the model's response beside the scatter of the data [decades]: where a model
        describes the data to their noise, that noise. By default 0.3 of a current, 0.05 of a voltage.
    thresholds : tuple of float or None
        Currents that mean on and off [A]; where None as `memjax.observables.find_thresholds` says.
    points : int, optional
        Points of a sweep at the most, see `fitting.sweeps.thinning.thinned`.
    seed, screened : int
        Seed of starts and resampling, equal ones give equal results; number of starts screened.
    tick : callable, optional
        Called with the name of the round and the `Progress` after each iteration.

    Returns
    -------
    FitResult

    Raises
    ------
    DataError
        If the data or the choice of parameters make no problem.
    FitError
        If nothing usable came out.
    PolicyError
        In float32.

    Notes
    -----
    What is compared is what was measured: the current under an imposed voltage, the voltage under an imposed current.
    Sweeps that applied one waveform are summarised by the median of its log10 at each point and, under a voltage, the
    median row at which the device switched, released and returned. Points at the current limit count only where the
    simulation stays below it. Residuals of responses saturate at 10 sigma. Priors are log-normal around the guess, a
    factor of 7 wide. `screened` starts are evaluated, the best 8 advance together by Levenberg-Marquardt with
    forward-mode Jacobians through the stiff solve, and once more from recombinations of their results. Then the noise
    is known, and the search ends with priors that weigh against it.
    """
    require_x64()
    measurements = [thinned(m, points, point_time=point_time) for m in measurements]
    options: dict[str, Any] = dict(bench=bench, env=env, point_time=point_time, free=free, fix=fix)
    options |= dict(start=start, model_sigma=model_sigma, thresholds=thresholds)
    made = prepare(measurements, device, **options, seed=seed, screened=screened)
    search, interrupted = _searched(made.problem, made.candidates, seed, tick)
    return FitResult(
        **_found(search, made, interrupted),
        model=getattr(device, "name", "circuit"),
        notes=made.notes,
        interrupted=interrupted,
        point_time=point_time,
        measurements=list(measurements),
    )


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a search needs: the problem, its data, starts, the instrument's floor [A], decisions in words."""

    problem: Problem
    waves: list[Waveform]
    candidates: Float[np.ndarray, "starts free"]
    floor: float
    notes: tuple[str, ...]


def prepare(
    measurements: Sequence[mj.Measurement],
    device: mj.AbstractDevice | mj.Circuit,
    *,
    bench: mj.Bench | None,
    env: mj.Environment | None,
    point_time: float | None,
    free: Sequence[str] | None,
    fix: Mapping[str, float] | None,
    start: Mapping[str, float] | None = None,
    model_sigma: float | None = None,
    thresholds: tuple[float | None, float | None] = (None, None),
    seed: int,
    screened: int,
) -> Prepared:
    """The problem that measurements of one device make, and starts; arguments and errors as for `fit`."""
    if model_sigma is not None and not 0 < model_sigma < np.inf:
        raise DataError(f"a model sigma of {model_sigma} decades", allowed="> 0 decades")
    fix = dict(fix or {})
    floor = float(np.median([noise_floor(m) for m in measurements]))
    bench = bench or mj.Bench()
    measured, own = shared(measurements, bench), limits_of(bench)
    levels = thresholds_of(measurements, *thresholds)
    waves = summarise_sweeps(measured, point_time=point_time, floor=floor, thresholds=levels)
    waves, strays = without_strays(waves, chosen=any(m.source.get("chosen") for m in measurements))
    bench, limits, notes = _limited(bench, waves, device)
    notes += [*_lost(measured), *([] if levels == Thresholds() else [f"{levels}"])]
    found = guess(waves, floor=floor, device=mj.params.replace(device, fix, where="--fix"))
    names = choose_free(found.free, found.device, free, fix)
    given, shown = _not_fitted(device, found.device, {*found.free, *names}, {*names, *fix})
    first = _filled(mj.params.replace(found.device, given | fix, where="--fix"), names)
    first, found = begun(first, names, start), found.about(start or {})
    for w in strays:
        named = ", ".join(str(n) for n in w.labels[:8]) + ", ..." * (len(w.labels) > 8)
        text = f"left out, since {w.n_sweeps} of a waveform of their own count as much as the other sweeps"
        notes = [*notes, f"sweeps {named}: {text}; --sweeps chooses"]
    if shown:
        values = ", ".join(f"{n} = {x:.4g}" for n, x in shown.items())
        notes = [*notes, f"not fitted, taken from what the sweeps show: {values}"]
    if found.reversed and not bench.reversed:
        bench, notes = replace(bench, reversed=True), [*notes, REVERSED]
    about: dict[str, Any] = dict(events=device.volatile, model_sigma=model_sigma)
    about |= dict(left=isinstance(device, mj.AbstractDevice))
    group = pack(waves, floor=floor, limit=own, limits=limits, **about)
    problem = Problem.of(first, names, group, bench=bench, env=env)
    about = dict(device=problem.device, center=np.asarray(problem.center))
    candidates = starts(found, names, **about, count=screened, seed=seed)
    notes = (*found.notes, *notes)
    return Prepared(problem=problem, waves=waves, candidates=candidates, floor=floor, notes=notes)


def _lost(measurements: Sequence[mj.Measurement]) -> list[str]:
    """What is said where files hold the voltage that was left of what their source was told to apply."""
    count, top = 0, 0.0
    for m in (m for m in measurements if m.driven == "voltage"):
        applied = m.applied
        lost = applied != m.v
        count += int(np.sum(lost))
        top = max(top, float(np.max(np.abs(applied[lost]), initial=0.0)))
    if not count:
        return []
    text = "hold the voltage that was left, which is compared; the ramps before and after are taken as applied"
    return [f"{count} points at the current limit {text}, to {top:.3g} V"]


def thresholds_of(
    measurements: Sequence[mj.Measurement], on: float | None = None, hold: float | None = None
) -> Thresholds:
    """Currents that mean on and off [A]: those given, else those that make sense of the data."""
    given = {k: x for k, x in (("on", on), ("hold", hold)) if x is not None}
    for name, x in given.items():
        if not 0 < x < np.inf:
            raise DataError(f"{name}-threshold = {x}", allowed="> 0 A")
    found = find_thresholds(*measurements)
    return replace(found, **given, why="given") if given else found


def _searched(problem: Problem, candidates: np.ndarray, seed: int, tick: Any):
    """A search from candidates, with more steps where none of them ends; and whether it was interrupted."""
    search = _Search(problem, seed, tick)
    interrupted = search.run(candidates)
    if search.best_z is None and not interrupted:
        search = _Search(replace(problem, policy=PATIENT), seed, tick)
        interrupted = search.run(candidates)
    return search, interrupted


def _known(search: _Search, made: Prepared) -> tuple[Uncertainty, np.ndarray, np.ndarray]:
    """Uncertainty, Jacobian and residuals at the best point of a search."""
    z = cast(np.ndarray, search.best_z)
    r, jac, _ = search(np.repeat(z[None], BATCH, axis=0))
    told = {"z": z, "residuals": r[0], "jacobian": jac[0], "seed": search.seed}
    return uncertainty(search.problem, made.waves, **told), jac[0], r[0]


def _weighed(search: _Search, noise: float) -> _Search:
    """The search ended with a prior that weighs against the noise that there is, not against what was granted."""
    problem = replace(search.problem, noise=jnp.asarray(noise, float))
    again = _Search(problem, search.seed, search.tick, search.progress)
    done, best = search.progress, cast(np.ndarray, search.best_z)
    order = np.argsort(done.cost)[: BATCH - 1]
    starts = np.resize(np.concatenate([best[None], done.z[order]]), (BATCH, len(best)))
    told = search.tick
    tick = (lambda p: told("weigh", p)) if told else None
    try:
        levenberg_marquardt(again, starts, iterations=ENDING, progress=done, tick=tick)
    except KeyboardInterrupt:
        return search
    return again if again.best_z is not None else search


def _found(search: _Search, made: Prepared, interrupted: bool) -> dict[str, Any]:
    """Fields of a `FitResult` that a search found, with uncertainty and spread."""
    if search.best_z is None:
        raise no_start(NOTHING, search.problem, made.candidates[:BATCH])
    known, *_ = _known(search, made)
    if not interrupted and known.noise < 1:
        search = _weighed(search, known.noise)
    known, jac, r = _known(search, made)
    problem, waves, z, seed = search.problem, made.waves, search.best_z, search.seed
    return {
        "device": problem.at(jnp.asarray(z)),
        "problem": problem,
        "waves": waves,
        "z": z,
        "loss": search.best_cost,
        "uncertainty": known,
        "verdict": judge(waves, problem.group, r, np.asarray(responses(problem, jnp.asarray(z)))),
        "read_noise": read_noise(waves, made.floor),
        "cycle_spread": cycle_spread(problem, waves, jacobian=jac),
        "search": search.progress,
        "seed": seed,
    }


def _limited(
    bench: mj.Bench, waves: Sequence[Waveform], device: mj.AbstractDevice | mj.Circuit
) -> tuple[mj.Bench, np.ndarray | None, list[str]]:
    """The bench, with the limits of the data where a device's names none; those of each waveform where they differ."""
    known = np.array([w.limits for w in waves])
    if bench.compliance is not None or not np.any(np.isfinite(known)):
        return bench, None, []
    if not isinstance(device, mj.AbstractDevice):
        levels = ", ".join(f"{x:g}" for x in np.unique(known[np.isfinite(known)]))
        return bench, None, [f"points at {levels} A count only where the circuit stays below it"]
    bench, limits = simulated(bench, known)
    return bench, limits, [said(known)]


def _not_fitted(device, guessed, looked_at: set[str], settled: set[str]):
    """Values of parameters that are neither fitted nor fixed: those given, and those that the sweeps show.

    A value other than the model's default was given by someone, who is asked before the data.
    """
    given, shown = {}, {}
    for name, spec in parameter_specs(device).items():
        own, other = stored(device, name), stored(guessed, name)
        if name in settled or spec.noise or other is None:
            continue
        if own is not None and spec.default is not None and float(own) != spec.default:
            given[name] = float(own)
        elif name in looked_at and own is not None and float(own) != float(other):
            shown[name] = float(other)
    return given, shown


def _filled(device, names: Sequence[str]):
    """The device with a value of its own for each named parameter that follows another one."""
    return mj.params.replace(
        device, {n: get(device, n) for n in names if stored(device, n) is None}
    )


__all__ = ["BATCH", "SCREENED", "FitResult", "Prepared", "fit", "prepare"]

"""From files to a calibrated device or circuit: guess, screen, search, uncertainty."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

import memjax as mj
from memjax.runtime.arguments import as_seed
from memjax.simulate.policy import require_x64

from ..constants import SCREENED
from ..optimize.levenberg_marquardt import (
    PROXIMAL,
    Progress,
    crossover,
    half_squares,
    levenberg_marquardt,
    screen,
)
from ..optimize.restarts import search_beside
from ..problem import WEAK_SIGMA
from ..solve import Tick
from .basins import last_starts, notes_on_optima
from .completion import completed
from .failures import no_start
from .initial_guess import near
from .instrument import bench_of
from .noise_estimate import exceeds_scatter, known_to_a_row, noise_of_each, without_explosions
from .physics_first import begun_at_physics
from .prepare import AbstractSweepProblem, Origin, Prepared, prepare
from .problem import PATIENT, Problem
from .result import FitResult, counted_responses, fit_at
from .thinning import thin
from .variability import cycle_spread

BATCH = 8
"""Starts that advance together."""

NOTHING = "no start could be solved"

ENDING = 25
"""Iterations in which a search ends at the most, once the noise is known."""

WEIGHINGS = 8
"""Times at the most that the noise is taken from the residuals at an optimum, and that a search goes on from there."""

CLOSE = 0.01
"""Gain of a cost, in variances of a residual, below which a search has ended: a seventh of a standard deviation."""

SETTLED = 0.8
"""Share of the noise before from which on it counts as settled: standard deviations are known no better."""

BESIDE = 2
"""What is added to the seed of a search for that of its draws beside the optimum."""


@dataclass
class _Search:
    """The search as it goes: what is known survives an interrupt."""

    problem: Problem
    seed: int
    tick: Callable[[str, Progress], None] | None
    progress: Progress = field(default_factory=lambda: Progress(np.zeros((0, 0)), np.zeros(0)))
    best_z: np.ndarray | None = None
    best_cost: float = np.inf
    ends: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    started: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.solved = self.problem.by_kernel() or self.problem
        bench = bench_of(self.problem.device, self.problem.bench)
        self.is_charged = bench.parallel_capacitance is not None
        self.progress.problem = self.problem

    def __call__(self, z: np.ndarray):
        """Residuals, Jacobians and success; remembers the best point."""
        r, jac, ok = self.solved.linearise(z)
        jac = without_explosions(jac) if self.is_charged else jac
        cost = half_squares(r, ok)
        if np.min(cost) < self.best_cost:
            self.best_cost, self.best_z = float(np.min(cost)), z[np.argmin(cost)].copy()
        return r, jac, ok

    def without_derivatives(self, z: np.ndarray):
        """Residuals and success: all that is asked of points that are screened."""
        if jax.default_backend() != "cpu":
            return self(z)
        r, ok, _ = self.solved.observe(z)
        cost, shown = half_squares(r, ok), self.progress
        if not np.isfinite(shown.cost).any():  # the first search has not begun
            shown.z, shown.cost = z[np.argmin(cost)][None], np.min(cost, keepdims=True)
        return r, np.zeros((*r.shape, 0)), ok

    def report(self, name: str) -> Callable[[Progress], None] | None:
        """What hears of the progress of a round."""
        return None if self.tick is None else partial(self.tick, name)

    def round(self, candidates: np.ndarray, *, name: str) -> None:
        """Screen candidates, then improve the best of them."""
        report = self.report(name)
        if report:
            report(self.progress)
        # The program with derivatives is made meanwhile: XLA compiles side by side where there are two cores.
        with ThreadPoolExecutor(1) as aside:
            first = np.resize(candidates[:1], (BATCH, candidates.shape[1]))
            aside.submit(self.solved.linearise, first)
            chosen = screen(
                self.without_derivatives, candidates, keep=BATCH, progress=self.progress
            )
        levenberg_marquardt(self, chosen, progress=self.progress, tick=report)
        self.ends.append((self.progress.z.copy(), self.progress.cost.copy()))

    def parts(self, candidates: np.ndarray) -> list[np.ndarray]:
        """Starts that are searched from in turn: those about the guess would keep all others out.

        Where a current switches a search takes long, and begins again beside its optimum.
        """
        first = len(candidates) if self.switches else near(len(candidates))
        return [x for x in (candidates[:first], candidates[first:]) if len(x)]

    @property
    def switches(self) -> bool:
        """Whether a current switches, so that the loss has kinks."""
        return bool(np.any(np.asarray(self.problem.group.event_weight)))

    def run(self, candidates: np.ndarray) -> bool:
        """Two rounds, the second from recombined results of the first; whether it was interrupted."""
        try:
            for part in self.parts(candidates):
                self.round(part, name="search")
            if self.best_z is not None:
                z, cost = (np.concatenate(x) for x in zip(*self.ends, strict=True))
                again = crossover(z, cost, count=len(candidates) // 2, seed=self.seed + 1)
                self.round(again, name="refine")
        except KeyboardInterrupt:
            if self.best_z is None:
                raise
            return True
        return False

    def optimum(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best point, its residuals and its Jacobian."""
        z = cast(np.ndarray, self.best_z)
        r, jacobian, _ = self(np.repeat(z[None], BATCH, axis=0))
        return z, r[0], jacobian[0]


@dataclass(frozen=True)
class SweepProblem(AbstractSweepProblem):
    r"""Sweeps of the voltage or the current of one device, or of what drives one circuit.

    Parameters
    ----------
    data : Measurement or sequence of Measurement
        All of one device.
    device, free, fix, start
        See `AbstractFitProblem`; a circuit starts from its own values.
    bench, env : Bench, Environment, optional
        What stood around a device; the compliance of the files is taken where it names none. Temperature.
    point_time : float, optional
        Time for which each point was held [s], where files have no time.
    model_sigma : float, optional
        Standard deviation granted to the model's response beside the scatter of the data [decades]: where a model
        describes the data to their noise, that noise. By default 0.3 of a current, 0.05 of a voltage.
    thresholds : tuple of float or None
        Currents that mean on and off [A]; where None as `memjax.observables.find_thresholds` says.
    points : int, optional
        Points of a sweep at the most, see `fitting.sweeps.thinning.thin`.
    free_bench : sequence of str
        Quantities of the bench that are fitted beside the device: ``"series_resistance"``, ``"offset_current"``,
        ``"offset_voltage"``, ``"shunt"`` (the bench's `parallel_resistance`), ``"parallel_capacitance"``. A value that
        `bench` has is where one starts; others start from what the data show.
    screened : int
        Number of starts that are screened.

    Raises
    ------
    DataError, FitError
        When it is solved: if data or choice of parameters make no problem; if nothing usable came out.

    Notes
    -----
    What is compared is what was measured: the current under an imposed voltage, the voltage under an imposed current.
    Sweeps that applied one waveform are summarised by the median of its log10 at each point and, under a voltage, the
    median row at which the device switched, released and returned. Points at the current limit count only where the
    simulation stays below it. Residuals of responses saturate at 10 sigma. Priors are log-normal around the guess, a
    factor of 7 wide. `screened` starts are evaluated, the best 8 advance together by Levenberg-Marquardt with
    forward-mode Jacobians through the stiff solve, and once more from recombinations of their results. Then the noise
    is known, and the search ends with priors that weigh against it, a factor of 1,100 wide. What the bench has and the
    fit was not told of is looked for then, see `fitting.sweeps.suggest.suggest`; where intervals do not hold to first
    order, profiles take their place, see `fitting.inference.curvature.curved`.
    """

    data: mj.Measurement | Sequence[mj.Measurement]
    _: dataclasses.KW_ONLY
    free_bench: Sequence[str] = ()
    screened: int = SCREENED

    def solve(self, *, seed: int = 0, progress: Tick | None = None) -> FitResult:
        """See `fitting.solve`."""
        return solve_sweeps(self, seed=seed, progress=progress)


def solve_sweeps(
    problem: SweepProblem,
    *,
    seed: int = 0,
    progress: Callable[[str, Progress], None] | None = None,
) -> FitResult:
    """Calibrate a device or circuit to sweeps of one, see `SweepProblem`; the fit."""
    seed = as_seed(seed, where="fit", lowest=0)
    require_x64()
    data, point_time = problem.data, problem.point_time
    every = [data] if isinstance(data, mj.Measurement) else data
    measurements = [thin(m, problem.points, point_time=point_time) for m in every]
    more: dict[str, Any] = dict(free_bench=problem.free_bench, screened=problem.screened, seed=seed)
    prepared = prepare(measurements, problem.device, **problem.options, **more)
    search, interrupted = _run_search(prepared, seed, progress)
    if search.best_z is None:
        raise no_start(NOTHING, search.problem, prepared.candidates[:BATCH])
    at = dict(point_time=point_time, measurements=measurements)
    return completed(_fit_of(search, prepared, interrupted=interrupted, **at), progress)


def _fit_of(search: _Search, prepared: Prepared, *, interrupted: bool, **fields: Any) -> FitResult:
    """The fit at the best point of a search, which ends with the noise that this point shows."""
    if not interrupted:
        started, search = search.started, _weighed(search, prepared)
        if started:
            search = _weighed(_ended_from(search, started), prepared, float(search.problem.noise))
        search = _balanced(search, prepared)
        if search.switches or exceeds_scatter(search.problem, prepared.waves, search.optimum()[1]):
            interrupted = _search_beside(search, quiet=2 if search.switches else 1)
            if not (interrupted or search.switches):
                search = _weighed(search, prepared, float(search.problem.noise))
        if not search.switches:  # else the loss has kinks, and each search ends at one of its own
            best, _, jacobian = search.optimum()
            words = notes_on_optima(search.problem, search.progress, best=best, jacobian=jacobian)
            prepared = replace(prepared, notes=(*prepared.notes, *words))
    z, r, jacobian = search.optimum()
    problem = search.problem
    fields |= dict(loss=search.best_cost, search=search.progress, interrupted=interrupted)
    return fit_at(
        prepared,
        problem,
        z,
        r,
        jacobian,
        seed=search.seed,
        simulated=counted_responses(problem, z),
        cycle_spread=cycle_spread(problem, prepared.waves, jacobian=jacobian),
        **fields,
    )


def _run_search(prepared: Prepared, seed: int, tick: Any) -> tuple[_Search, bool]:
    """A search from candidates, with more steps where none of them ends; and whether it was interrupted."""
    if prepared.physics is not None:
        first, interrupted = _run_search(prepared.physics, seed, tick)
        prepared = begun_at_physics(prepared, first.ends, seed)
        if interrupted:
            search = _Search(prepared.problem, seed, tick)
            search(np.resize(prepared.candidates, (BATCH, len(prepared.problem.free))))
            return search, True
    problem, candidates = prepared.problem, prepared.candidates
    search = _Search(problem, seed, tick)
    interrupted = search.run(candidates)
    if search.best_z is None and not interrupted:
        search = _Search(replace(problem, policy=PATIENT), seed, tick)
        interrupted = search.run(candidates)
    if prepared.unstarted is not None and not interrupted:
        return _or_without_start(search, prepared.unstarted)
    return search, interrupted


def _or_without_start(search: _Search, origin: Origin) -> tuple[_Search, bool]:
    """The search that knows nothing of `start`, with the ends of the one that does; and whether it was interrupted.

    Where a search ends may not depend on where a user lets it begin: it ends as without, see `_ended_from`.
    """
    problem = replace(search.problem, center=jnp.asarray(origin.center))
    other = _Search(problem, search.seed, search.tick, search.progress)
    interrupted = other.run(origin.candidates)
    if other.best_z is None:
        return search, interrupted
    other.started = search.ends
    return other, interrupted


def _weighed(search: _Search, prepared: Prepared, noise: float = np.inf) -> _Search:
    """The search ended with a prior that weighs against the noise of the data.

    The residuals that a prior of too much weight leaves are taken for noise, which gives it that weight: noise and
    optimum are found in turn, until the noise stays; it is as it is where that does not fall.
    """
    for _ in range(WEIGHINGS):
        _, r, jacobian = search.optimum()
        at: dict[str, Any] = {"residuals": r[None], "jacobian": jacobian[None], "seed": search.seed}
        less = float(noise_of_each([search.problem], [prepared.waves], **at)[0])
        # No iteration was left: the valley goes on.
        if not (less < SETTLED * noise or (search.progress.left == 0 and not search.switches)):
            break
        noise, search = less, _end_search(search, less)
    return search


def _balanced(search: _Search, prepared: Prepared) -> _Search:
    """The search ended with events that count by their sampling, where the data are then described to their noise.

    See `known_to_a_row`.
    """
    group = known_to_a_row(search.problem, prepared.waves)
    if group is None:
        return search
    other = _Search(
        replace(search.problem, group=group), search.seed, search.tick, replace(search.progress)
    )
    other.best_z, other.ends = search.best_z, search.ends
    other = _weighed(other, prepared)
    misses = exceeds_scatter(other.problem, prepared.waves, other.optimum()[1])
    return search if misses else other


def _end_search(search: _Search, noise: float) -> _Search:
    """The search ended with a prior that weighs against the noise that there is, not against what was granted."""
    known = jnp.asarray([noise, WEAK_SIGMA], float)
    problem = replace(search.problem, noise=known[0], prior_sigma=known[1])
    again = _Search(problem, search.seed, search.tick, search.progress)
    done = search.progress
    best, _, jacobian = search.optimum()
    z, cost = (np.concatenate(x) for x in zip(*search.ends, strict=True))
    starts = last_starts(z, cost, best=best, jacobian=jacobian, noise=noise, count=BATCH)
    options: dict[str, Any] = dict(iterations=ENDING, progress=done, tick=search.report("weigh"))
    options |= ending(noise, search.best_cost)
    try:
        levenberg_marquardt(again, starts, **options)
    except KeyboardInterrupt:
        return search
    again.ends = [(done.z.copy(), done.cost.copy())]
    return again if again.best_z is not None else search


def _ended_from(search: _Search, ends: list[tuple[np.ndarray, np.ndarray]]) -> _Search:
    """A search that has ended, ended from where another one did as well; as it is where that is interrupted."""
    z, cost = (np.concatenate(x) for x in zip(*ends, strict=True))
    best, noise = z[np.argmin(cost)], float(search.problem.noise)
    jacobian = search(np.repeat(best[None], BATCH, axis=0))[1][0]
    starts = last_starts(z, cost, best=best, jacobian=jacobian, noise=noise, count=BATCH)
    options: dict[str, Any] = dict(iterations=ENDING, tick=search.report("weigh"))
    options |= ending(noise, search.best_cost)
    try:
        with _keeping(search.progress) as done:
            levenberg_marquardt(search, starts, progress=done, **options)
    except KeyboardInterrupt:
        return search
    search.ends = [(done.z.copy(), done.cost.copy())]
    return search


@contextmanager
def _keeping(progress: Progress) -> Iterator[Progress]:
    """Progress that still knows, after another search, where the one before ended."""
    before = progress.z.copy(), progress.cost.copy(), progress.converged.copy()
    try:
        yield progress
    finally:
        after = progress.z, progress.cost, progress.converged
        both = (np.concatenate(x) for x in zip(before, after, strict=True))
        progress.z, progress.cost, progress.converged = both


def ending(noise: float, cost: float) -> dict[str, float]:
    """How a search ends once the noise is known [sigma]; options of `levenberg_marquardt`."""
    tolerance = CLOSE * noise**2 / max(cost, np.finfo(float).tiny)
    return {"proximal": PROXIMAL, "tolerance": min(1e-4, tolerance)}


def _search_beside(search: _Search, *, quiet: int) -> bool:
    """Begin the search again beside its optimum, see `search_beside`; whether it was interrupted."""
    options: dict[str, Any] = dict(progress=search.progress, tick=search.report("again"))
    options["proximal"] = PROXIMAL
    try:
        improve = partial(levenberg_marquardt, search, **options)
        with _keeping(search.progress):
            search_beside(
                improve, *search.optimum(), count=BATCH, seed=search.seed + BESIDE, quiet=quiet
            )
    except KeyboardInterrupt:
        return True
    return False

"""From files to a calibrated device or circuit: guess, screen, search, uncertainty."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

import memjax as mj
from memjax.runtime.arguments import as_seed
from memjax.simulate.policy import require_x64

from ..constants import SCREENED
from ..optimize.levenberg_marquardt import Progress
from ..solve import Tick
from .basins import notes_on_optima
from .completion import completed
from .ending import balanced, begin_beside, ended_from, granted_as_missed, weighed
from .failures import no_start
from .hold_out import counted_sweeps, prepare_counted
from .physics_first import begun_at_physics
from .prepare import AbstractSweepProblem, Origin, Prepared
from .problem import PATIENT
from .result import FitResult, fit_at
from .scatter import exceeds_scatter
from .search import BATCH, Search
from .simulated import counted_responses
from .thinning import thin
from .variability import cycle_spread

NOTHING = "no start could be solved"


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
    hold_out : sequence of int
        Labels of sweeps that do not count. They act on the state of a device with learned functions, whose sweeps are
        fitted one after the other; in other fits they are left out.

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
    hold_out: Sequence[int] = ()

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
    more["hold_out"] = problem.hold_out
    prepared = prepare_counted(measurements, problem.device, **problem.options, **more)
    measurements = counted_sweeps(measurements, problem.hold_out)
    search, interrupted = _run_search(prepared, seed, progress)
    if search.best_z is None and interrupted:
        raise KeyboardInterrupt
    if search.best_z is None:
        raise no_start(NOTHING, search.problem, prepared.candidates[:BATCH])
    at = dict(point_time=point_time, measurements=measurements)
    return completed(_fit_of(search, prepared, interrupted=interrupted, **at), progress)


def _fit_of(search: Search, prepared: Prepared, *, interrupted: bool, **fields: Any) -> FitResult:
    """The fit at the best point of a search, which ends with the noise that this point shows."""
    if not interrupted:
        search, interrupted = _ended(search, prepared)
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


def _ended(search: Search, prepared: Prepared) -> tuple[Search, bool]:
    """A search as it ends once the noise is known; and whether it was interrupted."""
    started, search = search.started, weighed(search, prepared.waves)
    if started:
        search = weighed(ended_from(search, started), prepared.waves, float(search.problem.noise))
    search = balanced(search, prepared.waves)
    if search.problem.prior_root is not None:
        # A search beside the optimum gained 0.3 % of one loss of two, for a tenth of the time.
        return granted_as_missed(search, prepared.waves), False
    if not (
        search.switches or exceeds_scatter(search.problem, prepared.waves, *search.optimum()[1:])
    ):
        return search, False
    interrupted = begin_beside(search, quiet=2 if search.switches else 1)
    if not (interrupted or search.switches):
        search = weighed(search, prepared.waves, float(search.problem.noise))
    return search, interrupted


def _run_search(prepared: Prepared, seed: int, tick: Any) -> tuple[Search, bool]:
    """A search from candidates, with more steps where none of them ends; and whether it was interrupted."""
    if prepared.physics is not None:
        first, interrupted = _run_search(prepared.physics, seed, tick)
        # Where a current switches a first search ends at a kink of its loss, away from where a fit of the model ends.
        # Elsewhere that end is no place to begin: with a prior that hardly holds, parameters make up for what
        # corrections are to say.
        if first.best_z is not None and first.switches and not interrupted:
            first, interrupted = _ended(first, prepared.physics)
        prepared = begun_at_physics(prepared, first, seed)
        if interrupted:
            search = Search(prepared.problem, seed, tick)
            search(np.resize(prepared.candidates, (BATCH, len(prepared.problem.free))))
            return search, True
    problem, candidates = prepared.problem, prepared.candidates
    search = Search(problem, seed, tick)
    interrupted = search.run(candidates, near=prepared.physics is not None)
    if search.best_z is None and not interrupted:
        search = Search(replace(problem, policy=PATIENT), seed, tick)
        interrupted = search.run(candidates)
    if prepared.unstarted is not None and not interrupted:
        return _or_without_start(search, prepared.unstarted)
    return search, interrupted


def _or_without_start(search: Search, origin: Origin) -> tuple[Search, bool]:
    """The search that knows nothing of `start`, with the ends of the one that does; and whether it was interrupted.

    Where a search ends may not depend on where a user lets it begin: it ends as without, see `ended_from`.
    """
    problem = replace(search.problem, center=jnp.asarray(origin.center))
    other = Search(problem, search.seed, search.tick, search.progress)
    interrupted = other.run(origin.candidates)
    if other.best_z is None:
        return search, interrupted
    other.started = search.ends
    return other, interrupted

"""What follows the search of a fit of sweeps: quantities of the bench, far optima, intervals by profiles."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ..inference.batches import Batches
from ..inference.curvature import curved
from ..inference.profile_likelihood import profiles
from ..optimize.levenberg_marquardt import Progress
from .basins import optima_in_words
from .correction_words import corrections_of
from .ending import ended_by_sampling
from .far_optima import FarOptimum, far_optima, outermost
from .instrument import device_of
from .learned import learned_functions
from .near_optima import lower_nearby
from .resemblance import resemblance_of
from .result import FitResult
from .scatter import counts_by_sampling, exceeds_scatter
from .search import Search
from .series import with_note_on_series
from .suggest import suggest
from .verdict import doubted

LOWER = 3
"""Lower optima at the most from which what follows a search begins again."""

LOOSE = 0.3
"""Standard deviation [natural log units] from which on a parameter is looked at far off where that is dear."""


def completed(result: FitResult, tick: Callable[[str, Progress], None] | None) -> FitResult:
    """The fit with what follows its search; as far as that came where it is interrupted.

    Nothing follows that of learned functions: they take up what a bench does, and their prior holds what data leave.
    """
    if learned_functions(device_of(result.problem.device)):
        words = (*map(str, corrections_of(result)), resemblance_of(result))
        return replace(result, notes=(*result.notes, *filter(None, words)))
    stages = [("bench", _with_suggestion), ("intervals", _with_profiles)]
    for name, stage in (*stages, ("intervals", with_note_on_series)):
        if result.interrupted:
            break
        show = None if tick is None else partial(tick, name)
        try:
            if show is not None:
                show(result.search)
            result = stage(result, show)
        except KeyboardInterrupt:
            result = replace(result, interrupted=True)
    return result


def _with_profiles(result: FitResult, show: Callable[[Progress], None] | None) -> FitResult:
    """The fit with profiles of the parameters whose intervals do not hold to first order.

    Where a current switches, intervals that do not hold to first order are a sign that another optimum is near: it is
    looked for, see `lower_nearby`, and becomes the fit where it is lower. A profile takes as long as the search did
    there: only what is known to no more than a factor is looked at far off. Where such data are not described to their
    noise, intervals are as wide as their scatter, and a note says which of the others are not linear. The prior does
    not count: along a valley of several factors of 1,100 it would end intervals that the data leave open.
    """
    switches = bool(np.any(np.asarray(result.problem.group.event_weight)))
    if switches:
        result = _with_lower_nearby(result, show)
    result, far = _with_far_optima(result, LOOSE if switches else 0.0, show)
    names = tuple(dict.fromkeys(n for f in far for n in f.names))
    more = tuple(n for n in curved(result, follow=not switches) if n not in names)
    if switches and more and not counts_by_sampling(result.problem, result.waves):
        text = "intervals to first order are not those that chi squared gives"
        note = f"{', '.join(more)}: {text}; --uncertainty profile"
        result, more = replace(result, notes=(*result.notes, note)), ()
    if not (names or more):
        return result
    curves = profiles(
        result,
        names=(*names, *more),
        beyond=outermost(result, far),
        tick=None if show is None else lambda _, progress: show(progress),
    )
    return replace(result, profiles=tuple(curves))


def _with_lower_nearby(result: FitResult, show: Callable[[Progress], None] | None) -> FitResult:
    """The fit at a lower optimum near it, where there is one, with a note on what it had.

    Where events are known to a row, the search may have ended in another valley than that in which the data are
    described to their noise: it is looked for with events that count by their sampling, see `known_to_a_row`, and by as
    much as before.
    """
    trial = _by_sampling(result)
    if trial is None:
        return _lowered(result, show, doubted=False)
    trial = _lowered(trial, show, doubted=True)
    if not _misses(trial):
        return trial
    lowered = _lowered(result, show, doubted=True)
    again = None if lowered is result else _by_sampling(lowered)
    trial = min((x for x in (trial, again) if x is not None), key=lambda x: x.loss)
    # One fit of forty that are right misses by chance, and so do models whose error is below the noise: events and
    # currents that count by what is granted would know less than the data do.
    return lowered if _misses(trial, granted=1.0) else trial


def _lowered(
    result: FitResult, show: Callable[[Progress], None] | None, *, doubted: bool
) -> FitResult:
    """The fit at the lowest optimum near it; one that is not doubted is looked at where it is curved."""
    for _ in range(LOWER):
        near = doubted or curved(result, follow=False)
        z = lower_nearby(result, tick=show) if near else None
        if z is None:
            break
        result = result.at_optimum(z)
    return result


def _by_sampling(result: FitResult) -> FitResult | None:
    """The fit with events that count by their sampling; None where they are not known to a row, or count so already."""
    search = Search(result.problem, result.seed, None)
    search.best_z, search.best_cost = np.asarray(result.z), result.loss
    search.ends = [(search.best_z[None], np.array([result.loss]))]
    other = ended_by_sampling(search, result.waves)
    return other and result.ended(other.problem, other.optimum()[0])


def _misses(result: FitResult, *, granted: float = 0.0) -> bool:
    """Whether a fit is further off than its sweeps scatter, see `exceeds_scatter`."""
    r, jacobian, _ = (x[0] for x in Batches(result.problem)(np.asarray(result.z)[None]))
    return exceeds_scatter(result.problem, result.waves, r, jacobian, granted=granted)


def _with_far_optima(
    result: FitResult, least: float, show: Callable[[Progress], None] | None
) -> tuple[FitResult, list[FarOptimum]]:
    """The fit at the lowest optimum far off, and the others that the data do not exclude, with a note on the best."""
    far = far_optima(result, least=least, tick=show)
    for _ in range(LOWER):
        if not (far and far[0].is_lower):
            break
        result = result.at_optimum(far[0].z)
        far = far_optima(result, least=least, tick=show)
    far = [f for f in far if not f.is_lower]
    others = [(max(f.cost / result.loss - 1, 0.0), result.values_at(f.z)) for f in far[:1]]
    words = optima_in_words(2, 2, others, result.values)
    return replace(result, notes=(*result.notes, *words)), far


def _with_suggestion(result: FitResult, show: Callable[[Progress], None] | None) -> FitResult:
    """The fit with the quantity of the bench that would lower its loss decisively: it is not good without."""
    for _ in range(LOWER):
        suggestion, z = suggest(result, tick=show)
        if z is None:
            break
        result = result.at_optimum(z)
    if suggestion is None:
        return result
    verdict = doubted(result.verdict, str(suggestion))
    notes = *result.notes, str(suggestion)
    return replace(result, suggestion=suggestion, verdict=verdict, notes=notes)

"""The model of sweeps chosen and fitted, from Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from numpy.linalg import LinAlgError

import memjax as mj
from memjax.errors import DataError, FitError, MemjaxError
from memjax.runtime.arguments import as_seed
from memjax.simulate.policy import require_x64

from ..choice.comparison import Comparison, compare_models
from ..choice.options import NOT_REACHED
from ..sweeps.fit import SweepProblem
from ..sweeps.halves import halves
from ..sweeps.result import FitResult
from .explanation import LEARNED, calls_for_learned, explain, hint_of, winner
from .shortlist import COUNT, Shortlist, shortlist


@dataclass(frozen=True, kw_only=True)
class AutomaticFit:
    """A model chosen by what sweeps show, with the fits of which it is the best.

    Parameters
    ----------
    shortlist : Shortlist
        Features, the models that were fitted, and why the others were not.
    fits : dict of str to FitResult or str
        Of all data, by model; in words why there is none. After an interrupt those so far, see `interrupted`.
    comparison : Comparison
        Of the fits.
    model : str
        Name of the chosen model.
    explanation : str
        The choice in a sentence.
    interrupted : bool
        Whether an interrupt ended it before all was fitted.
    """

    shortlist: Shortlist
    fits: dict[str, FitResult | str]
    comparison: Comparison
    model: str
    explanation: str
    interrupted: bool = False

    @property
    def fit(self) -> FitResult:
        """The fit of the chosen model."""
        return cast(FitResult, self.fits[self.model])


def fit_auto(
    measurements: mj.Measurement | Sequence[mj.Measurement],
    *,
    models: Sequence[str] | None = None,
    count: int = COUNT,
    bench: mj.Bench | None = None,
    env: mj.Environment | None = None,
    point_time: float | None = None,
    seed: int = 0,
    tick: Callable[[str], None] | None = None,
) -> AutomaticFit:
    """Choose the model of sweeps by what they show, and fit it.

    Parameters
    ----------
    measurements : Measurement or sequence of Measurement
        All of one device; set and reset files joined by `memjax.data.interleave`.
    models : sequence of str, optional
        Devices among which the choice is made; by default all of physics, and ``hybrid`` where these are poor.
    count : int
        Models that are fitted at the most, 2 or more.
    bench, env : Bench, Environment, optional
        As of `fitting.SweepProblem`.
    point_time : float, optional
        Time for which each point was held [s], where files have no time.
    seed : int
        Seed of starts.
    tick : callable, optional
        Called with what is done, in words.

    Returns
    -------
    AutomaticFit
        The chosen model, its fit, the others, and the choice in a sentence.

    Raises
    ------
    DataError
        If the data do not say enough, or no model can describe them; with the nearest.
    FitError
        If no model could be fitted.

    Notes
    -----
    Models that cannot describe the features of the data (`memjax.data.features`, `memjax.data.suitable`) are left out.
    Of the others those are fitted whose starts are nearest, and compared as `fitting.compare_models` does: by what a
    fit of every second sweep leaves of the others, where there are two of a kind, else by AIC or the loss. Where the
    best of them is poor and `models` names none, ``hybrid`` is fitted as well: it is chosen where its verdict is
    better, or where both are poor and it leaves less.

    An interrupt (Ctrl-C) once a search has a point ends the choice with the best so far: the fits that there are are
    compared, the one at hand at its best point.
    """
    if count < 2:
        raise DataError(f"{count} models", where="fit_auto", allowed="2 or more")
    seed = as_seed(seed, where="fit_auto", lowest=0)
    require_x64()
    every = [measurements] if isinstance(measurements, mj.Measurement) else list(measurements)
    options: dict[str, Any] = dict(bench=bench, env=env, point_time=point_time)
    say = tick or (lambda _: None)
    begun: dict[str, Any] = dict(models=models, count=count, seed=seed, **options)
    listed = shortlist(every, tick=lambda n, _: say(f"starts of {n}"), **begun)
    fits: dict[str, FitResult | str] = dict.fromkeys(listed.models, NOT_REACHED)
    whole = _fill(fits, every, options, seed, say)
    if all(isinstance(x, str) for x in fits.values()):
        what = f"none of {len(fits)} models is fitted: {fits[listed.models[0]]}"
        raise FitError(what) if whole else KeyboardInterrupt("no model was fitted")
    comparison, whole = _compared(
        fits, every, options, seed, say, whole=whole, learns=models is None
    )
    model, _ = winner(comparison)
    return AutomaticFit(
        shortlist=listed,
        fits=fits,
        comparison=comparison,
        model=str(model),
        explanation=explain(listed, comparison, hint_of(fits)),
        interrupted=not whole,
    )


def _fill(
    fits: dict[str, FitResult | str],
    measurements: Sequence[mj.Measurement],
    options: dict[str, Any],
    seed: int,
    say: Callable[[str], None],
) -> bool:
    """Fit each model that is a key of `fits`; False where an interrupt left some of them out."""
    for name in fits:
        try:
            fit = fits[name] = _fit(name, measurements, options, seed, say)
        except KeyboardInterrupt:
            return False
        if not isinstance(fit, str) and fit.interrupted:
            return False
    return True


def _compared(
    fits: dict[str, FitResult | str],
    measurements: Sequence[mj.Measurement],
    options: dict[str, Any],
    seed: int,
    say: Callable[[str], None],
    *,
    whole: bool,
    learns: bool,
) -> tuple[Comparison, bool]:
    """Compare fits; where these are poor, and `learns` allows, with one of learned functions that is added to them.

    The second value is False where an interrupt left something out, as it is where the fits are not `whole`.
    """
    if not whole:
        return compare_models(dict(fits)), False
    parts, held_out = _held_out(fits, measurements, options, seed, say)
    comparison = compare_models(dict(fits), parts, held_out)
    whole = NOT_REACHED not in parts.values()
    if not (whole and learns and calls_for_learned(comparison)):
        return comparison, whole
    learned: dict[str, FitResult | str] = {LEARNED: NOT_REACHED}
    whole = _fill(learned, measurements, options, seed, say)
    if whole:
        parts |= _held_out(learned, measurements, options, seed, say)[0]
    fits |= learned
    return compare_models(dict(fits), parts, held_out), whole and NOT_REACHED not in parts.values()


def _held_out(
    fits: Mapping[str, FitResult | str],
    measurements: Sequence[mj.Measurement],
    options: dict[str, Any],
    seed: int,
    say: Callable[[str], None],
) -> tuple[dict[str, FitResult | str], Any]:
    """Return fits of every second sweep and the data of the others; nothing where there are not two of a kind."""
    try:
        half, held_out = halves(measurements, point_time=options["point_time"])
    except DataError:
        return {}, None
    parts: dict[str, FitResult | str] = {
        n: NOT_REACHED for n, x in fits.items() if not isinstance(x, str)
    }
    _fill(parts, half, options, seed, say)
    # What a search of a part has reached predicts nothing yet.
    return {
        n: NOT_REACHED if getattr(x, "interrupted", False) else x for n, x in parts.items()
    }, held_out


def _fit(
    name: str,
    measurements: Sequence[mj.Measurement],
    options: dict[str, Any],
    seed: int,
    say: Callable[[str], None],
) -> FitResult | str:
    """A fit, or why there is none."""
    say(f"fit of {name}")
    try:
        problem = SweepProblem(measurements, mj.model(name), **options)
        return problem.solve(seed=seed)
    except (MemjaxError, LinAlgError) as error:
        return str(error)

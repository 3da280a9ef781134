"""What can be solved, the call that makes a fit of it, and those that make a fit know its uncertainty better."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from memjax.lanes.choice import use_backend

from .inference.refine import refine
from .result import AbstractFit
from .solve_call import SolveCall

Values = Mapping[str, float]
Tick = Callable[[str, Any], None]
"""Called with the stage and the progress of its search after each iteration."""


@dataclass(frozen=True)
class AbstractFitProblem(abc.ABC):
    """Data, a device, and what is asked of its parameters; `fitting.solve` makes a fit of it.

    Parameters
    ----------
    data : Any
        Measured data, as the kind has them.
    device : AbstractDevice or Circuit
        The model, with values of what is neither fitted nor shown by the data [SI].
    free : sequence of str, optional
        Parameters to fit; by default what the data show.
    fix : mapping of str to float, optional
        Values to keep [SI].
    start : mapping of str to float, optional
        Values at which free parameters begin [SI], see `fitting.problem.begun`.
    """

    data: Any
    device: Any
    _: dataclasses.KW_ONLY
    free: Sequence[str] | None = None
    fix: Values | None = None
    start: Values | None = None

    @abc.abstractmethod
    def solve(self, *, seed: int = 0, progress: Callable[..., None] | None = None) -> Any:
        """The fit that solves the problem, see `fitting.solve`."""


def solve(
    problem: AbstractFitProblem,
    *,
    seed: int = 0,
    progress: Callable[..., None] | None = None,
    backend: str | None = None,
) -> Any:
    """Fit the free parameters of a problem.

    Parameters
    ----------
    problem : AbstractFitProblem
        What is fitted.
    seed : int
        Seed of starts, of resampling and of what is simulated.
    progress : callable, optional
        Called with the stage and the progress of its search, as by `fitting.ProgressBar`.
    backend : str, optional
        "auto", "cc" or "xla", see `memjax.use_backend`; by default the one that is in use. `fit.backend` says what
        computed it.

    Returns
    -------
    AbstractFit
        Values, deviations, intervals, verdict; `fit.save(folder)` writes what ``memjax fit`` writes.

    Raises
    ------
    DataError, FitError
        As the problem's class says.
    PolicyError
        In float32.
    UsageError
        For a backend of another name.
    """
    with use_backend(backend):
        fit = problem.solve(seed=seed, progress=progress)
    return replace(fit, call=SolveCall(problem, seed)) if isinstance(fit, AbstractFit) else fit


def laplace(fit: Any) -> Any:
    """Return the fit with intervals to first order, which every fit has, in the place of others."""
    return replace(fit, profiles=(), sample=None)


def profile(fit: Any) -> Any:
    """Return the fit with intervals by profile likelihood, see `fitting.profiles`."""
    return refine(fit, "profile", say=_say_nothing)


def nuts(fit: Any, *, seed: int = 0) -> Any:
    """Return the fit with draws from its posterior, see `fitting.draw_fit`.

    Raises
    ------
    DataError
        For a problem that JAX does not differentiate.
    """
    return refine(fit, "nuts", seed=seed, say=_say_nothing)


def _say_nothing(kind: str, text: str) -> None:
    """Leave words to the notes of the draws."""

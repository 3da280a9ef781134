"""What can be solved from Python: data of a kind, a device, and what is free, as one object."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import memjax as mj
from memjax.observables import ON_CURRENT
from memjax.runtime.lazy import deferred

from .inference.refine import refine

Values = Mapping[str, float]


@dataclass(frozen=True)
class AbstractFitProblem:
    """Data, a device, and what is asked of its parameters; `solve` makes a fit of it.

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
        Where the search begins [SI].
    """

    data: Any
    device: mj.AbstractDevice | mj.Circuit
    _: dataclasses.KW_ONLY
    free: Sequence[str] | None = None
    fix: Values | None = None
    start: Values | None = None
    fit_function: ClassVar[str] = ""
    takes_seed: ClassVar[bool] = True

    def solve(self, *, seed: int = 0, progress: Callable[..., None] | None = None) -> Any:
        """See `solve`."""
        asked = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name not in ("data", "device")
        }
        about = {"seed": seed} if self.takes_seed else {}
        fit = deferred(self.fit_function)
        return fit(self.data, self.device, **asked, **about, tick=progress)


@dataclass(frozen=True)
class SweepProblem(AbstractFitProblem):
    """Sweeps of the voltage or the current: one `Measurement`, or several of one device; see `fitting.fit`."""

    _: dataclasses.KW_ONLY
    bench: mj.Bench | None = None
    env: mj.Environment | None = None
    point_time: float | None = None
    model_sigma: float | None = None
    thresholds: tuple[float | None, float | None] = (None, None)
    points: int | None = None
    free_bench: Sequence[str] = ()
    fit_function: ClassVar[str] = "fitting.sweeps.fit:fit"


@dataclass(frozen=True)
class PulseProblem(AbstractFitProblem):
    """Conductances per pulse: a `PulseRecord`; see `fitting.fit_pulses`."""

    _: dataclasses.KW_ONLY
    protocol: Any = None
    env: mj.Environment | None = None
    reversed: bool | None = None
    memory: float | None = None
    fit_function: ClassVar[str] = "fitting.pulses.fit:fit_pulses"


@dataclass(frozen=True)
class RetentionProblem(AbstractFitProblem):
    """A resistance against time: a `DecayRecord`; see `fitting.fit_retention`."""

    _: dataclasses.KW_ONLY
    env: mj.Environment | None = None
    fit_function: ClassVar[str] = "fitting.retention.fit:fit_retention"
    takes_seed: ClassVar[bool] = False


@dataclass(frozen=True)
class TransientProblem(AbstractFitProblem):
    """Delays and relaxations of curves under one pulse each: a `Measurement`; see `fitting.fit_transients`."""

    _: dataclasses.KW_ONLY
    threshold: float = ON_CURRENT
    off_threshold: float | None = None
    fit_function: ClassVar[str] = "fitting.transients.fit:fit_transients"


@dataclass(frozen=True)
class TargetProblem(AbstractFitProblem):
    """Wanted numbers in the place of data: a sequence of `Target`, or of their words; see `fitting.fit_targets`."""

    _: dataclasses.KW_ONLY
    settings: Any = None
    bench: mj.Bench | None = None
    env: mj.Environment | None = None
    dt: float | None = None
    members: int = 1024
    fit_function: ClassVar[str] = "fitting.targets.fit:fit_targets"


def solve(
    problem: AbstractFitProblem,
    *,
    seed: int = 0,
    progress: Callable[..., None] | None = None,
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

    Returns
    -------
    AbstractFit
        Values, deviations, intervals to first order, verdict; `fit.save(folder)` writes what ``memjax fit`` writes.

    Raises
    ------
    DataError, FitError
        As the fit of the kind has them.
    """
    return problem.solve(seed=seed, progress=progress)


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

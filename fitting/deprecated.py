"""The functions that made fits before there were problems: they forward to `fitting.solve` for one version."""

import warnings
from collections.abc import Callable
from typing import Any

from .batch.fit import BatchProblem
from .circuits.fit import MomentProblem
from .circuits.voltage_fit import TraceProblem
from .joint.fit import JointProblem
from .pulses.fit import PulseProblem
from .retention.fit import RetentionProblem
from .solve import solve
from .sweeps.fit import SweepProblem
from .targets.fit import TargetProblem
from .transients.fit import TransientProblem


def _forwarding(old: str, problem: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the old name that solves a problem."""
    new = f"fitting.solve(fitting.{getattr(problem, '__name__', '')}(...))"

    def fit(*data: Any, seed: int = 0, tick: Any = None, **options: Any) -> Any:
        warnings.warn(f"fitting.{old} goes: say {new}", DeprecationWarning, stacklevel=2)
        return solve(problem(*data, **options), seed=seed, progress=tick)

    fit.__name__, fit.__doc__ = old, f"Deprecated: `{new}`."
    return fit


def _trace(t: Any, v: Any, circuit: Any, **options: Any) -> TraceProblem:
    """The problem of a trace whose times and values are two arguments."""
    return TraceProblem((t, v), circuit, **options)


_trace.__name__ = "TraceProblem"

fit = _forwarding("fit", SweepProblem)
fit_pulses = _forwarding("fit_pulses", PulseProblem)
fit_retention = _forwarding("fit_retention", RetentionProblem)
fit_transients = _forwarding("fit_transients", TransientProblem)
fit_targets = _forwarding("fit_targets", TargetProblem)
fit_spikes = _forwarding("fit_spikes", MomentProblem)
fit_voltages = _forwarding("fit_voltages", _trace)
fit_jointly = _forwarding("fit_jointly", JointProblem)
fit_batch = _forwarding("fit_batch", BatchProblem)

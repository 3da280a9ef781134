"""Signals of circuits as kinds of data."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memjax.io.request import environment
from memjax.runtime.lazy import deferred_functions

from ..command import parameters, require_circuit
from ..config import (
    CIRCUITS,
    ELEMENTS,
    CommonConfig,
    SpikingConfig,
    StimulusConfig,
    option,
    shared,
    stochastic,
)
from ..kinds import Kind, paths_in
from ..progress import Session

if TYPE_CHECKING:
    from .fit import SpikeFit
    from .voltage_fit import VoltageFit


@dataclass(frozen=True, kw_only=True)
class SpikeConfig(SpikingConfig, CommonConfig):
    """What a fit of spike trains is asked for."""

    spikes: str | None = option(
        "fit spike times: files of times, or of traces of this state (as gate.v), which spikes where it rises "
        "above --level; kinetics and noise are calibrated together",
        metavar="SIGNAL",
        group=CIRCUITS,
    )
    stochastic: bool = stochastic()
    columns: Any = shared()


@dataclass(frozen=True, kw_only=True)
class TraceConfig(StimulusConfig, CommonConfig):
    """What a fit of the trace of a node is asked for."""

    voltage: str | None = option(
        "fit the trace of a node, or i for the source's current", metavar="NODE", group=CIRCUITS
    )
    sigma: float | None = option(
        "standard deviation of a row of a trace", unit="V or A", metavar="V", group=CIRCUITS
    )
    columns: Any = shared()


def _asked(config: Any, circuit: Any, **needed: str) -> dict[str, Any]:
    """What the problems of trains and of traces have in common."""
    require_circuit(config, circuit, **needed, free="NAME ...")
    options = parameters(config) | {"env": environment(config)}
    return options | {"stimulus": config.stimulus, "columns": config.columns}


def fit_trains(config: SpikeConfig, circuit: Any, session: Session) -> "SpikeFit":
    """The fit to spike trains."""
    from .spikes import SpikeProblem

    options = _asked(config, circuit, where="--spikes", stimulus="S.csv", level="V")
    options |= {"level": config.level, "rearm": config.rearm, "signal": config.spikes}
    with session.stages(checked=False) as stages:
        more: dict[str, Any] = dict(members=config.draws, dt=config.dt)
        problem = SpikeProblem(config.files, circuit, **options, **more)
        return problem.solve(seed=config.seed, progress=stages)


def fit_trace(config: TraceConfig, circuit: Any, session: Session) -> "VoltageFit":
    """The fit of the trace of a node; its errors are those of the residuals where no sigma was given."""
    from .voltage_fit import TraceProblem

    options = _asked(config, circuit, where="--voltage", stimulus="S.csv")
    options |= {"node": str(config.voltage).removesuffix(".v"), "sigma": config.sigma}
    problem = TraceProblem(config.files, circuit, **options)
    with session.stages(checked=False) as stages:
        return problem.solve(seed=config.seed, progress=stages)


def train_options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `SpikeProblem` says."""
    names = {"signal": "spikes", "level": "level", "rearm": "rearm", "members": "draws", "dt": "dt"}
    return _files(problem) | {n: {x: getattr(problem, n)} for n, x in names.items()}


def trace_options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `TraceProblem` says."""
    said = _files(problem) | {"node": {"voltage": problem.node}}
    return said | ({"sigma": {"sigma": problem.sigma}} if np.ndim(problem.sigma or 0) == 0 else {})


def _files(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that name files of data and of the stimulus; none where a problem has numbers in their place."""
    names, stimulus = paths_in(problem.data), problem.stimulus
    said: dict[str, dict[str, Any]] = {"data": {"files": [str(n) for n in names]}} if names else {}
    said["columns"] = {"columns": problem.columns}
    if isinstance(stimulus, str | Path):
        said["stimulus"] = {"stimulus": str(stimulus)}
    return said


_REFUSED = {
    "batch": "these fits are of one circuit",
    **dict.fromkeys(ELEMENTS, "elements around a circuit are to be elements of it"),
}
_REPORT = "fitting.circuits.report"
_PARTS = ("content", "tables", "pictures", "sections", "advice")
_NO_LIKELIHOOD = "simulated moments have no likelihood, errors are laplace's"

SPIKES = Kind(
    label="spike times",
    series="train",
    claims=lambda request: request.spikes is not None,
    configs=(SpikeConfig,),
    refused=_REFUSED | {f"uncertainty {x}": _NO_LIKELIHOOD for x in ("profile", "nuts")},
    fit=fit_trains,
    options=train_options,
    **deferred_functions(_REPORT, *_PARTS, prefix="spike_"),
)
"""Trains of spikes."""

TRACE = Kind(
    label="trace of a node",
    series="trace",
    claims=lambda request: request.voltage is not None,
    configs=(TraceConfig,),
    refused=_REFUSED | {"stochastic": "--spikes calibrates noise, a trace is fitted without"},
    fit=fit_trace,
    options=trace_options,
    **deferred_functions(_REPORT, *_PARTS, prefix="trace_"),
)
"""The voltage of a node, or the current of the source."""

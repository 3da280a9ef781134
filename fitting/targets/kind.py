"""Wanted numbers as a kind of data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import memjax as mj
from memjax.errors import UsageError
from memjax.io.request import bench_from, environment
from memjax.runtime.lazy import deferred_functions

from ..command import parameters, require_circuit
from ..config import (
    CommonConfig,
    ElementsConfig,
    Request,
    SpikingConfig,
    ThresholdsConfig,
    draws,
    option,
    read_voltage,
)
from ..kinds import Kind
from ..progress import Session
from .target import OF_TRAIN, UNITS, Target

if TYPE_CHECKING:
    from .fit import TargetFit, TargetProblem
    from .protocol import TargetSettings


# Options of `TargetSettings` by the names of its fields: of devices, and of spike trains of circuits.
_OF_DEVICES = {
    "amplitude": "sweep_to", "duration": "sweep_time", "width": "target_width", "read_voltage": "read_voltage",
    "on_threshold": "on_threshold", "hold_threshold": "hold_threshold",
}  # fmt: skip
_STAGES = ("grid", "search", "fewest parameters")
"""Stages of all searches; rounds with noise follow where the device has some, and a check."""

_OF_TRAINS = {n: n for n in ("stimulus", "signal", "level", "rearm")}


_GROUP = "targets"


def _trains(request: Any) -> list[Target]:
    """Targets that are read off spike trains."""
    return [t for t in request.target if t.name in OF_TRAIN]


def config_for(request: Request) -> type:
    """Return the configuration of wanted numbers: of devices, or of spike trains."""
    return TrainTargetConfig if _trains(request) else TargetConfig


def _target() -> Any:
    """Return the field of ``--target``."""
    return option(
        "a wanted number [SI], with its tolerance in the same unit, of on_off as a share (default 2%): "
        f"{', '.join(UNITS)}; delay@V and relaxation@V under a pulse of that voltage. Repeat it for several",
        form="parsed",
        parse=Target.parse,
        repeated=True,
        metavar="NAME=VALUE[:TOLERANCE]",
        group=_GROUP,
    )


@dataclass(frozen=True, kw_only=True)
class TargetConfig(ThresholdsConfig, ElementsConfig, CommonConfig):
    """What a search for wanted numbers of a device is asked for, under a sweep and pulses."""

    target: Any = _target()
    sweep_to: float | None = option(
        "peak of the triangle sweep, with its sign (default: twice the largest wanted voltage, else 1)",
        lowest=-float("inf"),
        unit="V",
        group=_GROUP,
    )
    sweep_time: float | None = option("time of the whole sweep (default 4)", unit="s", group=_GROUP)
    target_width: float | None = option(
        "width of the pulse (default: ten times the wanted delay, else the wanted relaxation)",
        unit="s",
        group=_GROUP,
    )
    read_voltage: float | None = read_voltage()
    draws: int | None = draws()


@dataclass(frozen=True, kw_only=True)
class TrainTargetConfig(SpikingConfig, CommonConfig):
    """What a search for wanted numbers of spike trains of a circuit is asked for."""

    target: Any = _target()
    signal: str = option(
        "state of a circuit that spikes where it rises above --level, under --stimulus (default gate.v)",
        default="gate.v",
        metavar="SIGNAL",
        group=_GROUP,
    )


def fit(config: Any, device: Any, session: Session) -> "TargetFit":
    """Values that meet the targets.

    Raises
    ------
    UsageError, DataError, FitError
        For options that mean nothing here, targets that make no problem, and observables that nothing shows.
    """
    from .fit import TargetProblem

    trains, where = _trains(config), "--target"
    if config.files:
        many = f"{len(config.files)} files beside targets"
        raise UsageError(many, where=where, fix="leave out the files, or --target")
    if trains and len(trains) < len(config.target):
        what = "spike trains beside sweeps or pulses"
        raise UsageError(what, where=where, allowed="one or the other", fix="leave one of them out")
    if trains:
        where = f"target {trains[0].label}"
        require_circuit(config, device, where=where, stimulus="S.csv", level="V")
    with session.stages(_STAGES, checked=False) as stages:
        problem = TargetProblem(
            config.target,
            device,
            **parameters(config),
            settings=_settings(config),
            bench=None if trains else bench_from(config)[0],
            env=environment(config),
            dt=config.dt if trains else None,
            **({} if config.draws is None else {"members": config.draws}),
        )
        return _best_shown(problem, config.seed, stages)


def _best_shown(problem: "TargetProblem", seed: int, progress: Any) -> "TargetFit":
    """The fit; where no trial shows all observables, the one that shows most, with that as its failure."""
    from .search import NotShownError

    try:
        return problem.solve(seed=seed, progress=progress)
    except NotShownError as error:
        if error.fit is None:
            raise
        return error.fit


def _settings(config: Any) -> "TargetSettings":
    """Sweep, pulses or drive as they are asked for."""
    from .protocol import TargetSettings

    names = _OF_TRAINS if _trains(config) else _OF_DEVICES
    settings = {n: getattr(config, field) for n, field in names.items()}
    return TargetSettings(**{n: x for n, x in settings.items() if x is not None})


def options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `TargetProblem` says."""
    targets = [Target.parse(t) if isinstance(t, str) else t for t in problem.data]
    said: dict[str, dict[str, Any]] = {
        "data": {"target": list(map(str, targets))},
        "members": {"draws": problem.members},
        "dt": {"dt": problem.dt},
    }
    names = _OF_TRAINS if any(t.of_train for t in targets) else _OF_DEVICES
    settings = {n: getattr(problem.settings, n, None) for n in names}
    if not isinstance(settings.get("stimulus"), mj.stimulus.AbstractStimulus):
        said["settings"] = {names[n]: x for n, x in settings.items()}
    return said


KIND = Kind(
    label="targets",
    series="protocol",
    claims=lambda request: bool(request.target),
    configs=(TargetConfig, TrainTargetConfig),
    choose=config_for,
    refused={f"uncertainty {x}": "tolerances are no measurement" for x in ("profile", "nuts")},
    fit=fit,
    options=options,
    **deferred_functions(
        "fitting.targets.report", "content", "tables", "pictures", "sections", "advice"
    ),
)
"""Wanted numbers."""

"""Responses to single pulses as a kind of data."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from memjax.errors import UsageError
from memjax.io.request import measurement_from
from memjax.runtime.lazy import deferred_functions

from ..command import calibrated, parameters
from ..config import (
    CommonConfig,
    OnThresholdConfig,
    RandomConfig,
    ReadingConfig,
    Request,
    flag_option,
    option,
)
from ..kinds import Kind
from ..progress import Session
from ..records import of_pulsed_curves
from ..solve_call import source_files

if TYPE_CHECKING:
    from .fit import TransientFit


_GROUP = "delays and relaxations"


@dataclass(frozen=True, kw_only=True)
class TransientConfig(RandomConfig, OnThresholdConfig, ReadingConfig, CommonConfig):
    """What a fit of delays and relaxations is asked for."""

    delays: bool = flag_option(
        "fit delay and relaxation of curves under one pulse each, with time", group=_GROUP
    )
    off_threshold: float | None = option(
        "current below which it has relaxed, for --delays (default: as --on-threshold)",
        unit="A",
        group=_GROUP,
    )


def claims(request: Request) -> bool:
    """Whether an option says that files are of this kind: of several, those under pulses are."""
    return request.delays and (request.batch or len(request.files) == 1)


def fit(config: TransientConfig, device: Any, session: Session) -> "TransientFit":
    """The fit of a file, with its randomness where that is asked for."""
    from memjax.observables import ON_CURRENT

    from .fit import TransientProblem
    from .randomness import randomised

    if len(config.files) > 1:
        what = "one file of one device"
        raise UsageError(what, where="--delays", fix="name one file, without --batch")
    if config.stochastic and config.uncertainty != "laplace":
        what = f"--uncertainty {config.uncertainty} with --stochastic"
        allowed = "laplace: the intervals are those of the simulated loss"
        raise UsageError(what, where="--delays", fix="leave it out", allowed=allowed)
    measurement = read(config)
    names = ["delay and relaxation", *["randomness", "replicates"] * config.stochastic]
    with session.stages(names, checked=False) as stages:
        problem = TransientProblem(
            measurement,
            device,
            threshold=config.on_threshold or ON_CURRENT,
            off_threshold=config.off_threshold,
            **parameters(config),
        )
        medians = problem.solve(seed=config.seed, progress=stages)
        if not config.stochastic:
            return medians
        search: dict[str, Any] = dict(fixed=tuple(dict(config.fix)), draws=config.draws)
        stage = partial(randomised, medians, measurement, tick=stages, **search)
        return calibrated(medians, stage)


def read(config: Any) -> Any:
    """The curves of the file."""
    return measurement_from(config.files[0], config)


def options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `TransientProblem` says."""
    return {
        "data": source_files(problem.data.source) | {"delays": True},
        "threshold": {"on_threshold": problem.threshold},
        "off_threshold": {"off_threshold": problem.off_threshold},
    }


KIND = Kind(
    label="delay and relaxation",
    series="curve",
    takes=of_pulsed_curves,
    claims=claims,
    configs=(TransientConfig,),
    refused={
        "batch": "one file of one device",
        "uncertainty nuts": "laplace or profile, since derivatives of delays are secants",
    },
    fit=fit,
    options=options,
    read=read,
    **deferred_functions(
        "fitting.transients.report", "content", "tables", "pictures", "sections", "advice"
    ),
)
"""Responses to single pulses."""

"""Decays of a resistance as a kind of data."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from memjax.data import DecayRecord
from memjax.io.request import environment
from memjax.runtime.lazy import deferred_functions

from ..command import parameters
from ..config import CommonConfig, RecordConfig, Request
from ..kinds import Curve, HoldOut, Kind
from ..progress import Session
from ..records import one_record, records_in, run_records
from ..solve_call import source_files

if TYPE_CHECKING:
    from .fit import RetentionFit


@dataclass(frozen=True, kw_only=True)
class RetentionConfig(RecordConfig, CommonConfig):
    """What a fit of resistance against time is asked for."""


def takes(request: Request, name: str) -> bool:
    """Whether a file holds decays."""
    records = records_in(request, name)
    return records is not None and all(isinstance(r, DecayRecord) for r in records)


def fit(config: RetentionConfig, device: Any, session: Session) -> "RetentionFit":
    """The fit of one run of the files."""
    from .fit import RetentionProblem, halves

    record = read(config)
    if session.half:
        record, _ = halves(record)
    env = environment(config)
    with session.stages(["relaxation"], checked=False, notes=record.warnings) as stages:
        problem = RetentionProblem(record, device, **parameters(config), env=env)
        return problem.solve(seed=config.seed, progress=stages)


def held_out(config: RetentionConfig) -> DecayRecord:
    """Readings that a fit of half of them leaves out."""
    from .fit import halves

    return halves(read(config))[1]


def read(config: Any) -> DecayRecord:
    """The run that is meant, at the voltage that is said."""
    record = cast(DecayRecord, one_record(config))
    volts = config.read_voltage
    return record if volts is None else replace(record, read_voltage=volts)


def options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `RetentionProblem` says."""
    record = problem.data
    words = {"device": record.label, "read_voltage": record.read_voltage}
    return {"data": source_files(record.source) | words}


KIND = Kind(
    label="resistance against time",
    series="run",
    takes=takes,
    configs=(RetentionConfig,),
    refused={"stochastic": "one run has no distribution"},
    fit=fit,
    options=options,
    read=read,
    run=run_records,
    **deferred_functions(
        "fitting.retention.report", "content", "tables", "row", "pictures", "sections", "advice"
    ),
    hold_out=HoldOut(held_out, "the second half of the time"),
    curve=Curve("t_s", "r_ohm"),
)
"""Decays of a resistance."""

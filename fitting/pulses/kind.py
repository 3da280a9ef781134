"""Potentiation and depression as a kind of data."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from memjax.data import DecayRecord, PulseProtocol, PulseRecord
from memjax.errors import DataError
from memjax.io.request import environment
from memjax.runtime.lazy import deferred, deferred_functions

from ..command import parameters
from ..config import CommonConfig, RecordConfig, Request, option, shared
from ..kinds import Curve, HoldOut, Kind, flag
from ..progress import Session
from ..records import one_record, records_in, run_records
from ..solve_call import source_files

if TYPE_CHECKING:
    from .fit import PulseFit


# Of each part of a protocol the option, and what is taken where neither this nor the file says.
_ASSUMED = {
    "voltages": ("pulse_voltages", (1.0, -1.0), "V"),
    "widths": ("pulse_widths", (1e-6, 1e-6), "s"),
    "read_voltage": ("read_voltage", 0.1, "V"),
}


_GROUP = "conductances per pulse"


def _pair(help: str) -> Any:
    """Return a field of two numbers, of set and of reset pulses."""
    return option(help, form="numbers", metavar=("SET", "RESET"), group=_GROUP)


@dataclass(frozen=True, kw_only=True)
class PulseConfig(RecordConfig, CommonConfig):
    """What a fit of conductances per pulse is asked for."""

    pulse_voltages: Any = _pair("of the pulses [V], with their signs")
    pulse_widths: Any = _pair("of the pulses [s]")
    pulse_period: float | None = option("from one pulse to the next [s]", unit="s", group=_GROUP)
    hold_out: int | None = option(
        "last cycles, compared and not fitted", form="count", lowest=1, group=_GROUP
    )
    reversed: bool = shared(False)


def takes(request: Request, name: str) -> bool:
    """Whether a file holds records that are no decays; what of these is not fitted is said later."""
    records = records_in(request, name)
    return records is not None and not all(isinstance(r, DecayRecord) for r in records)


def fit(config: PulseConfig, device: Any, session: Session) -> "PulseFit":
    """The fit of one record of the files, without the cycles that are held out."""
    from .fit import PulseProblem

    record, held = (_halves(one_record(config))[0], None) if session.half else cycles(config)
    protocol, assumed = _protocol(record, config)
    record = replace(record, warnings=(*record.warnings, *assumed))
    with session.stages(["curve"], checked=False, notes=record.warnings) as stages:
        problem = PulseProblem(
            record,
            device,
            protocol=protocol,
            **parameters(config),
            env=environment(config),
            reversed=config.reversed or None,
        )
        fit = problem.solve(seed=config.seed, progress=stages)
    return replace(fit, held=held)


def held_out(config: PulseConfig) -> PulseRecord:
    """Cycles that a fit of half of them leaves out."""
    return _halves(one_record(config))[1]


def _halves(record: Any) -> tuple[PulseRecord, PulseRecord]:
    """Every second cycle from the first on, and the others."""
    if len(record.g) < 2:
        raise DataError("one cycle: none is held out", where=record.device)
    return record.select(slice(0, None, 2)), record.select(slice(1, None, 2))


def cycles(config: PulseConfig) -> tuple[PulseRecord, PulseRecord | None]:
    """The cycles that are fitted, and the last ones where ``--hold-out`` holds them out."""
    record: Any = one_record(config)
    if not config.hold_out:
        return record, None
    most = len(record.g) - 1
    if config.hold_out > most:
        what = f"{config.hold_out} of {most + 1} cycles"
        raise DataError(what, where="--hold-out", allowed=f"1 to {most}")
    cut = most + 1 - config.hold_out
    return record.select(slice(0, cut)), record.select(slice(cut, None))


def options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `PulseProblem` says."""
    record, pulses = problem.data, problem.protocol
    names = {"period": "pulse_period"} | {n: field for n, (field, *_) in _ASSUMED.items()}
    said: dict[str, dict[str, Any]] = {
        "data": source_files(record.source) | {"device": record.device},
        "protocol": {} if pulses is None else {x: getattr(pulses, n) for n, x in names.items()},
    }
    return said | ({"reversed": {"reversed": True}} if problem.reversed else {})


def _protocol(record: PulseRecord, config: PulseConfig) -> tuple[PulseProtocol, list[str]]:
    """Pulses as was asked for, else the file, else as is assumed; and what is, in words."""
    protocol, notes = record.protocol, []
    values: dict[str, Any] = {"period": config.pulse_period or (protocol and protocol.period)}
    for name, (field, assumed, unit) in _ASSUMED.items():
        value, stated = getattr(config, field), protocol and getattr(protocol, name)
        if value is None and stated is None:
            each_kind = assumed if isinstance(assumed, tuple) else (assumed,)
            size = " and ".join(f"{x:g}" for x in each_kind)
            text = f"{name.replace('_', ' ')} not stated, taken as {size} {unit}"
            notes.append(f"{text}: fitted rates belong to this ({flag(field)})")
        values[name] = (tuple(value) if isinstance(value, list) else value) or stated or assumed
    return PulseProtocol(**values), notes


KIND = Kind(
    label="conductance per pulse",
    series="cycle",
    takes=takes,
    configs=(PulseConfig,),
    refused={"stochastic": "the randomness of such files is fitted anyway"},
    fit=fit,
    options=options,
    read=one_record,
    run=run_records,
    **deferred_functions("fitting.pulses.content", "content", "tables", "row"),
    **deferred_functions("fitting.pulses.report", "pictures", "sections", "advice"),
    hold_out=HoldOut(held_out, "every second cycle"),
    curve=Curve("pulse", "g_S", deferred("fitting.pulses.report:drawn")),
)  # fmt: skip
"""Potentiation and depression."""

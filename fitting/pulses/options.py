"""The part of ``memjax fit`` that takes conductances per pulse."""

import argparse
from typing import TYPE_CHECKING, Any

from memjax.cli.command import count, number
from memjax.data import DecayRecord, PulseProtocol, PulseRecord
from memjax.errors import DataError
from memjax.io.request import bench_from
from memjax.runtime.console import say

from ..command import parameters, stages_of
from ..kinds import flag
from ..records import one_record, records_in

if TYPE_CHECKING:
    from .fit import PulseFit

# Of each part of a protocol the option, and what is taken where neither this nor the file says.
_ASSUMED = {
    "voltages": ("pulse_voltages", (1.0, -1.0)),
    "widths": ("pulse_widths", (1e-6, 1e-6)),
    "read_voltage": ("read_voltage", 0.1),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of such files to those of ``memjax fit``."""
    add = parser.add_argument_group("conductances per pulse").add_argument
    pair = {"nargs": 2, "type": float, "metavar": ("SET", "RESET")}
    add("--pulse-voltages", **pair, help="of the pulses [V], with their signs")
    add("--pulse-widths", **pair, help="of the pulses [s]")
    add("--pulse-period", type=number("s"), metavar="S", help="from one pulse to the next [s]")
    add("--hold-out", type=count(1), metavar="N", help="last cycles, compared and not fitted")


def takes(options: argparse.Namespace, name: str) -> bool:
    """Whether a file holds records that are no decays; what of these is not fitted is said later."""
    records = records_in(options, name)
    return records is not None and not all(isinstance(r, DecayRecord) for r in records)


def fit(options: argparse.Namespace, device: Any) -> "PulseFit":
    """The fit of one record of the files, without the cycles that are held out."""
    from .fit import fit_pulses

    record, _ = _halves(one_record(options)) if options.half else cycles(options)
    with stages_of(options, ["curve"], checked=False, notes=record.warnings) as stages:
        return fit_pulses(
            record,
            device,
            protocol=_protocol(record, options),
            **parameters(options),
            env=bench_from(options)[1],
            reversed=options.reversed or None,
            seed=options.seed,
            tick=stages,
        )


def held_out(options: argparse.Namespace) -> PulseRecord:
    """Cycles that a fit of half of them leaves out."""
    return _halves(one_record(options))[1]


def _halves(record: Any) -> tuple[PulseRecord, PulseRecord]:
    """Every second cycle from the first on, and the others."""
    if len(record.g) < 2:
        raise DataError("one cycle: none is held out", where=record.device)
    return record.select(slice(0, None, 2)), record.select(slice(1, None, 2))


def cycles(options: argparse.Namespace) -> tuple[PulseRecord, PulseRecord | None]:
    """The cycles that are fitted, and the last ones where ``--hold-out`` holds them out."""
    record: Any = one_record(options)
    if not options.hold_out:
        return record, None
    most = len(record.g) - 1
    if options.hold_out > most:
        raise DataError(
            f"{options.hold_out} of {most + 1} cycles", where="--hold-out", allowed=f"1 to {most}"
        )  # fmt: skip
    cut = most + 1 - options.hold_out
    return record.select(slice(0, cut)), record.select(slice(cut, None))


def _protocol(record: PulseRecord, options: argparse.Namespace) -> PulseProtocol:
    """Pulses as options say, else the file, else as is assumed."""
    own = record.protocol
    values: dict[str, Any] = {"period": options.pulse_period or (own and own.period)}
    for name, (option, assumed) in _ASSUMED.items():
        value, stated = getattr(options, option), own and getattr(own, name)
        if value is None and stated is None:
            text = f"{name.replace('_', ' ')} not stated, taken as {assumed}"
            say("note", f"{text}: fitted rates belong to this ({flag(option)})")
        values[name] = (tuple(value) if isinstance(value, list) else value) or stated or assumed
    return PulseProtocol(**values)

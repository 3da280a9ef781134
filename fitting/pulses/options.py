"""The part of ``memjax fit`` that takes conductances per pulse."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from memjax.cli.command import UsageError, count, number, say
from memjax.data import DecayRecord, PulseProtocol, PulseRecord
from memjax.errors import DataError

from ..command import Stages, refuse_draws, write_fit
from ..kinds import provenance, refuse_unused
from ..records import environment_of, one_record, records_in, row_of, run_records
from .content import write
from .fit import PulseFit, fit_pulses

USED = ("device", "pulse_voltages", "pulse_widths", "pulse_period", "read_voltage", "hold_out", "reversed", "reader",
         "batch")  # fmt: skip
"""Options that mean something here."""

# What is taken where neither the file nor an option says.
_ASSUMED = {"pulse_voltages": (1.0, -1.0), "pulse_widths": (1e-6, 1e-6), "read_voltage": 0.1}


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
    found = records_in(options, name)
    return found is not None and not all(isinstance(r, DecayRecord) for r in found)


def run(options: argparse.Namespace, device: Any) -> int:
    """Fit; the exit status."""
    if options.stochastic:
        raise UsageError(
            "not with such files: their randomness is fitted anyway", where="--stochastic", fix="leave it out"
        )  # fmt: skip
    refuse_draws(options, used=False)
    env = environment_of(options, reversible=True)
    refuse_unused(options, USED, what="conductances per pulse")
    return run_records(options, partial(_one, device=device, env=env, options=options))


def fit(options: argparse.Namespace, device: Any) -> PulseFit:
    """The fit of one record of the files."""
    env, record = environment_of(options, reversible=True), one_record(options)
    if options.half:
        record, _ = _halves(record)
    with Stages(checked=False) as stages:
        return _fitted(record, device, env, options, stages)


def held_out(options: argparse.Namespace) -> PulseRecord:
    """Cycles that a fit of half of them leaves out."""
    return _halves(one_record(options))[1]


def _halves(record: Any) -> tuple[PulseRecord, PulseRecord]:
    """Every second cycle from the first on, and the others."""
    if len(record.g) < 2:
        raise DataError("one cycle: none is held out", where=record.device)
    return record.select(slice(0, None, 2)), record.select(slice(1, None, 2))


def _one(record: Any, out: Path, *, device: Any, env: Any, options, tick) -> dict:
    """Fit one record into a folder; what came out, in a row."""
    record, held = _parted(record, options.hold_out)
    found = _fitted(record, device, env, options, tick)
    for warning in record.warnings:
        say("note", warning)
    content = write_fit(write, found, options, out, held=held, **provenance(options))
    about = content["pulses"]
    row = row_of(content) | {"misfit": about["misfit"]}
    row |= {r["name"]: r["value"] for r in about["noise"]}
    return row | {n: about["hold_out"][n] for n in ("next", "next_mean") if about["hold_out"]}


def _parted(record: PulseRecord, last: int | None) -> tuple[PulseRecord, PulseRecord | None]:
    """The cycles that are fitted, and those that are held out."""
    if not last:
        return record, None
    cut = len(record.g) - last
    if cut < 1:
        raise DataError(
            f"{last} of {len(record.g)} cycles", where="--hold-out", allowed=f"1 to {len(record.g) - 1}"
        )  # fmt: skip
    return record.select(slice(0, cut)), record.select(slice(cut, None))


def _fitted(record: Any, device: Any, env: Any, options: argparse.Namespace, tick) -> PulseFit:
    """The fit of one record."""
    return fit_pulses(
        record,
        device,
        protocol=_protocol(record, options),
        free=options.free,
        fix=dict(options.fix),
        start=dict(options.start),
        env=env,
        reversed=True if options.reversed else None,
        seed=options.seed,
        tick=tick,
    )


def _protocol(record: PulseRecord, options: argparse.Namespace) -> PulseProtocol:
    """Pulses as options say, else the file, else as is assumed."""
    own = record.protocol
    given = {
        "voltages": options.pulse_voltages and tuple(options.pulse_voltages),
        "widths": options.pulse_widths and tuple(options.pulse_widths),
        "read_voltage": options.read_voltage,
    }
    said: dict[str, Any] = {}
    for name, value in given.items():
        stated = None if own is None else getattr(own, name)
        option = name if name == "read_voltage" else f"pulse_{name}"
        said[name] = value or stated or _ASSUMED[option]
        if value is None and stated is None:
            text = f"{name.replace('_', ' ')} not stated, taken as {_ASSUMED[option]}"
            say("note", f"{text}: fitted rates belong to this (--{option.replace('_', '-')})")
    period = options.pulse_period or (own.period if own else None)
    return PulseProtocol(period=period, **said)

"""The part of ``memjax fit`` that takes conductances per pulse, decays, and delays."""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memjax.cli.command import UsageError, count, number, say
from memjax.cli.options import bench_from, file_of, measurement_from
from memjax.data import (
    DecayRecord,
    EnduranceRecord,
    PulseProtocol,
    PulseRecord,
    SpikeRecord,
    has_records,
    read_records,
)
from memjax.errors import DataError, MemjaxError
from memjax.files import prepare_output, writing_folder

from ..kinds import READING, provenance, refuse_unused

_MARKER = "fit.json"

_PULSES = ("device", "pulse_voltages", "pulse_widths", "pulse_period", "read_voltage", "hold_out", "reversed", "reader",
           "batch")  # fmt: skip
_DECAYS = ("device", "read_voltage", "reader", "batch")
_DELAYS = ("delays", "on_threshold", "off_threshold", "stochastic", "draws", *READING)
"""Options that mean something to fits of each kind."""

_ASSUMED = {"pulse_voltages": (1.0, -1.0), "pulse_widths": (1e-6, 1e-6), "read_voltage": 0.1}
"""What is taken where neither the file nor an option says."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of such files to those of ``memjax fit``."""
    group = parser.add_argument_group(
        "pulses and decays", "for files of conductance per pulse or resistance against time"
    )
    add = group.add_argument
    add("--device", metavar="LABEL", help="device, or run, of a file that holds several")
    pair = {"nargs": 2, "type": float, "metavar": ("SET", "RESET")}
    add("--pulse-voltages", **pair, help="of the pulses [V], with their signs")
    add("--pulse-widths", **pair, help="of the pulses [s]")
    add("--pulse-period", type=number("s"), metavar="S", help="from one pulse to the next [s]")
    add("--read-voltage", type=float, metavar="V", help="at which conductances are read [V]")
    add("--hold-out", type=count(1), metavar="N", help="last cycles, compared and not fitted")
    add(
        "--delays",
        action="store_true",
        help="fit delay and relaxation of curves under one pulse each, with time",
    )
    add(
        "--on-threshold",
        type=number("A"),
        metavar="A",
        help="current above which a device is on, for --delays (default 1e-6); for sweeps (default 1e-8, or as the "
        "data say)",
    )
    add(
        "--off-threshold",
        type=number("A"),
        metavar="A",
        help="current below which it has relaxed, for --delays (default: as --on-threshold)",
    )


def takes(options: argparse.Namespace) -> bool:
    """Whether these files, or options, are of this part.

    Raises
    ------
    DataError
        For files of both kinds at once.
    """
    if options.delays:
        return True
    # In a batch the others are devices of their own, each with its own reading.
    named = options.files[:1] if options.batch else options.files
    found = {has_records(file_of(n), reader=options.reader) for n in named}
    if len(found) > 1:
        raise DataError(
            "sweeps, and conductances per pulse or decays, at once", where="memjax fit",
            allowed="files of one kind",
        )  # fmt: skip
    return found == {True}


def run(options: argparse.Namespace, device: Any, tick: Callable) -> int:
    """Fit; the exit status."""
    if options.stochastic and not options.delays:
        raise UsageError(
            "not with such files: their randomness is fitted anyway", where="--stochastic",
            fix="leave it out",
        )  # fmt: skip
    out = prepare_output(
        options.out, force=options.force, folder=True, marker=None if options.batch else _MARKER
    )
    bench, env, _ = bench_from(options)
    if not bench.bare and not (bench.reversed and all(_none(bench))):
        raise DataError(
            "elements around the device", where="bench options", fix="leave them out",
            allowed="--reversed and --temperature, for files of this kind",
        )  # fmt: skip
    if options.delays and options.uncertainty == "nuts":
        raise UsageError(
            "--uncertainty nuts", where="--delays", allowed="laplace, profile: derivatives of delays are secants",
        )  # fmt: skip
    if options.delays:
        refuse_unused(options, _DELAYS, what="delays and relaxations")
        return _delays(options, device, out, tick)
    records = _records(options)
    if isinstance(records[0], DecayRecord):
        refuse_unused(options, _DECAYS, what="resistance against time")
    refuse_unused(options, _PULSES, what="conductances per pulse")
    if not options.batch:
        if len(records) > 1:
            names = ", ".join(_label(r) for r in records[:8]) + (
                ", ..." if len(records) > 8 else ""
            )
            raise DataError(
                f"{len(records)} devices or runs in one file", where="memjax fit", allowed=names,
                fix="choose one with --device LABEL, or say --batch",
            )  # fmt: skip
        _one(records[0], device, env, options, out, tick)
        return 0
    return _each(records, device, env, options, out, tick)


def _none(bench: Any) -> list[bool]:
    """Which elements are not there."""
    names = ("series_resistance", "parallel_resistance", "parallel_capacitance", "compliance")
    return [getattr(bench, n) is None for n in names]


def _label(record: PulseRecord | DecayRecord) -> str:
    """Label of a device or run."""
    return record.device if isinstance(record, PulseRecord) else record.label


def _records(options: argparse.Namespace) -> list[PulseRecord | DecayRecord]:
    """Records of all files, or the one that was chosen."""
    every: list[Any] = []
    for name in options.files:
        every += read_records(file_of(name), reader=options.reader)
    if any(isinstance(r, EnduranceRecord) for r in every):
        raise DataError(
            "high and low states cycle by cycle (endurance), which no model is fitted to",
            where=", ".join(options.files), allowed="sweeps, pulses, decays",
            fix="fit the sweeps or pulses that cycled the device; 'memjax read' shows medians and ranges",
        )  # fmt: skip
    found: list[PulseRecord | DecayRecord] = [r for r in every if not isinstance(r, SpikeRecord)]
    if len(found) < len(every):
        raise UsageError(
            "spike times", where="memjax fit", allowed="with --spikes SIGNAL",
            fix="say --spikes SIGNAL --level V --stimulus S.csv",
        )  # fmt: skip
    if len({type(r) for r in found}) > 1:
        raise DataError(
            "conductances per pulse and decays at once", where="memjax fit",
            allowed="files of one kind",
        )  # fmt: skip
    if options.device is None:
        return found
    chosen = [r for r in found if _label(r) == options.device]
    if not chosen:
        known = ", ".join(_label(r) for r in found[:12]) + (", ..." if len(found) > 12 else "")
        raise DataError(f"no device {options.device!r}", where="--device", allowed=known)
    return chosen[:1]


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


def _fitted(record: PulseRecord | DecayRecord, device: Any, env: Any, options, tick):
    """The fit of one record, the cycles that were held out, and what writes its folder."""
    fix, free = dict(options.fix), options.free
    if isinstance(record, DecayRecord):
        from dataclasses import replace

        from ..retention.content import write
        from ..retention.fit import fit_retention

        if options.read_voltage is not None:
            record = replace(record, read_voltage=options.read_voltage)
        return fit_retention(record, device, free=free, fix=fix, env=env, tick=tick), None, write
    from .content import write
    from .fit import fit_pulses

    held = None
    if options.hold_out:
        if len(record.g) - options.hold_out < 1:
            raise DataError(
                f"{options.hold_out} of {len(record.g)} cycles", where="--hold-out",
                allowed=f"1 to {len(record.g) - 1}",
            )  # fmt: skip
        cut = len(record.g) - options.hold_out
        record, held = record.select(slice(0, cut)), record.select(slice(cut, None))
    fit = fit_pulses(
        record,
        device,
        protocol=_protocol(record, options),
        free=free,
        fix=fix,
        env=env,
        reversed=True if options.reversed else None,
        seed=options.seed,
        tick=tick,
    )
    return fit, held, write


def _one(record, device: Any, env: Any, options, out: Path, tick) -> dict:
    """Fit one record into a folder; what came out, in a row."""
    fit, held, write = _fitted(record, device, env, options, tick)
    for warning in record.warnings:
        say("note", warning)
    return _write(write, fit, held, options, out)


def _write(write: Callable, fit: Any, held: PulseRecord | None, options, out: Path) -> dict:
    """Write a fit's folder, with intervals as they were asked for, and say so."""
    from ..inference.refine import in_turn

    about = provenance(options) | ({} if held is None else {"held": held})
    for own in in_turn(fit, options.uncertainty, seed=options.seed, say=say):
        with writing_folder(out) as place:
            write(own, place, **about)
            content = json.loads((place / "fit.json").read_text(encoding="utf-8"))
    announce(content, out)
    return _row(content)


def announce(content: dict, out: Path) -> None:
    """Say where a fit is, and what of it is not to be relied on."""
    print(f"{out}: loss {content['loss']:.4g}, report in {out / 'report.html'}")
    if content["undetermined"]:
        say("note", "not determined by the data: " + ", ".join(content["undetermined"]))
    if content["at_bound"]:
        say("warning", "at a bound: " + ", ".join(content["at_bound"]))


def _row(content: dict) -> dict:
    """One row about a fit: parameters, and what tells whether it is good."""
    row = {n: p["value"] for n, p in content["parameters"].items() if p["free"]}
    row |= {"loss": content["loss"]}
    if "pulses" in content:
        found = content["pulses"]
        row |= {"misfit": found["misfit"]} | {r["name"]: r["value"] for r in found["noise"]}
        if found["hold_out"]:
            row |= {n: found["hold_out"][n] for n in ("next", "next_mean")}
    if "retention" in content:
        best = content["retention"]["laws"][0]
        row |= {"law": best["name"], "rms_relative": best["rms_relative"]}
        row |= {"device_rms_relative": content["retention"]["device_rms_relative"]}
    return row


def _each(records, device: Any, env: Any, options, out: Path, tick) -> int:
    """A folder per record, and ``table.csv`` with a row each; failures have the reason in theirs."""
    import pandas

    out.mkdir(exist_ok=True)
    rows = []
    for record in records:
        label = _label(record)
        folder = prepare_output(
            out / re.sub(r"[^\w.+-]+", "_", label), force=options.force, folder=True, marker=_MARKER
        )
        try:
            rows.append({"device": label} | _one(record, device, env, options, folder, tick))
        except MemjaxError as error:
            say("warning", f"{label}: {error}")
            rows.append({"device": label, "error": str(error)})
        pandas.DataFrame(rows).to_csv(out / "table.csv", index=False)
    failed = sum("error" in r for r in rows)
    print(f"{out / 'table.csv'}: {len(rows)} devices or runs, {failed} failed")
    return 3 if failed == len(rows) else 0


def _delays(options: argparse.Namespace, device: Any, out: Path, tick) -> int:
    """Fit delay and relaxation of one file."""
    from memjax.observables import ON_CURRENT

    from ..transients.comparison import summary
    from ..transients.content import write
    from ..transients.fit import fit_transients
    from ..transients.randomness import randomised

    if len(options.files) > 1 or options.batch:
        raise UsageError(
            "one file of one device", where="--delays", fix="name one file, without --batch"
        )
    measurement = measurement_from(options.files[0], options)
    threshold = options.on_threshold or ON_CURRENT
    fit = fit_transients(
        measurement,
        device,
        threshold=threshold,
        off_threshold=options.off_threshold,
        free=options.free,
        fix=dict(options.fix),
        seed=options.seed,
        tick=tick,
    )
    if options.stochastic:
        fixed = tuple(dict(options.fix))
        fit = randomised(fit, measurement, fixed=fixed, draws=options.draws, tick=tick)
        print(*summary(fit.comparison or {}), sep="\n")
        for warning in fit.warnings:
            say("warning", warning)
    _write(write, fit, None, options, out)
    return 0

"""``memjax read``: a summary of a measured file, and of what had to be assumed to read it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import MemjaxError, OutputError, ReaderError
from ..io.request import file_of, files_of, measurement_from, measurements_from, refuse_choice
from ..runtime.console import counted, listed
from .command import Command, print_json, say
from .options import (
    add_compliance_option,
    add_interleave_option,
    add_json_option,
    add_read_options,
    add_write_options,
)

if TYPE_CHECKING:
    from ..data import Measurement
    from ..data.base import Source

_COUNTS = ("cycles", "set_pulses", "reset_pulses")
"""What is counted for each device."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE",
        help="measured file, or example:NAME; several files, a folder or a quoted pattern: one after the other",
    )  # fmt: skip
    add_read_options(parser)
    add_compliance_option(parser)
    add_interleave_option(parser)
    parser.add_argument("--out", metavar="TIDY.csv", help="write sweep, t_s, v_V, i_A in SI")
    add_write_options(parser)
    add_json_option(parser)


def _print_recognised(report: dict) -> None:
    """Print why the reader was chosen, how sure it is, and a close second."""
    known = report["recognised"]
    if known is None:
        return
    sure = "" if known["certainty"] is None else f"{known['certainty']:.0%} sure: "
    print(f"  reader      {report['reader']}, {sure}{known['reason']}")
    if second := known["second"]:
        print(f"  or          {second['reader']}, {second['certainty']:.0%}: {second['reason']}")


def _print(report: dict, name: str) -> None:
    """The summary for people."""
    from ..data.features import NO_SWEEPS

    print(f"{name}: {report['points']} points in {counted(report['sweeps'], 'sweep')}")
    _print_recognised(report)
    print(f"  voltage     {report['v_min']:.6g} to {report['v_max']:.6g} V")
    kind = " (modulus: the sign is lost)" if report["modulus"] else ""
    print(f"  current     {report['i_min']:.6g} to {report['i_max']:.6g} A{kind}")
    timed = "t_min" in report
    print(
        f"  time        {report['t_min']:.6g} to {report['t_max']:.6g} s"
        if timed
        else "  time        none in the file"
    )
    why = f" ({report['driven_reason']})" if report["driven_reason"] else ""
    print(f"  driven      {report['driven']}{why}")
    limit = report["compliance_A"]
    levels = " and ".join(f"{x:g}" for x in report["compliances_A"])
    it = "them" if len(report["compliances_A"]) > 1 else "it"
    print(
        "  compliance  none seen"
        if limit is None
        else f"  compliance  {levels} A, {report['at_compliance']} points at {it}"
    )
    text = report["features"]["text"] if report["features"] else f"none: {NO_SWEEPS}"
    print(f"  features    {text}")
    print(f"  models      {_models_text(report)}")
    for text in report["warnings"]:
        print(f"  warning     {text}")


def _models_text(report: dict) -> str:
    """Which models can describe what the sweeps show, in words."""
    features, names = report["features"], report["models"]
    if features is None or not names:
        nearest = report["nearest"][:1]
        reasons = [f"; nearest: {n}, but {' and '.join(report['objections'][n])}" for n in nearest]
        return (
            "none is judged without sweeps" if features is None else f"none can{''.join(reasons)}"
        )
    if not (features["sets_at"] or features["resets_at"]):
        return "no loop tells them apart"
    total = len(names) + len(report["objections"])
    first = [n for n in names if n not in report["reservations"]]
    text = f"{', '.join(first) or 'none'} can ({len(first)} of {total})"
    if second := list(report["reservations"]):
        text += f"; second choice: {', '.join(second)}"
    return text


def _summary(measurement: "Measurement") -> dict:
    """Return the content of a measurement, the features of its sweeps, and the models of this library that can
    describe them.
    """
    from ..data.features import features
    from ..data.suitability import suitable
    from ..data.summary import summary
    from .model_table import traits

    shown = features(measurement)
    if shown is None:
        nothing = {
            "features": None,
            "models": [],
            "nearest": [],
            "reservations": {},
            "objections": {},
        }
        return summary(measurement) | nothing
    content = {"features": shown.to_json() | {"text": str(shown)}}
    return summary(measurement) | content | suitable(shown, traits()).to_json()


def _print_endurance(report: dict) -> None:
    """The two states of an endurance test, for people."""
    print(f"  devices     {len(report['devices'])}: {listed(report['devices'], 12)}")
    counts = sorted(set(report["cycles"]))
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    print(f"  cycles      {span} read, the last one is {report['last_cycle']:.6g}")
    for name in ("hrs", "lrs"):
        low, mid, high = (report[f"{name}_{w}"] for w in ("min", "median", "max"))
        unit = report["units"][name]
        print(f"  {name.upper()}         median {mid:.6g} {unit}, {low:.6g} to {high:.6g} {unit}")
    closed = f", closed in {report['closed']} cycles" if report["closed"] else ""
    print(f"  window      median ratio {report['window_median']:.6g}{closed}")


def _print_records(report: dict, name: str) -> None:
    """The summary of a file without voltage and current, for people."""
    print(f"{name}: {report['kind']}, {report['points']} points")
    _print_recognised(report)
    if report["kind"] == "endurance":
        _print_endurance(report)
    elif "devices" in report:
        print(f"  devices     {len(report['devices'])}: {', '.join(report['devices'])}")
        counts = [", ".join(map(str, sorted(set(report[n])))) for n in _COUNTS]
        print(f"  cycles      {counts[0]}, of {counts[1]} set and {counts[2]} reset pulses")
        print(f"  conductance {report['g_min']:.6g} to {report['g_max']:.6g} S")
        for p in report["pulses"] or []:
            print(
                f"  pulses      {p['v_set_V']:g} V for {p['w_set_s']:g} s, {p['v_reset_V']:g} V for "
                f"{p['w_reset_s']:g} s, read at {p['read_V']:g} V"
            )
        if report["pulses"] is None:
            print("  pulses      not stated in the file")
    elif "trains" in report:
        print(f"  trains      {len(report['trains'])}: {listed(report['trains'], 6)}")
        print(
            f"  spikes      {report['points']}, from {report['t_min']:.6g} to {report['t_max']:.6g} s"
        )
        if report["isi_mean"] is not None:
            print(f"  intervals   mean {report['isi_mean']:.6g} s, CV {report['isi_cv']:.3g}")
    else:
        print(f"  runs        {len(report['runs'])}: {listed(report['runs'], 6)}")
        print(f"  time        up to {report['t_max']:.6g} s")
        print(f"  resistance  {report['r_min']:.6g} to {report['r_max']:.6g} ohm")
    for text in report["warnings"]:
        print(f"  warning     {text}")


def _records(source: "Source", name: str, options: argparse.Namespace) -> dict:
    """The summary of a file that has no voltage and current."""
    from ..data import read_records
    from ..data.records import records_summary

    if options.out is not None:
        raise OutputError(
            "sweep, t_s, v_V, i_A of a file without voltage and current", where="--out",
            fix="leave it out",
        )  # fmt: skip
    refuse_choice(options, where=name)
    return records_summary(read_records(source, reader=options.reader))


def _waveforms(source: "Source", options: argparse.Namespace) -> dict | None:
    """The summary of a voltage or a current against time; None where the file holds none, or it was to be written."""
    from ..data.waveforms import read_waveforms, waveforms_summary

    named = options.columns or {}
    if options.out is not None or {"v", "i"} <= named.keys() or "r" in named:
        return None
    try:
        return waveforms_summary(read_waveforms(source, reader=options.reader, columns=named))
    except ReaderError:
        return None


def _print_waveforms(report: dict, name: str) -> None:
    """The summary of a voltage or a current against time, for people."""
    print(
        f"{name}: {report['kind']}, {report['points']} points in {counted(report['traces'], 'trace')}"
    )
    _print_recognised(report)
    for quantity, word in (("t", "time"), ("v", "voltage"), ("i", "current")):
        if quantity in report["units"]:
            low, high = report[f"{quantity}_min"], report[f"{quantity}_max"]
            print(f"  {word:<11} {low:.6g} to {high:.6g} {report['units'][quantity]}")
    for text in report["warnings"]:
        print(f"  warning     {text}")


def _report(
    name: str, options: argparse.Namespace, out: Path | None
) -> "tuple[dict, Measurement | None]":
    """The summary of one file, which is written where that is asked for, and the measurement where it holds one."""
    from ..data import has_records
    from ..data.numbers import CellError
    from ..data.summary import write_tidy
    from ..data.text import load

    source = load(file_of(name))
    if options.columns is None and has_records(source, reader=options.reader):
        return _records(source, name, options), None
    try:
        measurement = measurement_from(source, options)
    except CellError:  # voltage and current are there: the file is damaged, and no waveform
        raise
    except ReaderError:
        if (report := _waveforms(source, options)) is None:
            raise
        return report, None
    if out is not None:
        write_tidy(measurement, out)
    return _summary(measurement), measurement


def _show(report: dict, name: str) -> None:
    """A summary for people."""
    shown = (
        _print
        if "kind" not in report
        else _print_waveforms
        if "traces" in report
        else _print_records
    )
    shown(report, name)


def _reports(names: list[str], options: argparse.Namespace) -> list[dict]:
    """Summaries of several files, of two halves of the same cycles as one; the reason for each that is refused."""
    reports: list[dict] = []
    numbered: dict[int, Measurement] = {}
    for name in names:
        try:
            report, measurement = _report(name, options, None)
        except MemjaxError as error:
            say("warning", f"{name}: {error.lines[0]}")
            report, measurement = {"error": error.lines[0]}, None
        # Only recordings that number their cycles can be halves: the others need not stay in memory.
        if measurement is not None and measurement.source.get("numbered"):
            numbered[len(reports)] = measurement
        reports.append({"file": name} | report)
    return _with_halves_joined(reports, numbered)


def _with_halves_joined(reports: list[dict], numbered: "dict[int, Measurement]") -> list[dict]:
    """The reports, with one in the place of those of two halves; measurements by the place of their report."""
    from ..data import interleave_matching

    places = {m.source["file"]: k for k, m in numbered.items()}
    second_halves: set[int] = set()
    for measurement in interleave_matching(list(numbered.values())):
        if halves := measurement.source.get("files"):
            first, second = sorted(places[source["file"]] for source in halves)
            together = f"{reports[first]['file']} and {reports[second]['file']}"
            reports[first] = {"file": together} | _summary(measurement)
            second_halves.add(second)
    return [report for k, report in enumerate(reports) if k not in second_halves]


def _several(names: list[str], options: argparse.Namespace) -> int:
    """Summaries of several files; those that are refused are named with their reasons."""
    if options.out is not None:
        raise OutputError(
            f"{len(names)} files", where="--out", allowed="one file, or two with --interleave"
        )
    reports = _reports(names, options)
    refused = sum("error" in report for report in reports)
    if options.json:
        print_json({"files": reports, "refused": refused})
    else:
        for report in reports:
            if "error" not in report:
                _show(report, report["file"])
    if refused == len(reports):
        raise ReaderError(
            f"none of {len(reports)} files is a measurement", where=", ".join(names[:3])
        )
    return 0


def _interleaved(names: list[str], options: argparse.Namespace, out: Path | None) -> dict:
    """The summary of two files as one recording, which is written where that is asked for."""
    from ..data.summary import write_tidy

    (measurement,) = measurements_from(names, options)
    if out is not None:
        write_tidy(measurement, out)
    return _summary(measurement)


def _run(options: argparse.Namespace) -> int:
    from ..io import prepare_output

    names = files_of(options.files)
    if len(names) > 1 and not options.interleave:
        return _several(names, options)
    out = None
    if options.out is not None:
        out = prepare_output(options.out, force=options.force)
        if out.suffix.lower() != ".csv":
            raise OutputError(
                f"suffix {out.suffix!r}", where=f"--out {options.out}", allowed=".csv"
            )
    if options.interleave:
        report = _interleaved(names, options, out)
    else:
        report, _ = _report(names[0], options, out)
    print_json(report) if options.json else _show(report, " and ".join(names))
    return 0


COMMAND = Command(
    name="read", help="show what a measured file holds", configure=_configure, run=_run
)
"""The command."""

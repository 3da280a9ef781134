"""``memjax read``: a summary of a measured file, and of what had to be assumed to read it."""

import argparse

from ..errors import OutputError
from .command import Command, print_json
from .options import (
    add_compliance_option,
    add_json_option,
    add_read_options,
    add_write_options,
    file_of,
    measurement_from,
)

_COUNTS = ("cycles", "set_pulses", "reset_pulses")
"""What is counted for each device."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="measured file, or example:NAME")
    add_read_options(parser)
    add_compliance_option(parser)
    parser.add_argument("--out", metavar="TIDY.csv", help="write sweep, t_s, v_V, i_A in SI")
    add_write_options(parser)
    add_json_option(parser)


def _print(report: dict, name: str) -> None:
    """The summary for people."""
    print(
        f"{name}: {report['points']} points in {report['sweeps']} sweeps (reader {report['reader']})"
    )
    print(f"  voltage     {report['v_min']:.6g} to {report['v_max']:.6g} V")
    kind = " (modulus: the sign is lost)" if report["modulus"] else ""
    print(f"  current     {report['i_min']:.6g} to {report['i_max']:.6g} A{kind}")
    has_time = "t_min" in report
    print(
        f"  time        {report['t_min']:.6g} to {report['t_max']:.6g} s"
        if has_time
        else "  time        none in the file"
    )
    print(f"  driven      {report['driven']}")
    limit = report["compliance_A"]
    levels = " and ".join(f"{x:g}" for x in report["compliances_A"])
    it = "them" if len(report["compliances_A"]) > 1 else "it"
    print(
        "  compliance  none seen"
        if limit is None
        else f"  compliance  {levels} A, {report['at_compliance']} points at {it}"
    )
    for text in report["warnings"]:
        print(f"  warning     {text}")


def _print_endurance(report: dict) -> None:
    """The two states of an endurance test, for people."""
    print(f"  devices     {len(report['devices'])}: {', '.join(report['devices'][:12])}")
    counts = sorted(set(report["cycles"]))
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    print(f"  cycles      {span} read, the last one is {report['last_cycle']:.6g}")
    for name in ("hrs", "lrs"):
        low, mid, high = (report[f"{name}_{w}"] for w in ("min", "median", "max"))
        unit = report["units"][name]
        print(f"  {name.upper()}         median {mid:.6g} {unit}, {low:.6g} to {high:.6g} {unit}")
    closings = f", closed in {report['closed']} cycles" if report["closed"] else ""
    print(f"  window      median ratio {report['window_median']:.6g}{closings}")


def _print_records(report: dict, name: str) -> None:
    """The summary of a file without voltage and current, for people."""
    print(f"{name}: {report['kind']}, {report['points']} points (reader {report['reader']})")
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
        print(f"  trains      {len(report['trains'])}: {', '.join(report['trains'][:6])}")
        print(
            f"  spikes      {report['points']}, from {report['t_min']:.6g} to {report['t_max']:.6g} s"
        )
        if report["isi_mean"] is not None:
            print(f"  intervals   mean {report['isi_mean']:.6g} s, CV {report['isi_cv']:.3g}")
    else:
        print(f"  runs        {len(report['runs'])}: {', '.join(report['runs'][:6])}")
        print(f"  time        up to {report['t_max']:.6g} s")
        print(f"  resistance  {report['r_min']:.6g} to {report['r_max']:.6g} ohm")
    for text in report["warnings"]:
        print(f"  warning     {text}")


def _run_records(options: argparse.Namespace) -> int:
    """Summary of a file without voltage and current."""
    from ..data import read_records
    from ..data.records import records_summary

    if options.out is not None:
        raise OutputError(
            "sweep, t_s, v_V, i_A of a file without voltage and current", where="--out",
            fix="leave it out",
        )  # fmt: skip
    report = records_summary(read_records(file_of(options.file), reader=options.reader))
    print_json(report) if options.json else _print_records(report, options.file)
    return 0


def _run(options: argparse.Namespace) -> int:
    from ..data import has_records
    from ..data.summary import summary, write_tidy
    from ..io import prepare_output

    if options.columns is None and has_records(file_of(options.file), reader=options.reader):
        return _run_records(options)

    out = None
    if options.out is not None:
        out = prepare_output(options.out, force=options.force)
        if out.suffix.lower() != ".csv":
            raise OutputError(
                f"suffix {out.suffix!r}", where=f"--out {options.out}", allowed=".csv"
            )
    measurement = measurement_from(options.file, options)
    if out is not None:
        write_tidy(measurement, out)
    report = summary(measurement)
    print_json(report) if options.json else _print(report, options.file)
    return 0


COMMAND = Command(
    name="read", help="show what a measured file holds", configure=_configure, run=_run
)
"""The command."""

"""``memjax read``: what is in a measured file, and what had to be guessed."""

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
    refuse_choice,
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


def _print(about: dict, name: str) -> None:
    """The summary for people."""
    print(
        f"{name}: {about['points']} points in {about['sweeps']} sweeps (reader {about['reader']})"
    )
    print(f"  voltage     {about['v_min']:.6g} to {about['v_max']:.6g} V")
    kind = " (modulus: the sign is lost)" if about["modulus"] else ""
    print(f"  current     {about['i_min']:.6g} to {about['i_max']:.6g} A{kind}")
    timed = "t_min" in about
    print(
        f"  time        {about['t_min']:.6g} to {about['t_max']:.6g} s"
        if timed
        else "  time        none in the file"
    )
    print(f"  driven      {about['driven']}")
    limit = about["compliance_A"]
    levels = " and ".join(f"{x:g}" for x in about["compliances_A"])
    it = "them" if len(about["compliances_A"]) > 1 else "it"
    print(
        "  compliance  none seen"
        if limit is None
        else f"  compliance  {levels} A, {about['at_compliance']} points at {it}"
    )
    for text in about["warnings"]:
        print(f"  warning     {text}")


def _print_endurance(about: dict) -> None:
    """The two states of an endurance test, for people."""
    print(f"  devices     {len(about['devices'])}: {', '.join(about['devices'][:12])}")
    counts = sorted(set(about["cycles"]))
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    print(f"  cycles      {span} read, the last one is {about['last_cycle']:.6g}")
    for name in ("hrs", "lrs"):
        low, mid, high = (about[f"{name}_{w}"] for w in ("min", "median", "max"))
        unit = about["units"][name]
        print(f"  {name.upper()}         median {mid:.6g} {unit}, {low:.6g} to {high:.6g} {unit}")
    closed = f", closed in {about['closed']} cycles" if about["closed"] else ""
    print(f"  window      median ratio {about['window_median']:.6g}{closed}")


def _print_records(about: dict, name: str) -> None:
    """The summary of a file without voltage and current, for people."""
    print(f"{name}: {about['kind']}, {about['points']} points (reader {about['reader']})")
    if about["kind"] == "endurance":
        _print_endurance(about)
    elif "devices" in about:
        print(f"  devices     {len(about['devices'])}: {', '.join(about['devices'])}")
        counts = [", ".join(map(str, sorted(set(about[n])))) for n in _COUNTS]
        print(f"  cycles      {counts[0]}, of {counts[1]} set and {counts[2]} reset pulses")
        print(f"  conductance {about['g_min']:.6g} to {about['g_max']:.6g} S")
        for p in about["pulses"] or []:
            print(
                f"  pulses      {p['v_set_V']:g} V for {p['w_set_s']:g} s, {p['v_reset_V']:g} V for "
                f"{p['w_reset_s']:g} s, read at {p['read_V']:g} V"
            )
        if about["pulses"] is None:
            print("  pulses      not stated in the file")
    elif "trains" in about:
        print(f"  trains      {len(about['trains'])}: {', '.join(about['trains'][:6])}")
        print(
            f"  spikes      {about['points']}, from {about['t_min']:.6g} to {about['t_max']:.6g} s"
        )
        if about["isi_mean"] is not None:
            print(f"  intervals   mean {about['isi_mean']:.6g} s, CV {about['isi_cv']:.3g}")
    else:
        print(f"  runs        {len(about['runs'])}: {', '.join(about['runs'][:6])}")
        print(f"  time        up to {about['t_max']:.6g} s")
        print(f"  resistance  {about['r_min']:.6g} to {about['r_max']:.6g} ohm")
    for text in about["warnings"]:
        print(f"  warning     {text}")


def _run_records(options: argparse.Namespace) -> int:
    """What a file holds that has no voltage and current."""
    from ..data import read_records
    from ..data.records import records_summary

    if options.out is not None:
        raise OutputError(
            "sweep, t_s, v_V, i_A of a file without voltage and current", where="--out",
            fix="leave it out",
        )  # fmt: skip
    refuse_choice(options, where=options.file)
    about = records_summary(read_records(file_of(options.file), reader=options.reader))
    print_json(about) if options.json else _print_records(about, options.file)
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
    about = summary(measurement)
    print_json(about) if options.json else _print(about, options.file)
    return 0


COMMAND = Command(
    name="read", help="show what a measured file holds", configure=_configure, run=_run
)
"""The command."""

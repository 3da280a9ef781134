"""``memjax read``: what is in a measured file, and what had to be guessed."""

import argparse

from ..errors import OutputError
from .command import Command, print_json
from .options import add_json_option, add_read_options, add_write_options, measurement_from


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="measured file, or example:NAME")
    add_read_options(parser)
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
    print(
        "  compliance  none seen"
        if limit is None
        else f"  compliance  {limit:g} A, {about['at_compliance']} points at it"
    )
    for text in about["warnings"]:
        print(f"  warning     {text}")


def _run(options: argparse.Namespace) -> int:
    from ..data.summary import summary, write_tidy
    from ..io import prepare_output

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

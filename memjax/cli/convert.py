"""``memjax convert``: a measured file in another format."""

import argparse

from ..io.request import measurement_from
from .command import Command, say
from .options import add_read_options, add_write_options


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE", help="measured file, example:NAME or dataset:NAME")
    add("--out", required=True, metavar="FILE", help="OUT.csv (tidy), OUT.nc or OUT.h5 (netCDF 4)")
    add_read_options(parser)
    add_write_options(parser)


def _run(options: argparse.Namespace) -> int:
    from ..io import prepare_output
    from ..io.measurement import check_measurement_suffix, write_measurement

    check_measurement_suffix(options.out)
    out = prepare_output(options.out, force=options.force)
    measurement = measurement_from(options.file, options)
    for text in measurement.warnings:
        say("warning", text)
    write_measurement(measurement, out)
    if out.suffix.lower() == ".csv" and measurement.at_compliance.any():
        clipped_rows = int(measurement.at_compliance.sum())
        say(
            "note",
            f"CSV does not hold which {clipped_rows} points are at a current limit; .nc does",
        )
    return 0


COMMAND = Command(
    name="convert",
    help="write a measured file as tidy CSV or netCDF",
    configure=_configure,
    run=_run,
)
"""The command."""

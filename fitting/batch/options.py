"""The part of ``memjax fit`` that takes many devices."""

import argparse
from dataclasses import replace

from memjax.cli.command import count

from ..command import start_of
from ..constants import CHUNK
from ..kinds import Kind, refuse_unused
from ..sweeps.options import USED


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of batches to those of ``memjax fit``."""
    add = parser.add_argument_group("many devices").add_argument
    text = "each file is a device of its own: a table with a row per device; a run that was interrupted goes on with "
    add("--batch", action="store_true", help=text + "the same command")
    text = (
        f"devices of a batch that advance together, all that an interrupt loses (default {CHUNK})"
    )
    add("--chunk", type=count(1), default=CHUNK, metavar="N", help=text)
    text = "places of the devices of a batch, columns name, x, y (default: row and column in the names)"
    add("--wafer-map", metavar="CSV", help=text)
    text = "fit each device of a batch again, with the population of them all as its prior: shrunken.csv"
    add("--shrink", action="store_true", help=text)
    text = "fit a batch by the workers of this scheduler of dask.distributed, as tcp://HOST:8786 (docs/cluster.md)"
    add("--scheduler", metavar="ADDRESS", help=text)


def run(kind: Kind, options: argparse.Namespace) -> int:
    """Fit the sweeps of many devices; the exit status."""
    from .run import run_batch

    alone = "with --batch no device is fitted as if it were alone"
    refused = {"stochastic": alone, "uncertainty profile": alone, "uncertainty nuts": alone}
    refused["free_bench"] = "the devices of a batch have the bench that is stated"
    own = replace(
        kind, used=(*USED, "batch", "chunk", "wafer_map", "shrink", "scheduler"), refused=refused
    )
    refuse_unused(options, own)
    return run_batch(options, start_of(options))

"""The part of ``memjax fit`` that takes many devices."""

import argparse
from typing import Any

from memjax.cli.command import UsageError, count

from ..command import refuse_draws
from ..kinds import refuse_unused
from ..sweeps.options import USED
from .fit import CHUNK
from .run import run_batch


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


def run(options: argparse.Namespace, device: Any) -> int:
    """Fit the sweeps of many devices; the exit status."""
    refuse_draws(options, used=options.stochastic)
    refuse_unused(options, (*USED, "batch", "chunk", "wafer_map"), what="sweeps")
    for name, given in (
        ("stochastic", options.stochastic),
        ("uncertainty", options.uncertainty != "laplace"),
    ):
        if given:
            raise UsageError(
                f"--{name} with --batch", where="a fit of sweeps", allowed="one of the two",
                fix="fit the device alone",
            )  # fmt: skip
    return run_batch(options, device)

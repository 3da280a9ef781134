"""The part of ``memjax fit`` that takes delays and relaxations."""

import argparse
from typing import Any

from memjax.cli.command import UsageError, number, say
from memjax.cli.options import bench_from, measurement_from
from memjax.errors import DataError
from memjax.observables import ON_CURRENT

from ..command import Stages, new_folder, refuse_draws, write_fit
from ..kinds import READING, provenance, refuse_unused
from ..records import of_pulsed_curves
from .comparison import summary
from .content import write
from .fit import TransientFit, fit_transients
from .randomness import randomised

USED = ("delays", "on_threshold", "off_threshold", "stochastic", "draws", *READING)
"""Options that mean something here."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of such files to those of ``memjax fit``."""
    add = parser.add_argument_group("delays and relaxations").add_argument
    add(
        "--delays",
        action="store_true",
        help="fit delay and relaxation of curves under one pulse each, with time",
    )
    add(
        "--off-threshold",
        type=number("A"),
        metavar="A",
        help="current below which it has relaxed, for --delays (default: as --on-threshold)",
    )


def asked(options: argparse.Namespace) -> bool:
    """Whether an option says that files are of this kind: of several, those under pulses are."""
    return options.delays and (options.batch or len(options.files) == 1)


def takes(options: argparse.Namespace, name: str) -> bool:
    """Whether a file is one of curves under pulses, where these are asked for."""
    return of_pulsed_curves(options, name)


def run(options: argparse.Namespace, device: Any) -> int:
    """Fit; the exit status."""
    refuse_draws(options, used=options.stochastic)
    if options.uncertainty == "nuts":
        raise UsageError(
            "--uncertainty nuts", where="--delays", allowed="laplace, profile: derivatives of delays are secants",
        )  # fmt: skip
    if not bench_from(options)[0].bare:
        raise DataError(
            "elements around the device", where="bench options", fix="leave them out", allowed="--temperature"
        )  # fmt: skip
    if len(options.files) > 1 or options.batch:
        raise UsageError(
            "one file of one device", where="--delays", fix="name one file, without --batch"
        )
    refuse_unused(options, USED, what="delays and relaxations")
    out = new_folder(options)
    found = fit(options, device)
    for warning in found.warnings:
        say("warning", warning)
    write_fit(write, found, options, out, **provenance(options))
    return 0


def fit(options: argparse.Namespace, device: Any) -> TransientFit:
    """The fit of a file, with its randomness where that is asked for."""
    if len(options.files) > 1:
        raise UsageError("several files of one device", where="--delays", allowed="one")
    measurement = measurement_from(options.files[0], options)
    with Stages(checked=False) as stages:
        found = fit_transients(
            measurement,
            device,
            threshold=options.on_threshold or ON_CURRENT,
            off_threshold=options.off_threshold,
            free=options.free,
            fix=dict(options.fix),
            start=dict(options.start),
            seed=options.seed,
            tick=stages,
        )
        if options.stochastic:
            fixed = tuple(dict(options.fix))
            about: dict[str, Any] = dict(fixed=fixed, draws=options.draws, tick=stages)
            found = randomised(found, measurement, **about)
            print(*summary(found.comparison or {}), sep="\n")
    return found

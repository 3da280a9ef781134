"""The part of ``memjax fit`` that takes delays and relaxations."""

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from memjax.cli.command import number
from memjax.errors import UsageError
from memjax.io.request import measurement_from

from ..command import add_stage, parameters, stages_of
from ..kinds import READING
from ..records import of_pulsed_curves

if TYPE_CHECKING:
    from .fit import TransientFit


def used(options: argparse.Namespace) -> tuple[str, ...]:
    """Options that mean something here: draws where randomness is calibrated."""
    random = ("stochastic", "draws") if options.stochastic else ("stochastic",)
    return ("delays", "on_threshold", "off_threshold", *random, *READING)


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


def claims(options: argparse.Namespace) -> bool:
    """Whether an option says that files are of this kind: of several, those under pulses are."""
    return options.delays and (options.batch or len(options.files) == 1)


def takes(options: argparse.Namespace, name: str) -> bool:
    """Whether a file is one of curves under pulses, where these are asked for."""
    return of_pulsed_curves(options, name)


def fit(options: argparse.Namespace, device: Any) -> "TransientFit":
    """The fit of a file, with its randomness where that is asked for."""
    from memjax.observables import ON_CURRENT

    from .fit import fit_transients
    from .randomness import randomised

    if len(options.files) > 1 or options.batch:
        raise UsageError(
            "one file of one device", where="--delays", fix="name one file, without --batch"
        )
    if options.stochastic and options.uncertainty != "laplace":
        raise UsageError(
            f"--uncertainty {options.uncertainty} with --stochastic", where="--delays", fix="leave it out",
            allowed="laplace: the intervals are those of the simulated loss",
        )  # fmt: skip
    measurement = measurement_from(options.files[0], options)
    names = ["delay and relaxation", *["randomness", "replicates"] * options.stochastic]
    with stages_of(options, names, checked=False) as stages:
        medians = fit_transients(
            measurement,
            device,
            threshold=options.on_threshold or ON_CURRENT,
            off_threshold=options.off_threshold,
            **parameters(options),
            seed=options.seed,
            tick=stages,
        )
        if not options.stochastic:
            return medians
        about: dict[str, Any] = dict(fixed=tuple(dict(options.fix)), draws=options.draws)
        stage = partial(randomised, medians, measurement, tick=stages, **about)
        return add_stage(medians, stage, what="randomness was calibrated")

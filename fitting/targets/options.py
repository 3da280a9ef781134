"""The part of ``memjax fit`` that takes wanted numbers in place of a file."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from memjax.cli.command import number, plain_float
from memjax.errors import DataError, UsageError
from memjax.io.request import bench_from

from ..command import parameters, require_circuit, stages_of
from ..kinds import ELEMENTS
from .target import OF_TRAIN, UNITS, Target

if TYPE_CHECKING:
    from .fit import TargetFit
    from .protocol import TargetSettings

# Options of `TargetSettings` by the names of its fields: of devices, and of spike trains of circuits.
_OF_DEVICES = {
    "amplitude": "sweep_to", "duration": "sweep_time", "width": "target_width", "read_voltage": "read_voltage",
    "on_threshold": "on_threshold", "hold_threshold": "hold_threshold",
}  # fmt: skip
_STAGES = ("grid", "search", "fewest parameters")
"""Stages of all searches; rounds with noise follow where the device has some, and a check."""

_OF_TRAINS = {n: n for n in ("stimulus", "signal", "level", "rearm")}


def _trains(options: argparse.Namespace) -> list[Target]:
    """Targets that are read off spike trains."""
    return [t for t in options.target if t.name in OF_TRAIN]


def used(options: argparse.Namespace) -> tuple[str, ...]:
    """Options that mean something here."""
    if _trains(options):
        return ("target", "draws", "dt", *_OF_TRAINS.values())
    return ("target", "draws", *_OF_DEVICES.values(), *ELEMENTS)


def _target(text: str) -> Target:
    """Type of ``--target``."""
    try:
        return Target.parse(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--target`` and what chooses the sweep and the pulses to the options of ``memjax fit``.

    Spike trains share ``--stimulus``, ``--level``, ``--rearm`` and ``--dt`` with circuits, sweeps and pulses their
    thresholds with the other kinds; ``--draws`` is the largest number of members of the check.
    """
    group = parser.add_argument_group("targets", "wanted numbers in place of a file")
    add = group.add_argument
    add(
        "--target",
        action="append",
        type=_target,
        metavar="NAME=VALUE[:TOLERANCE]",
        help="a wanted number [SI], with its tolerance in the same unit, of on_off as a share (default 2%%): "
        f"{', '.join(UNITS)}; delay@V and relaxation@V under a pulse of that voltage. Repeat it for several",
    )
    add(
        "--sweep-to",
        type=plain_float,
        metavar="V",
        help="peak of the triangle sweep, with its sign (default: twice the largest wanted voltage, else 1)",
    )
    add("--sweep-time", type=number("s"), metavar="S", help="time of the whole sweep (default 4)")
    add(
        "--target-width",
        type=number("s"),
        metavar="S",
        help="width of the pulse (default: ten times the wanted delay, else the wanted relaxation)",
    )
    add(
        "--signal",
        default="gate.v",
        metavar="SIGNAL",
        help="state of a circuit that spikes where it rises above --level, under --stimulus (default gate.v)",
    )


def fit(options: argparse.Namespace, device: Any) -> "TargetFit":
    """Values that meet the targets.

    Raises
    ------
    UsageError, DataError, FitError
        For options that mean nothing here, targets that make no problem, and observables that nothing shows.
    """
    trains, where = _trains(options), "--target"
    if options.files:
        many = f"{len(options.files)} files beside targets"
        raise UsageError(many, where=where, fix="leave out the files, or --target")
    if trains and len(trains) < len(options.target):
        raise UsageError(
            "spike trains beside sweeps or pulses", where=where, allowed="one or the other",
            fix="leave one of them out",
        )  # fmt: skip
    if trains:
        where = f"target {trains[0].label}"
        require_circuit(options, device, where=where, stimulus="S.csv", level="V")
    bench, env, _ = bench_from(options)
    with stages_of(options, _STAGES, checked=False) as stages:
        design = _design(
            options.target,
            device,
            **parameters(options),
            settings=_settings(options, device),
            bench=None if trains else bench,
            env=env,
            dt=options.dt,
            seed=options.seed,
            tick=stages,
            **({} if options.draws is None else {"members": options.draws}),
        )
    return replace(design, model=options.model)


def _design(*about: Any, **more: Any) -> "TargetFit":
    """`fit_targets`; where no trial shows all observables, the one that shows most, with that as its failure."""
    from .fit import fit_targets
    from .search import NotShownError

    try:
        return fit_targets(*about, **more)
    except NotShownError as error:
        if error.fit is None:
            raise
        return error.fit


def _settings(options: argparse.Namespace, device: Any) -> "TargetSettings":
    """Sweep, pulses or drive as the options say."""
    from memjax.io.stimulus import load_stimulus

    from .protocol import TargetSettings

    names = _OF_TRAINS if _trains(options) else _OF_DEVICES
    about = {n: getattr(options, option) for n, option in names.items()}
    if "stimulus" in about:
        ports = device.ports if len(device.ports) > 1 else ()
        about["stimulus"] = load_stimulus(options.stimulus, ports)
    return TargetSettings(**{n: x for n, x in about.items() if x is not None})

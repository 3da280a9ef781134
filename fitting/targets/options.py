"""The part of ``memjax fit`` that takes wanted numbers in place of a file."""

import argparse
from typing import Any

from memjax.cli.command import UsageError, number, say
from memjax.cli.options import bench_from
from memjax.errors import DataError
from memjax.files import writing_folder
from memjax.io.stimulus import load_stimulus

from ..command import Stages, new_folder, require_circuit
from ..kinds import provenance, refuse_unused
from .content import write
from .fit import TargetFit, fit_targets
from .protocol import TargetSettings
from .target import OF_TRAIN, UNITS, Target

# Options that mean something to targets of devices.
_OWN = (
    "target", "sweep_to", "sweep_time", "target_width", "read_voltage", "on_threshold", "hold_threshold", "draws",
    "compliance", "series_resistance", "parallel_resistance", "parallel_capacitance", "reversed",
)  # fmt: skip
# And of spike trains of circuits.
_TRAINS = ("target", "stimulus", "signal", "level", "rearm", "dt", "draws")


def _target(text: str) -> Target:
    """Type of ``--target``."""
    try:
        return Target.parse(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


class _Wanted(argparse.Action):
    """Append a target; no file is required beside it."""

    def __call__(self, parser, namespace, values, option_string=None):
        """See `argparse.Action`."""
        del option_string
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), values])
        for action in parser._actions:  # noqa: SLF001
            action.required = action.required and action.dest != "files"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add ``--target`` and what chooses the sweep and the pulses to the options of ``memjax fit``.

    Spike trains share ``--stimulus``, ``--level``, ``--rearm`` and ``--dt`` with circuits, sweeps and pulses their
    thresholds with the other kinds; ``--draws`` is the largest number of members of the check.
    """
    group = parser.add_argument_group("targets", "wanted numbers in place of a file")
    add = group.add_argument
    add(
        "--target",
        action=_Wanted,
        type=_target,
        metavar="NAME=VALUE[:TOLERANCE]",
        help="a wanted number [SI], with its tolerance in the same unit, of on_off as a share (default 2%%): "
        f"{', '.join(UNITS)}; delay@V and relaxation@V under a pulse of that voltage. Repeat it for several",
    )
    add(
        "--sweep-to",
        type=float,
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


def takes(options: argparse.Namespace) -> bool:
    """Whether these options are of this part."""
    return bool(options.target)


def run(options: argparse.Namespace, device: Any) -> int:
    """Find values that meet the targets, and write the fit directory; the exit status.

    Raises
    ------
    UsageError, DataError, FitError
        For options that mean nothing here, targets that make no problem, and observables that nothing shows.
    """
    if options.files:
        raise UsageError(
            f"{len(options.files)} files beside targets", where="--target",
            fix="leave out the files, or --target",
        )  # fmt: skip
    if options.uncertainty != "laplace":
        raise UsageError(
            f"--uncertainty {options.uncertainty}", where="--target", fix="leave it out",
            allowed="laplace: tolerances are no measurement",
        )  # fmt: skip
    trains = [t for t in options.target if t.name in OF_TRAIN]
    bench, env, _ = bench_from(options)
    _check_kind(options, device, trains)
    refuse_unused(options, _TRAINS if trains else _OWN, what="targets")
    out, settings = new_folder(options), _settings(options, device, trains)
    about = {} if options.draws is None else {"members": options.draws}
    with Stages(checked=False) as stages:
        fit = fit_targets(
            options.target,
            device,
            free=options.free,
            fix=dict(options.fix),
            start=dict(options.start),
            settings=settings,
            bench=None if trains else bench,
            env=env,
            dt=options.dt,
            seed=options.seed,
            tick=stages.describe,
            **about,
        ).named(options.model)
    with writing_folder(out) as place:
        write(fit, place, seed=options.seed, **provenance(options))
    _announce(fit)
    met = f"{len(fit.checks) - len(fit.missed)} of {len(fit.checks)} targets met"
    print(f"{out}: {met}, report in {out / 'report.html'}")
    return 0


def _announce(fit: TargetFit) -> None:
    """Say each target as it was simulated, what was needed, and what speaks against the result."""
    for c in fit.checks:
        print(f"{c}, {'met' if c.met else 'missed'}")
    for note in fit.notes:
        say("note", note)
    for warning in fit.warnings:
        say("warning", warning)


def _check_kind(options: argparse.Namespace, device: Any, trains: list[Target]) -> None:
    """Refuse spike trains of a device, mixtures, and elements around a circuit."""
    if not trains:
        return
    if len(trains) < len(options.target):
        raise UsageError(
            "spike trains beside sweeps or pulses", where="--target", allowed="one or the other",
            fix="leave one of them out",
        )  # fmt: skip
    needed = {"stimulus": "S.csv", "level": "V"}
    require_circuit(options, device, where=f"target {trains[0].label}", needed=needed)


def _settings(options: argparse.Namespace, device: Any, trains: list[Target]):
    """Sweep, pulses or drive as the options say."""
    about: dict[str, Any] = {
        "amplitude": options.sweep_to,
        "duration": options.sweep_time,
        "width": options.target_width,
        "read_voltage": options.read_voltage,
        "on_threshold": options.on_threshold,
        "hold_threshold": options.hold_threshold,
    }
    if trains:
        ports = device.ports if len(device.ports) > 1 else ()
        about |= {"stimulus": load_stimulus(options.stimulus, ports), "signal": options.signal}
        about |= {"level": options.level, "rearm": options.rearm}
    return TargetSettings(**{n: x for n, x in about.items() if x is not None})

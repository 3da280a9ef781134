"""The part of ``memjax fit`` that takes sweeps of the voltage or the current."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memjax.cli.command import count, number
from memjax.data.bundled import EXAMPLE
from memjax.errors import DataError
from memjax.io.request import bench_from, file_of, measurements_from
from memjax.runtime.console import say

from ..command import add_stage, stages_of
from ..constants import FREE_BENCH, MODEL_SIGMA, SMALL, VOLTAGE_SIGMA
from ..kinds import ELEMENTS, READING, provenance
from ..progress import Usual
from ..records import of_pulsed_curves, records_in

if TYPE_CHECKING:
    from .result import FitResult

USED = (
    "stochastic", "on_threshold", "hold_threshold", "points", "model_sigma", "point_time", "free_bench", *ELEMENTS,
    *READING,
)  # fmt: skip
"""Options that mean something here."""


STAGES = {
    "search": Usual(25),
    "refine": Usual(12),
    "weigh": Usual(15),
    "again": Usual(40),
    "bench": Usual(25),
    "intervals": Usual(30),
}
"""Stages of a fit, and the iterations that they took of the demonstration and of two measured files."""


def used(options: argparse.Namespace) -> tuple[str, ...]:
    """`USED`, the way to join two files, and draws where randomness is calibrated."""
    return (*USED, "interleave", "draws") if options.stochastic else (*USED, "interleave")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of such files to those of ``memjax fit``."""
    add = parser.add_argument_group("sweeps").add_argument
    text = "current below which a device is off again (default 1e-11, or as the data say)"
    add("--hold-threshold", type=number("A"), metavar="A", help=text)
    text = "points of a sweep at the most, averages of neighbours; 0 takes all (default: 500 of sweeps of more than "
    add("--points", type=count(0), metavar="N", help=text + "2,000)")
    text = (
        "error granted to the model's current beside the scatter of the data: where the model describes the "
        f"data to their noise, that noise (default {MODEL_SIGMA} for the search, of the voltage where a current was "
        f"driven {VOLTAGE_SIGMA}; then estimated, and {SMALL:g} of it for chi squared)"
    )
    add("--model-sigma", type=number("decades"), metavar="DECADES", help=text)
    text = "quantities of the bench that are fitted beside the device: " + ", ".join(FREE_BENCH)
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--free-bench", choices=tuple(FREE_BENCH), metavar="NAME", help=text, **many)


def takes(options: argparse.Namespace, name: str) -> bool:
    """Whether a file holds sweeps: whatever holds neither records nor the curves that ``--delays`` means."""
    return records_in(options, name) is None and not of_pulsed_curves(options, name)


def fit(options: argparse.Namespace, device: Any) -> "FitResult":
    """The fit of all files, which belong to one device; with its randomness under ``--stochastic``."""
    from .fit import fit as fit_sweeps
    from .halves import halves
    from .randomness import calibrate

    about = arguments(options)
    point_time = about["point_time"]
    read = measurements_from(options.files, options)
    measurements = _thinned(read, options, point_time)
    if options.half:
        measurements, _ = halves(measurements, point_time=point_time)
    notes = dict.fromkeys(w for m in measurements for w in m.warnings)
    # Thinned sweeps have a time in any case, that of their points.
    if point_time is not None and all(m.t is not None for m in read):
        notes["--point-time means nothing here: the files have a time of their own"] = None
    noise = _noise(device, options)
    free = [n for n in options.free or () if n not in noise] or None
    stages: dict[str, Usual | None] = dict(STAGES)
    stages |= dict.fromkeys(
        ["randomness", "replicates"][: 2 if noise else bool(options.stochastic)]
    )
    with stages_of(options, stages, notes=[*notes, *hints(measurements)]) as bar:
        # No points: the sweeps are thinned already.
        about |= {"free": free, "free_bench": options.free_bench}
        result = fit_sweeps(measurements, device, **about, points=0, tick=bar)
        result = replace(result, model=options.model)
        if options.stochastic and not result.interrupted:
            stage = partial(calibrate, result, noise=noise, draws=options.draws, tick=bar)
            result = add_stage(result, stage, what="randomness was calibrated")
    for warning in result.stochastic.warnings if result.stochastic else ():
        say("warning", warning)
    failed, tried = result.search.failed, result.search.evaluations
    if failed:
        say("warning", f"{failed} of {tried} trial solves failed and were left out")
    return result


def arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Arguments that `fitting.fit` and `fitting.fit_batch` take alike from the command line."""
    bench, env, point_time = bench_from(options)
    return {
        "bench": bench,
        "env": env,
        "point_time": point_time,
        "fix": dict(options.fix),
        "start": dict(options.start),
        "model_sigma": options.model_sigma,
        "thresholds": (options.on_threshold, options.hold_threshold),
        "seed": options.seed,
    }


def _read(options: argparse.Namespace, point_time: float | None) -> list[Any]:
    return _thinned(measurements_from(options.files, options), options, point_time)


def _thinned(
    read: Sequence[Any], options: argparse.Namespace, point_time: float | None
) -> list[Any]:
    from .thinning import thin

    return [thin(m, options.points, point_time=point_time) for m in read]


def held_out(options: argparse.Namespace) -> list[Any]:
    """Sweeps that a fit of half of them leaves out."""
    from .halves import halves

    point_time = bench_from(options)[2]
    return halves(_read(options, point_time), point_time=point_time)[1]


def write(result: "FitResult", folder: Path, options: argparse.Namespace) -> None:
    """Fill a fit directory."""
    from .content import write as write_content

    about = {n: x for n, x in provenance(options).items() if n != "temperature"}
    write_content(result, folder, truth=_truth(options.files), drawn=options.drawn, **about)


def hints(measurements: Sequence[Any]) -> list[str]:
    """What fits pulsed transients, where the files look like some: their curves are fitted point by point else."""
    text = "the voltage jumps between levels: where these are delays and relaxations under pulses, say --delays"
    from memjax.data import is_pulsed

    pulsed = all(m.t is not None and m.driven == "voltage" and is_pulsed(m.v) for m in measurements)
    return [text] * pulsed


def _truth(names: Sequence[str]) -> dict | None:
    """True parameters of a bundled example."""
    if len(names) > 1 or not names[0].startswith(EXAMPLE):
        return None
    path = file_of(names[0]).with_suffix(".truth.json")
    return json.loads(path.read_text(encoding="utf-8"))["parameters"] if path.exists() else None


def _noise(device: Any, options: argparse.Namespace) -> tuple[str, ...]:
    """Strengths of noise that are calibrated: those named by --free, else the model's own that are not fixed.

    Of a device that keeps its state none is: the spread of its parameters alone.
    """
    if not options.stochastic or not getattr(device, "volatile", True):
        return ()
    from memjax.core.fields import parameter_specs
    from memjax.simulate import is_noisy

    from .cycles import noise_of

    specs = parameter_specs(device)
    random = any(s.noise for s in specs.values()) or is_noisy(device)
    if not random or not getattr(device, "volatile", False):
        raise DataError(
            f"{options.model} has no noise",
            where="--stochastic",
            allowed="devices that keep their state, and volatile ones with noise or jumps, see 'memjax models NAME'",
            fix="leave it out",
        )
    named = tuple(n for n in options.free or () if n in specs and specs[n].noise)
    return named or tuple(n for n in noise_of(device) if n not in dict(options.fix))

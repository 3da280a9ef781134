"""Sweeps as a kind of data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import memjax as mj
from memjax.errors import DataError
from memjax.io.request import bench_from, measurements_from
from memjax.runtime.console import say
from memjax.runtime.lazy import deferred

from ..command import calibrated
from ..config import (
    CommonConfig,
    ElementsConfig,
    Option,
    RandomConfig,
    ReadingConfig,
    Request,
    ThresholdsConfig,
    option,
    shared,
)
from ..constants import FREE_BENCH, MODEL_SIGMA, SMALL, VOLTAGE_SIGMA
from ..kinds import Curve, HoldOut, Kind
from ..progress import Session, Usual
from ..records import of_pulsed_curves, records_in
from ..solve_call import source_files

if TYPE_CHECKING:
    from .result import FitResult


STAGES = {
    "search": Usual(25),
    "refine": Usual(12),
    "weigh": Usual(15),
    "again": Usual(40),
    "bench": Usual(25),
    "intervals": Usual(30),
}
"""Stages of a fit, and the iterations that they took of the demonstration and of two measured files."""


_GROUP = "sweeps"
_UNSURE = 0.1  # how surely a file holds sweeps that no other kind takes


@dataclass(frozen=True, kw_only=True)
class SweepConfig(ThresholdsConfig, RandomConfig, ElementsConfig, ReadingConfig, CommonConfig):
    """What a fit of sweeps is asked for."""

    points: int | None = option(
        "points of a sweep at the most, averages of neighbours; 0 takes all (default: 500 of sweeps of more than "
        "2,000)",
        form="count",
        group=_GROUP,
    )
    model_sigma: float | None = option(
        "error granted to the model's current beside the scatter of the data: where the model describes the "
        f"data to their noise, that noise (default {MODEL_SIGMA} for the search, of the voltage where a current was "
        f"driven {VOLTAGE_SIGMA}; then estimated, and {SMALL:g} of it for chi squared)",
        unit="decades",
        group=_GROUP,
    )
    point_time: float | None = shared()
    free_bench: Any = option(
        "quantities of the bench that are fitted beside the device: " + ", ".join(FREE_BENCH),
        form="names",
        default=(),
        choices=tuple(FREE_BENCH),
        metavar="NAME",
        group=_GROUP,
    )
    interleave: bool = shared(False)


def takes(request: Request, name: str) -> float:
    """How surely a file holds sweeps: it may, if it holds neither records nor the curves that ``--delays`` means."""
    others = records_in(request, name) is not None or of_pulsed_curves(request, name)
    return 0.0 if others else _UNSURE


def fit(config: SweepConfig, device: Any, session: Session) -> "FitResult":
    """The fit of all files, which belong to one device; with its randomness under ``--stochastic``."""
    from .fit import SweepProblem
    from .halves import halves
    from .randomness import calibrate

    options = sweep_options(config)
    point_time = options["point_time"]
    read = measurements_from(config.files, config)
    measurements = _thinned(read, config, point_time)
    if session.half:
        measurements, _ = halves(measurements, point_time=point_time)
    notes = dict.fromkeys(w for m in measurements for w in m.warnings)
    # Thinned sweeps have a time in any case, that of their points.
    if point_time is not None and all(m.t is not None for m in read):
        notes["--point-time means nothing here: the files have a time of their own"] = None
    noise = _noise(device, config)
    free = [n for n in config.free or () if n not in noise] or None
    stages: dict[str, Usual | None] = dict(STAGES)
    if config.stochastic:  # of a device that keeps its state the errors need no replicates
        volatile = bool(getattr(device, "volatile", False))
        stages |= dict.fromkeys(["randomness", *["replicates"] * volatile])
    with session.stages(stages, notes=[*notes, *hints(measurements)]) as bar:
        # No points: the sweeps are thinned already.
        options |= {"free": free, "free_bench": config.free_bench, "points": 0}
        problem = SweepProblem(measurements, device, **options)
        result = problem.solve(seed=config.seed, progress=bar)
        if config.stochastic and not result.interrupted:
            stage = partial(calibrate, result, noise=noise, draws=config.draws, tick=bar)
            result = calibrated(result, stage)
    for warning in result.stochastic.warnings if result.stochastic else ():
        say("warning", warning)
    failed, tried = result.search.failed, result.search.evaluations
    if failed:
        say("warning", f"{failed} of {tried} trial solves failed and were left out")
    return result


def sweep_options(config: Any) -> dict[str, Any]:
    """What `SweepProblem` and `fitting.BatchProblem` are asked for alike."""
    bench, env, point_time = bench_from(config)
    return {
        "bench": bench,
        "env": env,
        "point_time": point_time,
        "fix": dict(config.fix),
        "start": dict(config.start),
        "model_sigma": config.model_sigma,
        "thresholds": (config.on_threshold, config.hold_threshold),
    }


def _thinned(read: Sequence[Any], config: SweepConfig, point_time: float | None) -> list[Any]:
    from .thinning import thin

    return [thin(m, config.points, point_time=point_time) for m in read]


def held_out(config: SweepConfig) -> list[Any]:
    """Sweeps that a fit of half of them leaves out."""
    from .halves import halves

    point_time = bench_from(config)[2]
    read = _thinned(measurements_from(config.files, config), config, point_time)
    return halves(read, point_time=point_time)[1]


def read(config: Any) -> Any:
    """What the files hold: one measurement, or several of one device."""
    measurements = measurements_from(config.files, config)
    return measurements[0] if len(measurements) == 1 else measurements


def options(problem: Any) -> dict[str, dict[str, Any]]:
    """The options that say what a `SweepProblem` says."""
    data = [problem.data] if isinstance(problem.data, mj.Measurement) else problem.data
    names = ("point_time", "model_sigma", "points")
    return {
        **{n: {n: getattr(problem, n)} for n in names},
        "data": source_files(*(m.source for m in data)),
        "thresholds": dict(
            zip(("on_threshold", "hold_threshold"), problem.thresholds, strict=True)
        ),
        "free_bench": {"free_bench": list(problem.free_bench)},
    }


def hints(measurements: Sequence[Any]) -> list[str]:
    """What fits pulsed transients, where the files look like some: their curves are fitted point by point else."""
    text = "the voltage jumps between levels: where these are delays and relaxations under pulses, say --delays"
    from memjax.data import is_pulsed

    pulsed = all(m.t is not None and m.driven == "voltage" and is_pulsed(m.v) for m in measurements)
    return [text] * pulsed


def _noise(device: Any, config: SweepConfig) -> tuple[str, ...]:
    """Strengths of noise that are calibrated: those named by --free, else the model's own that are not fixed.

    Of a device that keeps its state none is: the spread of its parameters alone.
    """
    if not config.stochastic or not getattr(device, "volatile", True):
        return ()
    from memjax.core.fields import parameter_specs
    from memjax.simulate import is_noisy

    from .cycles import noise_of

    specs = parameter_specs(device)
    random = any(s.noise for s in specs.values()) or is_noisy(device)
    if not random or not getattr(device, "volatile", False):
        raise DataError(
            f"{config.model} has no noise",
            where="--stochastic",
            allowed="devices that keep their state, and volatile ones with noise or jumps, see 'memjax models NAME'",
            fix="leave it out",
        )
    named = tuple(n for n in config.free or () if n in specs and specs[n].noise)
    return named or tuple(n for n in noise_of(device) if n not in dict(config.fix))


KIND = Kind(
    label="sweeps",
    series="sweep",
    takes=takes,
    configs=(SweepConfig,),
    fit=fit,
    options=options,
    read=read,
    write=deferred("fitting.sweeps.content:write"),
    build=deferred("fitting.sweeps.report:build"),
    hold_out=HoldOut(held_out, "every second sweep"),
    curve=Curve("v_V", "i_A"),
    report_options={
        f"{name}_threshold": Option(f"current {what}", "number", metavar="A", unit="A")
        for name, what in (
            ("on", "above which the device is on"),
            ("hold", "below which it is off"),
        )
    },
)
"""Sweeps of the voltage or the current."""

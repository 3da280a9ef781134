"""The part of ``memjax fit`` that trains a density on simulations, and takes posteriors of devices from one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memjax.errors import FitError, MemjaxError, UsageError
from memjax.io.request import bench_from, file_of, measurement_from
from memjax.runtime.console import say
from memjax.runtime.files import prepare_output, write_json, writing, writing_folder
from memjax.runtime.packages import require_packages

from ..config import (
    CommonConfig,
    ElementsConfig,
    ReadingConfig,
    Request,
    ThresholdsConfig,
    draws,
    flag_option,
    option,
    shared,
)
from ..devices import devices_of
from ..kinds import Kind, refuse_unused
from ..progress import Session

if TYPE_CHECKING:
    from .posterior import AmortisedPosterior, DevicePosteriors

TABLE, ABOUT, NUMBERS = "posteriors.csv", "posteriors.json", "draws.npz"
"""Files of a folder of posteriors."""

PICTURE = "calibration.png"
"""Picture in the folder of a density."""

_FEWEST = 20  # draws from the posterior of a device
_NOT_HERE = {
    "start": "nothing is searched for",
    "open": "there is no report",
    "uncertainty profile": "posteriors say it",
    "uncertainty nuts": "posteriors say it",
}
_OF_DENSITY = ("free", "fix", "bounds", "preset", "temperature")


_GROUP = "posteriors of many devices by simulation"


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(ThresholdsConfig, ElementsConfig, ReadingConfig, CommonConfig):
    """What the training of a density is asked for."""

    amortise: bool = flag_option(
        "train a density on simulated devices of --bounds (or --prior) under the sweeps of FILE; --out is its folder",
        group=_GROUP,
    )
    prior: str | None = option(
        "draw devices from the population of this batch of fits in place of --bounds",
        metavar="DIR",
        group=_GROUP,
    )
    simulations: int | None = option(
        "devices that are simulated for training (default 40000)",
        form="count",
        lowest=500,
        group=_GROUP,
    )
    read_noise: float | None = option(
        "standard deviation of ln of a current that is read (default: what four sweeps or more of FILE show)",
        form="number",
        zero=True,
        metavar="SIGMA",
        group=_GROUP,
    )
    point_time: float | None = shared()


@dataclass(frozen=True, kw_only=True)
class PosteriorConfig(CommonConfig, ReadingConfig):
    """What posteriors of a trained density are asked for."""

    amortised: str | None = option(
        "posteriors of the devices of all files, each a device, from the density that --amortise trained",
        metavar="DIR",
        group=_GROUP,
    )
    uncalibrated: bool = flag_option(
        "take the posteriors of a density although its calibration did not pass", group=_GROUP
    )
    draws: int | None = draws()


_TRAINING = Kind(label="simulations", configs=(TrainingConfig,))
_USE = Kind(label="posteriors", configs=(PosteriorConfig,))


def claims(request: Request) -> bool:
    """Whether options ask for either."""
    return request.amortise or request.amortised is not None


def run(request: Request, session: Session) -> int:
    """Train a density, or take posteriors from one; the exit status."""
    devices = devices_of(request.files)
    if request.amortise and request.amortised is not None:
        raise UsageError("--amortise and --amortised at once", where="memjax fit", fix="choose one")
    kind = _TRAINING if request.amortise else _USE
    refused = dict(_NOT_HERE)
    if not request.amortise:
        refused |= dict.fromkeys(_OF_DENSITY, "the density has it")
    elif request.prior is not None:
        refused |= dict.fromkeys(("fix", "preset"), "the population has all values")
    refuse_unused(request, replace(kind, refused=refused))
    what = f"--{'amortise' if request.amortise else 'amortised'} needs the package"
    require_packages(["flowjax"], what=what, where="memjax fit", extra="amortised")
    if not devices:
        raise UsageError("no FILE", where="memjax fit", fix="name a measured file")
    if not request.amortise:
        return _use(request, devices)
    return _train(request, session, devices)


def _train(request: Request, session: Session, devices: Mapping[str, str]) -> int:
    """Train a density under the sweeps of one file, and write its folder."""
    import memjax as mj

    from .store import CONTENT, fill
    from .train import SIMULATIONS, DevicePrior, amortise

    if len(devices) > 1:
        what = f"{len(devices)} files for --amortise"
        raise UsageError(what, where="memjax fit", allowed="one, whose sweeps all devices share")
    out = prepare_output(request.out, force=request.force, folder=True, marker=CONTENT)
    device, bounds = mj.model(request.model), dict(request.bounds)
    if request.preset is not None:
        device = mj.params.replace(device, mj.presets.load(request.preset)[1], where="--preset")
    device = mj.params.replace(device, dict(request.fix), where="--fix")
    if lost := [n for n in request.free or () if n not in bounds]:
        what = f"no --bounds of {', '.join(lost)}"
        raise UsageError(what, where="--free", allowed="a range of each free parameter")
    population = None if request.prior is None else mj.Population.load(request.prior)
    protocol = _protocol(request, next(iter(devices.values())))
    begin = time.monotonic()
    with session.stages(["simulate", "train"]) as bar:
        posterior = amortise(
            device,
            protocol,
            prior=DevicePrior(bounds=bounds or None, population=population),
            simulations=request.simulations or SIMULATIONS,
            seed=request.seed,
            tick=bar.describe,
        )
    with writing_folder(out) as place:
        fill(posterior, place)
        if find_spec("matplotlib") is not None:
            from ..figures import save
            from .calibration import figure

            save(figure(posterior.calibration), place / PICTURE)
        else:
            say("note", f"no {PICTURE} without matplotlib: pip install 'memjax[plot]'")
    _announce(posterior, out, time.monotonic() - begin)
    return 0


def _protocol(request: Request, name: str) -> Any:
    """The sweeps of a file, as options say that they are read."""
    from memjax.observables import find_thresholds

    from .protocol import SweepProtocol

    bench, env, point_time = bench_from(request)
    measurement = measurement_from(name, request)
    for warning in measurement.warnings:
        say("note", warning)
    levels = {"on": request.on_threshold, "hold": request.hold_threshold}
    levels = {n: x for n, x in levels.items() if x is not None}
    thresholds = find_thresholds(measurement)
    if levels:
        thresholds = replace(thresholds, **levels, why="given")
    return SweepProtocol.of(
        measurement,
        relative=request.read_noise,
        bench=bench,
        env=env,
        point_time=point_time,
        thresholds=thresholds,
    )


def _announce(posterior: "AmortisedPosterior", out: Path, seconds: float) -> None:
    """Say how the training ended."""
    check = posterior.calibration
    for name, p, narrowed, shares in zip(
        check.names, check.p, check.contraction, check.coverage.T, strict=True
    ):
        shown = f"intervals of 90 % hold {shares[2]:.1%}"
        print(f"{name}: ranks uniform with p = {p:.2g}, {shown}, variance less by {narrowed:.1%}")
    if posterior.failed:
        what = f"{posterior.failed} of {posterior.simulations} simulated devices failed"
        say("warning", f"{what} and were left out: the prior is that of the others")
    for failure in check.failures:
        say("warning", f"not calibrated: {failure}")
    verdict = (
        "calibrated" if check.passed else "not calibrated, and not used without --uncalibrated"
    )
    print(f"{out}: {verdict}, {posterior.simulations} devices, {seconds:.0f} s")


def _use(request: Request, devices: Mapping[str, str]) -> int:
    """Write the posteriors of all devices."""
    from .posterior import DRAWS
    from .store import load_amortised

    posterior = load_amortised(request.amortised)
    name = posterior.device.name
    if name != request.model:
        what = f"a density of {name} for --model {request.model}"
        raise UsageError(what, where=request.amortised, fix=f"say --model {name}")
    draws = request.draws or DRAWS
    if draws < _FEWEST:
        raise UsageError(f"--draws {draws}", where="--amortised", allowed=f"{_FEWEST} or more")
    posterior.check(uncalibrated=request.uncalibrated)
    out = prepare_output(request.out, force=request.force, folder=True, marker=ABOUT)
    aligned, refused = {}, {}
    for label, file in devices.items():
        try:
            aligned[label] = posterior.protocol.align(measurement_from(file, request))
        except MemjaxError as error:
            refused[label] = str(error)
            say("warning", f"{label}: {error}")
    if not aligned:
        raise FitError(f"none of {len(devices)} files is of the protocol", where=request.amortised)
    result = posterior.posterior(
        list(aligned.values()),
        draws=draws,
        seed=request.seed,
        labels=list(aligned),
        uncalibrated=request.uncalibrated,
        warn=False,
    )
    _write(posterior, result, request, devices, refused, out)
    return 0


def _write(
    posterior: "AmortisedPosterior",
    result: "DevicePosteriors",
    request: Request,
    devices: Mapping[str, str],
    refused: Mapping[str, str],
    out: Path,
) -> None:
    """Write table, draws and what they are of, and say it."""
    import numpy as np

    from ..fit_json import digest
    from .store import CONTENT

    outside = {n: why for n, why in zip(result.labels, result.outside, strict=True) if why}
    files = {n: str(file_of(f)) for n, f in devices.items()}
    content = {
        "schema_version": 1,
        "density": {
            "folder": str(request.amortised),
            "sha256": digest(Path(request.amortised) / CONTENT),
        },
        "model": request.model,
        "calibrated": posterior.calibration.passed,
        "units": result.units,
        "draws": next(iter(result.draws.values())).shape[1],
        "seed": request.seed,
        "data": [{"device": n, "file": f, "sha256": digest(Path(f))} for n, f in files.items()],
        "outside": outside,
        "refused": dict(refused),
    }
    with writing_folder(out) as place:
        result.to_pandas().to_csv(place / TABLE, index=False)
        # The writer adds the ending itself where the name has none.
        with writing(place / NUMBERS) as part, part.open("wb") as file:
            correlation = {"correlation": result.correlation()}
            np.savez_compressed(file, **result.draws, **correlation)  # pyright: ignore[reportArgumentType]
        write_json(place / ABOUT, content)
    for label, why in outside.items():
        say("warning", f"{label}: {why}")
    for label, note in zip(result.labels, result.notes, strict=True):
        if note:
            say("note", f"{label}: {note}")
    known = len(result.labels) - len(outside)
    if not known:
        what = f"none of {len(devices)} devices is like those that were simulated"
        raise FitError(what, where=str(out), fix="train with wider bounds, or fix other values")
    print(f"{out}: posteriors of {known} of {len(devices)} devices in {out / TABLE}")

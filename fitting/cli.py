"""The commands ``memjax fit`` and ``memjax report``."""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from memjax.cli.command import Command, UsageError, count, number, say
from memjax.cli.options import (
    EXAMPLE,
    add_bench_options,
    add_read_options,
    add_write_options,
    bench_from,
    file_of,
    measurement_from,
)
from memjax.errors import DataError
from memjax.files import prepare_output, writing_folder

from .batch.fit import CHUNK
from .circuits import options as circuit_options
from .kinds import READING, refuse_unused
from .pulses import options as pulse_options
from .sweeps.problem import MODEL_SIGMA, SMALL, VOLTAGE_SIGMA

_MARKER = "fit.json"


def _assignment(text: str) -> tuple[str, float]:
    """``NAME=VALUE`` as a pair."""
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; allowed: NAME=VALUE with a number in SI"
        ) from None


def _configure_fit(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax fit``."""
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        metavar="FILE",
        help="measured files of one device, or example:NAME; with --batch of many devices, a file each: files, "
        "folders, patterns",
    )
    add("--model", required=True, help="device or circuit, see 'memjax models'")
    add("--preset", metavar="P", help="values of what is not fitted, see 'memjax models MODEL'")
    add(
        "--free",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="parameters to fit (default: what the data show)",
    )
    add(
        "--fix",
        nargs="+",
        action="extend",
        type=_assignment,
        default=[],
        metavar="NAME=VALUE",
        help="values to keep [SI]",
    )
    add(
        "--stochastic",
        action="store_true",
        help="calibrate ion noise and spread from cycle to cycle by simulation",
    )
    add(
        "--draws",
        type=count(8),
        metavar="N",
        help="simulated cycles, curves or trains of each parameter set, for --stochastic and --spikes (default 128; of "
        "trains 96, and at least thrice the measured ones): fewer are faster and leave more scatter",
    )
    add(
        "--uncertainty",
        choices=("laplace", "profile", "nuts"),
        default="laplace",
        help="intervals to first order (default), by profile likelihood, or from draws of the posterior",
    )
    _configure_data(parser)
    _configure_batch(parser)
    add(
        "--model-sigma",
        type=number("decades"),
        metavar="DECADES",
        help="error granted to the model's current beside the scatter of the data: where the model describes the "
        f"data to their noise, that noise (default {MODEL_SIGMA} for the search, of the voltage where a current was "
        f"driven {VOLTAGE_SIGMA}; then estimated, and {SMALL:g} of it for chi squared)",
    )
    add(
        "--seed",
        type=count(0),
        default=0,
        metavar="K",
        help="seed of starts and resampling (default 0)",
    )
    add("--out", required=True, metavar="DIR", help="folder to make")
    pulse_options.configure(parser)
    circuit_options.configure(parser)
    add_bench_options(parser)
    add_read_options(parser)
    add_write_options(parser)


def _configure_data(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax fit`` that say what counts of sweeps."""
    add = parser.add_argument
    add(
        "--hold-threshold",
        type=number("A"),
        metavar="A",
        help="current below which a device is off again (default 1e-11, or as the data say)",
    )
    add(
        "--points",
        type=count(0),
        metavar="N",
        help="points of a sweep at the most, averages of neighbours; 0 takes all (default: 500 of sweeps of more than "
        "2,000)",
    )


def _configure_batch(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax fit --batch``."""
    add = parser.add_argument
    add(
        "--batch",
        action="store_true",
        help="each file is a device of its own: a table with a row per device; a run that was interrupted goes on "
        "with the same command",
    )
    add(
        "--chunk",
        type=count(1),
        default=CHUNK,
        metavar="N",
        help=f"devices of a batch that advance together, all that an interrupt loses (default {CHUNK})",
    )
    add(
        "--wafer-map",
        metavar="CSV",
        help="places of the devices of a batch, columns name, x, y (default: row and column in the names)",
    )


def _start(options: argparse.Namespace) -> Any:
    """The device or circuit to start from."""
    import memjax as mj

    start = mj.model(options.model)
    if options.preset is None:
        return start
    model, values, _ = mj.presets.load(options.preset)
    if model != options.model:
        raise DataError(
            f"preset {options.preset!r} is of model {model!r}",
            where="--preset",
            allowed=options.model,
        )
    return mj.params.replace(start, values, where=options.preset)


def _truth(name: str) -> dict | None:
    """True parameters of a bundled example."""
    if not name.startswith(EXAMPLE):
        return None
    path = file_of(name).with_suffix(".truth.json")
    return json.loads(path.read_text(encoding="utf-8"))["parameters"] if path.exists() else None


class _Progress:
    """Progress on standard error: a bar where it is a terminal, else a line per stage with its share and the time.

    Parameters
    ----------
    stages : sequence of str
        Stages to come, where that is known; some may be left out.
    checked : bool
        Whether what the user gave has been checked before the first stage. Else a stage's line waits for the next one,
        or the end: wrong input is answered by one line alone.
    notes : sequence of str
        What is to be known of the data, said when the first stage begins.
    """

    def __init__(
        self, stages: Sequence[str] = (), *, checked: bool = True, notes: Sequence[str] = ()
    ) -> None:
        from tqdm import tqdm

        self.checked, self.waiting, self.notes = checked, "", list(notes)
        self.stages, self.begin, self.stage = list(stages), time.monotonic(), ""
        self.piped = not sys.stderr.isatty()
        self.bar = tqdm(
            total=0, unit="it", disable=self.piped, leave=False, bar_format="{desc} {elapsed}"
        )

    def __call__(self, stage: str, progress: Any) -> None:
        """Show the stage, iterations and the best loss."""
        best = min(progress.cost, default=float("inf"))
        self.describe(stage, f"iteration {progress.iterations}, loss {best:.4g}")

    def describe(self, stage: str, text: str = "") -> None:
        """Show what is done, in words."""
        for note in self.notes:
            say("note", note)
        self.notes = []
        self.bar.set_description_str(f"{stage}: {text}" if text else stage)
        if self.piped and stage != self.stage:
            known = stage in self.stages
            share = f"stage {self.stages.index(stage) + 1} of {len(self.stages)}: " if known else ""
            now = f" ({text}, {time.monotonic() - self.begin:.0f} s)" if self.stage else ""
            if self.waiting:
                say("progress", self.waiting)
            self.waiting = f"{share}{stage}{now}"
            if self.checked:
                say("progress", self.waiting)
                self.waiting = ""
        self.stage = stage

    def close(self) -> None:
        """Remove the bar."""
        self.bar.close()
        if self.waiting and sys.exc_info()[0] is None:
            say("progress", self.waiting)


def _hints(measurements: Sequence[Any]) -> list[str]:
    """What fits pulsed transients, where the files look like some: their curves are fitted point by point else."""
    from memjax.data import is_pulsed

    if not all(m.t is not None and m.driven == "voltage" and is_pulsed(m.v) for m in measurements):
        return []
    text = "the voltage jumps between levels: where these are delays and relaxations under pulses, say --delays"
    return [text]


def _noise(device: Any, options: argparse.Namespace) -> tuple[str, ...]:
    """Strengths of noise that are calibrated: those named by --free, else the model's own that are not fixed."""
    from memjax.fields import parameter_specs
    from memjax.simulate import is_noisy

    from .sweeps.randomness import noise_of

    if not options.stochastic:
        return ()
    specs = parameter_specs(device)
    random = any(s.noise for s in specs.values()) or is_noisy(device)
    if not random or not getattr(device, "volatile", False):
        raise DataError(
            f"{options.model} has no noise, or keeps its state from cycle to cycle",
            where="--stochastic",
            allowed="volatile models with noise or jumps, see 'memjax models NAME'",
            fix="leave it out",
        )
    named = tuple(n for n in options.free or () if n in specs and specs[n].noise)
    return named or tuple(n for n in noise_of(device) if n not in dict(options.fix))


def _one(names: Sequence[str], folder: Path, options: argparse.Namespace, device: Any) -> bool:
    """Fit the files of one device into a folder; whether the search was interrupted."""
    from .inference.refine import refined
    from .sweeps.fit import fit
    from .sweeps.randomness import calibrate
    from .sweeps.thinning import thinned

    bench, env, point_time = bench_from(options)
    measurements = [
        thinned(measurement_from(n, options), options.points, point_time=point_time) for n in names
    ]
    notes = dict.fromkeys(w for m in measurements for w in m.warnings)
    if point_time is not None and all(m.t is not None for m in measurements):
        notes["--point-time means nothing here: the files have a time of their own"] = None
    noise = _noise(device, options)
    stages = ["search", "refine", "weigh"] + ["randomness", "replicates"] * bool(noise)
    bar = _Progress(stages, notes=[*notes, *_hints(measurements)])
    try:
        result = fit(
            measurements,
            device,
            bench=bench,
            env=env,
            point_time=point_time,
            free=[n for n in options.free or () if n not in noise] or None,
            fix=dict(options.fix),
            model_sigma=options.model_sigma,
            thresholds=(options.on_threshold, options.hold_threshold),
            points=0,  # as many as are left
            seed=options.seed,
            tick=bar,
        )
        result = replace(result, model=options.model)
        if options.stochastic and not result.interrupted:
            result = calibrate(result, noise=noise, draws=options.draws, tick=bar)
            for warning in result.stochastic.warnings if result.stochastic else ():
                say("warning", warning)
        if not result.interrupted and options.uncertainty != "laplace":
            _save(result, names, folder)  # what is not lost where the refinement is stopped
            result = refined(result, options.uncertainty, seed=result.seed, say=say)
    finally:
        bar.close()
    if result.verdict.word == "poor":
        say("warning", f"the model does not describe the data: {result.verdict.reason}")
    if result.search.failed:
        say(
            "warning",
            f"{result.search.failed} of {result.search.evaluations} trial solves failed and were left out",
        )
    _save(result, names, folder)
    print(f"{folder}: {result.verdict}, loss {result.loss:.4g}, report in {folder / 'report.html'}")
    if result.undetermined:
        say("note", "not determined by the data: " + ", ".join(result.undetermined))
    if result.out_of_reach:
        say("note", "beyond the voltages of the data: " + ", ".join(result.out_of_reach))
    if result.at_bound:
        say("warning", "at a bound: " + ", ".join(result.at_bound))
    return result.interrupted


def _save(result: Any, names: Sequence[str], folder: Path) -> None:
    """Write the folder, in the place of what stood there."""
    from .sweeps.content import write

    with writing_folder(folder) as place:
        write(
            result,
            place,
            files=[file_of(n) for n in names],
            truth=_truth(names[0]) if len(names) == 1 else None,
            command="memjax " + shlex.join(sys.argv[1:]),
        )


def _run_others(options: argparse.Namespace) -> int:
    """Run ``memjax fit`` on files that are no sweeps."""
    from memjax import params
    from memjax.cli.cache import prepare_jax

    prepare_jax()
    bar = _Progress(checked=False)
    try:
        start = params.replace(_start(options), dict(options.fix))
        if circuit_options.takes(options):
            return circuit_options.run(options, start, bar.describe)
        return pulse_options.run(options, start, bar)
    finally:
        bar.close()


_SWEEPS = (
    "stochastic", "draws", "on_threshold", "hold_threshold", "points", "model_sigma", "point_time", "compliance",
    "series_resistance", "parallel_resistance", "parallel_capacitance", "reversed", *READING,
)  # fmt: skip
"""Options that mean something to a fit of sweeps."""


_BATCH = ("batch", "chunk", "wafer_map")
"""Beside them, to those of many devices."""


def _given(options: argparse.Namespace) -> list[str]:
    """Names of options whose values are not the defaults."""
    parser = argparse.ArgumentParser()
    _configure_fit(parser)
    plain = vars(parser.parse_args(["FILE", "--model", "M", "--out", "DIR"]))
    return [n for n, x in plain.items() if getattr(options, n) != x]


def _run_fit(options: argparse.Namespace) -> int:
    """Run ``memjax fit``."""
    from memjax.cli.cache import prepare_jax

    from .batch.run import expanded, run_batch

    options.given = _given(options)
    if options.batch:
        options.files = expanded(options.files)
    if options.draws is not None and not (options.stochastic or options.spikes is not None):
        raise UsageError(
            "nothing is simulated repeatedly",
            where="--draws",
            fix="add --stochastic, or leave it out",
        )
    if circuit_options.takes(options) or pulse_options.takes(options):
        return _run_others(options)
    refuse_unused(options, (*_SWEEPS, *_BATCH * options.batch), what="sweeps")
    prepare_jax()
    if options.batch:
        for name, given in (
            ("stochastic", options.stochastic),
            ("uncertainty", options.uncertainty != "laplace"),
        ):
            if given:
                raise UsageError(
                    f"--{name} with --batch", where="a fit of sweeps", allowed="one of the two",
                    fix="fit the device alone",
                )  # fmt: skip
        return run_batch(options, _start(options))
    out = prepare_output(options.out, force=options.force, folder=True, marker=_MARKER)
    if _one(options.files, out, options, _start(options)):
        raise KeyboardInterrupt(f"the best result so far is in {out}")
    return 0


def _thresholds(options: argparse.Namespace, known: Any) -> Any:
    """Thresholds of the options, in the place of those known."""
    given = {"on": options.on_threshold, "hold": options.hold_threshold}
    given = {k: x for k, x in given.items() if x is not None}
    return replace(known, **given, why="given") if given else known


def _configure_report(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax report``."""
    add = parser.add_argument
    add("folder", metavar="DIR", help="folder that 'memjax fit' made")
    for name, what in (("on", "above which the device is on"), ("hold", "below which it is off")):
        add(f"--{name}-threshold", type=number("A"), metavar="A", help=f"current {what}")
    parser.add_argument(
        "--force", action="store_true", help="no effect: a report is always made anew"
    )


def _run_report(options: argparse.Namespace) -> int:
    """Run ``memjax report``: pictures and page are made beside and moved in place one by one."""
    import shutil
    import tempfile

    from memjax.observables import Thresholds

    from .fit_json import load
    from .report import build
    from .sweeps.report import CYCLES, thresholds_of
    from .time_pictures import CURVES

    folder = Path(options.folder)
    content = load(folder)
    given = options.on_threshold is not None or options.hold_threshold is not None
    if given and content.get("kind", "sweeps") != "sweeps":
        raise UsageError("no fit of sweeps", where="--on-threshold", fix="leave it out")
    own = _thresholds(options, thresholds_of(content) or Thresholds()) if given else None
    with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as place:
        for name in ("fit.json", "measured.csv", "simulated.csv", CYCLES, CURVES):
            if name not in (CYCLES, CURVES) or (folder / name).exists():
                shutil.copy(folder / name, place)
        for name in build(Path(place), **({} if own is None else {"thresholds": own})):
            os.replace(Path(place) / name, folder / name)
    print(folder / "report.html")
    return 0


fit_command = Command(
    name="fit",
    help="calibrate a device or circuit to measured files",
    configure=_configure_fit,
    run=_run_fit,
)
report_command = Command(
    name="report",
    help="rebuild the report of a fit",
    configure=_configure_report,
    run=_run_report,
)

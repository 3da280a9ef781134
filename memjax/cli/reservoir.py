"""``memjax reservoir``: a task of machine learning by reservoirs of a volatile device, out of its fit."""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io.request import bench_names
from .command import Command, UsageError, count, number, plain_float, print_json, say, table
from .options import add_bench_options, add_json_option, add_write_options, pictures_wanted
from .setup import Setup, setup_device

if TYPE_CHECKING:
    from ..learning import Design, Images, ImageStudy, ReservoirStudy, Series

REPORT = "reservoir.json"
"""What makes a folder one of this command's."""

SERIES = ("henon", "mackey-glass", "narma10", "waveforms")
IMAGES = ("digits", "mnist", "japanese-vowels")
READINGS = ("current", "conductance", "log-current")

_SETTINGS = (
    "hold", "rest", "offset", "offset_width", "gain", "gain_width", "falling", "negative", "mask", "limit",
)  # fmt: skip
"""Options that are numbers of a design, by its names."""


def _configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("task", metavar="TASK", choices=(*SERIES, *IMAGES), help=", ".join((*SERIES, *IMAGES)))
    group = parser.add_argument_group("device (exactly one)").add_mutually_exclusive_group(
        required=True
    )
    group.add_argument("--fit", metavar="D", help="a fit, with its bench, read noise and spreads")
    group.add_argument(
        "--population",
        metavar="D",
        help="devices that differ: the folder of a batch of fits, or a population.json",
    )
    group.add_argument(
        "--preset", metavar="P", help="a published set, without read noise and spreads"
    )
    group.add_argument(
        "--params", metavar="FILE", help="TOML or JSON, name = value in SI; with --model"
    )
    add("--model", metavar="M", help="device model of --params")
    add("--out", required=True, metavar="DIR", help="folder to write")
    add(
        "--devices",
        type=count(1),
        metavar="N",
        help="devices in parallel (100; 2 a group of pixels)",
    )
    add("--nodes", type=count(1), metavar="N", help="values of a mask (4; pixels of a group)")
    add(
        "--steps", type=count(100), metavar="N", help="steps of a series (3000), 60 %% for training"
    )
    add("--seeds", type=count(1), default=20, metavar="N", help="runs with noise of their own (20)")
    add("--seed", type=count(0), default=0, metavar="K", help="seed of all draws (0)")
    add(
        "--tune",
        type=count(0),
        metavar="N",
        help="designs that are tried (60; 0 where one is given)",
    )
    add("--design", metavar=REPORT, help="take the design of an earlier run")
    _add_design(parser)
    noise = parser.add_argument_group("noise")
    add = noise.add_argument
    add("--read-relative", type=number("", zero=True), metavar="R", help="of a reading (the fit's)")
    add("--read-floor", type=number("A", zero=True), metavar="A", help="of a reading (the fit's)")
    for name, text in (("--spread", "device to device"), ("--cycle-spread", "cycle to cycle")):
        help_text = f"standard deviation of a parameter's logarithm from {text}; may be repeated"
        add(name, type=_sigma, action="append", default=None, metavar="NAME=SIGMA", help=help_text)
    add("--session", type=count(1), metavar="N", help="steps of a cycle (100)")
    add("--no-pictures", action="store_true", help="write no pictures")
    add_bench_options(parser)
    add_write_options(parser)
    add_json_option(parser)
    # What `setup_device` looks at and this command does not offer.
    parser.set_defaults(read_noise=None)


def _add_design(parser: argparse.ArgumentParser) -> None:
    """Add the numbers of a design; what is given is not tuned."""
    group = parser.add_argument_group("design (what is given is not tuned)")
    add, volt = group.add_argument, number("V", zero=True)
    add("--hold", type=number("s"), metavar="S", help="how long each value of a mask is held [s]")
    add("--rest", type=number("", zero=True), metavar="X", help="pause after it, times hold")
    add("--offset", type=volt, metavar="V", help="least voltage at input 0")
    add("--offset-width", type=volt, metavar="V", help="range of it over the devices")
    add("--gain", type=volt, metavar="V", help="least change of the voltage from input 0 to 1")
    add("--gain-width", type=volt, metavar="V", help="range of it over the devices")
    add("--falling", type=_share, metavar="X", help="share of devices whose voltage falls instead")
    add("--negative", type=_share, metavar="X", help="share of devices at negative voltage")
    add("--mask", type=_share, metavar="X", help="least value of the masks, 0 to 1")
    add("--limit", type=number(""), metavar="X", help="current limit, times the current at rest")
    add("--voltage", type=number("V"), default=0.5, metavar="V", help="largest voltage (0.5)")
    add("--reading", default=READINGS[-1], choices=READINGS, help="what is read (log-current)")
    add(
        "--read-voltage",
        type=plain_float,
        metavar="V",
        help="read by a pulse of it, not at the level itself",
    )


def _share(text: str) -> float:
    """A number from 0 to 1."""
    value = number("", zero=True)(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: 0 to 1")
    return value


def _sigma(text: str) -> tuple[str, float]:
    """``NAME=SIGMA``."""
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: NAME=SIGMA, as mu=0.05")
    return name.strip(), number("", zero=True)(value)


def _setup(options: argparse.Namespace) -> Setup:
    """The device on its bench, its model out of the fit or preset where none is named."""
    from .. import presets
    from ..core import params
    from ..device import AbstractDevice
    from ..io.fit import load_fit
    from ..population import Population

    if options.model is None:
        if options.params is not None:
            raise UsageError("no model", where="--params", fix="add --model M")
        if options.population is not None:
            options.model = getattr(Population.load(options.population).base, "name", None)
        elif options.fit is not None:
            options.model = load_fit(options.fit).model
        else:
            options.model = presets.load(options.preset)[0]
    setup = setup_device(options)
    if setup.population is not None:
        if options.spread:
            raise UsageError(
                "the population says how devices differ", where="--spread", fix="leave it out"
            )
        if options.cycle_spread is not None:
            setup.population = setup.population.scale_spread(cycles=0.0)
        # Without its spread every device is the median one.
        setup.device = params.replace(setup.population.base, setup.population.median())
    if not isinstance(setup.device, AbstractDevice) or not setup.device.volatile:
        raise UsageError(
            f"{options.model} does not forget",
            where="memjax reservoir",
            allowed="a volatile device",
        )
    for name, value in (("relative", options.read_relative), ("floor", options.read_floor)):
        if value is not None:
            setattr(setup, name, value)
    if options.cycle_spread is not None:
        setup.spread = dict(options.cycle_spread)
    params.known(setup.device, [*setup.spread, *dict(options.spread or [])], where="--spread")
    return setup


def _start(options: argparse.Namespace, setup: Setup) -> "tuple[Design, tuple[str, ...]]":
    """The design that is known so far, and what of it is to be tuned."""
    from dataclasses import replace

    from ..learning import Design
    from ..runtime.documents import load_json

    values = {n: getattr(options, n) for n in _SETTINGS if getattr(options, n) is not None}
    free = tuple(n for n in _SETTINGS if n not in values)
    if options.design is not None:
        path = Path(options.design)
        path = path / REPORT if path.is_dir() else path
        try:
            content = load_json(
                path, UsageError, what="no design can be read", allowed=f"a {REPORT}"
            )
            design = Design(**content["design"])
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"no design can be read: {error}", where=str(path), allowed=f"a {REPORT}"
            ) from None
        return replace(design, **values), free if options.tune else ()
    hold = (setup.point_time or 1e-2) / 3
    start = dict(
        hold=hold, rest=0.3, offset=0.1 * options.voltage, offset_width=0.1 * options.voltage,
        gain=0.6 * options.voltage, gain_width=0.5 * options.voltage, mask=0.7, limit=3.0,
        voltage=options.voltage,
    )  # fmt: skip
    return Design(**start | values), free


def _tune(options, setup: Setup, task: Any, sizes: dict, settings: dict, spread: dict) -> "Design":
    """The design: as it is given, or sought with the noise on."""
    from ..learning import image_score, search_design, series_score

    start, free = _start(options, setup)
    device: Any = setup.device
    trials = options.tune if options.tune is not None else (0 if options.design else 60)
    if not free or not trials:
        return start
    make = image_score if options.task in IMAGES else series_score
    common = dict(seed=options.seed + 1, spread=spread)
    score = make(device, task, **sizes, **common, **settings)
    show = sys.stderr.isatty()

    def progress(k: int, error: float) -> None:
        if show:
            print(f"\rmemjax: tuning {k} of {trials}, error {error:.4g} ", end="", file=sys.stderr)

    design = search_design(
        score, start, trials=trials, free=free, time=setup.point_time or 3 * start.hold,
        seed=options.seed + 1, progress=progress,
    )  # fmt: skip
    if show:
        print(file=sys.stderr)
    return design


def _task(options: argparse.Namespace) -> "Series | Images":
    """The task."""
    from .. import learning

    if options.task in IMAGES:
        if options.steps is not None:
            raise UsageError("images have no steps", where="--steps", fix="leave it out")
        return getattr(learning, options.task.replace("-", "_"))()
    steps = 3000 if options.steps is None else options.steps
    return getattr(learning, options.task.replace("-", "_"))(steps)


def _pictures(study: "ReservoirStudy | ImageStudy", folder: Path) -> list[str]:
    """Draw the study into a folder; the names of the files."""
    from matplotlib.figure import Figure

    from ..learning import ReservoirStudy
    from ..plot import image_confusion, memory, noise_price, prediction, style

    with style():
        if isinstance(study, ReservoirStudy):
            figures = {
                "prediction.png": Figure(figsize=(9, 3.6)),
                "memory.png": Figure(figsize=(6, 3.6)),
            }
            prediction(study, ax=figures["prediction.png"].add_subplot())
            memory(study, ax=figures["memory.png"].add_subplot())
            figures["noise.png"] = noise_price(study)
        else:
            figures = {"confusion.png": Figure(figsize=(5.4, 5.4))}
            image_confusion(study, ax=figures["confusion.png"].add_subplot())
        for name, figure in figures.items():
            figure.savefig(folder / name, format="png")
    return list(figures)


_ROWS = {
    "without_memory": "no memory", "readout_alone": "read-out alone", "without_noise": "no noise",
}  # fmt: skip


def _print(report: dict) -> None:
    """The scores for people."""
    name = "accuracy" if "accuracy" in report else "nrmse"
    scores = {"reservoir": report[name]} | {
        text: report[f"{name}_{key}"] for key, text in _ROWS.items() if f"{name}_{key}" in report
    }
    for key, value in report.get("nrmse_by_source", {}).items():
        scores |= {"no noise" if key == "none" else f"only {key}": value} if key != "all" else {}
    rows = []
    for text, value in scores.items():
        both = value if isinstance(value, dict) else {"mean": value, "sd": None}
        rows.append([text, _number(both["mean"]), _number(both["sd"])])
    print(table(rows, head=[report["task"], name, "SD"]))
    if "memory_capacity" in report:
        print(f"memory capacity {report['memory_capacity']['sum']:.3g}")
    print(f"{report['seeds']} seeds, {report['wall_s']:.3g} s")
    print(f"written: {report['out']} ({', '.join(report['files'])})")


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.4f}"


def _say_assumptions(setup: Setup, settings: dict) -> None:
    """Print the assumptions of a score that no file states."""
    if not (setup.relative or setup.floor):
        say(
            "warning",
            "no read noise: readings are exact; --read-relative and --read-floor state it",
        )
    else:
        say(
            "note", "each reading has the read noise that was measured per point, whatever its time"
        )
    population = setup.population
    cycles = () if population is None or population.cycle_root is None else population.names
    if setup.spread or cycles:
        names = ", ".join(dict.fromkeys([*setup.spread, *cycles]))
        say(
            "note",
            f"{names}: drawn anew in each cycle; {settings['session'] or 1} steps or an image are one",
        )


def _run(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from .. import __version__
    from ..learning import study, study_images
    from ..runtime.files import prepare_output, write_json, writing_folder
    from ..runtime.jax_setup import prepare_jax
    from .command import jsonable

    began = time.perf_counter()
    out = prepare_output(options.out, force=options.force, folder=True, marker=REPORT)
    draws = pictures_wanted(options)
    prepare_jax()
    setup, images = _setup(options), options.task in IMAGES
    if images and options.session is not None:
        raise UsageError("an image is a cycle", where="--session", fix="leave it out")
    task, spread = _task(options), dict(options.spread or [])
    sizes = {"devices": options.devices or (2 if images else 100), "nodes": options.nodes or 4}
    settings: dict[str, Any] = dict(
        bench=setup.bench, env=setup.env, relative=setup.relative, floor=setup.floor, reading=options.reading,
        read_voltage=options.read_voltage, cycle_spread=setup.spread, population=setup.population, steps=4,
        session=None if images else options.session or 100, warmup=0 if images else 10,
    )  # fmt: skip
    _say_assumptions(setup, settings)
    design = _tune(options, setup, task, sizes, settings, spread)
    device: Any = setup.device
    reservoir = design.reservoir(device, seed=options.seed, **sizes, **settings)
    judge: Any = study_images if images else study
    result = judge(reservoir, task, spread=spread, seeds=options.seeds, seed=options.seed)
    provenance = setup.notes | bench_names(setup.bench) | {"memjax": __version__}
    provenance["temperature_K"] = str(setup.env.temperature)
    with writing_folder(out) as folder:
        files = _pictures(result, folder) if draws else []
        report = {"schema_version": 1, "out": str(out), "files": [REPORT, *files]}
        report |= {"seeds": options.seeds, "seed": options.seed, "design": asdict(design)}
        report |= {"wall_s": time.perf_counter() - began, "provenance": provenance}
        report = jsonable(report | result.to_json())
        write_json(folder / REPORT, report)
    print_json(report) if options.json else _print(report)
    return 0


COMMAND = Command(
    name="reservoir",
    help="judge a reservoir of a volatile device on a task, out of its fit",
    configure=_configure,
    run=_run,
)
"""The command."""

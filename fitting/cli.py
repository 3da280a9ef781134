"""The commands ``memjax fit`` and ``memjax report``."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import memjax as mj
from memjax.cli.cache import prepare_jax
from memjax.cli.command import Command, UsageError, count, number
from memjax.cli.options import (
    add_bench_options,
    add_read_options,
    add_write_options,
    files_of,
)
from memjax.errors import DataError
from memjax.observables import Thresholds

from .batch import options as batch_options
from .batch.run import expanded
from .choice import options as choice_options, report as choice_report
from .fit_json import load
from .kinds import asked_for, kinds
from .report import build
from .sweeps.report import thresholds_of


def _assignment(text: str) -> tuple[str, float]:
    """``NAME=VALUE`` as a pair."""
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}; allowed: NAME=VALUE with a number in SI"
        ) from None


def _range(text: str) -> tuple[str, tuple[float, float]]:
    """``NAME=LOW,HIGH`` as a name and a pair."""
    name, _, values = text.partition("=")
    try:
        low, high = map(float, values.split(","))
    except ValueError:
        what = f"{text!r}; allowed: NAME=LOW,HIGH with two numbers in SI"
        raise argparse.ArgumentTypeError(what) from None
    return name.strip(), (low, high)


def _configure_parameters(add: Callable[..., Any]) -> None:
    """Options of ``memjax fit`` that say which parameters are fitted, and where."""
    many: dict[str, Any] = {"nargs": "+", "action": "extend"}
    values = many | {"default": [], "metavar": "NAME=VALUE", "type": _assignment}
    add("--free", **many, metavar="NAME", help="parameters to fit (default: what the data show)")
    add("--fix", **values, help="values to keep [SI]")
    ranges = {"metavar": "NAME=LOW,HIGH", "type": _range}
    text = "between which free parameters are sought [SI] (default: the model's, see 'memjax models MODEL')"
    add("--bounds", **values | ranges, help=text)
    text = "where the search for free parameters and their prior begin [SI], in place of what the data show; further "
    add("--start", **values, help=text + "starts share the value or are scattered about it")


def _configure_fit(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax fit``; the parser itself reads options of single files later."""
    parser.set_defaults(parser=parser, half=False)
    add = parser.add_argument
    add(
        "files",
        nargs="+",
        default=[],
        metavar="FILE",
        help="measured files of one device, or example:NAME; with --batch of many devices, a file each: files, "
        "folders, patterns",
    )
    add(
        "--model",
        required=True,
        help="device or circuit, see 'memjax models'; A,B,... are compared on the same files",
    )
    add("--preset", metavar="P", help="values of what is not fitted, see 'memjax models MODEL'")
    _configure_parameters(add)
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
    add(
        "--seed",
        type=count(0),
        default=0,
        metavar="K",
        help="seed of starts and resampling (default 0)",
    )
    add("--out", required=True, metavar="DIR", help="folder to make")
    _configure_shared(parser)
    for kind in kinds().values():
        if kind.configure is not None:
            kind.configure(parser)
    batch_options.configure(parser)
    add_bench_options(parser)
    add_read_options(parser)
    add_write_options(parser)


def _configure_shared(parser: argparse.ArgumentParser) -> None:
    """Options of ``memjax fit`` that more than one kind of data knows."""
    add = parser.add_argument_group("files of several kinds").add_argument
    add("--device", metavar="LABEL", help="device, or run, of a file that holds several")
    add("--read-voltage", type=float, metavar="V", help="at which conductances are read [V]")
    add(
        "--on-threshold",
        type=number("A"),
        metavar="A",
        help="current above which a device is on, for --delays (default 1e-6); for sweeps (default 1e-8, or as the "
        "data say)",
    )


def _start(options: argparse.Namespace) -> Any:
    """The device or circuit to start from, with the bounds of the search."""
    start = mj.model(options.model)
    if options.preset is not None:
        model, values, _ = mj.presets.load(options.preset)
        if model != options.model:
            raise DataError(
                f"preset {options.preset!r} is of model {model!r}",
                where="--preset",
                allowed=options.model,
            )
        start = mj.params.replace(start, values, where=options.preset)
    start = mj.params.replace(start, dict(options.start), where="--start")
    return mj.params.bounded(start, dict(options.bounds), where="--bounds")


def _given(options: argparse.Namespace) -> list[str]:
    """Names of options whose values are not the defaults."""
    plain = vars(options.parser.parse_args(["FILE", "--model", "M", "--out", "DIR"]))
    return [n for n, x in plain.items() if getattr(options, n) != x]


def _run_fit(options: argparse.Namespace) -> int:
    """Run ``memjax fit``."""
    options.given = _given(options)
    every = expanded if options.batch else files_of
    options.files = every(options.files)
    kind = asked_for(options)
    prepare_jax()
    if "," in options.model:
        return choice_options.run(options, kind)
    run = batch_options.run if options.batch and not kind.batched else kind.run
    return run(options, _start(options))


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
    folder = Path(options.folder)
    several = (folder / choice_report.COMPARISON).exists()
    content = {"kind": ""} if several else load(folder)
    given = options.on_threshold is not None or options.hold_threshold is not None
    if given and content.get("kind", "sweeps") != "sweeps":
        raise UsageError("no fit of sweeps", where="--on-threshold", fix="leave it out")
    own = _thresholds(options, thresholds_of(content) or Thresholds()) if given else None
    with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as place:
        drawn = shutil.ignore_patterns(".report-*", "*.png", "*.html")
        shutil.copytree(folder, place, dirs_exist_ok=True, ignore=drawn)
        made = choice_report.build if several else build
        for name in made(Path(place), **({} if own is None else {"thresholds": own})):
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

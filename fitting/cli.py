"""The commands ``memjax fit`` and ``memjax report``."""

import argparse
import os
import shutil
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memjax.cli.cache import prepare_jax
from memjax.cli.command import Command, count, number, plain_float, require_packages
from memjax.cli.model_table import require_models
from memjax.cli.options import (
    add_bench_options,
    add_interleave_option,
    add_read_options,
    add_write_options,
)
from memjax.errors import UsageError
from memjax.io.request import files_of
from memjax.runtime.console import say
from memjax.runtime.memory import check_size

from .amortised import options as amortised_options
from .automatic import options as automatic_options
from .batch import options as batch_options
from .command import run
from .deadline import deadline
from .kinds import flag, kind_for, kinds, refuse_unused
from .reached import Reached

_DRAW = 1000
"""Bytes of a draw at least: its curve, its noise and its features."""

_OPEN = "show report.html in the browser afterwards"
"""Help of ``--open``."""


def _numbers(form: str, count: int) -> Callable[[str], tuple[str, Any]]:
    """Type of ``NAME=`` and so many numbers: the name and the number, or a tuple of several."""

    def convert(text: str) -> tuple[str, Any]:
        name, _, values = text.partition("=")
        try:
            numbers = tuple(map(plain_float, values.split(",")))
            if len(numbers) != count:
                raise ValueError
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}; allowed: {form} in SI") from None
        return name.strip(), numbers if count > 1 else numbers[0]

    return convert


def _configure_parameters(add: Callable[..., Any]) -> None:
    """Options of ``memjax fit`` that say which parameters are fitted, and where."""
    many: dict[str, Any] = {"nargs": "+", "action": "extend"}
    number = _numbers("NAME=VALUE with a number", 1)
    values = many | {"default": [], "metavar": "NAME=VALUE", "type": number}
    add("--free", **many, metavar="NAME", help="parameters to fit (default: what the data show)")
    add("--fix", **values, help="values to keep [SI]")
    pair = _numbers("NAME=LOW,HIGH with two numbers", 2)
    ranges = {"metavar": "NAME=LOW,HIGH", "type": pair}
    text = "between which free parameters are sought [SI] (default: the model's, see 'memjax models MODEL')"
    add("--bounds", **values | ranges, help=text)
    text = "where the search for free parameters and their prior begin [SI], in place of what the data show; further "
    add("--start", **values, help=text + "starts share the value or are scattered about it")


def _configure_fit(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax fit``; the parser itself reads options of single files later."""
    parser.set_defaults(parser=parser, half=False, drawn=True)
    add = parser.add_argument
    add(
        "files",
        nargs="*",
        metavar="FILE",
        help="measured files of one device, or example:NAME; with --batch of many devices, a file each: files, "
        "folders, patterns",
    )
    add(
        "--model",
        required=True,
        help="device or circuit, see 'memjax models'; A,B,... are compared on the same files; auto: the devices "
        "that can describe the sweeps, see 'memjax read'",
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
    add("--open", action="store_true", help=_OPEN)
    _configure_shared(parser)
    for kind in kinds().values():
        if kind.configure is not None:
            kind.configure(parser)
    batch_options.configure(parser)
    amortised_options.configure(parser)
    add_bench_options(parser)
    add_read_options(parser)
    add_interleave_option(parser)
    add_write_options(parser)


def _configure_shared(parser: argparse.ArgumentParser) -> None:
    """Options of ``memjax fit`` that more than one kind of data knows."""
    add = parser.add_argument_group("files of several kinds").add_argument
    add("--device", metavar="LABEL", help="device, or run, of a file that holds several")
    add("--read-voltage", type=plain_float, metavar="V", help="at which conductances are read [V]")
    add(
        "--on-threshold",
        type=number("A"),
        metavar="A",
        help="current above which a device is on, for --delays (default 1e-6); for sweeps (default 1e-8, or as the "
        "data say)",
    )


def _explicit(options: argparse.Namespace) -> list[str]:
    """Names of options whose values are not the defaults."""
    plain = vars(options.parser.parse_args(["FILE", "--model", "M", "--out", "DIR"]))
    return [n for n, x in plain.items() if getattr(options, n) != x]


def _check_extras(where: str, uncertainty: str = "laplace") -> None:
    """Refuse what a package that is not installed would end, after minutes and with nothing written."""
    pictures = "the pictures of a report need the package"
    require_packages(["matplotlib"], what=pictures, where=where, extra="plot")
    for package in ("blackjax", "arviz") if uncertainty == "nuts" else ():
        what = "--uncertainty nuts needs the package"
        require_packages([package], what=what, where=where, extra="bayes")


def _check_draws(draws: int | None) -> None:
    """Refuse more draws than memory holds: each has a row of numbers for each point."""
    if draws is not None:
        check_size(draws, _DRAW, what="draws", where="--draws", error=UsageError)


def _run_fit(options: argparse.Namespace) -> int:
    """Run ``memjax fit``; an interrupt ends it within seconds, and leaves what it has reached."""
    options.reached = reached = Reached(options)
    with deadline(lambda: reached.save()):
        try:
            return _fit(options)
        except KeyboardInterrupt as stop:
            if str(stop):  # it is saved, and says where
                raise
            raise KeyboardInterrupt(reached.save()) from None


def _fit(options: argparse.Namespace) -> int:
    """Fit what options say by the kind of the data; the exit status."""
    if amortised_options.claims(options):
        from .batch.run import devices_of

        options.explicit = _explicit(options)
        _check_draws(options.draws)
        require_models([options.model])
        prepare_jax()
        return amortised_options.run(options, devices_of(options.files))
    _check_extras("memjax fit", options.uncertainty)
    if options.scheduler is not None:
        require_packages(
            ["distributed"],
            what="--scheduler needs the package",
            where="memjax fit",
            extra="cluster",
        )
    _check_draws(options.draws)
    options.explicit = _explicit(options)
    if options.batch:
        from .batch.run import expanded

        options.files = expanded(options.files)
    else:
        options.files = files_of(options.files)
    kind = kind_for(options)
    options.reached.kind = kind.label
    if automatic_options.claims(options):
        prepare_jax()
        return _open_report(options, automatic_options.run(kind, options))
    require_models([n for word in options.model.split(",") if (n := word.strip())])
    prepare_jax()
    if options.batch and not kind.batched:
        return _open_report(options, batch_options.run(kind, options))
    refuse_unused(options, kind)
    return _open_report(options, (kind.run or run)(kind, options))


def _open_report(options: argparse.Namespace, status: int) -> int:
    """Show the page where that is wanted and there is one; the exit status is passed on."""
    path = Path(options.out) / "report.html"
    if options.open and path.exists():
        show_page(path)
    elif options.open:
        say("note", f"--open: no report in {options.out}")
    return status


def show_page(path: Path) -> None:
    """Open a page in the user's browser; where there is none, a line on standard error says so."""
    address = path.resolve().as_uri()
    try:
        is_open = webbrowser.open(address)
    except (webbrowser.Error, OSError):
        is_open = False
    if not is_open:
        say("note", f"--open: no browser could be started; the page is {address}")


def _report_options() -> dict[str, dict[str, Any]]:
    """Options of ``memjax report`` by name: what reports of all kinds take."""
    return {n: about for kind in kinds().values() for n, about in kind.report_options.items()}


def _configure_report(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``memjax report``."""
    add = parser.add_argument
    add("folder", metavar="DIR", help="folder that 'memjax fit' made")
    for name, about in _report_options().items():
        add(flag(name), **about)
    add("--open", action="store_true", help=_OPEN)
    add("--force", action="store_true", help="no effect: a report is always made anew")


def _run_report(options: argparse.Namespace) -> int:
    """Run ``memjax report``: pictures and page are made beside and moved in place one by one."""
    _check_extras("memjax report")
    from .report import build, opened

    folder = Path(options.folder)
    kind, _ = opened(folder)
    values = {n: getattr(options, n) for n in _report_options()}
    values = {n: x for n, x in values.items() if x is not None}
    for name in values:
        if name not in kind.report_options:
            owners = ", ".join(k.label for k in kinds().values() if name in k.report_options)
            raise UsageError(f"no fit of {owners}", where=flag(name), fix="leave it out")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".report-") as place:
        drawn = shutil.ignore_patterns(".report-*", "*.png", "*.svg", "*.html")
        shutil.copytree(folder, place, dirs_exist_ok=True, ignore=drawn)
        for name in build(Path(place), **values):
            os.replace(Path(place) / name, folder / name)
    print(folder / "report.html")
    if options.open:
        show_page(folder / "report.html")
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

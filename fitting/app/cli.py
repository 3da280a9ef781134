"""The commands ``memjax fit`` and ``memjax report``."""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import webbrowser
from pathlib import Path

from memjax.cli.command import Command
from memjax.cli.model_table import require_models
from memjax.errors import UsageError
from memjax.runtime.console import say
from memjax.runtime.jax_setup import prepare_jax
from memjax.runtime.memory import check_size
from memjax.runtime.packages import require_packages

from ..amortised import options as amortised_options
from ..automatic import options as automatic_options
from ..batch import options as batch_options
from ..choice import options as choice_options
from ..command import run
from ..config import Option, Request
from ..deadline import deadline
from ..kinds import flag, kinds, of_data, refuse_unused
from ..progress import Session
from ..reached import Reached
from .config import argument_of, configure, request_of

_DRAW = 1000
"""Bytes of a draw at least: its curve, its noise and its features."""


def _check_pictures(where: str) -> None:
    """Refuse a report where the package that draws it is not installed: it would end after minutes, with nothing."""
    pictures = "the pictures of a report need the package"
    require_packages(["matplotlib"], what=pictures, where=where, extra="plot")


def _run_fit(options: argparse.Namespace) -> int:
    """Run ``memjax fit``; an interrupt ends it within seconds, and leaves what it has reached."""
    request = request_of(options, "memjax " + shlex.join(sys.argv[1:]))
    session = Session(reached=Reached(request))
    with deadline(lambda: session.reached.save()):
        try:
            status = _fit(request, session)
        except KeyboardInterrupt as stop:
            if str(stop):  # it is saved, and says where
                raise
            raise KeyboardInterrupt(session.reached.save()) from None
    if options.open:
        path = Path(options.out) / "report.html"
        show_page(path) if path.exists() else say("note", f"--open: no report in {options.out}")
    return status


COMBINATIONS = (amortised_options, automatic_options, choice_options, batch_options)
"""What fits several devices or models, or stands for fits: of those that claim a request the first one runs it."""


def _fit(request: Request, session: Session) -> int:
    """Fit what was asked for, by a combination that claims it or by the kind of the data; the exit status."""
    _check(request)
    combination = next((c for c in COMBINATIONS if c.claims(request)), None)
    if combination is not None:
        prepare_jax()
        return combination.run(request, session)
    kind = of_data(request)
    prepare_jax()
    session.reached.kind = kind.label
    refuse_unused(request, kind)
    return (kind.run or run)(kind, request, session)


def _check(request: Request) -> None:
    """Refuse what would end in minutes, with nothing written: packages that lack, draws, names of models."""
    where = "memjax fit"
    if not amortised_options.claims(request):
        _check_pictures(where)
        for package in ("blackjax", "arviz") if request.uncertainty == "nuts" else ():
            what = "--uncertainty nuts needs the package"
            require_packages([package], what=what, where=where, extra="bayes")
    if request.scheduler is not None:
        what = "--scheduler needs the package"
        require_packages(["distributed"], what=what, where=where, extra="cluster")
    if request.draws is not None:
        check_size(request.draws, _DRAW, what="draws", where="--draws", error=UsageError)
    names = [n for word in request.model.split(",") if (n := word.strip())]
    require_models([n for n in names if n != automatic_options.AUTO])


def is_opened(address: str) -> bool:
    """Open an address in the user's browser; whether one could be started."""
    try:
        return webbrowser.open(address)
    except (webbrowser.Error, OSError):
        return False


def show_page(path: Path) -> None:
    """Open a page in the user's browser; where there is none, a line on standard error says so."""
    address = path.resolve().as_uri()
    if not is_opened(address):
        say("note", f"--open: no browser could be started; the page is {address}")


def _report_options() -> dict[str, Option]:
    """Options of ``memjax report`` by name: what reports of all kinds take."""
    return {n: option for kind in kinds().values() for n, option in kind.report_options.items()}


def _configure_report(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("folder", metavar="DIR", help="folder that 'memjax fit' made")
    for name, option in _report_options().items():
        add(flag(name), **argument_of(option))
    add("--open", action="store_true", help="show report.html in the browser afterwards")
    add("--force", action="store_true", help="no effect: a report is always made anew")


def _run_report(options: argparse.Namespace) -> int:
    """Run ``memjax report``: pictures and page are made beside and moved in place one by one."""
    _check_pictures("memjax report")
    from ..report import build, opened

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
    configure=configure,
    run=_run_fit,
)
report_command = Command(
    name="report",
    help="rebuild the report of a fit",
    configure=_configure_report,
    run=_run_report,
)

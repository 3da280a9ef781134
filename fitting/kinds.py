"""Kinds of data that fits are made of, found as entry points: a package of one's own can add one."""

import argparse
import functools
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from memjax.cli.command import UsageError
from memjax.cli.options import file_of
from memjax.errors import DataError

GROUP = "memjax.fits"
"""Entry points that name a `Kind` each."""


def _never(*about: Any) -> bool:
    """False, whatever it is about."""
    return False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data: what the command line and the page know of it.

    Parameters
    ----------
    label : str
        What ``fit.json`` calls it.
    build : callable
        ``build(content, folder, **options) -> names`` makes the pictures and ``report.html`` of a fit directory.
    run : callable
        ``run(options, device) -> int`` fits the files of ``options.files``, writes ``options.out`` and gives the exit
        status; `device` is the start that ``--model`` and ``--preset`` name.
    takes : callable
        ``takes(options, file) -> bool``: whether a file is of this kind, where no option says what files are.
    asked : callable
        ``asked(options) -> bool``: whether an option says that all files are of this kind.
    configure : callable, optional
        ``configure(parser)`` adds the options of this kind alone to ``memjax fit``.
    rest : bool
        Whether `takes` speaks of files that no other kind takes.
    joins : bool
        Whether it takes files of several kinds, or with options of their own, as one device.
    batched : bool
        Whether `run` also fits the devices of a ``--batch``, or says why not; else those of `fitting.batch` do.
    used : tuple of str
        Names of the options that mean something to it, beside `COMMON`.
    fit : callable, optional
        ``fit(options, device) -> AbstractFit`` of the files of ``options.files``, which are one device's. A kind that
        has it takes part in joint fits.
    write : callable, optional
        ``write(fit, folder, options)`` fills a fit directory with such a fit.
    held_out : callable, optional
        ``held_out(options) -> data``: what `fit` leaves out where ``options.half`` is true, as `AbstractFit.residuals`
        takes it; a `DataError` where nothing can be held out. A kind that has it scores models by what they predict.
    held : str
        What that is, in words.
    axes : tuple of (str, str), optional
        Columns that a picture of several models shows, of ``measured.csv``, and of ``simulated.csv`` or of what `drawn`
        says.
    drawn : callable, optional
        ``drawn(content) -> table`` of these columns, out of a ``fit.json``, where ``simulated.csv`` is one of noise.
    """

    label: str
    build: Callable[..., list[str]]
    run: Callable[[argparse.Namespace, Any], int]
    takes: Callable[[argparse.Namespace, str], bool] = _never
    asked: Callable[[argparse.Namespace], bool] = _never
    configure: Callable[[argparse.ArgumentParser], None] | None = None
    rest: bool = False
    joins: bool = False
    batched: bool = True
    used: tuple[str, ...] = ()
    fit: Callable[[argparse.Namespace, Any], Any] | None = None
    write: Callable[[Any, Path, argparse.Namespace], Any] | None = None
    held_out: Callable[[argparse.Namespace], Any] | None = None
    held: str = ""
    axes: tuple[str, str] | None = None
    drawn: Callable[[dict], Any] | None = None


@functools.cache
def kinds() -> dict[str, Kind]:
    """All kinds that are installed, by label."""
    found = [point.load() for point in entry_points(group=GROUP)]
    return {kind.label: kind for kind in found}


def kind_of(content: dict, *, where: Path) -> Kind:
    """The kind of a fit, by the content of its ``fit.json``; of sweeps where it does not say.

    Raises
    ------
    DataError
        For a kind that is not installed.
    """
    label = content.get("kind", "sweeps")
    if label not in kinds():
        raise DataError(f"kind {label!r}", where=str(where), allowed=", ".join(kinds()))
    return kinds()[label]


def asked_for(options: argparse.Namespace) -> Kind:
    """The kind of the files of ``memjax fit``: what options say, or what the first file holds.

    In a batch the other files are devices of their own, each with its own reading.

    Raises
    ------
    UsageError
        Where options ask for two kinds at once.
    """
    asked = [kind for kind in kinds().values() if kind.asked(options)]
    if len(asked) > 1:
        both = " and ".join(kind.label for kind in asked)
        raise UsageError(f"options of {both} at once", where="memjax fit", fix="choose one")
    if asked:
        return asked[0]
    found = {
        k.label: k
        for k in (of_file(options, n) for n in options.files[: 1 if options.batch else None])
    }
    several = len(found) > 1 or options.bench is not None
    return next(k for k in kinds().values() if k.joins) if several else next(iter(found.values()))


def of_file(options: argparse.Namespace, name: str) -> Kind:
    """The kind of a file, by what it holds.

    Raises
    ------
    DataError
        For a file of no kind, or of more than one.
    """
    found: list[Kind] = []
    for rest in (False, True):
        asked = [kind for kind in kinds().values() if kind.rest is rest]
        found = found or [kind for kind in asked if kind.takes(options, name)]
    if len(found) != 1:
        every = [kind.label for kind in found or kinds().values()]
        what = f"a file of {' and '.join(every)} at once" if found else "a file of no known kind"
        raise DataError(what, where=name, allowed=", ".join(every), fix="one kind in a file")
    return found[0]


COMMON = (
    "files",
    "model",
    "preset",
    "free",
    "fix",
    "bounds",
    "start",
    "uncertainty",
    "seed",
    "temperature",
    "out",
    "force",
)
"""Options of ``memjax fit`` that mean the same for every kind."""

READING = ("reader", "columns", "shunt", "area", "sign", "sweeps", "skip_forming", "exclude")
"""Options of ``memjax fit`` that say how sweeps and curves are read."""


def provenance(options: argparse.Namespace) -> dict[str, Any]:
    """What a fit directory says of where it comes from: files, temperature [K], command."""
    return {
        "files": [file_of(n) for n in options.files],
        "temperature": 300.0 if options.temperature is None else options.temperature,
        "command": "memjax " + shlex.join(sys.argv[1:]),
    }


def refuse_unused(options: argparse.Namespace, used: Iterable[str], *, what: str) -> None:
    """Refuse options that were given and would be ignored.

    Parameters
    ----------
    options : Namespace
        Parsed options; `given` names those whose values are not the defaults.
    used : iterable of str
        Names of the options that mean something here, beside `COMMON`.
    what : str
        The fit, in words.

    Raises
    ------
    UsageError
        It names them.
    """
    left = [n for n in options.given if n not in {*COMMON, *used}]
    if left:
        names = ", ".join("--" + n.replace("_", "-") for n in left)
        raise UsageError(f"{names} would be ignored", where=f"a fit of {what}", fix="leave it out")

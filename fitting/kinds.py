"""Kinds of data that fits are made of, found as entry points: a package of one's own can add one."""

import argparse
import functools
import shlex
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from memjax.errors import DataError, UsageError
from memjax.io.request import file_of

GROUP = "memjax.fits"
"""Entry points that name a `Kind` each."""

COMMON = ("files", "model", "preset", "free", "fix", "bounds", "start", "uncertainty", "seed", "temperature",
          "out", "force", "open")  # fmt: skip
"""Options of ``memjax fit`` that mean the same for every kind."""

READING = ("reader", "columns", "shunt", "area", "sign", "sweeps", "skip_forming", "exclude")
"""Options of ``memjax fit`` that say how sweeps and curves are read."""

ELEMENTS = ("compliance", "series_resistance", "parallel_resistance", "parallel_capacitance", "offset_current",
            "offset_voltage", "reversed")  # fmt: skip
"""Options of ``memjax fit`` that say what stands around a device."""


def _never(*_: Any) -> bool:
    """False, whatever it is about."""
    return False


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data: which files and options it takes, and what differs in its fits, their folders and pages.

    Parameters
    ----------
    label : str
        What ``fit.json`` calls it.
    takes : callable
        ``takes(options, file) -> bool``: whether a file is of this kind, where no option says what files are.
    claims : callable
        ``claims(options) -> bool``: whether an option says that all files are of this kind.
    configure : callable, optional
        ``configure(parser)`` adds the options of this kind alone to ``memjax fit``.
    used : tuple of str, or callable
        Names of the options that mean something to it, beside `COMMON`; ``used(options)`` where that depends on others.
    refused : mapping of str to str
        Why it refuses an option, by name, in place of that it would be ignored; ``"uncertainty nuts"`` is one value.
    fit : callable, optional
        ``fit(options, device) -> AbstractFit`` of the files of ``options.files``, which are one device's.
    content : callable, optional
        ``content(fit, options) -> dict``: what its ``fit.json`` holds beside what every `AbstractFit` says, or in its
        place; of what is no `AbstractFit`, all of it.
    tables : callable, optional
        ``tables(fit, options) -> dict`` of data frames: ``measured``, ``simulated`` and others, by name of the file.
    pictures : callable, optional
        ``pictures(content, measured, simulated, folder) -> names`` draws both tables into the folder.
    sections : callable, optional
        ``sections(content) -> pairs``: titles and HTML of what its page says beside the parameters.
    advice : callable, optional
        ``advice(content) -> sentences``: what further measurements would show of what is not determined.
    write, build : callable, optional
        ``write(fit, folder, options)`` and ``build(content, folder, **options) -> names`` fill a folder and make its
        page in place of the four before `advice`.
    run : callable, optional
        ``run(kind, options) -> int`` does all that ``memjax fit`` does in place of `fitting.command.run`.
    row : callable, optional
        ``row(content) -> dict``: columns of a row of a batch, beside values and loss.
    joined : bool
        Whether its fits take part in joint fits and choices among models.
    joins : bool
        Whether it takes files of several kinds, or with options of their own, as one device.
    above : bool
        Whether it makes fits of other kinds where it claims the files: `of_data` says of which.
    rest : bool
        Whether `takes` speaks of files that no other kind takes.
    batched : bool
        Whether `run` also fits the devices of a ``--batch``; else those of `fitting.batch` do.
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
    file : str
        Name of the file that holds the content of its folders.
    report_options : mapping of str to dict
        Options of ``memjax report`` that its `build` takes, and arguments of ``add_argument`` for each.
    """

    label: str
    takes: Callable[[argparse.Namespace, str], bool] = _never
    claims: Callable[[argparse.Namespace], bool] = _never
    configure: Callable[[argparse.ArgumentParser], None] | None = None
    used: tuple[str, ...] | Callable[[argparse.Namespace], Collection[str]] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    fit: Callable[[argparse.Namespace, Any], Any] | None = None
    content: Callable[[Any, argparse.Namespace], dict] | None = None
    tables: Callable[[Any, argparse.Namespace], Mapping[str, Any]] | None = None
    pictures: Callable[..., list[str]] | None = None
    sections: Callable[[dict], list[tuple[str, str]]] | None = None
    advice: Callable[[dict], list[str]] | None = None
    write: Callable[[Any, Path, argparse.Namespace], Any] | None = None
    build: Callable[..., list[str]] | None = None
    run: "Callable[[Kind, argparse.Namespace], int] | None" = None
    row: Callable[[dict], dict[str, Any]] | None = None
    joined: bool = True
    joins: bool = False
    above: bool = False
    rest: bool = False
    batched: bool = True
    held_out: Callable[[argparse.Namespace], Any] | None = None
    held: str = ""
    axes: tuple[str, str] | None = None
    drawn: Callable[[dict], Any] | None = None
    file: str = "fit.json"
    report_options: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def uses(self, options: argparse.Namespace) -> set[str]:
        """Names of all options that mean something to it."""
        return {*COMMON, *(self.used(options) if callable(self.used) else self.used)}


@functools.cache
def kinds() -> dict[str, Kind]:
    """All kinds that are installed, by label."""
    every = [point.load() for point in entry_points(group=GROUP)]
    return {kind.label: kind for kind in every}


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


def kind_for(options: argparse.Namespace) -> Kind:
    """The kind of fit that ``memjax fit`` makes: one above those of data that claims the files, else that of the data.

    Raises
    ------
    UsageError
        Where options ask for two kinds at once.
    """
    above = (kind for kind in kinds().values() if kind.above and kind.claims(options))
    return next(above, None) or of_data(options)


def of_data(options: argparse.Namespace) -> Kind:
    """The kind of the files of ``memjax fit``: what options say, or what the first file holds.

    In a batch the other files are devices of their own, each with its own reading.

    Raises
    ------
    UsageError
        Where options ask for two kinds at once.
    """
    named = [kind for kind in kinds().values() if not kind.above and kind.claims(options)]
    if len(named) > 1:
        both = " and ".join(kind.label for kind in named)
        raise UsageError(f"options of {both} at once", where="memjax fit", fix="choose one")
    if named:
        return named[0]
    if not options.files:
        raise UsageError("no FILE", where="memjax fit", fix="name a measured file, or say --target")
    files = options.files[: 1 if options.batch else None]
    labels = {of_file(options, name).label for name in files}
    if len(labels) > 1 or options.bench is not None:
        return next(k for k in kinds().values() if k.joins)
    return kinds()[labels.pop()]


def of_file(options: argparse.Namespace, name: str) -> Kind:
    """The kind of a file, by what it holds.

    Raises
    ------
    DataError
        For a file of no kind, or of more than one.
    """
    takers: list[Kind] = []
    for rest in (False, True):
        every = [kind for kind in kinds().values() if kind.rest is rest]
        takers = takers or [kind for kind in every if kind.takes(options, name)]
    if len(takers) != 1:
        labels = [kind.label for kind in takers or kinds().values()]
        what = f"a file of {' and '.join(labels)} at once" if takers else "a file of no known kind"
        raise DataError(what, where=name, allowed=", ".join(labels), fix="one kind in a file")
    return takers[0]


def provenance(options: argparse.Namespace) -> dict[str, Any]:
    """What a fit directory says of where it comes from: files, temperature [K], command."""
    return {
        "files": [file_of(n) for n in options.files],
        "temperature": 300.0 if options.temperature is None else options.temperature,
        "command": "memjax " + shlex.join(sys.argv[1:]),
    }


def flag(name: str) -> str:
    """The option of the command line that has this name in the parsed options."""
    return "--" + name.replace("_", "-")


def refuse_unused(
    options: argparse.Namespace, kind: Kind, names: Collection[str] | None = None
) -> None:
    """Refuse options that were given and would be ignored, or that the kind refuses with a reason.

    Parameters
    ----------
    options : Namespace
        Parsed options; `explicit` names those whose values are not the defaults.
    kind : Kind
        What is fitted.
    names : collection of str, optional
        Names of options in place of all explicit ones.

    Raises
    ------
    UsageError
        It names them.
    """
    chosen: Collection[str] = options.explicit if names is None else names
    where = f"a {'' if kind.joins or kind.above else 'fit of '}{kind.label}"
    uncertainty = f"uncertainty {options.uncertainty}"
    for name in (*chosen, uncertainty):
        if name in kind.refused:
            raise UsageError(f"{flag(name)}: {kind.refused[name]}", where=where, fix="leave it out")
    used = kind.uses(options)
    if left := [n for n in chosen if n not in used]:
        idle = "draws" in left and "stochastic" in used  # nothing is simulated repeatedly
        fix = "add --stochastic, or leave it out" if idle else "leave it out"
        raise UsageError(f"{', '.join(map(flag, left))} would be ignored", where=where, fix=fix)

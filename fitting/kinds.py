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


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of data.

    Parameters
    ----------
    label : str
        What ``fit.json`` calls it.
    build : callable
        ``build(content, folder, **options) -> names`` makes the pictures and ``report.html`` of a fit directory.
    """

    label: str
    build: Callable[..., list[str]]


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


COMMON = (
    "files",
    "model",
    "preset",
    "free",
    "fix",
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

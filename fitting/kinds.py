"""Kinds of data that fits are made of, found as entry points: a package of one's own can add one."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

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

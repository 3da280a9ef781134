"""Which sweeps of a measurement count: by label, without the first, without those that a file names."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import ReaderError
from ..runtime.flags import check_flags
from .measurement import Measurement

_LISTED = 8
"""Sweeps that a message names at most."""


_MOST_LABELS = 1_000_000
"""Labels that may be named one by one or by ranges: no file at hand has a tenth."""


def sweep_labels(text: str) -> tuple[int, ...]:
    """Labels out of words such as ``3-20,25``: numbers and ranges with both ends, separated by commas.

    Parameters
    ----------
    text : str
        The words.

    Raises
    ------
    ValueError
        For anything else.
    """
    numbers: list[int] = []
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r}: other digits than 0 to 9")
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        low = int(first)
        high = int(last) if dash else low
        if high < low:
            raise ValueError(f"{part.strip()} runs backwards")
        if high - low + len(numbers) > _MOST_LABELS:
            raise ValueError(f"{part.strip()}: more than {_MOST_LABELS:,} labels")
        numbers += range(low, high + 1)
    return tuple(dict.fromkeys(numbers))


def read_exclusions(path: str | Path) -> dict[int, str]:
    """Sweeps that a file leaves out, with the reasons.

    Parameters
    ----------
    path : str or Path
        Lines ``LABEL,REASON``; the reason may be missing. Blank lines, lines that begin with ``#``, and a header
        ``sweep,reason`` are passed over.

    Returns
    -------
    dict of int to str

    Raises
    ------
    ReaderError
        If the file cannot be read, or a line begins with no label.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ReaderError(f"cannot be read ({error})", where=str(path)) from None
    choices: dict[int, str] = {}
    for number, cells in enumerate(csv.reader(lines), 1):
        cells = [c.strip() for c in cells]
        if not any(cells) or cells[0].startswith("#") or (number == 1 and cells[0] == "sweep"):
            continue
        try:
            labels = sweep_labels(cells[0])
        except ValueError:
            raise ReaderError(
                f"{cells[0]!r} in place of a sweep's label",
                where=f"{path}, line {number}",
                allowed="lines LABEL,REASON, such as 17,contact lost",
            ) from None
        choices |= dict.fromkeys(labels, ", ".join(c for c in cells[1:] if c) or "no reason given")
    return choices


def choose(
    measurement: Measurement,
    *,
    sweeps: Iterable[int] | None = None,
    skip_forming: bool = False,
    exclude: Mapping[int, str] | None = None,
) -> Measurement:
    """The sweeps of a measurement that count, with a warning for each reason to leave some out.

    Parameters
    ----------
    measurement : Measurement
        All sweeps.
    sweeps : iterable of int, optional
        Labels of those that count; all by default.
    skip_forming : bool
        Whether to leave the first sweep out, in which a fresh device forms.
    exclude : mapping of int to str, optional
        Labels of sweeps that do not count, with the reason.

    Raises
    ------
    ReaderError
        For labels that the measurement does not have, or where no sweep is left.
    """
    check_flags({"skip_forming": skip_forming}, where="choose")
    labels, where = measurement.labels, str(measurement.source.get("file", "measurement"))
    numbers = None if sweeps is None else list(sweeps)
    for option, named in (("--sweeps", numbers or ()), ("--exclude", exclude or ())):
        if unknown := [n for n in named if n not in labels]:
            raise ReaderError(
                f"no sweeps {_listed(unknown)}",
                where=f"{where}, {option}",
                allowed=f"{len(labels)} labels from {labels.min()} to {labels.max()}",
                fix="'memjax observe FILE --json' lists them",
            )
    reasons = {int(n): f"excluded: {why}" for n, why in (exclude or {}).items()}
    if skip_forming:
        reasons[int(labels[0])] = "the first one, taken as forming"
    if numbers is not None:
        reasons |= dict.fromkeys(set(map(int, labels)) - set(numbers), "not among those chosen")
    if not reasons:
        return measurement
    keep = ~np.isin(measurement.sweep, list(reasons))
    if not keep.any():
        raise ReaderError("no sweep is left", where=where, fix="choose some of its sweeps")
    texts = [
        f"sweeps left out, {why}: {_listed([n for n in reasons if reasons[n] == why])}"
        for why in dict.fromkeys(reasons.values())
    ]
    selection = measurement.select(keep)
    source = {**selection.source, "chosen": True}
    return replace(selection, source=source, warnings=(*selection.warnings, *texts))


def _listed(labels: Iterable[int]) -> str:
    """Labels for reading, ascending."""
    ordered = sorted(labels)
    more = f" and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return ", ".join(map(str, ordered[:_LISTED])) + more

"""Numbers of the sweeps, from the file's own labels or from the shape of what is driven."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from memjax.errors import ReaderError
from memjax.runtime.console import counted, listed

from .row_checks import lines_of
from .sweeps import cut

_MOST = 2.0**53
"""Labels beyond this are no whole numbers, but words of an instrument: 9.91E+37, INF."""


@dataclass(frozen=True, kw_only=True)
class Sweeps:
    """Sweep of each point, and how it was found.

    Parameters
    ----------
    number : Int[np.ndarray, "points"]
        Label.
    names : tuple of str
        Names behind 0, 1, ..., where the file's labels are no whole numbers.
    warnings : tuple of str
        What was assumed.
    is_numbered : bool
        Whether the labels are whole numbers that stand in the file.
    """

    number: Int[np.ndarray, " points"]
    names: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_numbered: bool = False


def by_label(
    groups: list[np.ndarray],
    t: Float[np.ndarray, " points"] | None,
    lines: Int[np.ndarray, " points"],
    *,
    where: str,
) -> Sweeps:
    """Sweeps by the file's own labels.

    Parameters
    ----------
    groups : list of arrays of str
        Columns of labels, the outermost first; the last one alone counts where it suffices.
    t : Float[np.ndarray, "points"] or None
        Time [s].
    lines : Int[np.ndarray, "points"]
        Lines of the file, for messages.
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        If the time runs backwards within a sweep.
    """
    inner, joined = groups[-1], _joined(groups)
    alone = len(groups) == 1 or len(np.unique(inner)) == len(np.unique(joined))
    number, names = _whole(inner) if alone else (None, ())
    warnings = []
    if number is None:
        number, names = _codes(inner if alone else joined)
        if not alone:
            names = tuple(" ".join(map(_word, row)) for row in _firsts(joined, groups))
        named = f"{counted(len(names), 'sweep')} of one device, named {listed(names, 6)}"
        warnings.append(f"{named}: numbered in the order in which they stand in the file")
    if alone_in := _single_points(number, lines):
        warnings.append(f"a sweep of one point, where others have many: {lines_of(alone_in)}")
    if t is not None:
        _refuse_backwards(t, number, lines, where)
    return Sweeps(number=number, names=names, warnings=tuple(warnings), is_numbered=not names)


def _single_points(number: np.ndarray, lines: np.ndarray) -> list[int]:
    """Lines of sweeps of one point where half of the sweeps have five or more: their labels may be damaged."""
    _, first, counts = np.unique(number, return_index=True, return_counts=True)
    return lines[first[counts == 1]].tolist() if np.median(counts) >= 5 else []


def _joined(groups: list[np.ndarray]) -> Int[np.ndarray, " points"]:
    """A number for each combination of labels."""
    joined = np.zeros(len(groups[0]), int)
    for group in groups:
        values, codes = np.unique(group, return_inverse=True)
        joined = np.unique(joined * len(values) + codes, return_inverse=True)[1]
    return joined


def _firsts(joined: np.ndarray, groups: list[np.ndarray]) -> list[list]:
    """Labels of each combination, in the order of the file."""
    first = np.sort(np.unique(joined, return_index=True)[1])
    return [[group[k] for group in groups] for k in first]


def _word(label: object) -> str:
    """A label as the file has it; numbers of large files are no texts any more."""
    return f"{label:.15g}" if isinstance(label, float) else str(label)


def _refuse_backwards(t: np.ndarray, number: np.ndarray, lines: np.ndarray, where: str) -> None:
    """Raise where the time of a sweep runs backwards."""
    order = np.argsort(number, kind="stable")
    decreases = np.flatnonzero((np.diff(t[order]) < 0) & (np.diff(number[order]) == 0))
    if decreases.size:
        row = order[decreases[0] + 1]
        raise ReaderError(
            f"time runs backwards within sweep {number[row]}", where=f"{where}, line {lines[row]}",
            allowed="times that do not decrease",
            fix="name the column that tells sweeps apart: --columns sweep=NAME",
        )  # fmt: skip


def rows_of_labels(number: Int[np.ndarray, " points"]) -> list[Int[np.ndarray, " rows"]]:
    """Rows of each label, in the order in which the labels occur.

    Parameters
    ----------
    number : Int[np.ndarray, "points"]
        Label of each point.
    """
    order = np.argsort(number, kind="stable")
    cuts = np.flatnonzero(np.diff(number[order])) + 1
    return sorted(np.split(order, cuts), key=lambda rows: rows[0])


def by_shape(
    x: Float[np.ndarray, " points"],
    t: Float[np.ndarray, " points"] | None,
    record: Int[np.ndarray, " points"],
    *,
    lines: Int[np.ndarray, " points"],
    what: str,
    where: str,
) -> Sweeps:
    """Sweeps cut from the driven quantity, record by record.

    Parameters
    ----------
    x : Float[np.ndarray, "points"]
        Driven quantity.
    t : Float[np.ndarray, "points"] or None
        Time [s]; where it starts again, so does a record.
    record : Int[np.ndarray, "points"]
        Record of the file that each point belongs to.
    lines : Int[np.ndarray, "points"]
        Lines of the file, for messages.
    what : str
        Name of the driven quantity.
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        If the time runs backwards too often to start again.
    """
    warnings = []
    breaks = np.diff(record) != 0
    if t is not None:
        decreases = (np.diff(t) < 0) & ~breaks
        if decreases.sum() > 0.02 * len(t) + 1:
            raise ReaderError(
                f"time runs backwards {decreases.sum()} times", where=where,
                allowed="times that do not decrease", fix="name another column: --columns t=NAME",
            )  # fmt: skip
        if decreases.any():
            at = lines_of(lines[1:][decreases].tolist())
            warnings.append(
                f"time starts again {decreases.sum()} times, in {at}: a new sweep each time"
            )
            breaks |= decreases
    number, start = np.empty(len(x), dtype=int), 0
    for part in np.split(np.arange(len(x)), np.flatnonzero(breaks) + 1):
        cuts, why = cut(x[part])
        number[part] = cuts + start
        start = int(number[part[-1]]) + 1
        if why:
            warnings.append(f"{what} {why}")
    if any(" cut " in text for text in warnings):
        warnings.append(f"{start} sweeps: a guess, which a column named sweep would settle")
    return Sweeps(number=number, warnings=tuple(warnings))


def with_numbers(
    sweeps: Sweeps, record: Int[np.ndarray, " points"], numbers: Sequence[int | None]
) -> Sweeps:
    """Sweeps with the numbers that the file gives to its records, where each record is one sweep.

    Parameters
    ----------
    sweeps : Sweeps
        Numbered 0, 1, ...
    record : Int[np.ndarray, "points"]
        Record of the file that each point belongs to: 0, 1, ...
    numbers : sequence of int or None
        Number of each record in the file; None where it has none.

    Returns
    -------
    Sweeps
        The same sweeps where a record has no number, two have the same one, or one is several sweeps.
    """
    known = [n for n in numbers if n is not None]
    distinct = len(set(known)) == len(numbers)
    if not distinct or not np.array_equal(sweeps.number, record):
        return sweeps
    return replace(sweeps, number=np.array(known)[record], is_numbered=True)


def _whole(labels: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...]]:
    try:
        values = labels.astype(float)
    except ValueError:
        return None, ()
    # Python takes 1_0 for a number.
    if labels.dtype.kind != "f" and any("_" in name for name in np.unique(labels)):
        return None, ()
    whole = np.all(np.abs(values) < _MOST) and np.all(values == np.round(values))
    return (values.astype(int) if whole else None), ()


def _codes(labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    names, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    return rank[codes], tuple(_word(names[k]) for k in order)

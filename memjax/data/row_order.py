"""Rows in the order in which they were measured, where a column counts the points."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from memjax.errors import ReaderError

from .base import Table
from .labels import rows_of_labels
from .numbers import to_numbers
from .row_checks import lines_of

_COUNTS = (
    "point", "points", "point number", "point no", "pt", "index", "item", "row", "sample", "#", "no", "nr",
)  # fmt: skip
"""Names of columns that count the points, small and without signs."""


def counts_points(name: str) -> bool:
    """Whether a column of that name counts the points: it says in which order they are, and nothing else."""
    return _plain(name) in _COUNTS


def in_counted_order(
    table: Table, chosen: Mapping[str, int], groups: Sequence[int], *, where: str
) -> Table:
    """The record with its rows in the order of the column that counts them, and a warning where they were not.

    Parameters
    ----------
    table : Table
        Record.
    chosen : Mapping
        Role to index.
    groups : sequence of int
        Columns that tell one sweep from another: the points of each are counted anew.
    where : str
        File, for messages.

    Notes
    -----
    Where the time increases from row to row, or a count stands there twice, the rows stay and the lines are named: what
    counts is then not the column, or nobody knows which one is. Points that are counted anew without a label are no
    disorder.
    """
    for k, name in enumerate(table.names):
        if k in chosen.values() or k in groups or not counts_points(name):
            continue
        count = _whole_numbers(table, k, where)
        if count is None:
            continue
        sweep = _ranks(table, groups)
        rows = rows_of_labels(sweep)
        decreases = sorted(
            n for sweep_rows in rows for n in _steps_back(count[sweep_rows], sweep_rows)
        )
        if not decreases:
            return table
        at = lines_of(np.asarray(table.lines)[decreases].tolist())
        advances = _advances(table, chosen, rows, where)
        if _is_count(count, rows) and not advances:
            text = f"rows are put in the order of {name!r}, which steps back in {at}"
            order = np.lexsort((count, sweep))
            return replace(_taken(table, order), warnings=(*table.warnings, text))
        if advances or np.mean(np.diff(count) == 1) > 0.5:
            text = f"{name!r} steps back in {at}: rows may be out of order, and stay as they are"
            return replace(table, warnings=(*table.warnings, text))
    return table


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace(".", " ").split())


def _whole_numbers(table: Table, k: int, where: str) -> Float[np.ndarray, " rows"] | None:
    """Numbers of a column that holds whole ones only."""
    try:
        x = to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
    except ReaderError:
        return None
    return x if np.isfinite(x).all() and np.array_equal(x, np.round(x)) else None


def _steps_back(count: np.ndarray, rows: np.ndarray) -> list[int]:
    """Rows whose count is below that of the row before, unless the points are counted anew from there."""
    decreases = np.flatnonzero(np.diff(count) < 0) + 1
    anew = count[decreases] == count[0]
    # From the first count on, one by one: the next curve.
    follows = np.append(count[1:], np.inf)[decreases] > count[decreases]
    return [] if count[0] == count.min() and np.all(anew & follows) else rows[decreases].tolist()


def _is_count(count: np.ndarray, rows: list[np.ndarray]) -> bool:
    """Whether no count stands in a sweep twice."""
    return all(len(np.unique(count[sweep_rows])) == len(sweep_rows) for sweep_rows in rows)


def _advances(table: Table, chosen: Mapping[str, int], rows: list[np.ndarray], where: str) -> bool:
    """Whether the time increases within each sweep as the rows stand."""
    if "t" not in chosen:
        return False
    k = chosen["t"]
    t = to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
    return all(bool(np.all(np.diff(t[sweep_rows]) > 0)) for sweep_rows in rows)


def _ranks(table: Table, groups: Sequence[int]) -> Int[np.ndarray, " rows"]:
    """Place of each row's sweep: by the numbers of its labels, the outermost first, else in the order of the file."""
    ranks = np.zeros(len(table.lines), int)
    for k in groups:
        names, first, inverse = np.unique(
            np.asarray(table.columns[k]), return_index=True, return_inverse=True
        )
        try:
            order = np.argsort(names.astype(float), kind="stable")
        except ValueError:
            order = np.argsort(first)
        ranks = np.unique(ranks * len(names) + np.argsort(order)[inverse], return_inverse=True)[1]
    return ranks


def _taken(table: Table, order: Int[np.ndarray, " rows"]) -> Table:
    """The record with its rows in another order."""
    columns = tuple(
        [c[k] for k in order] if isinstance(c, list) else np.asarray(c)[order]
        for c in table.columns
    )
    return replace(table, columns=columns, lines=np.asarray(table.lines)[order])

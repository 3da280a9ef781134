"""Rows that do not belong to a table, or are not whole: left out, and named in a warning."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from memjax.errors import ReaderError

Row = tuple[int, list[str]]
"""Line number and cells."""

COMMENT_MARKS = ("#", "%", "//", "!", "***")
"""What a line begins with that holds no data, in the middle of a table."""

NAMELESS = "column "
"""What the name of a column without one begins with, before its number."""

_NUMBER = re.compile(
    r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?|[-+]?nan|[-+]?inf", re.IGNORECASE | re.ASCII
)
_FORM = re.compile(r"[-+]?(\d*)(?:([.,])(\d*))?(?:[eE][-+]?(\d+))?", re.ASCII)
_NEIGHBOURS = 20
"""Rows above the last one that tell how its numbers are written."""

_SAMPLE = 100
"""Rows above a footer that all have to be written alike; twenty may be so by chance."""

_FEWEST = 2
"""Numbers above the last one that have to be there before any way of writing counts as the rule."""

_FOOTER = 5
"""Last rows that may be no part of the table."""

_FEW = 0.1
"""Share of the rows up to which short rows are damaged ones; beyond it the file has such rows."""

_RARE = 0.05
"""Share of the rows up to which rows that stand there twice are no habit of a coarse instrument."""


class _Form(NamedTuple):
    """How a number is written: digits of its exponent, behind its point, before it; -1 where there is none."""

    exponent: int
    decimals: int
    whole: int


def is_number(cell: str) -> bool:
    """Whether a cell holds a number (a decimal comma counts; digits of other scripts do not)."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def lines_of(numbers: Sequence[int]) -> str:
    """Lines for a message: ``line 3``, ``lines 3, 7, ... (12)``."""
    listed = ", ".join(map(str, numbers[:5])) + (
        f", ... ({len(numbers)})" if len(numbers) > 5 else ""
    )
    return f"line{'s' * (len(numbers) > 1)} {listed}"


def check_rows(
    rows: list[Row], remarks: list[str], *, ended: bool, columns: int, where: str
) -> list[Row]:
    """Rows of a table that are whole, after all checks that a table of text has.

    Parameters
    ----------
    rows : list of tuple
        Line and cells of each row.
    remarks : list of str
        Warnings, to which those of these rows are added.
    ended : bool
        Whether the last row has a line end, see `whole_rows`.
    columns : int
        Columns of the table.
    where : str
        File, for messages.

    Returns
    -------
    list of tuple
        Rows without comments and without those that are not whole, none of them with more cells than there are columns.

    Raises
    ------
    ReaderError
        For a row of more cells than there are columns, or than other rows have.
    """
    rows = whole_rows(without_comments(rows, remarks), remarks, ended=ended, where=where)
    for line, cells in rows:
        if _filled(cells) > columns:
            raise ReaderError(
                f"{len(cells)} cells under a header of {columns}", where=f"{where}, line {line}",
                fix="mend the line or the header",
            )  # fmt: skip
    remarks += other_rows(rows, columns)
    remarks += repeated_rows(codes_of([cells for _, cells in rows]), [line for line, _ in rows])
    return rows


def without_comments(rows: list[Row], remarks: list[str]) -> list[Row]:
    """Rows without those that begin as comments do, which are named in `remarks`."""
    comments = [line for line, cells in rows if cells[0].startswith(COMMENT_MARKS)]
    if not comments:
        return rows
    remarks.append(f"comments between the rows are left out: {lines_of(comments)}")
    return [row for row in rows if not row[1][0].startswith(COMMENT_MARKS)]


def whole_rows(rows: list[Row], remarks: list[str], *, ended: bool, where: str) -> list[Row]:
    """Rows without those that are not whole, which are named in `remarks`.

    Parameters
    ----------
    rows : list of tuple
        Line and cells of each row.
    remarks : list of str
        Warnings, to which those of these rows are added.
    ended : bool
        Whether the last row has a line end: a file that was cut has none.
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        For a row of more cells than the others have.

    Notes
    -----
    Where a tenth of the rows or more are short they stay, since a table of curves of different lengths may leave
    empty cells at the ends of its lines out.
    """
    if not rows:
        return rows
    usual = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
    if not ended:
        rows = _without_cut(rows, usual, remarks)
    _refuse_long(rows, usual, where)
    short = [line for line, cells in rows if len(cells) < usual]
    if not short:
        return rows
    if len(short) > _FEW * len(rows):
        remarks.append(
            f"{len(short)} rows have fewer cells than others, {lines_of(short)}: their last columns are taken as empty"
        )
        return rows
    remarks.append(f"rows of fewer than {usual} cells are left out: {lines_of(short)}")
    return [row for row in rows if len(row[1]) >= usual]


def _refuse_long(rows: list[Row], usual: int, where: str) -> None:
    """Raise for a row that has more cells than is usual, and not only empty ones."""
    long = [row for row in rows if len(row[1]) > usual]
    if not long:
        return
    most = max((_filled(cells) for _, cells in rows if len(cells) == usual), default=0)
    for line, cells in long:
        if _filled(cells) > most:
            raise ReaderError(
                f"{len(cells)} cells where other rows have {usual}", where=f"{where}, line {line}",
                fix="mend or delete the line",
            )  # fmt: skip


def _filled(cells: list[str]) -> int:
    """Cells up to the last one that is not empty."""
    return max((k + 1 for k, cell in enumerate(cells) if cell), default=0)


def _without_cut(rows: list[Row], usual: int, remarks: list[str]) -> list[Row]:
    """Rows without a last one that is cut, or all of them with a warning where nobody can tell."""
    line, cells = rows[-1]
    above = [r for _, r in rows[-1 - _NEIGHBOURS : -1] if len(r) == usual]
    if len(cells) < usual:
        remarks.append(
            f"the file ends within a row, {len(cells)} of {usual} cells in line {line}: it is left out"
        )
        return rows[:-1]
    last = max(_filled(cells) - 1, 0)
    if above and all(any(r[last + 1 :]) for r in above):
        remarks.append(
            f"the file ends within a row, behind {cells[last]!r} in line {line}: it is left out"
        )
        return rows[:-1]
    # A separator behind a number ends it.
    ended = last < len(cells) - 1
    sure = not ended and is_cut(cells[last], [r[last] for r in above if last < len(r)])
    if sure:
        remarks.append(
            f"the file ends within a number, {cells[last]!r} in line {line}: that row is left out"
        )
        return rows[:-1]
    if sure is None:
        remarks.append(
            f"the file ends without a line end: its last number, {cells[last]!r} in line {line}, may be cut"
        )
    return rows


def is_cut(cell: str, above: Sequence[str]) -> bool | None:
    """Whether a cell was cut, as those above it tell; None where they leave it open.

    Parameters
    ----------
    cell : str
        The last cell of a file without a line end.
    above : sequence of str
        Cells of its column.

    Notes
    -----
    A number is whole if its exponent, or where it has none its decimals, or without these its digits, are as many as
    the most above it; it is cut if they are fewer than the least, or if its exponent is a minus before zeros. Where
    exponents are not padded, one of -1 may have been -12.
    """
    if not is_number(cell):
        longer = any(a.startswith(cell) and len(a) > len(cell) for a in above)
        known = any(a == cell for a in above)
        return any(map(is_number, above)) or (longer and not known) or (None if longer else False)
    forms = [_form(a) for a in above if a and is_number(a)]
    if not forms:
        return None
    form = _form(cell)
    if re.search(r"[eE]-0+$", cell):  # nobody prints a negative exponent of nothing
        return True
    if form.exponent == 1 == max(f.exponent for f in forms) and cell.endswith("-1"):
        return None
    for k, name in enumerate(_Form._fields):
        most, least = (pick(getattr(f, name) for f in forms) for pick in (max, min))
        if form[k] < least:
            return True
        if form[k] < most:
            return None
        if most >= 0 or form[k] >= 0:
            digits = max(f.whole + max(f.decimals, 0) for f in forms)
            if k > 0 and len(forms) < _FEWEST:
                return None
            fixed = k == 0 or most == least
            return False if fixed or form.whole + max(form.decimals, 0) >= digits else None
    return False


def other_rows(rows: list[Row], columns: int) -> list[str]:
    """Describe last rows whose numbers are written otherwise than those above them, as those of a footer."""
    above = [r for _, r in rows[-_SAMPLE - _FOOTER : -_FOOTER]]
    if len(above) < _NEIGHBOURS:
        return []
    odd = set()
    for k in range(columns):
        forms = {_form(r[k])[:2] for r in above if k < len(r) and is_number(r[k])}
        if len(forms) == 1 and max(max(f[0] + 1, f[1]) for f in forms) > 0:
            common_form = forms.pop()
            odd |= {
                n
                for n, r in rows[-_FOOTER:]
                if k < len(r) and is_number(r[k]) and _form(r[k])[:2] != common_form
            }
    if not odd:
        return []
    return [
        f"numbers are written otherwise than those above: {lines_of(sorted(odd))}; is it a footer?"
    ]


def nameless_cells(rows: list[Row], names: Sequence[str]) -> list[str]:
    """Describe rows that go on where the header has no name, and others do not: their cells may have moved."""
    places = [k for k, n in enumerate(names) if re.fullmatch(f"{NAMELESS}\\d+", n)]
    filled = {line for line, cells in rows for k in places if k < len(cells) and cells[k]}
    if not 0 < len(filled) < len(rows):
        return []
    return [f"cells under no name, where other rows have none: {lines_of(sorted(filled))}"]


def _form(cell: str) -> _Form:
    parts = _FORM.fullmatch(cell.strip())
    if parts is None:
        return _Form(-1, -1, 0)
    return _Form(
        -1 if parts[4] is None else len(parts[4]),
        -1 if parts[2] is None else len(parts[3]),
        len(parts[1]),
    )


def repeated_rows(
    codes: Int[np.ndarray, " rows"], lines: Sequence[int] | Int[np.ndarray, " rows"]
) -> list[str]:
    """Describe rows that stand in a table twice, one block of them behind the other.

    Parameters
    ----------
    codes : Int[np.ndarray, "rows"]
        Number of each row's content: the same for equal rows.
    lines : sequence of int
        Their lines.

    Notes
    -----
    A block of d rows is repeated where each row equals the one d rows above it for d rows or more. Rows that a coarse
    instrument repeats by chance do so throughout the file; then nothing is said.
    """
    order = np.argsort(codes, kind="stable")
    same = np.flatnonzero(np.diff(codes[order]) == 0)
    if not same.size:
        return []
    lags, counts = np.unique(order[same + 1] - order[same], return_counts=True)
    remarks = []
    for lag in lags[np.argsort(-counts, kind="stable")[:3]].tolist():
        runs = _runs(codes[lag:] == codes[:-lag])
        long = runs[runs[:, 1] - runs[:, 0] >= lag]
        count = int(np.sum(long[:, 1] - long[:, 0]))
        if (
            count
            and len(same) - count <= _RARE * len(codes)
            and (lag > 1 or count <= _RARE * len(codes))
        ):
            a, b = int(long[0, 0]), int(long[0, 0]) + lag
            remarks.append(
                f"{count} row{'s' * (count > 1)} repeat what stands before, cell by cell: line {lines[b]} is line "
                f"{lines[a]} again"
            )
    return remarks[:1]


def _runs(mask: np.ndarray) -> Int[np.ndarray, "runs 2"]:
    """First place, and place behind the last, of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return edges.reshape(-1, 2)


def codes_of(rows: Sequence[Sequence[str]]) -> Int[np.ndarray, " rows"]:
    """Number of each row's content."""
    known: dict[tuple[str, ...], int] = {}
    return np.array([known.setdefault(tuple(cells), len(known)) for cells in rows], dtype=int)

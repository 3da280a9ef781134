"""Damages of text files: each takes a layout and a generator, and gives the bytes that remain."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.cases.files.layouts import Layout

OTHER_DIGITS = ("٠١٢٣٤٥٦٧٨٩", "０１２３４５６７８９", "०१२३४५६७८९", "۰۱۲۳۴۵۶۷۸۹")
"""Digits that Python takes for numbers: Arabic, fullwidth, Devanagari, Persian."""

COMMENTS = (
    "# paused",
    "% range changed",
    "// lid opened",
    "measurement paused",
    "#",
    "! 12:30",
    "# 3 of 5",
)
"""Lines that somebody or a program writes between rows."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A damaged file.

    Parameters
    ----------
    kind : str
        What was done to it.
    data : bytes
        Its content.
    at_row_end : bool
        Whether it ends with a whole row, so that nothing in it but a stated length could say that rows are missing.
    scale : tuple of str and float, optional
        Array that is another one by a factor, since the header says so.
    other_digits : int
        How many digits were made other digits, where nothing else was done: the numbers stay numbers, and a reader
        sees it only where they do not go with their neighbours.
    """

    kind: str
    data: bytes
    at_row_end: bool = False
    scale: tuple[str, float] | None = None
    other_digits: int = 0


Damage = Callable[[Layout, np.random.Generator], Variant | None]


def inner_row(layout: Layout, rng: np.random.Generator) -> int:
    """A row neither first nor last."""
    n = len(layout.rows)
    return int(rng.integers(1, n - 1)) if n > 2 else 0


def _cut(layout: Layout, place: int, kind: str) -> Variant:
    """The first characters of a file."""
    text = layout.text()
    kept, ends = text[:place], []
    start = len("".join(line + layout.end for line in layout.head))
    for cells in layout.rows:
        row = layout.row(cells)
        first = start + len(layout.row_prefix)
        ends.append((start + len(row) - len(layout.trailing), first, cells[-1]))
        start += len(row) + len(layout.end)
    last = max((e for e in ends if e[1] < place), default=None)
    whole = last is not None and (place >= last[0] or _same_value(kept, last, place))
    return Variant(kind=kind, data=kept.encode(), at_row_end=whole)


def _same_value(kept: str, last: tuple[int, int, str], place: int) -> bool:
    """Whether what is left of a row's last number is that number: it lost zeros behind the point."""
    lost = last[0] - place
    cell = last[2]
    if lost >= len(cell):
        return False
    try:
        left, right = (float(c.replace(",", ".")) for c in (cell[: len(cell) - lost], cell))
    except ValueError:
        return False
    return left == right


def truncated(layout: Layout, rng: np.random.Generator) -> Variant:
    """Cut anywhere."""
    return _cut(layout, int(rng.integers(1, len(layout.text()))), "truncated anywhere")


def truncated_number(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Cut within the last number of a row."""
    k = int(rng.integers(2, len(layout.rows))) if len(layout.rows) > 2 else 0
    lines = layout.lines[: len(layout.head) + k + 1]
    end = len(layout.end.join(lines)) - len(layout.trailing)
    cell = layout.rows[k][-1]
    if len(cell) < 2:
        return None
    return _cut(layout, end - int(rng.integers(1, len(cell))), "truncated in the last number")


def truncated_row(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """A last row without its last cells and without a line end."""
    k = inner_row(layout, rng)
    cells = layout.rows[k]
    if len(cells) < 2:
        return None
    lines = layout.lines[: len(layout.head) + k]
    left = layout.row_prefix + layout.separator.join(cells[: int(rng.integers(1, len(cells)))])
    left += layout.separator * int(rng.integers(2))
    return Variant(kind="last row short", data=layout.end.join([*lines, left]).encode())


def shuffled(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Columns in another order, with their names."""
    if not layout.by_name:
        return None
    order = rng.permutation(len(layout.header))
    header = tuple(layout.header[k] for k in order)
    rows = tuple(tuple(row[k] for k in order) for row in layout.rows)
    moved = replace(layout, header=header, rows=rows)
    return Variant(kind="columns shuffled", data=moved.text().encode())


def encoded(layout: Layout, rng: np.random.Generator) -> Variant:
    """Another encoding, a byte-order mark, other line ends."""
    text = layout.text()
    name = str(rng.choice(["utf-8-sig", "utf-16", "utf-16-be", "latin-1", "cp1252", "utf-16 cut"]))
    if rng.random() < 0.3:
        text = text.replace(layout.end, str(rng.choice(["\r", "\n", "\r\n"])))
    if name == "utf-16-be":
        return Variant(kind="encoding", data=b"\xfe\xff" + text.encode(name))
    if name == "utf-16 cut":
        data = text.encode("utf-16")
        return Variant(kind="encoding", data=data[: -int(rng.choice([1, 3, 5]))], at_row_end=True)
    return Variant(kind="encoding", data=text.encode(name))


def commas(layout: Layout, rng: np.random.Generator) -> Variant:
    """Decimal commas in place of points, or points in place of commas, in all cells, a row, or a cell."""
    old, new = (".", ",") if "." in "".join(map("".join, layout.rows)) else (",", ".")
    rows = [list(r) for r in layout.rows]
    scope, k = int(rng.integers(3)), inner_row(layout, rng) % len(layout.rows)
    for n, row in enumerate(rows):
        for c in range(len(row)):
            if scope == 0 or (n == k and (scope == 1 or c == len(row) - 1)):
                row[c] = row[c].replace(old, new)
    lines = [*layout.head, *map(layout.row, rows)]
    return Variant(kind="decimal commas", data=layout.text(lines).encode())


def nulls(layout: Layout, rng: np.random.Generator) -> Variant:
    """NUL bytes: one, or a block such as a disk that ran full leaves."""
    data = layout.text().encode()
    place, count = int(rng.integers(len(data))), int(rng.choice([1, 16, 512]))
    kept = data[place + (count if rng.random() < 0.5 else 0) :]
    name = "utf-16" if rng.random() < 0.2 else "utf-8"
    text = data[:place].decode() + "\x00" * count + kept.decode()
    return Variant(kind="NUL bytes", data=text.encode(name))


def header_again(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """The header in the middle, perhaps with the lines above it."""
    if not layout.header:
        return None
    k = len(layout.head) + inner_row(layout, rng)
    again = layout.head if rng.random() < 0.5 else layout.head[-1:]
    lines = [*layout.lines[:k], *again, *layout.lines[k:]]
    return Variant(kind="header in the middle", data=layout.text(lines).encode())


def comment(layout: Layout, rng: np.random.Generator) -> Variant:
    """A comment in the middle, or between the header and the rows."""
    k = len(layout.head) + int(rng.choice([0, 1, 2, inner_row(layout, rng)]))
    lines = [*layout.lines[:k], str(rng.choice(COMMENTS)), *layout.lines[k:]]
    return Variant(kind="comment", data=layout.text(lines).encode())


def doubled(layout: Layout, rng: np.random.Generator) -> Variant:
    """The file appended to itself, or its rows alone."""
    more = layout.lines if rng.random() < 0.5 else layout.lines[len(layout.head) :]
    lines = [*layout.lines, *more]
    return Variant(kind="appended to itself", data=layout.text(lines).encode())


def repeated(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """A row, or a block of rows, twice."""
    if len(layout.rows) < 3:
        return None
    k = len(layout.head) + inner_row(layout, rng)
    m = min(k + int(rng.choice([1, 2, 7])), len(layout.lines))
    lines = [*layout.lines[:m], *layout.lines[k:m], *layout.lines[m:]]
    return Variant(kind="rows repeated", data=layout.text(lines).encode())


def digits(layout: Layout, rng: np.random.Generator) -> Variant:
    """Digits of another script, or an underscore, in a cell, a row, or all rows."""
    table = str.maketrans("0123456789", str(rng.choice(OTHER_DIGITS)))
    rows, k = [list(r) for r in layout.rows], int(rng.integers(len(layout.rows)))
    scope, c = int(rng.integers(4)), int(rng.integers(len(rows[0])))
    for n, row in enumerate(rows):
        if scope == 0 or (scope == 1 and n == k):
            rows[n] = [x.translate(table) for x in row]
    if scope == 2:
        rows[k][c] = rows[k][c].translate(table)
    elif scope == 3 and len(rows[k][c]) > 2 and rows[k][c][-2:].isdigit():
        rows[k][c] = rows[k][c][:-1] + "_" + rows[k][c][-1]
    lines = [*layout.head, *map(layout.row, rows)]
    return Variant(kind="other digits", data=layout.text(lines).encode())


def units(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Another unit in the header: the numbers are then what the file says."""
    if not layout.units:
        return None
    old, new, role, factor = layout.units
    head = [line.replace(old, new) for line in layout.head]
    lines = [*head, *layout.lines[len(head) :]]
    return Variant(kind="units", data=layout.text(lines).encode(), scale=(role, factor))


def blanks(layout: Layout, rng: np.random.Generator) -> Variant:
    """Blank lines, lines of separators, blanks at the ends of lines."""
    lines = []
    for line in layout.lines:
        lines.append(line + " " * int(3 * (rng.random() < 0.1)))
        if rng.random() < 0.15:
            lines.append(str(rng.choice(["", "  ", "\t"])))
    return Variant(kind="blank lines", data=layout.text(lines).encode())


def separators(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Another separator in one row, a separator too many, or one lost."""
    if len(layout.rows[0]) < 2:
        return None
    k, others = inner_row(layout, rng), [s for s in ";\t, " if s != layout.separator]
    cells = list(layout.rows[k])
    way = int(rng.integers(3))
    c = int(rng.integers(1, len(cells)))
    between = str(rng.choice(others)) if way == 0 else "" if way == 1 else layout.separator * 2
    row = layout.separator.join(cells[:c]) + between + layout.separator.join(cells[c:])
    lines = layout.lines
    lines[len(layout.head) + k] = layout.row_prefix + row + layout.trailing
    return Variant(kind="separators", data=layout.text(lines).encode())


def shifted(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """A cell lost, or one too many, in a row or from a row on."""
    if len(layout.rows[0]) < 2:
        return None
    rows, k = [list(r) for r in layout.rows], inner_row(layout, rng)
    c, lose = int(rng.integers(len(rows[0]))), rng.random() < 0.5
    for n in range(k, k + 1 if rng.random() < 0.5 else len(rows)):
        if lose:
            del rows[n][c]
        else:
            rows[n].insert(c, rows[n][c])
    lines = [*layout.head, *map(layout.row, rows)]
    return Variant(kind="column shifted", data=layout.text(lines).encode())


def second_table(layout: Layout, rng: np.random.Generator) -> Variant:
    """Another table, or lines of numbers, below the rows."""
    more = [
        ["", "mean,0.5", "sigma,0.01"],
        ["T (K),R (ohm)", "300,1000", "310,1100", "320,1210"],
        ["1,2", "3,4"],
        [layout.separator.join(["0"] * len(layout.rows[0]))],
        ["End of data"],
    ][int(rng.integers(5))]
    full = layout.ended or layout.name == "pulse-json"
    text = layout.text() + ("" if full else layout.end) + layout.end.join(more) + layout.end
    return Variant(kind="lines below", data=text.encode())


DAMAGES: tuple[Damage, ...] = (
    truncated, truncated, truncated_number, truncated_number, truncated_row, shuffled, encoded, commas, nulls,
    header_again, comment, doubled, repeated, digits, units, blanks, separators, shifted, second_table,
)  # fmt: skip
"""Truncations twice as often as others."""

"""Damages of bytes and of single cells: what a bad disk, a bad cable and an instrument out of its range leave."""

from dataclasses import replace

import numpy as np

from benchmarks.cases.files.damage import Damage, Variant, inner_row
from benchmarks.cases.files.layouts import Layout

OVERFLOWS = (
    "9.91E+37", "9.9E+37", "+9.900000E+37", "-9.91E37", "1e38", "INF", "-inf", "NaN", "OVERFLOW", "OVLD", "----",
    "*****",
)  # fmt: skip
"""What instruments write in place of a reading that they have not."""

_LONG = 100_000
_DIGITS = b"0123456789"


def flipped(layout: Layout, rng: np.random.Generator) -> Variant:
    """One to three bits the other way, each in a byte of its own."""
    data = bytearray(layout.text().encode())
    places = rng.choice(len(data), int(rng.integers(1, 4)), replace=False)
    before = bytes(data[k] for k in places)
    for k in places:
        data[k] ^= 1 << int(rng.integers(8))
    after = bytes(data[k] for k in places)
    digits = sum(a in _DIGITS and b in _DIGITS for a, b in zip(before, after, strict=True))
    return Variant(kind="bits flipped", data=bytes(data), other_digits=digits)


def digit(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """One digit of one number is another one."""
    k, rows = int(rng.integers(len(layout.rows))), [list(r) for r in layout.rows]
    c = int(rng.integers(len(rows[k])))
    places = [n for n, x in enumerate(rows[k][c]) if x.isdigit()]
    if not places:
        return None
    n = int(rng.choice(places))
    other = (int(rows[k][c][n]) + int(rng.integers(1, 10))) % 10
    rows[k][c] = f"{rows[k][c][:n]}{other}{rows[k][c][n + 1 :]}"
    changed = replace(layout, rows=tuple(map(tuple, rows)))
    return Variant(kind="a digit changed", data=changed.text().encode(), other_digits=1)


def overflow(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """A word in place of a reading, in one cell or from a row on."""
    k, rows = inner_row(layout, rng), [list(r) for r in layout.rows]
    c, word = int(rng.integers(len(rows[0]))), str(rng.choice(OVERFLOWS))
    if len(rows[0]) < 2:
        return None
    for row in rows[k : k + int(rng.choice([1, 1, 3]))]:
        row[c] = word
    changed = replace(layout, rows=tuple(map(tuple, rows)))
    return Variant(kind="overflow words", data=changed.text().encode())


def long_line(layout: Layout, rng: np.random.Generator) -> Variant:
    """A line, or a cell, of a hundred thousand characters."""
    k, lines = len(layout.head) + inner_row(layout, rng), layout.lines
    way = int(rng.integers(5))
    if way == 4:
        lines[k] += " " * _LONG
    else:
        text = ("9" * _LONG, f"1{layout.separator}" * (_LONG // 2), "a" * _LONG, "0." + "1" * _LONG)
        lines.insert(k, text[way])
    return Variant(kind="a very long line", data=layout.text(lines).encode())


def moved(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """A block of rows elsewhere, so that a column which increases steps back."""
    if len(layout.rows) < 8 or not _increases(layout):
        return None
    rows = list(layout.rows)
    a, b, c = sorted(rng.choice(np.arange(1, len(rows)), 3, replace=False).tolist())
    changed = replace(layout, rows=(*rows[:a], *rows[b:c], *rows[a:b], *rows[c:]))
    return Variant(kind="rows moved", data=changed.text().encode())


def _increases(layout: Layout) -> bool:
    """Whether one of the columns increases from each row to the next."""
    for column in zip(*layout.rows, strict=True):
        try:
            x = np.array([float(cell.replace(",", ".")) for cell in column])
        except ValueError:
            continue
        if np.all(np.diff(x) > 0):
            return True
    return False


def mixed_ends(layout: Layout, rng: np.random.Generator) -> Variant:
    """Lines that end in different ways, as programs and transfers leave them."""
    ends = [str(rng.choice(["\n", "\r\n", "\r"])) for _ in layout.lines]
    text = "".join(a + b for a, b in zip(layout.lines, ends, strict=True))
    return Variant(kind="line ends mixed", data=text.encode())


def cased(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Names of the columns in capitals, in small letters, or in both the other way round."""
    if not layout.header or not layout.by_name:
        return None
    change = (str.upper, str.lower, str.swapcase, str.title)[int(rng.integers(4))]
    changed = replace(layout, header=tuple(map(change, layout.header)))
    return Variant(kind="names in other case", data=changed.text().encode())


def semicolons(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Semicolons between the cells and decimal commas within, under a header that stays."""
    if layout.separator != "," or not layout.header:
        return None
    rows = [[c.replace(".", ",") for c in row] for row in layout.rows]
    lines = [*layout.head, *(layout.row_prefix + ";".join(row) for row in rows)]
    return Variant(kind="semicolons under commas", data=layout.text(lines).encode())


def shuffled_rows(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """Rows in any order, where a column increases."""
    if len(layout.rows) < 8 or not _increases(layout):
        return None
    rows = tuple(layout.rows[k] for k in rng.permutation(len(layout.rows)))
    return Variant(kind="rows shuffled", data=replace(layout, rows=rows).text().encode())


def ended_by_separator(layout: Layout, rng: np.random.Generator) -> Variant | None:
    """A separator, perhaps a blank, and no line end behind the last cell: the file is whole."""
    if layout.separator == " ":
        return None
    text = layout.text().removesuffix(layout.end) + layout.separator + " " * int(rng.integers(2))
    return Variant(kind="ends with a separator", data=text.encode())


BYTE_DAMAGES: tuple[Damage, ...] = (
    flipped, flipped, digit, digit, overflow, long_line, moved, mixed_ends, cased, cased, semicolons,
    shuffled_rows, ended_by_separator,
)  # fmt: skip

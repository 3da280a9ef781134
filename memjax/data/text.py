"""From a file to rows of cells: encodings, separators, headers."""

import csv
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

from memjax.errors import ReaderError, UnitError
from memjax.units import parse_unit

from .base import Source, Table
from .binary import is_binary, unpacked

_BEFORE_UNIT = re.compile(r"[\t ]+(?=[(\[])")
_DECIMAL = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?|[-+]?nan|[-+]?inf", re.IGNORECASE)


def load(path: str | Path) -> Source:
    """Content of a file, as text where it is text.

    Parameters
    ----------
    path : str or Path
        File.

    Returns
    -------
    Source
        Content, text and checksum.

    Raises
    ------
    ReaderError
        If there is no such file, or it is a directory, empty, unreadable or binary.
    """
    path = Path(path)
    where = str(path)
    if path.is_dir():
        raise ReaderError(
            "a directory is no measurement", where=where, fix="name a file in it, or 'FOLDER/*.csv'"
        )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ReaderError("no such file", where=where, fix="check the path") from None
    except OSError as error:
        raise ReaderError(f"cannot be opened ({error.strerror})", where=where) from None
    sha256 = hashlib.sha256(data).hexdigest()
    data = unpacked(data, where=where)
    binary = is_binary(data, path)
    text = "" if binary else _decode(data, where)
    if not binary and not text.strip():
        raise ReaderError("empty file", where=where, allowed="a table with voltage and current")
    return Source(path=path, data=data, text=text, sha256=sha256)


def _decode(data: bytes, where: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
    elif b"\x00" in data:
        raise ReaderError(
            "binary file", where=where, allowed="text, workbooks, .mat, .h5, .nc, .npz, .parquet"
        )
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_number(cell: str) -> bool:
    """Whether a cell holds a number (a decimal comma counts)."""
    return _NUMBER.fullmatch(cell.strip()) is not None


def separator_of(line: str) -> str:
    """What separates the cells of a line: the first of ``;``, tab, ``|`` and comma that is there, else blanks."""
    cells = line.split()
    if len(cells) > 1 and "," in line and all(map(_DECIMAL.fullmatch, cells)):
        return " "  # commas are decimal points
    return next((s for s in ";\t|," if s in line), " ")


def split_line(line: str, separator: str | None = None) -> list[str]:
    """Cells of one line, stripped; the separator is seen from the line where it is not given."""
    if separator is None:
        separator = separator_of(line)
    if separator == " ":
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]


def is_data(cells: list[str]) -> bool:
    """Whether a row holds data: two numbers or more."""
    return sum(map(is_number, cells)) >= 2


def tables(source: Source, *, comment: str = "") -> list[Table]:
    """Records of a text table: a header, perhaps settings above it, rows of cells below.

    Parameters
    ----------
    source : Source
        File.
    comment : str, optional
        Mark at the start of the header line.

    Returns
    -------
    list of Table
        One for each time that the header occurs; columns are called 1, 2, ... without a header.

    Raises
    ------
    ReaderError
        If there are no rows with two numbers, or rows of more cells than the header.
    """
    lines = source.text.split("\n")
    first = _first_data(lines)
    if first is None:
        raise _no_table(lines, str(source.path))
    separator = separator_of(lines[first])
    width = len(split_line(lines[first], separator))
    header, at = _header(lines[:first], width, comment, separator)
    upper, _ = _header(lines[:at], width, comment, separator)
    units: list[str | None] = []
    if upper and all(map(_is_unit, header)):
        units, header = [cell or None for cell in header], upper
    names = unique([h or f"column {k + 1}" for k, h in enumerate(header)])
    # Rows with a gap above the first whole one are data, too.
    while header and first - 1 > at and _is_gappy(split_line(lines[first - 1], separator)):
        first -= 1
    body = split_rows(lines, first, separator)
    records = _records(body, header) if header else [body]
    names = names or tuple(str(k + 1) for k in range(max(len(r) for _, r in body)))
    commas = separator != "," and any("," in cell for cell in body[-1][1])
    warnings = ("decimal commas are read as decimal points",) if commas else ()
    if not header:
        warnings += _unlike(lines[:first], width)
    return [
        replace(_table(record, names, str(source.path)), units=tuple(units), warnings=warnings)
        for record in records
        if record
    ]


def unique(names: list[str]) -> tuple[str, ...]:
    """Names with a number behind those that have occurred before."""
    counts: dict[str, int] = {}
    result = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        result.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
    return tuple(result)


def _header(lines: list[str], width: int, comment: str, separator: str) -> tuple[list[str], int]:
    """Cells and index of the header: the closest line of enough cells that are not all numbers."""
    for k in range(len(lines) - 1, -1, -1):
        line = lines[k].lstrip().removeprefix(comment) if comment else lines[k]
        if not line.strip("\t |:+=-"):  # blank, or a rule under the header
            continue
        # A header may have blanks over rows that have tabs, and blanks before its units.
        tight = _BEFORE_UNIT.sub("", line.strip()).replace(" / ", "/")
        for cells in (split_line(line, separator), tight.split(), split_line(line)):
            while len(cells) > width and not cells[-1]:
                cells.pop()
            named = sum(bool(c) and not is_number(c) for c in cells)
            if len(cells) == width and named:
                return cells, k
    return [], 0


def _unlike(lines: list[str], width: int) -> tuple[str, ...]:
    """What is said of a line of words above rows of another count of cells."""
    above = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if not re.search(r"[A-Za-z]", above):
        return ()
    shown = above if len(above) <= 80 else above[:77] + "..."
    cells = len(split_line(above))
    return (f"no header: the line {shown!r} has {cells} cells over rows of {width}",)


def _first_data(lines: list[str]) -> int | None:
    """First of two lines of data in a row: ``x-axis,1,2`` alone is a header."""
    header = -1
    for k, line in enumerate(lines):
        if not line.strip():
            continue
        if not is_data(split_line(line)):
            header = -1
        elif header >= 0:
            return header
        else:
            header = k
    return header if header >= 0 else None


def _is_gappy(cells: list[str]) -> bool:
    """Whether a row holds one number and otherwise nothing."""
    filled = [cell for cell in cells if cell]
    return len(filled) > 0 and all(map(is_number, filled))


def _is_unit(cell: str) -> bool:
    try:
        return not cell or bool(parse_unit(cell))
    except UnitError:
        return False


def split_rows(lines: list[str], first: int, separator: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of each line that is not blank, from `first` on."""
    rest = lines[first:]
    if separator == " ":
        split = [line.split() for line in rest]
    elif any('"' in line for line in rest):
        split = [split_line(line, separator) if line.strip() else [] for line in rest]
    else:  # many times faster than a csv reader for each line
        split = [[cell.strip() for cell in line.split(separator)] for line in rest]
    return [(k, cells) for k, cells in enumerate(split, first + 1) if any(cells)]


def _records(
    body: list[tuple[int, list[str]]], header: list[str]
) -> list[list[tuple[int, list[str]]]]:
    """The rows, parted where the header occurs again."""
    cuts = [k for k, (_, cells) in enumerate(body) if cells[: len(header)] == header]
    starts, ends = [0, *(k + 1 for k in cuts)], [*cuts, len(body)]
    return [body[a:b] for a, b in zip(starts, ends, strict=True)]


def _table(record: list[tuple[int, list[str]]], names: tuple[str, ...], where: str) -> Table:
    width = len(names)
    for line, cells in record:
        if len(cells) > width and any(cells[width:]):
            raise ReaderError(
                f"{len(cells)} cells under a header of {width}", where=f"{where}, line {line}",
                fix="mend the line or the header",
            )  # fmt: skip
    padded = (cells[:width] + [""] * (width - len(cells)) for _, cells in record)
    columns = tuple(map(list, zip(*padded, strict=True)))
    return Table(names=names, columns=columns, lines=[line for line, _ in record])


def _no_table(lines: list[str], where: str) -> ReaderError:
    numbers = sum(len(c := line.split()) == 1 and is_number(c[0]) for line in lines)
    what = "only one column of numbers" if numbers > 1 else "no table of numbers"
    names = next((split_line(line) for line in lines if re.search(r"[A-Za-z]", line)), [])
    listed = ", ".join(map(repr, names[:12])) + (", ..." if len(names) > 12 else "")
    what += f"; columns found: {listed}" if names else ""
    return ReaderError(what, where=where, allowed="rows with at least a voltage and a current")


def parse_settings(text: str) -> dict[str, str]:
    """Settings above a table: first cell to the cells behind it, dots and tabs stripped."""
    settings = {}
    for row in csv.reader(io.StringIO(text)):
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) > 1:
            settings[cells[0].lstrip(".")] = ", ".join(cells[1:])
    return settings

"""From a file to rows of cells: encodings, separators, headers."""

import csv
import hashlib
import io
import re
import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from memjax.core.units import parse_unit, spelled
from memjax.errors import ReaderError, UnitError
from memjax.runtime.documents import printable
from memjax.runtime.memory import check_size

from .base import Source, Table
from .binary import is_binary, unpacked
from .bundled import EXAMPLE, example_path
from .large import read_large
from .row_checks import (
    COMMENT_MARKS,
    NAMELESS,
    Row,
    codes_of,
    is_number,
    lines_of,
    nameless_cells,
    other_rows,
    repeated_rows,
    whole_rows,
    without_comments,
)  # fmt: skip

LARGE = 32_000_000
"""Characters beyond which a table is read in chunks."""

_TIMES_SIZE = 5.5
"""Memory that a large table takes, over its size: measured, see docs/files.md."""

_FEW_RETURNS = 0.1
"""Share of lines that end with a carriage return alone up to which it is no kind of line end."""

_SAMPLE = 100
"""Rows of a table whose ends are looked at."""

_BEGINNING = 1_000_000
"""Characters of a large file in which its first rows are looked for."""

_BEFORE_UNIT = re.compile(r"[\t ]+(?=[(\[])")
_DECIMAL = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")


def load(path: str | Path | Source) -> Source:
    """Content of a file, as text where it is text.

    Parameters
    ----------
    path : str or Path or Source
        File, or ``example:NAME``; one that was loaded before is given back, so that who asks several questions of it
        reads it once.

    Returns
    -------
    Source
        Content, text and checksum.

    Raises
    ------
    ReaderError
        If there is no such file, or it is a directory, empty, unreadable or binary.
    """
    if isinstance(path, Source):
        return path
    path = example_path(str(path)) if str(path).startswith(EXAMPLE) else Path(path)
    where = str(path)
    data = _content(path, printable(where))
    sha256 = hashlib.sha256(data).hexdigest()
    data = unpacked(data, where=where)
    binary = is_binary(data, path)
    remarks: list[str] = []
    text = "" if binary else _decode(data, where, remarks)
    if not binary and not text.strip():
        raise ReaderError("empty file", where=where, allowed="a table with voltage and current")
    raw = data if binary or len(text) <= LARGE else b""
    return Source(path=path, data=raw, text=text, sha256=sha256, warnings=tuple(remarks))


def _content(path: Path, where: str) -> bytes:
    """Bytes of a file that is one, and that memory holds."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ReaderError(
                "a directory is no measurement", where=where,
                fix="name a file in it, or 'FOLDER/*.csv'",
            )  # fmt: skip
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            raise ReaderError("no file, but a device of the system", where=where)
        check_size(
            status.st_size, _TIMES_SIZE, what="bytes", where=where, error=ReaderError,
            fix="cut the file into parts",
        )  # fmt: skip
        return path.read_bytes()
    except FileNotFoundError:
        raise ReaderError("no such file", where=where, fix="check the path") from None
    except (OSError, ValueError) as error:  # a NUL in the name is the latter
        reason = getattr(error, "strerror", None) or error
        raise ReaderError(f"cannot be opened ({reason})", where=where) from None


def _decode(data: bytes, where: str, remarks: list[str]) -> str:
    """The text of a file, with line ends of one kind; what is odd about it is named in `remarks`."""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide:
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if (position := text.find("\x00")) >= 0:
        raise ReaderError(
            "NUL bytes: a binary file, a damaged one, or UTF-16 without its mark",
            where=f"{where}, line {1 + text.count(chr(10), 0, position)}", allowed="text, .xls or .xlsx",
            fix="save it as text in UTF-8, or cut the damaged part off",
        )  # fmt: skip
    text = text.replace("\r\n", "\n")
    if "\r" in text:
        _note_returns(text, remarks)
        text = text.replace("\r", "\n")
    if not text.isascii():
        _refuse_other_digits(text, where)
    return text


def _note_returns(text: str, remarks: list[str]) -> None:
    """Name lines that a lone carriage return ends where others end otherwise: it may have been another character."""
    places = [m.start() for m in re.finditer("\r", text.rstrip())]
    # One alone ends no lines of a table.
    if places and len(places) <= max(1.0, _FEW_RETURNS * (1 + text.count("\n"))):
        at = [1 + text.count("\n", 0, k) + n for n, k in enumerate(places[:1000])]
        remarks.append(f"a carriage return ends {lines_of(at)}, and other line ends the others")


def _refuse_other_digits(text: str, where: str) -> None:
    """Raise for a cell that is a number but for the script of its digits: Python reads these, nobody else does."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.isascii():
            continue
        for cell in re.split(r"[\s;,\"]+", line):
            if not cell.isascii() and re.fullmatch(r"[-+]?[\d.]+([eE][-+]?\d+)?", cell):
                raise ReaderError(
                    f"{cell!r} has digits of another script", where=f"{where}, line {number}",
                    allowed="numbers of 0 to 9", fix="write it so, or delete the line",
                )  # fmt: skip


def separator_of(line: str) -> str:
    """Return what separates the cells of a line: the first of ``;``, tab, ``|`` and comma that is there, else
    blanks.
    """
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
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
    except csv.Error as error:
        raise ReaderError(
            f"a line that cannot be parted into cells ({error}): {line:.40}...", where="the file"
        ) from None


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
    if len(source.text) > LARGE and (table := _large(source, comment)) is not None:
        return [table]
    lines, where = source.text.split("\n"), str(source.path)
    head = _head(lines, comment, where)
    warnings = list(head.warnings)
    rows = split_rows(lines, head.first, head.separator, where=where)
    records = _records(rows, lines, head.marks, lines[head.at].strip(), warnings)
    blocks = []
    for k, record in enumerate(records):
        ended = k < len(records) - 1 or is_ended(source.text)
        record = without_comments(record, warnings)
        blocks.append(whole_rows(record, warnings, ended=ended, where=where))
    blocks = _without_copies([record for record in blocks if record], warnings)
    names = head.names or _numbered(blocks)
    warnings += comma_remarks(blocks, quoted=head.separator == ",")
    for record in blocks:
        warnings += other_rows(record, len(names))
        warnings += nameless_cells(record, names)
        numbers = [line for line, _ in record]
        warnings += repeated_rows(codes_of([cells for _, cells in record]), numbers)
    return [
        replace(_table(record, names, where), units=head.units, warnings=tuple(warnings))
        for record in blocks
    ]


class _Head(NamedTuple):
    """Content of the lines above the rows of a table, and the line at which its rows begin."""

    separator: str
    first: int
    at: int
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    marks: set[str]
    width: int
    warnings: tuple[str, ...]


def _head(lines: list[str], comment: str, where: str) -> _Head:
    """Separator, names and units of the columns of a table, and its first row."""
    first = _first_data(lines)
    if first is None:
        raise _no_table(lines, where)
    separator = separator_of(lines[first])
    width = len(split_line(lines[first], separator))
    header, at = _header(lines[:first], width, comment, separator)
    spare = _trailing_separators(lines[first:], separator)
    narrow_header, header_line = _header(lines[:first], width - spare, comment, separator)
    if narrow_header and (header_line > at or not header):
        header, at = narrow_header, header_line
    else:
        spare = 0
    upper, _ = _header(lines[:at], width - spare, comment, separator)
    units: list[str | None] = []
    if upper and all(map(_is_unit, header)):
        units, header = [cell or None for cell in header], upper
    # A separator behind each row ends it: the empty cells have no names.
    header = header + [""] * spare
    names = unique([h or f"{NAMELESS}{k + 1}" for k, h in enumerate(header)])
    warnings: list[str] = []
    if header:
        first = _begin(lines, at, first, separator, warnings)
        if above := [k + 1 for k in _plain_rows(lines[:at], width, separator)]:
            warnings.append(f"rows of numbers above the header are left out: {lines_of(above)}")
    else:
        warnings += _unlike(lines[:first], width)
        first = min(_plain_rows(lines[:first], width, separator), default=first)
    marks = {line.strip() for line in lines[:first] if line.strip()} if header else set()
    return _Head(separator, first, at, names, tuple(units), marks, width, tuple(warnings))


def _trailing_separators(lines: list[str], separator: str) -> int:
    """Empty cells at the end of all of the first rows of a table."""
    if separator == " ":
        return 0
    rows = [split_line(line, separator) for line in lines[:_SAMPLE] if line.strip()]
    return min(
        (len(r) - max((k + 1 for k, c in enumerate(r) if c), default=0) for r in rows), default=0
    )


def _large(source: Source, comment: str) -> Table | None:
    """The table of a large file, if its rows are alike: a header, and below it numbers without gaps."""
    beginning, where = source.text[:_BEGINNING].rpartition("\n")[0], str(source.path)
    head = _head(beginning.split("\n"), comment, where)
    start = 0
    for _ in range(head.first):
        start = source.text.index("\n", start) + 1
    large = read_large(
        source.text, start, head.first, separator=head.separator, width=head.width, marks=head.marks,
        ended=is_ended(source.text), where=where,
    )  # fmt: skip
    if large is None:
        return None
    names = head.names or tuple(str(k + 1) for k in range(head.width))
    return Table(
        names=names, columns=tuple(large.columns), lines=large.lines, units=head.units,
        warnings=(*head.warnings, *large.warnings),
    )  # fmt: skip


def is_ended(text: str) -> bool:
    """Whether the last line of a text has a line end: a file that was cut has none."""
    return text.rstrip(" \t").endswith("\n")


def _begin(lines: list[str], at: int, first: int, separator: str, remarks: list[str]) -> int:
    """First row of data below the header in line `at`: single ones and those with gaps are data, too."""
    filled = [k for k in range(at + 1, first) if any(split_line(lines[k], separator))]
    begin = next((k for k in filled if _is_gappy(split_line(lines[k], separator))), first)
    if strange := [k + 1 for k in filled if k < begin]:
        remarks.append(
            f"what stands between the header and the rows is left out: {lines_of(strange)}"
        )
    return begin


def _plain_rows(lines: list[str], width: int, separator: str) -> list[int]:
    """Places of lines that are rows of so many numbers."""
    split = [split_line(line, separator) for line in lines]
    return [
        k
        for k, cells in enumerate(split)
        if len(cells) == width and _is_gappy(cells) and is_data(cells)
    ]


def _numbered(records: list[list[Row]]) -> tuple[str, ...]:
    """Names 1, 2, ... of columns without a header."""
    usual = Counter(len(cells) for record in records for _, cells in record).most_common(1)[0][0]
    return tuple(str(k + 1) for k in range(usual))


def comma_remarks(records: list[list[Row]], *, quoted: bool) -> list[str]:
    """Describe decimal commas, and the rows that have none, or alone have some.

    Parameters
    ----------
    records : list of list of tuple
        Line and cells of each row of each record.
    quoted : bool
        Whether commas part the cells, so that a decimal one stands between quotation marks.
    """
    rows = [row for record in records for row in record]
    with_comma = [line for line, cells in rows if "," in "".join(cells)]
    if not with_comma:
        return []
    with_point = [line for line, cells in rows if any("." in c and is_number(c) for c in cells)]
    few = min(with_comma, with_point, key=len) if with_point else []
    remarks = ["decimal commas are read as decimal points"]
    if few or quoted:
        remarks.append(f"decimal commas and points are mixed: {lines_of(few or with_comma)}")
    return remarks


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
    # A comment of as many words as there are columns is a header only where nothing else is one.
    order = range(len(lines) - 1, -1, -1)
    marked = [k for k in order if not comment and lines[k].lstrip().startswith(COMMENT_MARKS)]
    for k in [*(k for k in order if k not in set(marked)), *marked]:
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
    """Describe a line of words above rows of another count of cells."""
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
        return not cell or bool(parse_unit(spelled(cell, "V", "A", "s", "ohm", "S")))
    except UnitError:
        return False


def split_rows(
    lines: list[str], first: int, separator: str, *, where: str
) -> list[tuple[int, list[str]]]:
    """Line number and cells of each line that is not blank, from `first` on.

    Raises
    ------
    ReaderError
        For a line with a quotation mark that none closes: it would take separators and digits in.
    """
    body = lines[first:]
    for k, line in enumerate(body, first + 1):
        if line.count('"') % 2:
            raise ReaderError(
                "a quotation mark that none closes", where=f"{where}, line {k}",
                fix="mend or delete the line",
            )  # fmt: skip
    if separator == " ":
        split = [line.split() for line in body]
    elif any('"' in line for line in body):
        split = [split_line(line, separator) if line.strip() else [] for line in body]
    else:  # many times faster than a csv reader for each line
        split = [line.split(separator) for line in body]
        bare = "".join(body).replace(separator, "")
        if bare.split(None, 1) != [bare]:  # there are blanks
            split = [[cell.strip() for cell in cells] for cells in split]
    return [(k, cells) for k, cells in enumerate(split, first + 1) if any(cells)]


def _records(
    rows: list[Row], lines: list[str], marks: set[str], header: str, remarks: list[str]
) -> list[list[Row]]:
    """The rows, parted where the header occurs again, perhaps with lines that stood above or below it."""
    records: list[list[Row]] = [[]]
    again: list[int] = []
    run: list[Row] = []
    for row in rows:
        text = lines[row[0] - 1].strip()
        if text in marks and not all(map(is_number, filter(None, row[1]))):
            run.append(row)
            continue
        if run:
            _close(run, lines, header, records, again)
            run = []
        records[-1].append(row)
    if run:
        _close(run, lines, header, records, again)
    if again:
        remarks.append(
            f"the header stands again in {lines_of(again)}: a further record begins there"
        )
    return records


def _close(
    run: list[Row], lines: list[str], header: str, records: list[list[Row]], again: list[int]
) -> None:
    """Begin a record behind lines of the head that hold the header; other lines stay among the rows."""
    heads = [line for line, _ in run if lines[line - 1].strip() == header]
    if heads:
        again.append(heads[0])
        records.append([])
    else:
        records[-1] += run


def _without_copies(records: list[list[Row]], remarks: list[str]) -> list[list[Row]]:
    """Records without those that hold the cells of an earlier one."""
    distinct: list[list[Row]] = []
    for record in records:
        cells = [r for _, r in record]
        twin = next((k for k in distinct if len(cells) > 1 and [r for _, r in k] == cells), None)
        if twin is None:
            distinct.append(record)
        else:
            remarks.append(
                f"the rows from line {record[0][0]} on are those from line {twin[0][0]} on again: left out"
            )
    return distinct


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

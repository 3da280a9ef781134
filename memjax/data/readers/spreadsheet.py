"""Spreadsheets: .xls and .xlsx."""

import io
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table
from memjax.data.headerless import keithley_2400
from memjax.data.text import SPREADSHEET_MAGIC, tables
from memjax.errors import ReaderError


@final
class SpreadsheetReader(AbstractReader):
    """A header, perhaps a row of units, and columns, sheet by sheet.

    Notes
    -----
    Each sheet is a record, or several where it holds curves side by side. Sheets without a table are left out, which a
    warning says.
    """

    name = "spreadsheet"
    description = ".xls and .xlsx: a header, perhaps a row of units, columns or pairs of columns"

    def sniff(self, head: str) -> float:
        """How surely a file that begins with `head` is a spreadsheet."""
        return 0.95 if head.encode("latin-1", "replace").startswith(SPREADSHEET_MAGIC) else 0.0

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of all sheets that hold a table."""
        records: list[Table] = []
        errors: dict[str, ReaderError] = {}
        sheets = [(name, rows) for name, rows in _sheets(source) if any(map(any, rows))]
        for name, rows in sheets:
            try:
                parsed = tables(replace(source, text=_text(rows)))
            except ReaderError as error:
                errors[name] = error
                continue
            label = name if len(sheets) > 1 else ""
            parts = [keithley_2400(_filled(table)) for table in parsed]
            records += [replace(part, settings={"sheet": name}, label=label) for part in parts]
        if not records:
            raise _none(errors, str(source.path))
        first = replace(records[0], warnings=(*records[0].warnings, *_said(records, errors)))
        return (first, *records[1:])


def _none(errors: dict[str, ReaderError], where: str) -> ReaderError:
    for name, error in errors.items():
        return ReaderError(f"sheet {name!r}: {error.what}", where=where, allowed=error.allowed)
    return ReaderError(
        "a workbook whose sheets are empty", where=where, allowed="a sheet with a table"
    )


def _said(records: list[Table], errors: dict[str, ReaderError]) -> list[str]:
    """Sheets that are no tables, and those with other columns than the first."""
    warnings = [f"sheet {name!r} left out: {error.what}" for name, error in errors.items()]
    other = {
        t.label for t in records if t.names != records[0].names and t.label != records[0].label
    }
    if other:
        warnings.append(
            f"sheets with other columns than {records[0].label!r}: {', '.join(sorted(other))}"
        )
    return warnings


def _sheets(source: Source) -> list[tuple[str, list[list]]]:
    import python_calamine  # here: only spreadsheets need it

    try:
        book = python_calamine.load_workbook(io.BytesIO(source.data))
        return [(name, book.get_sheet_by_name(name).to_python()) for name in book.sheet_names]
    except python_calamine.CalamineError as error:
        raise ReaderError(f"no spreadsheet ({error})", where=str(source.path)) from None


def one_text(source: Source) -> str | None:
    """Text of a workbook whose sheets have one header, with a column `sheet` where there are several.

    Parameters
    ----------
    source : Source
        File.

    Returns
    -------
    str or None
        Cells separated by tabs; None for sheets that differ, and for any other file.
    """
    try:
        filled = [(name, rows) for name, rows in _sheets(source) if any(map(any, rows))]
    except ReaderError:
        return None  # a reader says what is wrong
    if len(filled) < 2:
        return _text(filled[0][1]) if filled else None
    header = filled[0][1][0]
    if any(rows[0] != header for _, rows in filled):
        return None
    body = [[*row, name] for name, rows in filled for row in rows[1:]]
    return _text([[*header, "sheet"], *body])


def _text(rows: list[list]) -> str:
    return "".join("\t".join(_cell(cell) for cell in row) + "\n" for row in rows)


def _cell(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))  # a workbook knows no whole numbers
    return " ".join(str(cell).split())


def _filled(table: Table) -> Table:
    """The table without columns that hold nothing."""
    keep = [k for k, column in enumerate(table.columns) if any(column)]
    return _pick(table, keep, tuple(table.names[k] for k in keep))


def _pick(table: Table, keep: list[int], names: tuple[str, ...]) -> Table:
    units = tuple(table.units[k] for k in keep) if table.units else ()
    return replace(table, names=names, columns=tuple(table.columns[k] for k in keep), units=units)

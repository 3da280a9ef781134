"""Spreadsheets: .xls and .xlsx."""

import io
import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table
from memjax.data.headerless import keithley_2400
from memjax.data.roles import take_apart
from memjax.data.text import SPREADSHEET_MAGIC, tables
from memjax.errors import ReaderError


@final
class SpreadsheetReader(AbstractReader):
    """A header, perhaps a row of units, and columns, or pairs of columns with one record each."""

    name = "spreadsheet"
    description = ".xls and .xlsx: a header, perhaps a row of units, columns or pairs of columns"

    def sniff(self, head: str) -> float:
        """How surely a file that begins with `head` is a spreadsheet."""
        return 0.95 if head.encode("latin-1", "replace").startswith(SPREADSHEET_MAGIC) else 0.0

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of all sheets that hold a table."""
        found, errors = [], []
        for name, rows in _sheets(source):
            text = "\n".join("\t".join(_cell(cell) for cell in row) for row in rows)
            try:
                parsed = tables(replace(source, text=text))
            except ReaderError as error:
                errors.append(error)
                continue
            parts = [p for table in parsed for p in _split_pairs(keithley_2400(_filled(table)))]
            found += [replace(part, settings={"sheet": name}) for part in parts]
        if not found and errors:
            raise errors[0]
        return tuple(found)


def _sheets(source: Source) -> list[tuple[str, list[list]]]:
    import python_calamine  # here: only spreadsheets need it

    try:
        book = python_calamine.load_workbook(io.BytesIO(source.data))
        return [(name, book.get_sheet_by_name(name).to_python()) for name in book.sheet_names]
    except python_calamine.CalamineError as error:
        raise ReaderError(f"no spreadsheet ({error})", where=str(source.path)) from None


def _cell(cell: object) -> str:
    return " ".join(str(cell).split())


def _filled(table: Table) -> Table:
    """The table without columns that hold nothing."""
    keep = [k for k, column in enumerate(table.columns) if any(column)]
    return _pick(table, keep, tuple(table.names[k] for k in keep))


def _pick(table: Table, keep: list[int], names: tuple[str, ...]) -> Table:
    units = tuple(table.units[k] for k in keep) if table.units else ()
    return replace(table, names=names, columns=tuple(table.columns[k] for k in keep), units=units)


def _split_pairs(table: Table) -> list[Table]:
    """One table for each pair of columns, where all columns repeat the names of the first two."""
    pair = tuple(take_apart(name).base for name in table.names[:2])
    plain = [_bare(name) for name in table.names]
    repeats = all(name in ("", pair[k % 2]) for k, name in enumerate(plain))
    if len(plain) < 4 or len(plain) % 2 or not repeats:
        return [table]
    unnamed = plain.count("")
    warning = f"{unnamed} columns have no name: taken as pairs of {pair[0]} and {pair[1]}"
    head = table.names[:2]
    parts = [_pick(table, [k, k + 1], head) for k in range(0, len(plain), 2)]
    units = table.units[:2]
    extra = (warning,) if unnamed else ()
    return [replace(p, units=units, warnings=(*table.warnings, *extra)) for p in parts]


def _bare(name: str) -> str:
    """Base name without the number that tells repeated names apart; empty for an unnamed column."""
    return "" if name.startswith("column ") else take_apart(re.sub(r" \(\d+\)$", "", name)).base

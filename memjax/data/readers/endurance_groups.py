"""Tables of endurance with a line of groups above the names: a high and a low state of each test."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Table, Verdict, verdict
from memjax.data.binary import WORKBOOK_MAGIC
from memjax.data.endurance_record import EnduranceRecord
from memjax.data.row_checks import Row, check_rows
from memjax.data.text import is_ended, is_number, separator_of, split_rows
from memjax.data.workbook import text_of
from memjax.errors import ReaderError

from .endurance_table import is_cycle, records_of_table, state_of

_DEEPEST = 6
"""Rows in which the header is looked for."""


@dataclass(frozen=True, kw_only=True)
class _GroupedSheet:
    """A sheet with a header of two lines: names of columns, the group of each column, and the rows below."""

    sheet: str
    names: list[str]
    groups: list[str]
    cycle: int
    rows: list[Row]


@final
class EnduranceGroupsReader(AbstractRecordReader):
    """``Cycle, SET#1, SET#1, RESET#1, RESET#1`` over ``Index, ILRS, IHRS, ILRS, IHRS``: a record for each group.

    Notes
    -----
    The cycle is named in either line, and holds for all groups. A group without a name goes on with the one to its
    left, as joined cells of a workbook do. Groups without both states, or without readings, are left out.
    Verified on a workbook of Clarius+ V1.14 (Keithley 4200, cycle mode) of arrayan/memristor-analysis.
    """

    name = "endurance-groups"
    description = (
        "endurance: names of tests above columns ILRS and IHRS (or RLRS, RHRS), and a cycle"
    )

    def judge(self, source: Source) -> Verdict:
        """Sure where names of a high and a low state stand under names of groups, beside a cycle."""
        try:
            tests = [g for sheet in _sheets(source, _DEEPEST) for g in _tests(sheet)]
        except ReaderError:
            return Verdict()  # another reader says what is wrong
        reason = f"a high and a low resistance state under the groups {', '.join(tests[:3])}"
        return verdict(tests, NAMED_COLUMNS, reason)

    def records(self, source: Source) -> tuple[EnduranceRecord, ...]:
        """One record per group that has readings."""
        sheets = [s for s in _sheets(source) if _tests(s)]
        records: list[EnduranceRecord] = []
        for sheet in sheets:
            prefix = f"{sheet.sheet} " if len(sheets) > 1 else ""
            for group, places in _tests(sheet).items():
                table = _table(sheet, group, places, source)
                if any(any(cells) for cells in table.columns[1:]):
                    device = prefix + group
                    records += records_of_table(table, source, reader=self.name, device=device)
        if not records:
            raise ReaderError(
                "no group with readings of both states", where=str(source.path), allowed=self.description
            )  # fmt: skip
        return tuple(records)


def _sheets(source: Source, most: int | None = None) -> Iterator[_GroupedSheet]:
    """Sheets of a workbook, or the one table of a text, that have such a header; as far as their first rows."""
    if source.data.startswith(WORKBOOK_MAGIC):
        parts = [(name, text_of(rows[:most]).split("\n"), "\t") for name, rows in source.sheets]
    else:
        text = source.text if most is None else source.head
        lines = text.split("\n")[:most]
        parts = [("", lines, separator_of(next((x for x in lines if x.strip()), "")))]
    for name, lines, separator in parts:
        rows = split_rows(lines, 0, separator, where=str(source.path))
        if (sheet := _grouped_sheet(name, rows)) is not None:
            yield sheet


def _grouped_sheet(sheet: str, rows: list[Row]) -> _GroupedSheet | None:
    """The sheet by its header; None where there is none of two lines."""
    for k, (_, names) in enumerate(rows[1:_DEEPEST], 1):
        upper_row = rows[k - 1][1]
        if not {"hrs", "lrs"} <= set(map(state_of, names)) or any(map(is_number, upper_row)):
            continue
        either = [{*upper_row[n : n + 1], name} for n, name in enumerate(names)]
        cycle = next((n for n, cells in enumerate(either) if any(map(is_cycle, cells))), None)
        if cycle is not None:
            groups, last = [], ""
            for n in range(len(names)):
                last = (upper_row[n] if n < len(upper_row) else "") or last
                groups.append(last)
            return _GroupedSheet(
                sheet=sheet, names=names, groups=groups, cycle=cycle, rows=rows[k + 1 :]
            )
    return None


def _tests(sheet: _GroupedSheet) -> dict[str, dict[str, int]]:
    """Places of the two states by group, of groups that have one of each."""
    tests: dict[str, dict[str, int]] = {}
    for group in dict.fromkeys(sheet.groups):
        members = [n for n, g in enumerate(sheet.groups) if g == group and n != sheet.cycle]
        states = [(state, n) for n in members if (state := state_of(sheet.names[n]))]
        if group and sorted(state for state, _ in states) == ["hrs", "lrs"]:
            tests[group] = dict(states)
    return tests


def _table(sheet: _GroupedSheet, group: str, places: dict[str, int], source: Source) -> Table:
    """Cycle, high and low state of one group, and what is not read of it."""
    where, remarks = str(source.path), []
    ended = source.data.startswith(WORKBOOK_MAGIC) or is_ended(source.text)
    rows = check_rows(sheet.rows, remarks, ended=ended, columns=len(sheet.names), where=where)
    places_read = [sheet.cycle, places["hrs"], places["lrs"]]
    cells = tuple([row[n] if n < len(row) else "" for _, row in rows] for n in places_read)
    unread = [
        name
        for n, name in enumerate(sheet.names)
        if sheet.groups[n] == group and n not in places_read
    ]
    if unread:
        remarks.append(f"columns not read under {group}: {', '.join(unread)}")
    return Table(
        names=("cycle", *(sheet.names[n] for n in places_read[1:])), columns=cells,
        lines=[line for line, _ in rows], warnings=tuple(remarks),
    )  # fmt: skip

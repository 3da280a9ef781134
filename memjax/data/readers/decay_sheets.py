"""Resistances against time, many runs side by side, sheet by sheet."""

import re
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from memjax.core.units import parse_unit, spelled
from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Verdict, verdict
from memjax.data.binary import WORKBOOK_MAGIC
from memjax.data.numbers import overflow_remarks, to_numbers
from memjax.data.pulse_record import DecayRecord
from memjax.data.record_columns import roles
from memjax.data.row_checks import Row, check_rows
from memjax.data.text import is_ended, is_number, separator_of, split_line, split_rows
from memjax.data.workbook import text_of
from memjax.errors import ReaderError, UnitError

_DEEPEST = 6
"""Rows that a header may have."""


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A header and the rows below: pairs of a time and a resistance (or conductance) column, each with its label."""

    runs: tuple[tuple[int, int, str], ...]
    factors: tuple[tuple[float, float, bool], ...]
    rows: list[Row]
    width: int
    nameless: int


@final
class DecaySheetsReader(AbstractRecordReader):
    """``Time (s), Resistance (ohm), , Time (s), Resistance (ohm)`` over units and comments, in one sheet or several.

    Notes
    -----
    A time holds for all resistances to its right, up to the next time; a column without a name, but with numbers,
    repeats the name to its left, as a workbook with joined cells does. A row of comments, as Origin writes it, labels
    the runs. Readings that are not positive are dropped, which a warning says.
    """

    name = "decay-sheets"
    description = "resistance against time: several runs side by side, or sheets, with labels under the header"

    def judge(self, source: Source) -> Verdict:
        """Sure where a header names a time and several resistances, and neither voltage nor current."""
        head = (
            source.head.rpartition("\n")[0] if len(source.text) > len(source.head) else source.text
        )
        blocks = [b for _, rows in _sheets(source, head) if (b := _block(rows)) is not None]
        runs = sum(len(b.runs) for b in blocks)
        reason = (
            f"headers name times and {runs} resistances or conductances, no voltage and no current"
        )
        return verdict(runs > 1, NAMED_COLUMNS + 0.01, reason)

    def records(self, source: Source) -> tuple[DecayRecord, ...]:
        """One record per run."""
        where, records, aside = str(source.path), [], []
        sheets = _sheets(source, source.text)
        for name, rows in sheets:
            block = _block(rows)
            if block is None:
                aside.append(name)
                continue
            prefix = name if len(sheets) > 1 else ""
            remarks: list[str] = []
            if block.nameless:
                remarks.append(
                    f"{block.nameless} columns without a name that begin below the first row are taken as further runs"
                )
            ended = source.data.startswith(WORKBOOK_MAGIC) or is_ended(source.text)
            rows = check_rows(
                block.rows, remarks, ended=ended, columns=block.width, where=where
            )  # fmt: skip
            block = replace(block, rows=rows)
            records += [
                _record(block, k, prefix, source, self.name, remarks)
                for k in range(len(block.runs))
            ]
        if not records:
            raise ReaderError("no time with resistances", where=where, allowed=self.description)
        if aside:
            text = f"sheets without times and resistances are left out: {', '.join(aside)}"
            records[0] = replace(records[0], warnings=(*records[0].warnings, text))
        return tuple(records)


def _sheets(source: Source, text: str) -> list[tuple[str, list[Row]]]:
    """Rows of each sheet of a workbook, or of the one table of a text, as far as they are not blank."""
    if source.data.startswith(WORKBOOK_MAGIC):
        try:
            return [
                (n, split_rows(text_of(rows).split("\n"), 0, "\t", where=str(source.path)))
                for n, rows in source.sheets
                if rows
            ]
        except ReaderError:
            return []  # the reader of workbooks says what is wrong
    lines = [line for line in text.split("\n") if line.strip()]
    separator = separator_of(lines[-1]) if lines else " "
    if separator == " " or sum(map(is_number, split_line(lines[-1], separator))) < 3:
        return []
    if _header([split_line(line, separator) for line in lines[: _DEEPEST + 1]]) is None:
        return []
    return [("", split_rows(text.split("\n"), 0, separator, where=str(source.path)))]


def _header(rows: list[list[str]]) -> tuple[int, int] | None:
    """Row of the names and first row of numbers."""
    first = next(
        (k for k, r in enumerate(rows[: _DEEPEST + 1]) if sum(map(is_number, r)) >= 2), None
    )
    for k in range(first or 0):
        # Columns AI and AV are known together: neither name says alone that it is a current or a voltage.
        kinds = {_role(cell) for cell in rows[k]} | roles(rows[k]).keys()
        if "t" in kinds and {"r", "g"} & kinds and not {"v", "i"} & kinds:
            return k, first or 0
    return None


def _role(cell: str) -> str:
    """Role that a name says, empty where it says none."""
    return next(iter(roles([_plain(cell)])), "")


def _plain(cell: str) -> str:
    """A name without the number of a run, as in ``R2 (ohm)``."""
    return re.sub(r"(?<=[A-Za-z])[_ ]?\d+(?=$|[\s_/(\[])", "", cell, count=1)


def _block(numbered: list[Row]) -> _Block | None:
    """Runs of a sheet; None where its header names no time with resistances."""
    rows = [cells for _, cells in numbered]
    header = _header(rows)
    if header is None:
        return None
    at, first = header
    body = numbered[first:]
    width = len(rows[at])
    filled = [any(is_number(r[k]) for _, r in body if k < len(r)) for k in range(width)]
    names, last, nameless = [], "", 0
    for k, cell in enumerate(rows[at]):
        last = cell or (last if _role(last) in ("r", "g") and filled[k] else "")
        # Joined cells have numbers from the first row on; cells that moved have them from a later one.
        nameless += last != cell and not (k < len(body[0][1]) and is_number(body[0][1][k]))
        names.append(last)
    others = [r for k, r in enumerate(rows[:first]) if k != at]
    runs, factors, time = [], [], None
    for k, name in enumerate(names):
        column = roles([_plain(name)])
        role = next(iter(column), "")
        if role == "t":
            time = (k, column["t"].factor)
        elif role in ("r", "g") and time is not None and filled[k]:
            runs.append((time[0], k, _label(others, k, name, len(runs))))
            scale = _unit_below(others, k, "ohm" if role == "r" else "S") or column[role].factor
            factors.append((_unit_below(others, time[0], "s") or time[1], scale, role == "g"))
    return (
        _Block(runs=tuple(runs), factors=tuple(factors), rows=body, width=width, nameless=nameless)
        if runs
        else None
    )


def _unit_below(rows: list[list[str]], k: int, like: str) -> float | None:
    """Factor of a unit in a row under the names; None where there is none."""
    for row in rows:
        try:
            unit = parse_unit(spelled(row[k], like))
        except (UnitError, IndexError):
            continue
        if unit.dimension == parse_unit(like).dimension:
            return unit.factor
    return None


def _label(rows: list[list[str]], k: int, name: str, number: int) -> str:
    """Label of a run: what stands over or under its name, else the number in its name, else its place."""
    for row in reversed(rows):
        if k < len(row) and row[k] and row[0].strip().lower() not in ("units", "unit", "long name"):
            return row[k]
    digits = re.search(r"\d+", re.sub(r"[(\[].*", "", name))
    return digits[0] if digits else str(number)


def _record(
    block: _Block, n: int, prefix: str, source: Source, reader: str, remarks: list[str]
) -> DecayRecord:
    """One run, without the rows in which it is empty."""
    a, b, label = block.runs[n]
    f_t, f_r, inverse = block.factors[n]
    where, lines = str(source.path), [line for line, _ in block.rows]
    cells = [[row[k] if k < len(row) else "" for _, row in block.rows] for k in (a, b)]
    t, r = (to_numbers(column, lines, where=where, name=label) for column in cells)
    remarks = [*remarks, *overflow_remarks(cells[0], t, lines, name=f"time of {label}", nan=True)]
    remarks += overflow_remarks(cells[1], r, lines, name=label, nan=True)
    t, r = f_t * t, f_r * r
    there = np.isfinite(t) & np.isfinite(r)
    keep = there & (r > 0)
    lost = int(np.count_nonzero(there)) - int(np.count_nonzero(keep))
    label = f"{prefix} {label}".strip()
    if lost:
        remarks.append(f"run {label}: {lost} readings that are not positive are dropped")
    return DecayRecord(
        label=label, t=t[keep], r=1 / r[keep] if inverse else r[keep], reader=reader,
        source={"file": where, "sha256": source.sha256}, warnings=tuple(remarks),
    )  # fmt: skip

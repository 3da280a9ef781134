"""Endurance without a header: one cell a line, high and low resistance in turn."""

from typing import final

import numpy as np

from memjax.data.base import AbstractRecordReader, Source, Verdict, verdict
from memjax.data.endurance_record import EnduranceRecord
from memjax.data.numbers import to_numbers
from memjax.data.row_checks import check_rows, lines_of
from memjax.data.text import is_ended, is_number, separator_of, split_line, split_rows
from memjax.errors import ReaderError

_SHORTEST = 21
"""Numbers of a line below which it is no list of cycles: an address and ten cycles."""
_APART = 1.5
"""Ratio of two readings that follow one another, above which they are two states."""


@final
class EnduranceRowsReader(AbstractRecordReader):
    """Lines of an address and two resistances for each cycle, high and low in turn.

    Notes
    -----
    A file is taken for one where all lines have one odd count of numbers, 21 or more, the first ones are whole and
    increase, and in nine of ten pairs one state is above the other by half, always the same one. Which state comes
    first is seen from the numbers; that these are resistances in ohm is assumed, which a warning says.
    """

    name = "endurance-rows"
    description = (
        "endurance: no header, a cell each line: address, then two resistances for each cycle"
    )

    def judge(self, source: Source) -> Verdict:
        """Sure where lines are of that form, as far as numbers can tell."""
        lines = [line for line in source.text[:262144].split("\n") if line.strip()][:21]
        lines = lines[:-1] if len(lines) > 2 else lines  # the last one may be cut
        rows = [split_line(line) for line in lines]
        known = len(rows) > 0 and all(
            len(r) == len(rows[0]) and all(map(is_number, r)) for r in rows
        )
        if not known or len(rows[0]) < _SHORTEST or len(rows[0]) % 2 == 0:
            return Verdict()
        table = np.array([[float(c.replace(",", ".")) for c in r] for r in rows])
        reason = f"no header; lines of an address and {len(rows[0]) // 2} pairs of a high and a low number"
        return verdict(_high_first(table) is not None, 0.7, reason)

    def records(self, source: Source) -> tuple[EnduranceRecord, ...]:
        """One record per cell."""
        where = str(source.path)
        table, lines, remarks = _numbers(source, where)
        first = _high_first(table)
        if first is None or table.shape[1] < 5 or table.shape[1] % 2 == 0:
            raise ReaderError("no two states in turn", where=where, allowed=self.description)
        pairs = table[:, 1:].reshape(len(table), -1, 2)
        if np.any(lost := ~np.all(pairs > 0, axis=(1, 2))):
            count = int(np.count_nonzero(~(pairs > 0)))
            at = lines_of(lines[lost].tolist())
            remarks.append(f"{count} readings that are no resistances are left out: {at}")
        pairs = np.where(pairs > 0, pairs, np.nan)
        hrs, lrs = (pairs[..., 0], pairs[..., 1]) if first else (pairs[..., 1], pairs[..., 0])
        order = "high, low" if first else "low, high"
        remarks.insert(
            0, f"no header: taken as an address and the resistances {order} of each cycle, in ohm"
        )
        provenance = {"file": where, "sha256": source.sha256}
        cycles = np.arange(pairs.shape[1], dtype=float)
        return tuple(
            EnduranceRecord(
                device=f"{row[0]:.15g}", cycles=cycles, hrs=h, lrs=low, reader=self.name,
                source=provenance, warnings=tuple(remarks),
            )
            for row, h, low in zip(table, hrs, lrs, strict=True)
        )  # fmt: skip


def _numbers(source: Source, where: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Numbers of each line, the lines, and what is said of lines that are left out."""
    lines, remarks = source.text.split("\n"), []
    first = next(line for line in lines if line.strip())
    separator = separator_of(first)
    width = len([c for c in split_line(first, separator) if c])
    rows = check_rows(
        split_rows(lines, 0, separator, where=where), remarks,
        ended=is_ended(source.text), columns=width, where=where,
    )  # fmt: skip
    numbers = [k for k, _ in rows]
    for k, cells in rows:
        if len(cells) < width or not all(cells[:width]):
            raise ReaderError(
                f"fewer cells than the {width} of the first line", where=f"{where}, line {k}",
                fix="mend or delete the line",
            )  # fmt: skip
    columns = [
        to_numbers([cells[c] for _, cells in rows], numbers, where=where, name=str(c + 1))
        for c in range(width)
    ]
    return np.stack(columns, axis=1), np.array(numbers), remarks


def _high_first(table: np.ndarray) -> bool | None:
    """Whether the first of each pair is the high state; None where the rows are not of that form."""
    address, pairs = table[:, 0], table[:, 1:].reshape(len(table), -1, 2)
    if np.any(address % 1) or np.any(np.diff(address) <= 0) or np.any(pairs < 0):
        return None
    for high, low, answer in ((0, 1, True), (1, 0, False)):
        if np.mean(pairs[..., high] > _APART * pairs[..., low]) >= 0.9:
            return answer
    return None

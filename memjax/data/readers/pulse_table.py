"""Tables of the conductance after each pulse: device, branch, cycle, pulse, g."""

from typing import final

import numpy as np

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Verdict, verdict
from memjax.data.pulse_record import RESET, SET, PulseRecord
from memjax.data.record_columns import (
    assumed_units,
    in_order,
    label_remarks,
    labels,
    numbers,
    one_table,
    require,
    roles,
)
from memjax.data.row_checks import lines_of
from memjax.data.text import split_line
from memjax.errors import ReaderError

_SET = ("p", "ltp", "set", "potentiation", "up", "0", "+", "+1")
_RESET = ("d", "ltd", "reset", "depression", "down", "1", "-", "-1")


@final
class PulseTableReader(AbstractRecordReader):
    """One row per pulse; pulse 0 of a branch is the reading before it.

    Notes
    -----
    The branches of a cycle follow one another as they do in the file. Where the second one begins
    with a reading of its own, that of the first one's end is kept.
    """

    name = "pulse-table"
    description = "conductance per pulse: columns device, branch (P or D), cycle, pulse, g_S"

    def sniff(self, head: str) -> Verdict:
        """Sure where the first line names a pulse, a branch and a conductance or resistance."""
        columns = roles(split_line(head.lstrip().split("\n")[0]))
        known = {"pulse", "branch"} <= columns.keys() and bool({"g", "r"} & columns.keys())
        return verdict(
            known,
            NAMED_COLUMNS,
            "the header names a pulse, a branch and a conductance or resistance",
        )

    def records(self, source: Source) -> tuple[PulseRecord, ...]:
        """One record per device."""
        table, where = one_table(source), str(source.path)
        columns = roles(table.names)
        require(columns, table, "pulse", "branch", "g r", where=where)
        column = columns.get("g") or columns["r"]
        g = numbers(table, column, where=where)
        g = g if "g" in columns else 1 / np.where(g == 0, np.nan, g)
        cycle = labels(table, [columns["cycle"].index] if "cycle" in columns else [])
        taken = {c.index for c in columns.values()}
        labelling = [k for k in range(len(table.names)) if k not in taken]
        device = labels(table, labelling)
        kinds = np.array([_kind(x, where) for x in table.columns[columns["branch"].index]])
        pulse = numbers(table, columns["pulse"], where=where)
        if lost := [n for n, x in zip(table.lines, pulse, strict=True) if not np.isfinite(x)]:
            raise ReaderError(
                "no count of the pulse", where=f"{where}, {lines_of(lost)}", allowed="0, 1, 2, ..."
            )
        warnings = (*table.warnings, *assumed_units(table, [column]))
        warnings += label_remarks(table, labelling, "devices")
        return tuple(
            joined_record(
                str(name),
                tuple(x[device == name] for x in (g, cycle, kinds, pulse)),
                source,
                warnings,
                self.name,
            )
            for name in in_order(device)
        )


def _kind(word: str, where: str) -> int:
    """Kind of a branch.

    Raises
    ------
    ReaderError
        For a word that is none.
    """
    word = str(word).strip().lower()
    if word not in (*_SET, *_RESET):
        raise ReaderError(f"branch {word!r}", where=where, allowed="P (set) or D (reset)")
    return SET if word in _SET else RESET


def joined_record(
    device: str, columns: tuple, source: Source, remarks: tuple[str, ...], reader: str
) -> PulseRecord:
    """Record of one device.

    Parameters
    ----------
    device : str
        Its label.
    columns : tuple of four arrays
        Conductance [S], cycle, kind of the branch and count of the pulse, row by row.
    source : Source
        File.
    remarks : tuple of str
        What was assumed.
    reader : str
        Name of the reader.

    Raises
    ------
    ReaderError
        If pulses do not count 0, 1, 2, ..., or cycles differ.
    """
    g, cycle, kinds, pulse = columns
    where = f"{source.path}, device {device}"
    rows, sequence, warnings = [], None, list(remarks)
    names = in_order(cycle)
    for name in names:
        at = cycle == name
        row, order = _joined(g[at], kinds[at], pulse[at], where, warnings)
        if sequence is not None and not np.array_equal(sequence, order):
            raise ReaderError(f"cycle {name} has other pulses than cycle {names[0]}", where=where)
        rows.append(row)
        sequence = order
    whole = all(str(x).lstrip("-").isdigit() for x in names)
    return PulseRecord(
        device=str(device),
        g=np.stack(rows),
        kinds=np.asarray(sequence),
        cycles=np.array([int(x) for x in names]) if whole else np.arange(len(names)),
        reader=reader,
        source={"file": str(source.path), "sha256": source.sha256},
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _joined(g, kinds, pulse, where: str, warnings: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Conductances of one cycle, and the kinds of its pulses."""
    row, order = np.zeros(0), np.zeros(0, int)
    for kind in in_order(kinds):
        mine = kinds == kind
        n, readings = pulse[mine], g[mine]
        first = int(n[0]) if len(n) else 0
        if first not in (0, 1) or not np.array_equal(n, np.arange(first, first + len(n))):
            raise ReaderError("pulses that do not count 0, 1, 2, ...", where=where)
        if not row.size and first:
            raise ReaderError("no reading before the first pulse", where=where, allowed="pulse 0")
        if row.size and not first:
            if readings[0] != row[-1]:
                warnings.append("a branch begins with a reading of its own: it was left out")
            readings = readings[1:]
        row = np.concatenate([row, readings])
        order = np.concatenate([order, np.full(len(readings) - (not order.size), kind)])
    return row, order

"""Tables of a resistance, or a conductance, against time, with no voltage and no current."""

from typing import final

import numpy as np

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Table, Verdict, verdict
from memjax.data.pulse_record import DecayRecord
from memjax.data.record_columns import (
    Column,
    assumed_units,
    in_order,
    label_remarks,
    labels,
    numbers,
    one_table,
    require,
    roles,
)
from memjax.data.text import split_line
from memjax.errors import ReaderError


@final
class DecayTableReader(AbstractRecordReader):
    """Columns `t` and `r` (or `g`), perhaps a temperature, which is not used; all others tell one run from another."""

    name = "decay-table"
    description = "resistance against time: columns t_s and r_ohm (or g_S), and labels of runs"

    def sniff(self, head: str) -> Verdict:
        """Sure where the first line names a time and a resistance or conductance, and neither voltage nor current."""
        columns = roles(split_line(head.lstrip().split("\n")[0]))
        known = (
            "t" in columns
            and bool({"g", "r"} & columns.keys())
            and not {"v", "i", "pulse"} & columns.keys()
        )
        quantity = "resistance" if "r" in columns else "conductance"
        return verdict(
            known,
            NAMED_COLUMNS,
            f"the header names a time and a {quantity}, no voltage and no current",
        )

    def records(self, source: Source) -> tuple[DecayRecord, ...]:
        """One record per run."""
        table, where = one_table(source), str(source.path)
        columns = roles(table.names)
        require(columns, table, "t", "r g", where=where)
        column = columns.get("r") or columns["g"]
        t, r = (numbers(table, c, where=where) for c in (columns["t"], column))
        r = r if "r" in columns else 1 / np.where(r == 0, np.nan, r)
        taken = {columns["t"].index, column.index}
        warnings = (*table.warnings, *assumed_units(table, [columns["t"], column]))
        if "temperature" in columns:
            taken.add(columns["temperature"].index)
            warnings += _temperature(table, columns["temperature"], where)
        labelling = [k for k in range(len(table.names)) if k not in taken]
        run = labels(table, labelling)
        warnings += label_remarks(table, labelling, "runs")
        if labelling and len(set(run.tolist())) > len(run) / 2:
            names = ", ".join(repr(table.names[k]) for k in labelling)
            raise ReaderError(
                f"columns {names} differ from row to row: they tell no runs apart", where=where,
                allowed="time, resistance, temperature, and labels of runs", fix="delete them",
            )  # fmt: skip
        return tuple(
            DecayRecord(
                label=source.path.stem if len(taken) == len(table.names) else str(name),
                t=t[run == name],
                r=r[run == name],
                reader=self.name,
                source={"file": where, "sha256": source.sha256},
                warnings=warnings,
            )
            for name in in_order(run)
        )


def _temperature(table: Table, column: Column, where: str) -> tuple[str, ...]:
    """Describe a column of temperatures."""
    values = numbers(table, column, where=where)
    low, high = np.nanmin(values), np.nanmax(values)
    span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    name = table.names[column.index]
    return (
        f"the temperature {name!r}, {span}, is not used: a fit takes it in kelvin with --temperature",
    )

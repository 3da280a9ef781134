"""Tables of a resistance, or a conductance, against time, with no voltage and no current."""

from typing import final

import numpy as np

from memjax.data.base import AbstractRecordReader, Source
from memjax.data.pulse_record import DecayRecord
from memjax.data.record_columns import assumed, in_order, labels, numbers, one_table, roles
from memjax.data.text import split_line


@final
class DecayTableReader(AbstractRecordReader):
    """Columns `t` and `r` (or `g`); all others tell one run from another."""

    name = "decay-table"
    description = "resistance against time: columns t_s and r_ohm (or g_S), and labels of runs"

    def sniff(self, head: str) -> bool:
        """Whether the first line names a time and a resistance or conductance, and neither voltage nor current."""
        found = roles(split_line(head.lstrip().split("\n")[0]))
        return (
            "t" in found
            and bool({"g", "r"} & found.keys())
            and not {"v", "i", "pulse"} & found.keys()
        )

    def records(self, source: Source) -> tuple[DecayRecord, ...]:
        """One record per run."""
        table, where = one_table(source), str(source.path)
        found = roles(table.names)
        own = found.get("r") or found["g"]
        t, r = (numbers(table, c, where=where) for c in (found["t"], own))
        r = r if "r" in found else 1 / np.where(r == 0, np.nan, r)
        taken = {found["t"].place, own.place}
        run = labels(table, [k for k in range(len(table.names)) if k not in taken])
        return tuple(
            DecayRecord(
                label=source.path.stem if len(taken) == len(table.names) else str(name),
                t=t[run == name],
                r=r[run == name],
                reader=self.name,
                source={"file": where, "sha256": source.sha256},
                warnings=assumed(table, [found["t"], own]),
            )
            for name in in_order(run)
        )

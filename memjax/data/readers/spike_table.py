"""Tables of spike times."""

from typing import final

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Verdict, verdict
from memjax.data.record_columns import assumed_units, is_label, roles
from memjax.data.spike_record import SpikeRecord
from memjax.data.spike_trains import order_remarks, spike_table, trains_of
from memjax.data.text import split_line


@final
class SpikeTableReader(AbstractRecordReader):
    """A column of times, and at most columns that tell one train from another."""

    name = "spike-table"
    description = "spike times: column t_s, and labels of trains (train, neuron, member, ...)"

    def sniff(self, head: str) -> Verdict:
        """Sure where the first line names a time, and nothing but labels beside it."""
        names = split_line(head.lstrip().split("\n")[0])
        columns = roles(names)
        others = [n for k, n in enumerate(names) if "t" in columns and k != columns["t"].index]
        known = "t" in columns and all(map(is_label, others))
        return verdict(
            known, NAMED_COLUMNS, "the header names a time, and nothing but labels beside it"
        )

    def records(self, source: Source) -> tuple[SpikeRecord, ...]:
        """One record per train."""
        table, where = spike_table(source), str(source.path)
        provenance = {"file": where, "sha256": source.sha256}
        warnings = (*table.warnings, *order_remarks(table, where))
        warnings += assumed_units(table, [roles(table.names)["t"]])
        return tuple(
            SpikeRecord(label=n, times=t, reader=self.name, source=provenance, warnings=warnings)
            for n, t in trains_of(table, where).items()
        )

"""Comma-separated tables whose headers carry units, such as memjax writes."""

from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.roles import take_apart
from memjax.data.text import split_line, tables


@final
class TidyReader(AbstractReader):
    """CSV with headers such as ``t_s, v_V, i_A`` and columns that number the sweeps.

    Notes
    -----
    Where the current is spread over columns ``i_A_000, i_A_001, ...``, each is a record of its own.
    """

    name = "tidy"
    description = "CSV with units in its headers: t_s, v_V, i_A and a cycle, sweep or file column"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` has headers with units."""
        headings = [take_apart(cell) for cell in split_line(head.lstrip().split("\n")[0])]
        stated = [f"{h.base} in {h.unit}" for h in headings if h.unit]
        return verdict(len(stated) >= 2, 0.8, f"the header states units: {', '.join(stated[:3])}")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(tables(source))

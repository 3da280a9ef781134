"""Comma-separated tables whose headers carry units, such as memjax writes."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table
from memjax.data.roles import take_apart
from memjax.data.text import split_line, tables

_NUMBERED = re.compile(r"^(.+)_(\d+)$")


@final
class TidyReader(AbstractReader):
    """CSV with headers such as ``t_s, v_V, i_A`` and columns that number the sweeps.

    Notes
    -----
    Where the current is spread over columns ``i_A_000, i_A_001, ...``, each is a record of its own.
    """

    name = "tidy"
    description = "CSV with units in its headers: t_s, v_V, i_A and a cycle, sweep or file column"

    def sniff(self, head: str) -> float:
        """How surely a file that begins with `head` has headers with units."""
        headings = [take_apart(cell) for cell in split_line(head.lstrip().split("\n")[0])]
        return 0.8 if len([h for h in headings if h.unit]) >= 2 else 0.0

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        found = tables(source)
        return tuple(part for table in found for part in _split_wide(table, options))


def _split_wide(table: Table, options: Options) -> list[Table]:
    """One table for each numbered current column; the table itself where there are none."""
    matches = [(k, m) for k, name in enumerate(table.names) if (m := _NUMBERED.match(name))]
    wide = [(k, m[1]) for k, m in matches if take_apart(m[1]).base in ("i", "I", "current")]
    if len(wide) < 2 or "i" in options.columns:
        return [table]
    numbered = {k for k, _ in matches}
    common = [k for k in range(len(table.names)) if k not in numbered]
    return [
        replace(
            table,
            names=(*(table.names[j] for j in common), name),
            columns=(*(table.columns[j] for j in common), table.columns[k]),
        )
        for k, name in wide
    ]

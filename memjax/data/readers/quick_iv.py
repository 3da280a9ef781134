"""Keysight Quick-IV."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import tables


@final
class QuickIVReader(AbstractReader):
    """``Item,Smu1.Time[1][1],Smu1.V[1][1],...`` with a comma at the end of each line."""

    name = "quick-iv"
    description = "Keysight Quick-IV: Item,Smu1.Time[1][1],Smu1.V[1][1],Smu1.I[1][1],..."

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from Quick-IV."""
        known = re.match(r"\s*Item,\s*Smu\d+\.", head)
        return verdict(known, 0.9, "the header begins with Item and columns of Smu")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file; the instrument writes SI."""
        return tuple(replace(table, si=True) for table in tables(source))

"""What a Python script of a laboratory writes: names with blanks between, rows with tabs."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import tables


@final
class LabscriptReader(AbstractReader):
    """``Voltage Current Time`` over rows separated by tabs.

    Notes
    -----
    Some of these scripts round the time since 1970 to four digits: such a time is dropped.
    """

    name = "labscript"
    description = "lab script: header 'Voltage Current Time' with blanks over rows with tabs"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` has that header over tabs."""
        known = re.match(r"\s*Voltage +Current( +Time)? *\n[^\n]*\t", head, re.IGNORECASE)
        return verdict(known, 0.9, "the header 'Voltage Current' has blanks over rows with tabs")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(tables(source))

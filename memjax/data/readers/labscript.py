"""What a Python script of a laboratory writes: names with blanks between, rows with tabs."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table
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

    def sniff(self, head: str) -> float:
        """How surely a file that begins with `head` has that header over tabs."""
        return 0.9 if re.match(r"\s*Voltage +Current( +Time)? *\n[^\n]*\t", head) else 0.0

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(tables(source))

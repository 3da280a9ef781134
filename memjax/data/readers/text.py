"""Any table of text, the last resort."""

from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table
from memjax.data.headerless import keithley_2400
from memjax.data.text import is_data, split_line, tables


@final
class TextReader(AbstractReader):
    """A header and numbers below it, whatever separates them."""

    name = "text"
    description = "any text table with a header such as 'Time  Voltage  Current' or 'U / V  I / A'"

    def sniff(self, head: str) -> float:
        """How surely a file that begins with `head` is a table."""
        return 0.1 if any(is_data(split_line(line)) for line in head.split("\n")) else 0.0

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(keithley_2400(table) for table in tables(source))

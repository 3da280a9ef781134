"""Any table of text, the last resort."""

from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.headerless import keithley_2400
from memjax.data.text import is_data, split_line, tables


@final
class TextReader(AbstractReader):
    """A header and numbers below it, whatever separates them."""

    name = "text"
    description = "any text table with a header such as 'Time  Voltage  Current' or 'U / V  I / A'"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` is a table."""
        known = any(is_data(split_line(line)) for line in head.split("\n"))
        return verdict(known, 0.1, "it holds rows of numbers, and nothing of an instrument")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(keithley_2400(table) for table in tables(source))

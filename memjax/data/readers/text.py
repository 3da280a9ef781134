"""Any table of text, the last resort."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.headerless import keithley_2400
from memjax.data.roles import plain_role
from memjax.data.text import is_data, split_line, tables


@final
class TextReader(AbstractReader):
    """A header and numbers below it, whatever separates them."""

    name = "text"
    description = "any text table with a header such as 'Time  Voltage  Current' or 'U / V  I / A'"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` is a table."""
        lines = head.split("\n")
        at = next((k for k, line in enumerate(lines) if is_data(split_line(line))), None)
        if at is not None and any({"v", "i"} <= _quantities(line) for line in lines[:at]):
            reason = "a line names a voltage and a current above rows of numbers"
            return Verdict(certainty=0.5, reason=reason)
        known = at is not None
        return verdict(known, 0.1, "it holds rows of numbers, and nothing of an instrument")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(keithley_2400(table) for table in tables(source))


def _quantities(line: str) -> set[str]:
    """Voltage, current and time, as far as the words of a line name them."""
    return {role for word in re.findall(r"[A-Za-zµμ]+", line) if (role := plain_role(word))}

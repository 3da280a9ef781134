"""The bare lists of a Keysight B1500."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import tables


@final
class B1500ListReader(AbstractReader):
    """``V1,I1,absI`` and numbers; the settings are in the name of the file, if anywhere."""

    name = "b1500-list"
    description = "Keysight B1500 list: bare header V1,I1,absI"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` is such a list."""
        bare = re.match(r"\s*(V\d+,\s*I\d+)\s*(,|\n)", head)
        return verdict(
            bare, 0.9, f"the header begins with the bare names {bare[1]}" if bare else ""
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file; the instrument writes SI."""
        return tuple(replace(table, si=True) for table in tables(source))

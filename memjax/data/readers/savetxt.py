"""What `numpy.savetxt` writes."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import tables


@final
class SavetxtReader(AbstractReader):
    """Numbers under a header line that begins with ``#``; separated by blanks or commas."""

    name = "savetxt"
    description = "numpy.savetxt: a header line that begins with '#', blanks or commas between"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` has a commented header over numbers."""
        known = re.match(r"\s*(#[^\n]*\n\s*)+[-+.\d]", head)
        return verdict(known, 0.85, "lines that begin with # stand over numbers")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tuple(tables(source, comment="#"))

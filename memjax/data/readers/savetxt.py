"""What `numpy.savetxt` writes."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import tables

_MARKED = re.compile(r"\s*(([#%!])[^\n]*\n\s*)+[-+.\d]")


@final
class SavetxtReader(AbstractReader):
    """Numbers under a header line that begins with ``#``, ``%`` or ``!``; separated by blanks or commas."""

    name = "savetxt"
    description = "numpy.savetxt: a header line that begins with '#', blanks or commas between"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` has a commented header over numbers."""
        known = _MARKED.match(head)
        return verdict(
            known, 0.85, f"lines that begin with {known[2]} stand over numbers" if known else ""
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        known = _MARKED.match(source.text)
        return tuple(tables(source, comment=known[2] if known else "#"))

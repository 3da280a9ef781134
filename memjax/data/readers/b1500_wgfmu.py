"""The lists of a Keysight B1500 waveform generator (WGFMU)."""

from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import tables
from memjax.errors import ReaderError


@final
class B1500WgfmuReader(AbstractReader):
    """``Time,MeasResult1_value,MeasResult2_value``.

    Notes
    -----
    The file does not say which result is the voltage and which the current, and the two are of
    similar size often enough: the user has to say it.
    """

    name = "b1500-wgfmu"
    description = "Keysight B1500 WGFMU list: Time,MeasResult1_value,MeasResult2_value"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` is such a list."""
        known = "MeasResult1_value" in head.lstrip().split("\n")[0]
        return verdict(known, 0.95, "the header names MeasResult1_value")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        if not {"v", "i"} <= options.columns.keys():
            raise ReaderError(
                "MeasResult1_value and MeasResult2_value do not say which is the voltage",
                where=str(source.path),
                fix="name both, as --columns v=MeasResult1_value,i=MeasResult2_value",
            )
        return tuple(tables(source))

"""Keysight and Agilent InfiniiVision oscilloscopes."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.scope import scope_table
from memjax.data.text import split_line, tables

_HEADER = re.compile(r"\s*x-axis,([^\n]*)\n\s*second((?:,\s*(?:Volt|Ampere)s?)+)\s*,?\s*\n")


@final
class OscilloscopeReader(AbstractReader):
    """``x-axis,1,2`` over ``second,Volt,Volt``; the current is a channel in ampere, or a voltage over a shunt.

    Notes
    -----
    See `memjax.data.scope.scope_table` for which channel is what. The layout was verified on a measured file of
    github.com/sdpenguin/memristor-state-characterisation.
    """

    name = "oscilloscope"
    description = (
        "Keysight oscilloscope CSV 'x-axis,1,2' / 'second,Volt,Volt'; voltages need the shunt [ohm]"
    )

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from such an oscilloscope."""
        return verdict(
            _HEADER.match(head), 0.95, "the first lines are 'x-axis,...' and 'second,Volt,...'"
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, as time, voltage and current."""
        header = _HEADER.match(source.text)
        units = (
            tuple("A" if "Amp" in u else "V" for u in split_line(header[2].strip(","), ","))
            if header
            else ()
        )
        records = [
            replace(t, units=("s", *units, *["V"] * len(t.names))[: len(t.names)])
            for t in tables(source)
        ]
        return tuple(scope_table(t, options, where=str(source.path)) for t in records)

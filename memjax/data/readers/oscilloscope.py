"""Oscilloscopes: two voltages, one of them across a known resistor."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.numbers import to_numbers
from memjax.data.text import tables
from memjax.errors import ReaderError


@final
class OscilloscopeReader(AbstractReader):
    """``x-axis,1,2`` over ``second,Volt,Volt``; the current is a channel's voltage over a shunt.

    Notes
    -----
    Without word from the user, channel 1 lies across the shunt and channel 2 across shunt and
    device: i = V(1) / shunt, v = V(2) - V(1). In ``columns``, `i` names another channel across the
    shunt and `v` the channel that is the device's voltage as it stands.
    """

    name = "oscilloscope"
    description = "oscilloscope CSV 'x-axis,1,2' / 'second,Volt,Volt'; needs the shunt [ohm]"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from an oscilloscope."""
        known = re.match(r"\s*x-axis,[^\n]*\n\s*second,Volt,Volt", head)
        return verdict(known, 0.95, "the first lines are 'x-axis,...' and 'second,Volt,...'")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, as time, voltage and current."""
        where = str(source.path)
        if options.shunt is None:
            raise ReaderError(
                "voltages only: the current needs the resistance that a channel lies across",
                where=where, fix="give it in ohm: --shunt OHM",
            )  # fmt: skip
        return tuple(_currents(table, options, where) for table in tables(source))


def _currents(table: Table, options: Options, where: str) -> Table:
    time, *channels = table.names
    chosen = {role: options.columns.get(role, "").strip() for role in ("v", "i")}
    for name in filter(None, chosen.values()):
        if name not in channels:
            raise ReaderError(f"no channel {name!r}", where=where, allowed=", ".join(channels))
    if len(channels) != 2 and not all(chosen.values()):
        raise ReaderError(
            f"{len(channels)} channels", where=where, allowed="two, or both named",
            fix="name the voltage and the channel across the shunt: --columns v=NAME,i=NAME",
        )  # fmt: skip
    across = chosen["i"] or next(c for c in channels if c != chosen["v"])
    other = chosen["v"] or next(c for c in channels if c != across)
    volts = {
        c: to_numbers(table.columns[table.names.index(c)], table.lines, where=where, name=c)
        for c in (across, other)
    }
    v = volts[other] if chosen["v"] else volts[other] - volts[across]
    means = f"channel {other}" if chosen["v"] else f"channel {other} less channel {across}"
    warning = f"taken as current: channel {across} over {options.shunt:g} ohm; voltage: {means}"
    return replace(
        table,
        names=(time, "v", "i"),
        columns=(table.columns[0], v, volts[across] / options.shunt),
        units=("s", "V", "A"),
        roles={"t": time, "v": "v", "i": "i"},
        settings={"shunt_ohm": options.shunt, "current channel": across, "voltage": means},
        warnings=(*table.warnings, warning),
    )

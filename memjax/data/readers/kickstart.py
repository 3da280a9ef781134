"""Keithley KickStart."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.text import parse_settings, tables

_HEADER = re.compile(r"SMU-\d+ (Time|Voltage|Current) \(")


@final
class KickstartReader(AbstractReader):
    """``Index,SMU-1 Time (s),SMU-1 Voltage (V),...`` under quoted settings, or under none.

    Notes
    -----
    The order of the columns differs from file to file. ``Source Settings, Limit`` is the compliance
    where ``Function`` says that a voltage is the source.
    """

    name = "kickstart"
    description = "Keithley KickStart: SMU-1 Time (s), SMU-1 Voltage (V), ... below settings"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from KickStart."""
        named = _HEADER.search(head)
        return verdict(
            named, 0.9, f"a column {named[0].strip(' (')!r} with its unit" if named else ""
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, with its settings."""
        records = tables(source)
        header = _HEADER.search(source.text)
        settings = parse_settings(source.text[: header.start()] if header else "")
        driven = "current" if settings.get("Function", "").startswith("Current") else "voltage"
        limit = _number(settings.get("Limit", "")) if driven == "voltage" else None
        reason = f"Function is {settings['Function']}" if driven == "current" else ""
        return tuple(
            replace(table, settings=settings, driven=driven, driven_reason=reason, compliance=limit)
            for table in records
        )


def _number(text: str) -> float | None:
    try:
        return abs(float(text)) or None
    except ValueError:
        return None

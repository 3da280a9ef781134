"""Tektronix oscilloscopes."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.row_checks import check_rows
from memjax.data.scope import scope_table
from memjax.data.text import is_ended, is_number, split_line, split_rows
from memjax.errors import ReaderError

_SIDE = re.compile(r'\s*"?Record Length"?,\s*"?[-+.\deE]+"?,[^,\n]*,\s*[-+.\deE]+,\s*[-+.\deE]+')
_LIST = re.compile(r"^TIME,\s*(CH|MATH|REF)\d", re.IGNORECASE | re.MULTILINE)
_WIDTH = 6
"""Columns of one channel in a file of the TDS series: setting, value, nothing, time, reading, nothing."""


@final
class TektronixReader(AbstractReader):
    """Settings above ``TIME,CH1,CH2`` (MSO, DPO, MDO), or beside times and readings in columns 4 and 5 (TDS).

    Notes
    -----
    ``Vertical Units`` is the unit of each channel. A file of the TDS series holds one channel, and so no current.
    Verified: the first layout on the head of an MDO3014 file that a web page quotes (from ``Model`` to ``Label``), and
    on loaders that look for ``TIME``; the second one on kevinpt/ripyl (reading_data) and on loaders of TDS1012B and
    TDS2004B files, which take columns 1 to 3 as settings, 4 and 5 as data, six columns for a channel.
    """

    name = "tektronix"
    description = (
        "Tektronix oscilloscope CSV: settings above TIME,CH1,... or beside the readings (TDS)"
    )

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from a Tektronix oscilloscope."""
        if _SIDE.match(head):
            return Verdict(
                certainty=0.95, reason="it begins with Record Length beside a time and a reading"
            )
        known = _LIST.search(head) and re.search(
            r"^(Sample Interval|Record Length|Waveform Type),", head, re.M
        )
        return verdict(
            known, 0.95, "Sample Interval and Record Length stand above the line TIME,CH..."
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """The record of the file."""
        where = str(source.path)
        table = (_beside if _SIDE.match(source.text) else _above)(source.text, where)
        return (scope_table(table, options, where=where),)


def _above(text: str, where: str) -> Table:
    """Time and channels below the settings."""
    lines = text.split("\n")
    at = next((k for k, line in enumerate(lines) if _LIST.match(line)), None)
    if at is None:
        raise ReaderError("no line TIME,CH1,...", where=where, allowed="settings, then channels")
    settings = {r[0]: r[1:] for line in lines[:at] if len(r := split_line(line, ",")) > 1 and r[0]}
    header = split_line(lines[at], ",")
    places = [
        k for k, n in enumerate(header) if k == 0 or re.match(r"(CH|MATH|REF)\d", n, re.IGNORECASE)
    ]
    aside = [n for k, n in enumerate(header) if n and k not in places]
    stated = [u for u in settings.get("Vertical Units", []) if u]
    units = [stated[min(k, len(stated) - 1)] if stated else "V" for k in range(len(places) - 1)]
    warnings = [f"columns left aside: {', '.join(aside)}"] if aside else []
    rows = check_rows(
        split_rows(lines, at + 1, ",", where=where), warnings,
        ended=is_ended(text), columns=len(header), where=where,
    )  # fmt: skip
    length = next(iter(settings.get("Record Length", [])), "")
    warnings += _length_remarks(length, len(rows))
    columns = [[r[c] if c < len(r) else "" for _, r in rows] for c in places]
    if not stated:
        warnings.append("no Vertical Units: all channels are taken as voltages")
    return Table(
        names=tuple(header[k] for k in places), columns=tuple(columns), lines=[k for k, _ in rows],
        units=((settings.get("Horizontal Units") or ["s"])[0] or "s", *units),
        settings={k: ", ".join(filter(None, v)) for k, v in settings.items()}, warnings=tuple(warnings),
    )  # fmt: skip


def _beside(text: str, where: str) -> Table:
    """Time and channels beside the settings, a channel each six columns."""
    remarks: list[str] = []
    rows = split_rows(text.split("\n"), 0, ",", where=where)
    count = max(1, (len(rows[0][1]) + 1) // _WIDTH)
    rows = check_rows(
        rows, remarks, ended=is_ended(text), columns=count * _WIDTH, where=where
    )  # fmt: skip
    names, columns, units, settings = ["TIME"], [], ["s"], {}
    for channel in range(count):
        first = channel * _WIDTH
        channel_settings = {
            r[first]: r[first + 1] for _, r in rows if len(r) > first + 1 and r[first]
        }
        settings = settings or channel_settings
        units[0] = settings.get("Horizontal Units") or "s"
        names.append(channel_settings.get("Source") or f"CH{channel + 1}")
        units.append(channel_settings.get("Vertical Units") or "V")
        columns.append([r[first + 4] if len(r) > first + 4 else "" for _, r in rows])
    times = [r[3] if len(r) > 3 else "" for _, r in rows]
    whole = [k for k, t in enumerate(times) if is_number(t)]
    table = Table(
        names=tuple(names), columns=tuple([c[k] for k in whole] for c in (times, *columns)),
        lines=[rows[k][0] for k in whole], units=tuple(units), settings=settings,
        warnings=(*remarks, *_length_remarks(settings.get("Record Length", ""), len(whole))),
    )  # fmt: skip
    if len(whole) < 2:
        raise ReaderError(
            "no readings beside the settings", where=where, allowed="time and reading"
        )
    return table


def _length_remarks(stated: str, count: int) -> list[str]:
    """Describe a length in the file that is not that of its rows."""
    if not is_number(stated) or float(stated) == count:
        return []
    return [f"{count} rows where Record Length says {stated}"]

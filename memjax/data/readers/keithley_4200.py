"""Workbooks of the Keithley 4200 parameter analyser."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import WORKBOOK_MAGIC
from memjax.data.text import tables
from memjax.data.workbook import text_of
from memjax.errors import ReaderError

_RUN = re.compile(r"(Data|Append|Run|Cycle)\s*\d*", re.IGNORECASE)
_ABOUT = ("settings", "calc")


@final
class Keithley4200Reader(AbstractReader):
    """Sheets `Data`, `Append1`, `Append2`, ... of runs, beside `Calc` and `Settings`.

    Notes
    -----
    Each run is a record; its columns are named after terminals (``AnodeI``, ``DrainV(1)`` with the number of a step),
    of which the swept one is read. The workbook is in SI. That a current is the source is known from the words
    ``Current Sweep`` or ``Current List Sweep`` among the cells of `Settings`, in which no other layout is relied on.
    Verified on public programs that read such workbooks: the names of sheets and columns on
    MatthewCryer/initial_pyplot_work, the sheets on two further ones.
    """

    name = "keithley-4200"
    description = "Keithley 4200 workbook: sheets Data, Append1, ..., Calc, Settings"

    def judge(self, source: Source) -> Verdict:
        """Sure of a workbook with a sheet of settings and sheets of runs."""
        if source.text or not source.data.startswith(WORKBOOK_MAGIC):
            return Verdict()
        try:
            names = [name for name, _ in source.sheets]
        except ReaderError:
            return Verdict()
        about = [n for n in names if n.lower() in _ABOUT]
        runs = [n for n in names if _RUN.fullmatch(n)]
        listed = ", ".join([*runs[:3], *about])
        return verdict("Settings" in about and runs, 0.97, f"a workbook with the sheets {listed}")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, one for each run."""
        where = str(source.path)
        sheets = {n: rows for n, rows in source.sheets if any(map(any, rows))}
        settings = {n: _settings(rows) for n, rows in sheets.items() if n.lower() == "settings"}
        words = {str(c).strip() for n in settings for row in sheets[n] for c in row}
        current = bool({"Current Sweep", "Current List Sweep"} & words)
        voltage = bool({"Voltage Sweep", "Voltage List Sweep"} & words)
        records: list[Table] = []
        for name, rows in sheets.items():
            if name.lower() in _ABOUT:
                continue
            label = name if len(sheets) > 1 else ""
            for table in tables(replace(source, text=text_of(rows))):
                records.append(
                    replace(
                        _filled(table), si=True, label=label,
                        settings={"sheet": name, **next(iter(settings.values()), {})},
                        driven="current" if current and not voltage else "voltage",
                        driven_reason="Settings names a Current Sweep, and no Voltage Sweep",
                    )
                )  # fmt: skip
        if not records:
            raise ReaderError("no sheet of a run", where=where, allowed="a sheet Data or Append1")
        return tuple(records)


def _settings(rows: list[list]) -> dict[str, str]:
    """First cell of each row to the others."""
    cells = [[str(c).strip() for c in row if str(c).strip()] for row in rows]
    return {row[0]: ", ".join(row[1:]) for row in cells if len(row) > 1}


def _filled(table: Table) -> Table:
    """The table without columns that hold nothing."""
    keep = [k for k, column in enumerate(table.columns) if any(column)]
    return replace(
        table, names=tuple(table.names[k] for k in keep), columns=tuple(table.columns[k] for k in keep),
        units=tuple(table.units[k] for k in keep) if table.units else (),
    )  # fmt: skip

"""Workbooks of the Keithley 4200 parameter analyser."""

import re
from dataclasses import replace
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import WORKBOOK_MAGIC
from memjax.data.text import is_number, tables
from memjax.data.workbook import text_of
from memjax.errors import ReaderError

_RUN = re.compile(r"(Data|Append|Run|Cycle)\s*\d*", re.IGNORECASE)
_SWEPT = re.compile(r"(Current|Voltage)(?: List| Linear| Log)? Sweep")
_ABOUT = ("settings", "calc")


@final
class Keithley4200Reader(AbstractReader):
    """Sheets `Data`, `Append1`, `Append2`, ... of runs, beside `Calc` and `Settings`.

    Notes
    -----
    Each run is a record; its columns are named after terminals (``AnodeI``, ``DrainV(1)`` with the number of a step),
    of which the swept one is read. The workbook is in SI. That a current is the source is known from the words
    ``Current Sweep``, ``Current Linear Sweep`` and the like among the cells of `Settings`. Clarius+ writes a block of
    rows for each run there: its rows `Name`, `Operation Mode` and `Compliance` state the current limit of the terminal
    that is swept.
    Runs that are numbered (``Run6``, ``Cycle 6``) are read in the order of their numbers, which label the sweeps.
    Verified on public programs that read such workbooks: the names of sheets and columns on
    MatthewCryer/initial_pyplot_work, the sheets on two further ones; on workbooks of Clarius+ V1.14 of
    arrayan/memristor-analysis.
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
        settings = [n for n in names if n.lower() in _ABOUT]
        runs = [n for n in names if _RUN.fullmatch(n)]
        listed = ", ".join([*runs[:3], *settings])
        return verdict(
            "Settings" in settings and runs, 0.97, f"a workbook with the sheets {listed}"
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, one for each run, in the order of the numbers of the runs."""
        sheets = {n: rows for n, rows in source.sheets if any(map(any, rows))}
        settings_rows = next((rows for n, rows in sheets.items() if n.lower() == "settings"), [])
        runs = [n for n in sheets if n.lower() not in _ABOUT]
        ordered, remarks = _in_order_of_runs(runs)
        records: list[Table] = []
        for name in ordered:
            run_settings = _settings(settings_rows, name, runs)
            label = name if len(sheets) > 1 else ""
            for table in tables(replace(source, text=text_of(sheets[name]))):
                filled = _filled(table)
                records.append(
                    replace(
                        filled, si=True, label=label, number=_number(name),
                        settings={"sheet": name, **run_settings}, compliance=_compliance(filled, run_settings),
                        driven="current" if _is_current_driven(run_settings) else "voltage",
                        driven_reason="Settings names a Current Sweep, and no Voltage Sweep",
                    )
                )  # fmt: skip
        if not records:
            raise ReaderError(
                "no sheet of a run", where=str(source.path), allowed="a sheet Data or Append1"
            )
        first = replace(records[0], warnings=(*records[0].warnings, *remarks))
        return (first, *records[1:])


def _number(name: str) -> int | None:
    """Number of the run or cycle that the name of a sheet gives; `Append1` counts copies and no cycles."""
    parts = re.fullmatch(r"(?:Run|Cycle)\s*(\d+)", name, re.IGNORECASE)
    return int(parts[1]) if parts else None


def _in_order_of_runs(names: list[str]) -> tuple[list[str], list[str]]:
    """Sheets in the order of their numbers where all have one, and what is said of that."""
    numbers = {n: number for n in names if (number := _number(n)) is not None}
    if len(numbers) < len(names):
        return names, []
    ordered = sorted(names, key=lambda n: numbers[n])
    text = f"sheets are put in the order of their numbers, {', '.join(ordered[:3])}, ..."
    return ordered, [text] * (ordered != names)


def _settings(rows: list[list], run: str, runs: list[str]) -> dict[str, str]:
    """First cell of each row to the others, of those rows of `Settings` that are those of a run or of all."""
    settings, section = {}, run
    for row in rows:
        cells = [text for c in row if (text := str(c).strip())]
        if len(cells) == 1 and cells[0] in runs:
            section = cells[0]
        elif len(cells) > 1 and section == run:
            settings[cells[0]] = ", ".join(cells[1:])
    return settings


def _is_current_driven(settings: dict[str, str]) -> bool:
    """Whether a current is swept, and no voltage."""
    cells = (cell for text in settings.values() for cell in text.split(", "))
    swept = {m[1] for c in cells if (m := _SWEPT.fullmatch(c))}
    return swept == {"Current"}


def _compliance(table: Table, settings: dict[str, str]) -> float | None:
    """Current limit [A] of the terminal of which the table has the voltage, if `Settings` names exactly one."""
    columns = (settings.get(n, "").split(", ") for n in ("Name", "Operation Mode", "Compliance"))
    limits = [
        limit
        for name, mode, limit in zip(*columns, strict=False)
        if name in table.names and mode.startswith("Voltage") and is_number(limit)
    ]
    return float(limits[0]) if len(limits) == 1 else None


def _filled(table: Table) -> Table:
    """The table without columns that hold nothing."""
    keep = [k for k, column in enumerate(table.columns) if any(column)]
    return replace(
        table, names=tuple(table.names[k] for k in keep), columns=tuple(table.columns[k] for k in keep),
        units=tuple(table.units[k] for k in keep) if table.units else (),
    )  # fmt: skip

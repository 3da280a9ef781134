"""Keysight B1500 EasyEXPERT, classic CSV export."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import final

from memjax.core.units import parse_factor
from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.row_checks import Row, check_rows, lines_of
from memjax.data.text import is_ended, split_line
from memjax.errors import ReaderError


@final
class B1500Reader(AbstractReader):
    """``SetupTitle``, ``TestParameter``, ``DataName``, ``DataValue``, record after record.

    Notes
    -----
    The channel with the function VAR1 is the driven terminal: its voltage and its current are read,
    and its mode tells which of them is imposed. An application test repeats the data of its
    primitive test in a record of its own: such a record is left out. Steps of VAR2
    (``Dimension2``) are records of their own.
    """

    name = "b1500"
    description = "Keysight B1500 EasyEXPERT classic CSV: SetupTitle, ..., DataName, DataValue"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from EasyEXPERT."""
        lines = re.findall(r"^(SetupTitle|PrimitiveTest|TestParameter|DataName),", head, re.M)
        named = ", ".join(dict.fromkeys(lines))
        return verdict(len(lines) >= 2, 0.95, f"lines that begin with {named}")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        where = str(source.path)
        records: list[Table] = []
        warnings: list[str] = []
        blocks = [b for b in _blocks(source.text, warnings) if b[2]]
        for k, (settings, names, rows) in enumerate(blocks):
            ended = k < len(blocks) - 1 or is_ended(source.text) or _is_whole(settings, names, rows)
            rows = check_rows(rows, warnings, ended=ended, columns=max(len(names), 1), where=where)
            records += _tables(settings, names, rows, where, warnings)
        if not records:
            raise ReaderError(
                "no DataValue lines", where=where, allowed="a test record with data",
                fix="export the record with its data",
            )  # fmt: skip
        return _without_repeats(records, warnings)


_Block = tuple[dict[str, str], list[str], list[Row]]


def _blocks(text: str, remarks: list[str]) -> list[_Block]:
    """Settings, column names and rows of each record; what stands among rows is named in `remarks`."""
    blocks: list[_Block] = [({}, [], [])]
    waiting: list[tuple[int, str, str]] = []
    strange: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        key, _, content = line.partition(",")
        if key == "DataValue":
            strange += [n for n, _, _ in waiting]  # no record begins between rows without its names
            waiting = []
            blocks[-1][2].append((number, [cell.strip() for cell in content.split(",")]))
        elif not blocks[-1][2]:
            _set(blocks[-1], key, content)
        elif key in ("SetupTitle", "DataName"):
            if key == "DataName" and not waiting:
                remarks.append(
                    f"DataName stands again in line {number}: a further record begins there"
                )
            # A record without a title goes on with the settings of the one before.
            before = blocks[-1] if key == "DataName" else ({}, [], [])
            blocks.append((dict(before[0]), before[1][:], []))
            for _, name, value in waiting:
                _set(blocks[-1], name, value)
            waiting = []
            _set(blocks[-1], key, content)
        elif line.strip(" ,\t"):
            waiting.append((number, key, content))
    strange += [n for n, _, _ in waiting]
    if strange:
        remarks.append(f"lines among or below the rows are left out: {lines_of(strange)}")
    return blocks


def _set(block: _Block, key: str, content: str) -> None:
    """Take a line above the rows of a record to its settings, or to the names of its columns."""
    if key == "DataName":
        block[1][:] = split_line(content, ",")
    elif key in ("TestParameter", "MetaData", "AnalysisSetup"):
        name, _, value = content.partition(",")
        if value.strip() or "[VAR1]" in name:
            block[0][name.strip()] = value.strip()
    elif content.strip():
        block[0][key.strip()] = content.strip()


def _tables(
    settings: dict[str, str], names: list[str], rows: list[Row], where: str, remarks: list[str]
) -> list[Table]:
    width = len(names)
    length = _length(settings)
    if length and length != len(rows):
        remarks.append(
            f"{len(rows)} rows from line {rows[0][0]} on where the record says {length}: it is not whole, or not alone"
        )
    for line, cells in rows:
        if len(cells) > width and any(cells[width:]):
            raise ReaderError(
                f"{len(cells)} values under {width} names", where=f"{where}, line {line}"
            )
    roles, driven, warnings = _terminal(settings, names)
    limit = _compliance(settings) if driven == "voltage" else None
    relevant = {
        k: v for k, v in settings.items() if not k.startswith(("Analysis", "Output", "Auto"))
    }
    result = []
    for part in _steps(settings, rows):
        padded = (cells[:width] + [""] * (width - len(cells)) for _, cells in part)
        result.append(
            Table(
                names=tuple(names), columns=tuple(map(list, zip(*padded, strict=True))),
                lines=[line for line, _ in part], roles=roles, si=True, driven=driven,
                driven_reason="the mode of VAR1 is I, a current" if driven == "current" else "",
                compliance=limit, settings=relevant, warnings=tuple(warnings),
            )
        )  # fmt: skip
    return result


def _without_repeats(records: list[Table], remarks: list[str]) -> tuple[Table, ...]:
    """The records without those that hold the data of a record with a known driven terminal."""
    known = [table for table in records if {"v", "i"} <= table.roles.keys()]
    unique: list[Table] = []
    for table in records:
        peers = unique if {"v", "i"} <= table.roles.keys() else known
        if not any(_holds(table, other) for other in peers):
            unique.append(table)
    repeats = len(records) - len(unique)
    warnings = [
        *remarks,
        *([f"{repeats} records repeat the data of others: left out"] if repeats else []),
    ]
    return tuple(replace(table, warnings=(*table.warnings, *warnings)) for table in unique)


def _holds(table: Table, other: Table) -> bool:
    """Whether a record holds the voltage and the current of another one."""
    names = [name for role, name in other.roles.items() if role in ("v", "i")]
    return len(names) == 2 and all(
        other.columns[other.names.index(name)] in table.columns for name in names
    )


def _steps(settings: Mapping[str, str], rows: list[Row]) -> list[list[Row]]:
    """Rows of each step of the secondary sweep."""
    total, steps = _length(settings), _dimension(settings, "Dimension2")
    if steps < 2 or total != len(rows):
        return [rows]
    length = total // steps
    return [rows[k : k + length] for k in range(0, len(rows), length)]


def _is_whole(settings: Mapping[str, str], names: list[str], rows: list[Row]) -> bool:
    """Whether a record has as many rows as it says, and its last number a separator behind it: nothing was cut off."""
    last, width = rows[-1][1], max(len(names), len(rows[0][1]))
    return _length(settings) == len(rows) and len(last) >= width and not last[-1]


def _length(settings: Mapping[str, str]) -> int:
    """Number of rows that a record says it has; 0 where it does not."""
    return _dimension(settings, "Dimension1") * max(_dimension(settings, "Dimension2"), 1)


def _dimension(settings: Mapping[str, str], name: str) -> int:
    text = settings.get(name, "").split(",")[0].strip()
    return int(text) if text.isdecimal() else 0


def _terminal(
    settings: Mapping[str, str], names: list[str]
) -> tuple[dict[str, str], str, list[str]]:
    """Roles by the driven channel, what it drives, and what was left aside."""
    channel = {
        key: split_line(settings.get(f"Channel.{key}", ""), ",") for key in
        ("Func", "Mode", "VName", "IName")
    }  # fmt: skip
    k = channel["Func"].index("VAR1") if "VAR1" in channel["Func"] else -1
    if k < 0 or k >= min(map(len, channel.values())):
        return {}, "voltage", []
    terminal = {r: channel[key][k] for r, key in (("v", "VName"), ("i", "IName"))}
    roles = {role: name for role, name in terminal.items() if name in names}
    time = settings.get("Channel.Time", "")
    if time and time in names:
        roles["t"] = time
    terminals = channel["IName"] + channel["VName"]
    others = [n for n in terminals if n in names and n not in terminal.values()]
    warnings = []
    if others:
        warnings.append(
            f"terminal {terminal['v']}, {terminal['i']} is read, the one driven by VAR1; left aside: "
            + ", ".join(others)
        )
    return roles, "current" if channel["Mode"][k] == "I" else "voltage", warnings


def _compliance(settings: Mapping[str, str]) -> float | None:
    """Current limit of VAR1 [A], from the test or from the setup that it was made from."""
    text = settings.get("Measurement.Primary.Compliance", "")
    if not text:
        joined = "\n".join(f"{k}, {v}" for k, v in settings.items())
        limit = re.search(r"\[VAR1\].*?Compliance\s*=\s*([-+.\deE]+ ?[A-Za-zµ]*)", joined, re.S)
        text = limit[1] if limit else ""
    number = re.match(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", text)
    if not number or float(number[0]) == 0:
        return None
    unit = text[number.end() :].strip()
    return abs(float(number[0])) * (parse_factor(unit, like="A") if unit else 1.0)

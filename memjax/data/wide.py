"""Tables that hold many curves side by side: pairs of columns, or one voltage and many currents."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from memjax.core.units import spelled

from .base import Table
from .numbers import to_numbers
from .roles import SI_UNITS, measures, plain_role, take_apart, unit_of

_TERMINAL = re.compile(r"(?<![a-z])(smu|ch|channel|probe)[-_ ]*(\d+)", re.IGNORECASE)
"""What numbers a channel of an instrument, and no curve."""
_UNIT = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_TOKENS = re.compile(r"[A-Za-zµμ]+|\d+")


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column of a voltage, a current or a time, in a table of many curves."""

    index: int
    role: str
    modulus: bool
    unit: str | None
    words: tuple[str, ...]
    numbers: tuple[str, ...]


def split_wide(table: Table, columns: Mapping[str, str], *, where: str) -> list[Table]:
    """One table for each curve of a wide table; the table itself where it holds one curve.

    Parameters
    ----------
    table : Table
        Record: columns such as ``V1, I1, V2, I2``, ``V, I, V, I`` or ``t_s, v_V, i_A_000, i_A_001``, with units or
        without. Columns that are numbered by the channel of an instrument (``SMU-1``, ``SMU-2``) are terminals of one
        device and not told apart here.
    columns : Mapping
        Role to column name, from the user: who names a current gets that one.
    where : str
        File, for messages.

    Returns
    -------
    list of Table
        Records with a label each, in the order of the columns; the first one warns of what was assumed.
    """
    if table.roles:
        return [table]
    parts = _repeated(table)
    if len(parts) > 1 and columns.get("i", parts[0].names[0]) in parts[0].names:
        return _labelled([_trimmed(part) for part in parts])
    if "i" in columns:
        return [table]
    candidates = [c for k in range(len(table.names)) if (c := _column(table, k))]
    if not any(c.role == "i" and not c.modulus for c in candidates):
        candidates = [replace(c, modulus=False) for c in candidates]
    volts, amps = _family(candidates, "v"), _family(candidates, "i")
    if _terminals(table, [*volts, *amps]) or len(amps) < 2:
        return [table]
    if "v" in columns:
        volts = [c for c in candidates if table.names[c.index] == columns["v"]]
        amps = [c for c in amps if any(c.numbers == v.numbers for v in volts)] or amps
    if len(volts) == 1:
        pairs, order = [(volts[0], i) for i in amps], False
    else:
        pairs, order = _pairs(volts, amps)
    return _parts(table, candidates, pairs, order, where) if pairs else [table]


def _column(table: Table, k: int) -> _Column | None:
    """Role, unit and numbers of a column; None where its name says no role, or two."""
    name = table.names[k].strip()
    stated = next((m for m in _UNIT.finditer(name) if unit_of(m[1])), None)
    unit, base = (
        (stated[1], name[: stated.start()] + name[stated.end() :]) if stated else (None, name)
    )
    if not stated:
        # `i_A_000` has its unit before its number, `V1_V` behind it.
        number = re.search(r"[\s_.#-]*\(?\d+\)?$", name)
        stem = name[: number.start()] if number else name
        heading = take_apart(stem if stem else name)
        unit, base = heading.unit, heading.base + (number[0] if number and stem else "")
    if k < len(table.units) and table.units[k]:
        unit = table.units[k]
    tokens = _TOKENS.findall(base)
    named_roles = [(w, r) for w in tokens if (r := plain_role(w))]
    if len(named_roles) != 1:
        return None
    unit = unit and spelled(unit, SI_UNITS[named_roles[0][1]])
    if unit_of(unit or "") and not measures(unit, named_roles[0][1]):
        return None
    words = tuple(w.lower() for w in tokens if not w.isdigit() and w != named_roles[0][0])
    return _Column(
        index=k, role=named_roles[0][1], unit=unit, words=words,
        modulus="abs" in words or named_roles[0][0].lower().startswith("abs") or "|" in base,
        numbers=tuple(w.lstrip("0") or "0" for w in tokens if w.isdigit()),
    )  # fmt: skip


def _family(columns: list[_Column], role: str) -> list[_Column]:
    """Columns of a role whose names differ in numbers alone: the largest such set, none where two are as large."""
    mine = [c for c in columns if c.role == role and not c.modulus]
    most = Counter(c.words for c in mine).most_common(2)
    if not most or (len(most) > 1 and most[0][1] == most[1][1]):
        return []
    return [c for c in mine if c.words == most[0][0]]


def _terminals(table: Table, columns: list[_Column]) -> bool:
    """Whether columns are numbered by the channels of an instrument."""
    names = [_TERMINAL.search(table.names[c.index]) for c in columns]
    return len({m[2] for m in names if m}) > 1


def _pairs(volts: list[_Column], amps: list[_Column]) -> tuple[list[tuple[_Column, _Column]], bool]:
    """Voltage and current of each curve, and whether their order alone tells."""
    numbered = {c.numbers: c for c in amps}
    if len(numbered) == len(amps) and {c.numbers for c in volts} == numbered.keys():
        return [(v, numbered[v.numbers]) for v in volts], False
    if len(volts) != len(amps) or len(volts) < 2:
        return [], False
    first, second = (volts, amps) if volts[0].index < amps[0].index else (amps, volts)
    alternate = all(a.index < b.index for a, b in zip(first, second, strict=True)) and all(
        b.index < a.index for a, b in zip(first[1:], second[:-1], strict=True)
    )
    return (list(zip(volts, amps, strict=True)) if alternate else []), alternate


def _parts(
    table: Table,
    candidates: list[_Column],
    pairs: list[tuple[_Column, _Column]],
    order: bool,
    where: str,
) -> list[Table]:
    """Records of the curves, those of a constant voltage beside others that vary left out."""
    several = len({v.index for v, _ in pairs}) > 1 or len(pairs) == 1
    still = [several and _constant(table, v.index, where) for v, _ in pairs]
    varying = [p for p, s in zip(pairs, still, strict=True) if not s] or pairs
    role_places = {c.index for c in candidates if c.role == "t" or c.modulus} | {
        c.index for p in pairs for c in p
    }
    common = [
        k for k in range(len(table.names)) if k not in role_places and not _numbered(table.names[k])
    ]
    parts = [
        _trimmed(_part(table, common, _time(candidates, v, i, pairs), v, i)) for v, i in varying
    ]
    names = [(table.names[v.index], table.names[i.index]) for v, i in varying]
    warnings = _describe_pairs(names, several, order)
    dull = [table.names[v.index] for v, i in pairs if (v, i) not in varying]
    if dull:
        warnings += f"; left out, since the voltage is constant there: {', '.join(dull)}"
    lost = (
        [table.names[c.index] for c in candidates if c.role == "t"]
        if not parts[0].roles.get("t")
        else []
    )
    if lost:
        warnings += f"; times that belong to no curve are not used: {', '.join(lost[:4])}"
    if len(parts) == 1:
        return [replace(parts[0], warnings=(*table.warnings, warnings))]
    parts = _labelled(parts)
    return [replace(parts[0], warnings=(*table.warnings, warnings)), *parts[1:]]


def _describe_pairs(names: list[tuple[str, str]], several: bool, order: bool) -> str:
    listed = ", ".join(f"{v}, {i}" if several else i for v, i in names[:2])
    listed += ", ..." if len(names) > 2 else ""
    if len(names) == 1:
        return f"of several pairs of voltage and current {listed} is read"
    kind = f"pairs of voltage and current, {listed}" if several else f"currents, {listed}"
    under = "" if several else f" under the voltage {names[0][0]}"
    order_note = ", paired by their order" if order else ""
    return (
        f"{len(names)} {kind}{under}{order_note}: taken as curves of one device, a record each "
        f"(one alone: --columns v={names[0][0]},i={names[0][1]})"
    )


def _part(table: Table, common: list[int], t: _Column | None, v: _Column, i: _Column) -> Table:
    """Record of one curve."""
    members = [c for c in (t, v, i) if c is not None]
    keep = [*common, *(c.index for c in members)]
    outer = [table.units[k] if k < len(table.units) else None for k in common]
    return replace(
        table,
        names=tuple(table.names[k] for k in keep),
        columns=tuple(table.columns[k] for k in keep),
        units=(*outer, *(c.unit for c in members)),
        roles={c.role: table.names[c.index] for c in members},
        warnings=(),
    )


def _time(
    candidates: list[_Column], v: _Column, i: _Column, pairs: list[tuple[_Column, _Column]]
) -> _Column | None:
    """Time of a curve: the one of its number, the only one, or the one of its order."""
    times = [c for c in candidates if c.role == "t"]
    if len(times) == 1:
        return times[0]
    times_here = [c for c in times if c.numbers in (v.numbers, i.numbers)]
    if len(times_here) == 1:
        return times_here[0]
    return times[pairs.index((v, i))] if len(times) == len(pairs) else None


def _constant(table: Table, k: int, where: str) -> bool:
    cells = [c for c in table.columns[k] if not isinstance(c, str) or c.strip()]
    if not cells:
        return True
    column = cells if isinstance(table.columns[k], list) else np.asarray(cells)
    values = to_numbers(column, list(range(1, len(cells) + 1)), where=where, name=table.names[k])  # type: ignore[arg-type]
    values = values[np.isfinite(values)]
    return bool(values.size == 0 or np.ptp(values) <= 1e-3 * np.abs(values).max())


def _numbered(name: str) -> bool:
    return re.search(r"\d\)?$", name) is not None


def _labelled(parts: list[Table]) -> list[Table]:
    """Records with their numbers behind the label of the sheet that they are from."""
    return [replace(p, label=f"{p.label} {k}".strip()) for k, p in enumerate(parts)]


def _trimmed(table: Table) -> Table:
    """The record without rows at its end in which its own columns are empty: others may be longer."""
    indices = [
        k
        for k in range(len(table.names))
        if not table.roles or table.names[k] in table.roles.values()
    ]
    cells = [c for k in indices if isinstance(c := table.columns[k], list)]
    if len(cells) < len(indices):
        return table
    n = len(table.lines)
    while n and not any(column[n - 1].strip() for column in cells):
        n -= 1
    return replace(table, columns=tuple(c[:n] for c in table.columns), lines=table.lines[:n])


def _repeated(table: Table) -> list[Table]:
    """One table for each pair of columns, where all columns repeat the names of the first two or have none."""
    pair = tuple(take_apart(name).base for name in table.names[:2])
    plain = [_bare(name) for name in table.names]
    repeats = all(name in ("", pair[k % 2]) for k, name in enumerate(plain))
    if len(plain) < 4 or len(plain) % 2 or not repeats or not all(pair) or pair[0] == pair[1]:
        return [table]
    unnamed, of = plain.count(""), f"pairs of {pair[0]} and {pair[1]}"
    remarks = f"{len(plain) // 2} {of}: taken as curves of one device, a record each"
    remarks = f"{unnamed} columns have no name: taken as {of}" if unnamed else remarks
    units = (*table.units, *[None] * len(plain))
    return [
        replace(
            table, names=table.names[:2], columns=table.columns[k : k + 2],
            units=tuple(unit or first for unit, first in zip(units[k : k + 2], units[:2], strict=True)),
            warnings=(*table.warnings, remarks),
        )
        for k in range(0, len(plain), 2)
    ]  # fmt: skip


def _bare(name: str) -> str:
    """Base name without the number that tells repeated names apart; empty for an unnamed column."""
    return "" if name.startswith("column ") else take_apart(re.sub(r" \(\d+\)$", "", name)).base

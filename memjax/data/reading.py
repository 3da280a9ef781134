"""The one function that reads a file, and the steps that all formats share."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from memjax.errors import ReaderError

from .base import AbstractReader, Options, Source, Table
from .compliance import Limit, Stated, find_limit, has_lost_sign, has_opposite_sign
from .curves import curves, uses_area
from .drive import find_drive
from .halves import join_halves
from .labels import Sweeps, by_label, by_shape, with_numbers
from .measurement import Measurement
from .numbers import complete_rows, overflow_remarks, to_numbers
from .plausibility import end_remarks, jump_remarks, size_remarks, time_remarks
from .registry import find_reader, holds_instead
from .roles import (
    SI_UNITS,
    WORDS,
    assign,
    factor,
    grouping,
    heading_remarks,
    is_modulus,
    stated_unit,
)
from .row_order import counts_points, in_counted_order
from .scope import CHANNELS
from .text import load
from .timing import check_time, count_time

_ASSUMED = "no units stated, taken as SI: "
_CYCLES = ("cycle", "sweep", "loop", "run", "repeat", "trial", "curve", "read")
LARGEST_AREA = 1e-2
"""Area of a device beyond which it was not given in m^2 [m^2]."""


@dataclass(kw_only=True)
class _Rows:
    """The points of all records, one after the other, in SI."""

    v: Float[np.ndarray, " points"]
    i: Float[np.ndarray, " points"]
    t: Float[np.ndarray, " points"] | None
    record: np.ndarray
    line: np.ndarray
    groups: list[np.ndarray]
    label: str = ""
    limit: Float[np.ndarray, " points"] | None = None
    warnings: list[str] = field(default_factory=list)

    def select(self, keep: np.ndarray) -> None:
        for name in ("v", "i", "t", "limit", "record", "line"):
            values = getattr(self, name)
            setattr(self, name, None if values is None else values[keep])
        self.groups = [group[keep] for group in self.groups]


def read(
    path: str | Path | Source,
    *,
    reader: str | None = None,
    columns: Mapping[str, str] | None = None,
    shunt: float | None = None,
    area: float | None = None,
    sign: int = 1,
    point_time: float | None = None,
    compliance: float | Sequence[float] | None = None,
) -> Measurement:
    """Measurement in a file, in SI units, sweep by sweep.

    Parameters
    ----------
    path : str or Path or Source
        File of any format that `reader_names` lists, or ``example:NAME`` for one that comes with memjax.
    reader : str, optional
        Name of the reader; by default the file's looks decide.
    columns : Mapping, optional
        Column names by role: `v`, `i`, `t`, `sweep`, `compliance`; `r` in place of `i` for a resistance, i = v / r.
        Columns of a file without a header are called 1, 2, ...
    shunt : float, optional
        Resistance across which a channel of an oscilloscope measures the current [ohm].
    area : float, optional
        Area of the device [m^2], where the file holds current densities; 1 um^2 is 1e-12 m^2.
    sign : {1, -1}, optional
        Factor of the current, for instruments that count it the other way.
    point_time : float, optional
        Time for which each point is held [s], where the file has no usable time: point k of a sweep
        then gets the time ``(k + 1) * point_time``, the end of its hold.
    compliance : float or pair of floats, optional
        Current limit of the source [A], or that at positive and that at negative voltage; by default what a column or
        the settings of the file say, else what the plateaus of the current tell.

    Returns
    -------
    Measurement
        Points, sweeps, current limit, provenance; `warnings` holds every guess that was made.

    Raises
    ------
    ReaderError
        If the file is no measurement, or leaves open what no one should guess.
    """
    if not isinstance(path, str | Path | Source):
        raise ReaderError(
            f"a {type(path).__name__} in place of a file", where="read", allowed="a path"
        )
    options = _options(columns, shunt, area, sign, point_time)
    compliance = _checked(compliance)
    source = load(path)
    where = str(source.path if isinstance(path, Source) else path)
    choice = find_reader(reader, source, AbstractReader)
    best = choice.reader
    try:
        tables = curves(best.parse(source, options), options, where=where)
    except ReaderError as error:
        raise _of_another_kind(source, error) from None
    # Readers of oscilloscopes have made a voltage and a current of the columns named so.
    scope = any(CHANNELS in table.settings for table in tables)
    taken = ("v", "i", "r") if scope else ("r",)
    named = {role: name for role, name in options.columns.items() if role not in taken}
    rows, used, column_names = _points(tables, named, source)
    if shunt is not None and not scope:
        rows.warnings.append("the shunt is not used: the file holds a current")
    if area is not None and not uses_area(tables):
        rows.warnings.append("the area is not used: the file holds a current")
    rows.i = sign * rows.i
    keep, use_time, remarks = complete_rows(rows.v, rows.i, rows.t, rows.line, where=where)
    rows.select(keep)
    rows.t = rows.t if use_time else None
    rows.warnings += remarks
    measurement = _measurement(rows, used, column_names, source, best.name, point_time, compliance)
    return replace(measurement, source=measurement.source | {"recognised": choice.to_json()})


def _options(columns, shunt, area, sign, point_time) -> Options:
    for name, value in (("shunt", shunt), ("area", area), ("point time", point_time)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ReaderError(
                f"{name} {value:g}", where=f"--{name.replace(' ', '-')}", allowed="> 0"
            )
    if sign not in (1, -1):
        raise ReaderError(f"sign {sign}", where="--sign", allowed="1, -1")
    columns = dict(columns or {})
    if unknown := columns.keys() - WORDS.keys() - {"r"}:
        raise ReaderError(
            f"unknown roles {sorted(unknown)}", where="--columns", allowed=", ".join(WORDS)
        )
    if area is not None and area > LARGEST_AREA:
        raise ReaderError(
            f"area {area:g} m^2", where="--area", allowed=f"at most {LARGEST_AREA:g} m^2",
            fix="write its unit behind it: --area 100um^2",
        )  # fmt: skip
    return Options(columns=columns, shunt=shunt, area=area)


def _checked(compliance: float | Sequence[float] | None) -> float | tuple[float, float] | None:
    """Limits that are positive numbers, one or two."""
    if compliance is None:
        return None
    values = [float(x) for x in np.ravel(compliance)]
    if wrong := [x for x in values if not (np.isfinite(x) and x > 0)]:
        raise ReaderError(f"compliance {wrong[0]:g} A", where="--compliance", allowed="> 0 A")
    if len(values) > 2:
        raise ReaderError(
            f"{len(values)} limits", where="--compliance", allowed="one, or one for each polarity",
            fix="name a column that has them: --columns compliance=NAME",
        )  # fmt: skip
    return (values[0], values[1]) if len(values) == 2 else values[0]


def _points(
    tables: tuple[Table, ...], columns: Mapping[str, str], source: Source
) -> tuple[_Rows, list[Table], dict]:
    """Points of all records with a voltage and a current, and what their columns are called."""
    where = str(source.path)
    parts: list[_Rows] = []
    used: list[Table] = []
    column_names: dict = {}
    skipped: list[tuple[str, ReaderError]] = []
    for table in tables:
        try:
            chosen = assign(table, columns, where=where)
        except ReaderError as error:
            skipped.append((table.label, error))
            continue
        groups = grouping(table, chosen, alone="sweep" in columns)
        table = in_counted_order(table, chosen, groups, where=where)
        parts.append(_record(table, chosen, len(parts), where, columns))
        parts[-1].label = table.label
        if (aside := _left_aside(table, {*chosen.values(), *groups})) and _guessed(table, columns):
            parts[-1].warnings.append(f"columns left aside: {', '.join(aside)}")
        used.append(table)
        column_names = column_names or {role: table.names[k] for role, k in chosen.items()}
    if not parts:
        raise _of_another_kind(source, skipped[0][1])
    rows = _join(parts)
    rows.warnings += [f"record {n} left out: {e.what}".replace("  ", " ") for n, e in skipped]
    return rows, used, column_names


def _of_another_kind(source: Source, error: ReaderError) -> ReaderError:
    """The error, with what the file holds instead where that is known."""
    instead = holds_instead(source)
    if not instead:
        return error
    fix = f"{instead}; else {error.fix}" if error.fix else instead
    return ReaderError(error.what, where=error.where, allowed=error.allowed, fix=fix)


def _left_aside(table: Table, read: set[int]) -> list[str]:
    """Names of columns that are not read, but for empty ones and those that count the points."""
    others = [k for k in range(len(table.names)) if k not in read and any(table.columns[k])]
    return [table.names[k] for k in others if not counts_points(table.names[k])]


def _guessed(table: Table, columns: Mapping[str, str]) -> bool:
    """Whether names alone told voltage and current: else format or user did."""
    return not {"v", "i"} <= columns.keys() and (bool(table.label) or not table.roles)


def _record(
    table: Table, chosen: Mapping[str, int], number: int, where: str, columns: Mapping[str, str]
) -> _Rows:
    """Points of one record; `columns` are those that the user names."""
    values, assumed = {}, []
    warnings = [*table.warnings, *heading_remarks(table, chosen, columns)]
    for role in [r for r in SI_UNITS if r in chosen]:
        k = chosen[role]
        scale, stated = factor(table, k, role)
        name = table.names[k]
        try:
            numbers = to_numbers(table.columns[k], table.lines, where=where, name=name)
        except ReaderError:
            if role != "compliance" or role in columns:
                raise
            numbers = np.zeros(0)
        if role == "compliance" and role not in columns and not _are_limits(numbers, stated):
            warnings.append(
                f"the column {name!r} holds flags or text and no current limits: not used"
            )
            continue
        values[role] = scale * numbers
        if role != "compliance":
            warnings += overflow_remarks(table.columns[k], numbers, table.lines, name=name)
        if not stated and (unit := stated_unit(table, k)) is not None:
            text = f"the unit {unit!r} of {name!r} is no unit of a {WORDS[role]}"
            warnings.append(f"{text}: its numbers are taken as {SI_UNITS[role]}")
        elif not stated:
            assumed.append(f"{name} in {SI_UNITS[role]}")
    if assumed:
        warnings.append(_ASSUMED + ", ".join(assumed))
    return _Rows(
        v=values["v"], i=values["i"], t=values.get("t"), line=np.array(table.lines, int),
        limit=_limits(values.get("compliance"), table),
        record=np.full(len(table.lines), number),
        groups=[
            _labels(table.columns[k]) for k in grouping(table, chosen, alone="sweep" in columns)
        ],
        warnings=warnings,
    )  # fmt: skip


def _labels(cells: list[str] | Float[np.ndarray, " points"]) -> np.ndarray:
    """Labels of sweeps as words; of an array of numbers whole ones without a point."""
    # Cells of text, of a file read at once or in chunks; else numbers of a format that holds such.
    if isinstance(cells, list) or cells.dtype.kind in "US":
        return np.array(cells)
    return np.array([f"{x:.15g}" for x in cells])


def _are_limits(column: Float[np.ndarray, " points"], stated: bool) -> bool:
    """Whether the numbers of a column may be current limits: not flags, which are 0 and 1 without a unit."""
    known = column[np.isfinite(column)]
    return bool(known.size) and (stated or not np.all(np.isin(known, (0.0, 1.0))))


def _limits(
    column: Float[np.ndarray, " points"] | None, table: Table
) -> Float[np.ndarray, " points"] | None:
    """Limit at each point [A], by a column or the settings of the record; infinite where a cell is empty or 0."""
    if column is not None:
        return np.where(np.isfinite(column) & (column != 0), np.abs(column), np.inf)
    return None if table.compliance is None else np.full(len(table.lines), table.compliance)


def _join(parts: list[_Rows]) -> _Rows:
    times = [part.t for part in parts if part.t is not None]
    limits = [np.full(len(p.v), np.inf) if p.limit is None else p.limit for p in parts]
    same = len({len(part.groups) for part in parts}) == 1
    if parts[0].groups and same and len({part.label for part in parts}) > 1:
        for part in parts:  # cycle 1 of one sheet is not cycle 1 of the next one
            part.groups.insert(0, np.full(len(part.v), part.label))
    groups = [np.concatenate(g) for g in zip(*(p.groups for p in parts))] if same else []
    warnings = _merged([text for part in parts for text in part.warnings])
    if 0 < len(times) < len(parts):
        warnings.append("some records have no time: no time is used")
    return _Rows(
        v=np.concatenate([p.v for p in parts]),
        i=np.concatenate([p.i for p in parts]),
        t=np.concatenate(times) if len(times) == len(parts) else None,
        record=np.concatenate([p.record for p in parts]),
        line=np.concatenate([p.line for p in parts]),
        groups=groups,
        limit=np.concatenate(limits) if any(p.limit is not None for p in parts) else None,
        warnings=warnings,
    )


def _merged(warnings: list[str]) -> list[str]:
    """Warnings with all assumed units in one."""
    assumed = dict.fromkeys(
        name
        for w in warnings
        if w.startswith(_ASSUMED)
        for name in w.removeprefix(_ASSUMED).split(", ")
    )
    names = list(assumed)[:6]
    more = f" and {len(assumed) - len(names)} more" if len(assumed) > len(names) else ""
    first = next((k for k, w in enumerate(warnings) if w.startswith(_ASSUMED)), len(warnings))
    others = [w for w in warnings if not w.startswith(_ASSUMED)]
    return [
        *others[:first],
        *([_ASSUMED + ", ".join(names) + more] if names else []),
        *others[first:],
    ]


def _measurement(
    rows: _Rows, used: list[Table], column_names: dict, source: Source, name: str, point_time: float | None,
    compliance: float | tuple[float, float] | None,
) -> Measurement:  # fmt: skip
    where = str(source.path)
    drive = find_drive(rows.v, rows.i, used[0], column_names)
    driven, about_drive = drive.quantity, drive.warnings
    t, remarks = check_time(rows.t)
    sweeps = _sweeps(rows, t, driven, [table.number for table in used], where)
    t, more = count_time(t, sweeps.number, point_time)
    modulus, signs = _modulus(rows, column_names)
    signs += [
        *size_remarks(rows.v, rows.i, driven=driven),
        *time_remarks(t if point_time is None else None),
    ]
    if driven == "voltage":
        signs += jump_remarks(rows.v, rows.i, sweeps.number, rows.line)
        signs += end_remarks(rows.v, rows.line)
    limit = _limit(rows, sweeps.number, driven, rows.limit if compliance is None else compliance)
    provenance = {"file": where, "sha256": source.sha256, "columns": column_names}
    provenance |= {"settings": used[0].settings} if used[0].settings else {}
    provenance |= {"sweep_names": sweeps.names} if sweeps.names else {}
    provenance |= {"numbered": True} if sweeps.is_numbered and _counts_cycles(column_names) else {}
    provenance |= {"driven_reason": drive.reason} if drive.reason else {}
    provenance |= {"point_time_s": point_time} if point_time and rows.t is None else {}
    warnings = [
        *source.warnings,
        *rows.warnings,
        *remarks,
        *about_drive,
        *sweeps.warnings,
        *more,
        *signs,
        *limit.warnings,
    ]
    return Measurement(
        v=rows.v, i=rows.i, t=t, sweep=sweeps.number, driven=driven, modulus=modulus,
        compliance=limit.level, limit=limit.values, at_compliance=limit.acts, reader=name, source=provenance,
        warnings=tuple(dict.fromkeys(warnings)),
    )  # fmt: skip


def _counts_cycles(columns: Mapping[str, str]) -> bool:
    """Whether the column that labels sweeps, if one does, counts cycles and no devices or files."""
    word = re.match(r"[a-z]*", columns.get("sweep", "cycle").strip().lower())
    return word is not None and word[0] in _CYCLES


def _sweeps(rows: _Rows, t, driven: str, numbers: Sequence[int | None], where: str) -> Sweeps:
    x, what = (rows.i, "current") if driven == "current" else (rows.v, "voltage")
    if rows.groups:
        return join_halves(by_label(rows.groups, t, rows.line, where=where), x, t)
    shape = by_shape(x, t, rows.record, lines=rows.line, what=what, where=where)
    return with_numbers(shape, rows.record, numbers)


def _modulus(rows: _Rows, column_names: Mapping[str, str]) -> tuple[bool, list[str]]:
    if is_modulus(column_names["i"]):
        return True, [f"the current {column_names['i']!r} is a modulus by its name"]
    if has_lost_sign(rows.v, rows.i):
        return True, [
            "the current is never negative though the voltage has both signs: taken as a modulus"
        ]
    if has_opposite_sign(rows.v, rows.i):
        return False, ["the current flows against the voltage: should it be read with --sign -1?"]
    return False, []


def _limit(rows: _Rows, sweep: np.ndarray, driven: str, stated: Stated | None) -> Limit:
    if driven == "current":  # its limit is a voltage
        return Limit(values=None, acts=np.zeros(len(rows.i), dtype=bool))
    return find_limit(rows.v, rows.i, sweep=sweep, stated=stated)

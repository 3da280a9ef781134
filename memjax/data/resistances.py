"""Currents of files that hold a voltage and a resistance."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from memjax.core.units import parse_unit, spelled
from memjax.errors import ReaderError, UnitError

from .base import Table
from .numbers import to_numbers
from .roles import assign, factor, find_column, take_apart

_OHM = parse_unit("ohm").dimension


def currents_from_resistances(table: Table, columns: Mapping[str, str], *, where: str) -> Table:
    """The table with a current i = v / r, where the user names the column of a resistance.

    Parameters
    ----------
    table : Table
        Record.
    columns : Mapping
        Role to column name, from the user; nothing is done without `r`.
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        If `i` is named as well, or a unit of the column is none of a resistance.
    """
    if "r" not in columns:
        return table
    if "i" in columns:
        raise ReaderError("both i and r", where="--columns", allowed="one of them")
    k = find_column(table, columns["r"], where)
    chosen = assign(
        table, {r: n for r, n in columns.items() if r != "r"}, where=where, needed=("v",)
    )
    stated = table.units[k] if k < len(table.units) else None
    unit = take_apart(table.names[k], stated).unit
    try:
        ohm = parse_unit(spelled(unit, "ohm") if unit else "ohm")
    except UnitError:
        ohm = parse_unit("ohm")
    if ohm.dimension != _OHM:
        raise ReaderError(
            f"unit {unit!r} of column {table.names[k]!r}", where=where, allowed="ohm, kohm"
        )
    r = ohm.factor * to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
    scale, _ = factor(table, chosen["v"], "v")
    name = table.names[chosen["v"]]
    v = scale * to_numbers(table.columns[chosen["v"]], table.lines, where=where, name=name)
    with np.errstate(divide="ignore", invalid="ignore"):
        i = np.where(r == 0, np.nan, v / r)
    remarks = f"the current is {name} / {table.names[k]}: right where the resistance was read at that voltage"
    remarks += "" if unit else "; no unit stated, taken as ohm"
    units = [*table.units, *[None] * (len(table.names) - len(table.units)), "A"]
    return replace(
        table, names=(*table.names, "v / r"), columns=(*table.columns, i), units=tuple(units),
        roles={**table.roles, "i": "v / r"}, warnings=(*table.warnings, remarks),
    )  # fmt: skip

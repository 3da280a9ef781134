"""Columns that are computed from what stands in the file, and when that is needed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from .base import Table
from .roles import left_aside


def lacks_current(table: Table, columns: Mapping[str, str], sources: list[str]) -> bool:
    """Whether the current is computed from one of `sources`: the user names one, or no other column is a current."""
    if table.roles or not sources:
        return False
    if "i" in columns:
        return columns["i"] in sources
    currents = left_aside(replace(table, aliases={}), {}, roles=("i",))
    return not [name for name in currents if name not in sources]


def with_column(
    table: Table,
    k: int,
    *,
    name: str,
    values: Float[np.ndarray, " rows"],
    unit: str | None,
    remarks: str,
) -> Table:
    """The table with a computed column in place of another one, and a word on it.

    Parameters
    ----------
    table : Table
        Record.
    k : int
        Which column.
    name : str
        Its new name; the old one leads to it as well.
    values : Float[np.ndarray, "rows"]
        Its values, in `unit`.
    unit : str or None
        Its unit; None where that is not stated.
    remarks : str
        Warning.
    """
    units = [*table.units, *[None] * (len(table.names) - len(table.units))]
    units[k] = unit
    names, columns = list(table.names), list(table.columns)
    old, names[k], columns[k] = names[k], name, values
    return replace(
        table, names=tuple(names), columns=tuple(columns), units=tuple(units),
        warnings=(*table.warnings, remarks), aliases={**table.aliases, old: name},
    )  # fmt: skip

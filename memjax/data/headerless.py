"""Tables without a header whose columns are known by what the instrument always writes."""

from dataclasses import replace

import numpy as np

from .base import Table

_SHOWN = 6
"""Columns of the first rows that a message shows."""


def keithley_2400(table: Table) -> Table:
    """The table with the roles of a Keithley 2400 buffer, if it looks like one, else as it was.

    Notes
    -----
    Such a buffer holds voltage, current, resistance, time and a status word; 9.91E+37 stands for
    what was not measured, which is the resistance here.
    """
    if table.names != ("1", "2", "3", "4", "5") or not _unmeasured(table.columns[2]):
        return table
    warning = "no header: taken as a Keithley 2400 buffer of V, I, R, t, status"
    roles = {"v": "1", "i": "2", "t": "4"}
    return replace(table, roles=roles, si=True, warnings=(*table.warnings, warning))


def first_rows(table: Table) -> str:
    """The first two rows of a table, for a message."""
    columns = table.columns[:_SHOWN]
    more = " ..." if len(table.columns) > _SHOWN else ""
    rows = [" ".join(_shown(c[k]) for c in columns) + more for k in range(min(2, len(table.lines)))]
    return f"; first rows: {' | '.join(rows)}"


def _shown(cell: str | float) -> str:
    return cell if isinstance(cell, str) else f"{cell:.6g}"


def suggestion(table: Table) -> str:
    """Roles that the numbers of two to four columns without names suggest, for a message; empty where they do not.

    Notes
    -----
    A column that increases throughout is taken for the time; of the two others the one of the larger numbers is taken
    for the voltage in volt, the other one for the current in ampere.
    """
    if not all(map(str.isdigit, table.names)) or not 2 <= len(table.names) <= 4:
        return ""
    try:
        values = [np.array(c, dtype=float) for c in table.columns]
    except ValueError:
        return ""
    time = [k for k, x in enumerate(values) if len(x) > 2 and np.all(np.diff(x) > 0)]
    candidates = [k for k in range(len(values)) if k not in time[:1]]
    if len(candidates) != 2:
        return ""
    v, i = sorted(candidates, key=lambda k: -float(np.nanmax(np.abs(values[k]))))
    named = f"t={time[0] + 1}," if time else ""
    why = f" (column {time[0] + 1} increases throughout: the time)" if time else ""
    return f"{named}v={v + 1},i={i + 1}, if column {v + 1} is the voltage{why}"


def _unmeasured(cells) -> bool:
    try:
        return all(float(cell) > 9.8e37 for cell in cells)
    except ValueError:
        return False

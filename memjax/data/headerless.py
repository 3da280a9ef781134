"""Tables without a header whose columns are known by what the instrument always writes."""

from dataclasses import replace

from .base import Table


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


def _unmeasured(cells) -> bool:
    try:
        return all(float(cell) > 9.8e37 for cell in cells)
    except ValueError:
        return False

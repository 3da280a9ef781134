"""Current densities, which the area of the device makes currents."""

import re
from collections.abc import Mapping

from memjax.core.units import parse_unit
from memjax.errors import ReaderError

from .base import Table
from .derived import lacks_current, with_column
from .numbers import to_numbers
from .roles import is_logarithm, take_apart, unit_of

_DENSITY = parse_unit("A/m^2").dimension


def currents_from_densities(
    table: Table, columns: Mapping[str, str], *, area: float | None, where: str
) -> Table:
    """The table with currents in place of columns such as ``J (A/cm^2)``, ``Current density [mA cm-2]``.

    Where another column holds the current itself nothing is done.

    Parameters
    ----------
    table : Table
        Record.
    columns : Mapping
        Role to column name, from the user.
    area : float or None
        Area of the device [m^2].
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        If the file holds a current density alone and no area is given, or a density without a unit.
    """
    units = (*table.units, *[None] * len(table.names))
    densities = {
        n: density for k, n in enumerate(table.names) if (density := _density(n, units[k]))
    }
    if not lacks_current(table, columns, list(densities)):
        return table
    wanted = [columns["i"]] if "i" in columns else list(densities)
    for name, (plain, unit) in ((n, densities[n]) for n in wanted):
        if unit is None:
            raise ReaderError(
                f"column {name!r} is a current density without a unit", where=where,
                allowed="A/cm^2, mA/cm^2, A/m^2", fix="state its unit in the header, as J (A/cm^2)",
            )  # fmt: skip
        if area is None:
            raise ReaderError(
                f"column {name!r} is a current density in {unit}, not a current", where=where,
                fix="give the area of the device, with its unit or in m^2: --area 100um^2",
            )  # fmt: skip
        k = table.names.index(name)
        factor = parse_unit(unit).factor * area
        values = factor * to_numbers(table.columns[k], table.lines, where=where, name=name)
        warning = f"the current is {name!r} times the area, {area:g} m^2 ({area * 1e12:g} um^2)"
        table = with_column(table, k, name=plain, values=values, unit="A", remarks=warning)
    return table


def _density(name: str, unit: str | None) -> tuple[str, str | None] | None:
    """Name of the current and unit of a density; None for any other column."""
    if is_logarithm(name):
        return None
    heading = take_apart(name, unit)
    base, stated = heading.base, heading.unit
    if stated is None and "/" in name:
        numerator, _, denominator = name.partition("/")
        if unit_of(denominator):
            base, stated = numerator.strip(), denominator.strip()
    named = re.search(r"(?i)(?<![a-z])(current)[\s_-]*dens(ity)?(?![a-z])", base)
    density_unit = unit_of(stated) if stated else None
    if density_unit is None or density_unit.dimension != _DENSITY:
        return (_plain(base), None) if named and density_unit is None else None
    return _plain(base), stated


def _plain(base: str) -> str:
    """Name of the current behind a density's."""
    plain = re.sub(r"(?i)[\s_-]*dens(ity)?(?![a-z])", "", base)
    return re.sub(r"(?<![A-Za-z])[jJ](?![a-z])", "I", plain)

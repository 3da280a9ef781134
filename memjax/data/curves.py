"""What a reader found, made ready: logarithms undone, densities made currents, wide tables taken apart."""

from .base import Options, Table
from .densities import currents_from_densities
from .logarithms import undo_logarithms
from .resistances import currents_from_resistances
from .terminals import split_terminals
from .wide import split_wide


def curves(tables: tuple[Table, ...], options: Options, *, where: str) -> tuple[Table, ...]:
    """Records with one voltage and one current each, as far as the names of their columns tell.

    Parameters
    ----------
    tables : tuple of Table
        Records as a reader found them; those whose format tells the columns' roles stay as they are.
    options : Options
        What the user says about the file.
    where : str
        File, for messages.
    """
    curves: list[Table] = []
    for table in tables:
        plain = currents_from_resistances(table, options.columns, where=where)
        plain = undo_logarithms(plain, options.columns, where=where)
        plain = currents_from_densities(plain, options.columns, area=options.area, where=where)
        for part in split_terminals(plain, options.columns, where=where):
            curves += split_wide(part, options.columns, where=where)
    return tuple(curves)


def uses_area(tables: tuple[Table, ...]) -> bool:
    """Whether currents of these records were computed from densities."""
    return any("times the area" in text for table in tables for text in table.warnings)

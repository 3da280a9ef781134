"""Currents of which a file holds the logarithm: recognised by the name of the column, and undone."""

import re
from collections.abc import Mapping

import numpy as np

from memjax.errors import ReaderError

from .base import Table
from .derived import lacks_current, with_column
from .numbers import to_numbers
from .roles import is_logarithm, measures, plain_role, unit_of

_LARGEST = 100.0
"""Largest current that a logarithm may stand for [A]: beyond it the numbers are no logarithms, or of something else."""


def undo_logarithms(table: Table, columns: Mapping[str, str], *, where: str) -> Table:
    """The table with currents in place of columns such as ``log(Current)``, ``log10(I/A)``, ``ln|I|``, ``I (log A)``.

    Where another column holds the current itself nothing is done. What comes out is a modulus.

    Parameters
    ----------
    table : Table
        Record.
    columns : Mapping
        Role to column name, from the user.
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        If the numbers stand for currents above 100 A, or hardly vary about 1 A, as currents themselves do.
    """
    currents = {n: current for n in table.names if (current := _current_in(n)) is not None}
    if not lacks_current(table, columns, list(currents)):
        return table
    wanted = [columns["i"]] if "i" in columns else list(currents)
    for name, (plain, unit) in ((n, currents[n]) for n in wanted):
        k = table.names.index(name)
        stated = unit or (table.units[k] if k < len(table.units) else None)
        stated = stated if measures(stated, "i") else None
        natural = re.search(r"(?<![A-Za-z])ln", name, re.IGNORECASE) is not None
        x = to_numbers(table.columns[k], table.lines, where=where, name=name)
        with np.errstate(over="ignore"):
            values = np.exp(x) if natural else 10.0**x
        _check(x, values, stated, where, name)
        word = "natural" if natural else "decadic"
        warning = f"the column {name!r} is taken as the {word} logarithm of a modulus of the current, and undone"
        table = with_column(table, k, name=plain, values=values, unit=stated, remarks=warning)
    return table


def _current_in(name: str) -> tuple[str, str | None] | None:
    """Name of the modulus and unit in the name of a logarithm of a current; None where it is none."""
    if not is_logarithm(name):
        return None
    argument = re.sub(r"(?i)(?<![A-Za-z])(log|lg|ln)(_?10)?", " ", name)
    tokens = re.findall(r"[A-Za-zµμ]+|\d+", argument)
    if not any(plain_role(w) == "i" for w in tokens):
        return None
    unit = tokens[-1] if plain_role(tokens[-1]) is None and unit_of(tokens[-1]) else None
    words = [w for w in tokens[: -1 if unit else None] if w.lower() != "abs"]
    return f"|{' '.join(words)}|", unit


def _check(x: np.ndarray, values: np.ndarray, unit: str | None, where: str, name: str) -> None:
    """Raise where numbers are no logarithms of currents."""
    known = np.isfinite(x)
    if not known.any():
        return  # rows without a current are counted, and refused, further on
    current_unit = unit_of(unit) if unit else None
    largest = float(np.max(values[known])) * (current_unit.factor if current_unit else 1.0)
    still = np.ptp(x[known]) < 0.05 and np.max(np.abs(x[known])) < 0.5
    if largest > _LARGEST or still:
        low, high = np.min(x[known]), np.max(x[known])
        raise ReaderError(
            f"column {name!r} holds {low:.3g} to {high:.3g}, no logarithms of currents", where=where,
            allowed=f"logarithms of currents up to {_LARGEST:g} A",
            fix="where it holds currents, rename it to 'Current (A)'",
        )  # fmt: skip

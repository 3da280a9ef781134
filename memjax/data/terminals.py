"""Columns named after the terminals of a device: ``AnodeI, AnodeV``, ``DrainI(1), DrainV(1), GateV(1)``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .base import Table
from .numbers import to_numbers
from .roles import left_aside, take_apart

_NAME = re.compile(
    r"(?P<terminal>[A-Za-z][A-Za-z_]*?)_?(?P<quantity>[IV])(?: ?\((?P<step>\d+)\))?", re.IGNORECASE
)
_TIME = re.compile(r"Time(?: ?\((?P<step>\d+)\))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column of a terminal's voltage or current."""

    index: int
    terminal: str
    quantity: str
    step: str


def split_terminals(table: Table, columns: Mapping[str, str], *, where: str) -> list[Table]:
    """One table for each step, with the terminal that is swept as voltage and current.

    Parameters
    ----------
    table : Table
        Record.
    columns : Mapping
        Role to column name, from the user; who names voltage and current gets the table as it is.
    where : str
        File, for messages.

    Returns
    -------
    list of Table
        The table itself where its names are no terminals, other names say a voltage and a current, or several
        terminals are swept alike.

    Notes
    -----
    Of several terminals with a voltage and a current the one whose voltage varies most is read; the others are named.
    """
    if table.roles or {"v", "i"} & columns.keys():
        return [table]
    # A formula of the instrument may add a column `I = ABS(AI)`: a current alone is no measurement.
    others = {role: left_aside(table, {}, (role,)) for role in ("v", "i")}
    if all(others.values()):
        return [table]
    terminals = _columns(table.names)
    steps = list(dict.fromkeys(c.step for c in terminals))
    parts = [_part(table, [c for c in terminals if c.step == s], s, where) for s in steps]
    if not parts or any(part is None for part in parts):
        return [table]
    whole = [part for part in parts if part is not None]
    if len(whole) > 1:
        whole = [
            replace(p, label=f"{p.label} step {s}".strip())
            for p, s in zip(whole, steps, strict=True)
        ]
        whole = [whole[0], *(replace(p, warnings=()) for p in whole[1:])]
    return whole


def first_terminal(names: Sequence[str]) -> tuple[int, int] | None:
    """Places of the voltage and the current of the first terminal that has both, as ``AV`` and ``AI`` are.

    Parameters
    ----------
    names : sequence of str
        Header cells.

    Returns
    -------
    (int, int) or None
        Place of the voltage, place of the current; None where no terminal has both.
    """
    places = {(c.terminal, c.step, c.quantity): c.index for c in reversed(_columns(names))}
    for terminal, step, quantity in reversed(places):
        if quantity == "v" and (terminal, step, "i") in places:
            return places[terminal, step, "v"], places[terminal, step, "i"]
    return None


def _columns(names: Sequence[str]) -> list[_Column]:
    """Columns of which the names are those of terminals."""
    return [c for k, name in enumerate(names) if (c := _column(k, take_apart(name).base))]


def _column(index: int, name: str) -> _Column | None:
    match = _NAME.fullmatch(name.strip())
    if match is None:
        return None
    return _Column(
        index=index,
        terminal=match["terminal"],
        quantity=match["quantity"].lower(),
        step=match["step"] or "",
    )


def _part(table: Table, members: list[_Column], step: str, where: str) -> Table | None:
    """The record of one step; None where no terminal has both, or two are swept alike."""
    pairs = {
        c.terminal: (c.index, other.index)
        for c in members for other in members
        if c.terminal == other.terminal and (c.quantity, other.quantity) == ("v", "i")
    }  # fmt: skip
    spans = {name: _span(table, v, where) for name, (v, _) in pairs.items()}
    ranked = sorted(spans, key=lambda name: -spans[name])
    if not ranked or (len(ranked) > 1 and spans[ranked[1]] > 0.5 * spans[ranked[0]]):
        return None
    v, i = pairs[ranked[0]]
    names = {"v": table.names[v], "i": table.names[i]}
    for k, name in enumerate(table.names):
        time = _TIME.fullmatch(take_apart(name).base.strip())
        if time is not None and (time["step"] or "") in (step, ""):
            names["t"] = table.names[k]
    aside = [table.names[c.index] for c in members if c.terminal != ranked[0]]
    remarks = (
        f"terminal {ranked[0]} is read, the one whose voltage is swept; left aside: {', '.join(aside)}",
    )
    return replace(table, roles=names, warnings=(*table.warnings, *(remarks if aside else ())))


def _span(table: Table, k: int, where: str) -> float:
    """Range of a voltage."""
    values = to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
    known = values[np.isfinite(values)]
    return float(np.ptp(known)) if known.size else 0.0

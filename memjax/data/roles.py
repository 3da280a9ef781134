"""Which column is the voltage, the current, the time, the sweep: one table of names and units."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from memjax.core.units import Unit, parse_unit, spelled
from memjax.errors import ReaderError, UnitError

from .base import Table
from .headerless import first_rows, suggestion

SI_UNITS = {"v": "V", "i": "A", "t": "s", "compliance": "A"}
WORDS = {
    "v": "voltage",
    "i": "current",
    "t": "time",
    "sweep": "sweep",
    "compliance": "current limit",
}
# `sweep` goes from the outermost grouping to the innermost: the last one present numbers sweeps.
_NAMES = {
    "v": ("v", "u", "voltage", "volt", "volts", "bias", "vbias", "vmeas", "vsource", "spannung", "tension"),
    "i": ("i", "current", "currents", "amp", "amps", "imeas", "strom", "courant"),
    "t": ("t", "time", "times", "timestamp", "elapsed", "zeit", "temps"),
    "sweep": (
        "sheet", "device", "cell", "object", "file", "member", "group", "run", "read", "repeat",
        "trial", "curve", "loop", "sweep", "cycle",
    ),
    "compliance": ("compliance", "limit", "icc", "ilimit", "i_limit", "current limit", "current_limit",
                   "compliance current", "compliance_current"),
}  # fmt: skip
_SHORT = re.compile(
    r"(?P<letter>[vui])_?(ds|sd|in|dev|device|mem|cell|dut|rram|app|appl|applied|src|tot|total|te|top|anode)"
)
"""Names such as ``Vds`` and ``I_dev``."""
_SPARE = ("sweep", "compliance")
"""Roles that a file can do without."""
_LIMITS = {"compliance", "limit", "icc", "ilimit"}
"""Words that make a name that of a limit, not of what is limited."""
_TEMPERATURES = ("K", "C", "°C", "degC")
"""Units of a column ``T`` that is no time."""
_INDEX_WORDS = {"index", "number", "no", "nr", "id", "label", "name"}
_STATED = re.compile(r"^(?P<base>.*?)\s*(?:\((?P<a>[^()]*)\)|\[(?P<b>[^\[\]]*)\]|/\s*(?P<c>\S+))$")
_LOGARITHM = re.compile(r"(?<![A-Za-z])(?i:log|lg|ln)(_?10)?(?![a-z2-9])")
_SUFFIX = re.compile(r"^(?P<base>.+)_(?P<unit>[A-Za-zµμΩ]+)$")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A header cell taken apart.

    Parameters
    ----------
    base : str
        Name without the unit.
    unit : str or None
        Unit that the cell states, with the capitals that it has by rule.
    written : str or None
        The unit as it stands there.
    """

    base: str
    unit: str | None
    written: str | None = None


def take_apart(name: str, unit: str | None = None) -> Heading:
    """Name and unit of a header cell: ``v_V``, ``U / V``, ``SMU-1 Voltage (V)``, ``I [mA]``.

    Parameters
    ----------
    name : str
        Header cell.
    unit : str, optional
        Unit from a row of units; it wins.

    Returns
    -------
    Heading
        Base name and unit.
    """
    name = name.strip().strip("\"'").strip()
    stated = _STATED.match(name)
    text = next(filter(None, stated.groups()[1:]), "") if stated else ""
    if stated and stated["base"] and _unit(_spelled(text, stated["base"])):
        return _stated(stated["base"], unit or text)
    suffix = _SUFFIX.match(name)
    if suffix and (suffix_unit := _unit(_spelled(suffix["unit"], suffix["base"]))):
        # In `V_s` the s is no second: a suffix is a unit only where it measures what the name says.
        likes = _likes(suffix["base"])
        if any(suffix_unit.dimension == parse_unit(like).dimension for like in likes):
            return _stated(suffix["base"], unit or suffix["unit"])
    return _stated(name, unit)


def _stated(base: str, text: str | None) -> Heading:
    """A heading with the unit of a text."""
    return Heading(base=base, unit=None if text is None else _spelled(text, base), written=text)


def _spelled(text: str, base: str) -> str:
    """A unit by rule, for what a name may stand for."""
    return spelled(text, *_likes(base))


def _likes(base: str) -> list[str]:
    """Units of the roles that a name may have; ``T`` is a time where its unit says so."""
    return [SI_UNITS[r] for r in SI_UNITS if _rank(base, r) is not None or (r, base) == ("t", "T")]


def assign(
    table: Table,
    columns: Mapping[str, str],
    *,
    where: str,
    needed: tuple[str, ...] = ("v", "i"),
) -> dict[str, int]:
    """Column of each role.

    Parameters
    ----------
    table : Table
        Record.
    columns : Mapping
        Role to column name, from the user: it wins.
    where : str
        File, for messages.
    needed : tuple of str
        Roles that have to be there.

    Returns
    -------
    dict of str to int
        Role to index.

    Raises
    ------
    ReaderError
        If a named column is missing, or voltage or current is not to be told from the names.
    """
    named = {role: table.aliases.get(name, name) for role, name in columns.items()}
    chosen = {role: find_column(table, name, where) for role, name in named.items()}
    for role, name in table.roles.items():
        chosen.setdefault(role, table.names.index(name))
    for role in WORDS:
        free = [k for k in range(len(table.names)) if k not in chosen.values()]
        if role not in chosen and (best := _candidates(table, role, free)):
            if len(best) > 1 and role not in _SPARE and (role in needed or role == "t"):
                raise _ambiguous(table, role, best, where)
            chosen[role] = best[0]
    for role in needed:
        if role not in chosen:
            raise _missing(table, role, where)
    if "v" in chosen and chosen["v"] == chosen.get("i"):
        raise ReaderError(
            f"column {table.names[chosen['v']]!r} is both voltage and current", where=where
        )
    return chosen


def grouping(table: Table, chosen: Mapping[str, int], *, alone: bool) -> list[int]:
    """Columns that tell one sweep from another, outermost first; the last one is the label.

    Parameters
    ----------
    table : Table
        Record.
    chosen : Mapping
        Role to index.
    alone : bool
        Whether the column of the role `sweep` tells them by itself.

    Returns
    -------
    list of int
        Indices; none where no column tells.
    """
    if "sweep" not in chosen or alone:
        return [chosen["sweep"]] if "sweep" in chosen else []
    outer = [
        k
        for k in range(len(table.names))
        if k not in chosen.values() and _rank(_heading(table, k).base, "sweep") is not None
    ]
    return [*outer, chosen["sweep"]]


def factor(table: Table, index: int, role: str) -> tuple[float, bool]:
    """Factor to SI of a column, and whether its unit is stated (else SI is assumed)."""
    unit = _heading(table, index).unit
    return (parse_unit(unit).factor, True) if measures(unit, role) else (1.0, table.si)


def stated_unit(table: Table, index: int) -> str | None:
    """The unit of a column as it is stated, whatever it measures; None where none is."""
    return _heading(table, index).unit or None


def is_logarithm(name: str) -> bool:
    """Whether a column name says that it holds a logarithm: ``log(I)``, ``log10|I|``, ``ln I``, ``I (log A)``."""
    return _LOGARITHM.search(name) is not None


def is_modulus(name: str) -> bool:
    """Whether a column name says that it holds the modulus of a current."""
    return re.match(r"\s*(abs|\|)", name, re.IGNORECASE) is not None


def plain_role(word: str) -> str | None:
    """Role that a single word names, `v`, `i` or `t`, also behind ``abs``; None where it names none."""
    plain = word.lower().removeprefix("abs")
    return None if word == "T" else next((r for r in ("v", "i", "t") if plain in _NAMES[r]), None)


def left_aside(
    table: Table, chosen: Mapping[str, int], roles: tuple[str, ...] = ("v", "i")
) -> list[str]:
    """Names of columns that could be a voltage or a current as well as those that were chosen."""
    free = [k for k in range(len(table.names)) if k not in chosen.values()]
    candidates = {k for role in roles for k in _candidates(table, role, free)}
    return [table.names[k] for k in sorted(candidates) if not is_modulus(_heading(table, k).base)]


def unit_of(text: str) -> Unit | None:
    """Unit with a dimension that a text names; None where it names none.

    Parameters
    ----------
    text : str
        Text such as ``mV``; the index in ``V[1]`` is no unit.
    """
    return _unit(text)


def _heading(table: Table, index: int) -> Heading:
    units = table.units
    return take_apart(table.names[index], units[index] if index < len(units) else None)


def _unit(text: str) -> Unit | None:
    """Unit with a dimension; the index in ``V[1]`` is none."""
    try:
        unit = parse_unit(text)
    except UnitError:
        return None
    return unit if any(unit.dimension) else None


def measures(unit: str | None, role: str) -> bool:
    """Whether a unit is one of what a role stands for: of a voltage, a current, a time."""
    measure = _unit(unit) if unit else None
    return measure is not None and measure.dimension == parse_unit(SI_UNITS[role]).dimension


def _rank(base: str, role: str) -> int | None:
    """How well a name fits a role: 0 in full, then with an index or a prefix, None not at all."""
    plain = base.lower()
    words = re.findall(r"[a-zµμ]+", plain)
    if (
        not words or base == "T" or is_logarithm(base)
    ):  # a temperature, or no voltage and no current
        return None
    if role == "sweep":
        fits = words[0] in _NAMES[role] and set(words[1:]) <= _INDEX_WORDS
        return len(_NAMES[role]) - _NAMES[role].index(words[0]) if fits else None
    if role == "compliance":
        return 0 if plain in _NAMES[role] else None
    if role == "i" and _LIMITS & set(words):
        return None
    if role == "i" and is_modulus(base):
        return 3 if words[-1].removeprefix("abs") in _NAMES[role] else None
    if plain in _NAMES[role]:
        return 0
    if words[-1] in _NAMES[role]:
        return 1
    # `Voltage measured`: the first word may carry the meaning, if it is a word and no letter.
    if len(words[0]) > 3 and words[0] in _NAMES[role]:
        return 2
    short = _SHORT.fullmatch(plain)
    return 3 if short and role == {"u": "v"}.get(short["letter"], short["letter"]) else None


def _candidates(table: Table, role: str, free: list[int]) -> list[int]:
    """Columns that fit a role best; a unit of another dimension rules a column out."""
    ranks: dict[int, tuple[int, bool]] = {}
    for k in free:
        heading = _heading(table, k)
        rank = _rank(heading.base, role)
        fits = role != "sweep" and measures(heading.unit, role)
        wrong = role != "sweep" and heading.unit and _unit(heading.unit) and not fits
        if rank is not None and not wrong:
            ranks[k] = (rank, not fits)
    if not ranks and role in ("v", "i", "t"):  # no name tells, but perhaps one unit does
        matches = [
            k for k in free if measures(_heading(table, k).unit, role) and _is_plain(table, k)
        ]
        return matches if len(matches) == 1 else []
    return [k for k, rank in ranks.items() if rank == min(ranks.values())]


def _is_plain(table: Table, k: int) -> bool:
    """Whether a name is neither that of a limit nor that of a logarithm or a modulus."""
    base = _heading(table, k).base
    words = set(re.findall(r"[a-z]+", base.lower()))
    return not (_LIMITS & words or is_logarithm(base) or is_modulus(base))


def heading_remarks(
    table: Table, chosen: Mapping[str, int], columns: Mapping[str, str]
) -> list[str]:
    """Describe columns whose name alone does not tell what they are, or in which unit.

    Parameters
    ----------
    table : Table
        Record.
    chosen : Mapping
        Role to index.
    columns : Mapping
        Role to column name, from the user: nothing is said of these.
    """
    taken = [(r, k) for r, k in chosen.items() if r in ("v", "i", "t") and r not in columns]
    remarks = [
        f"the column {table.names[k]!r} is taken as the {WORDS[role]} by its unit"
        for role, k in taken
        if role not in table.roles and _rank(_heading(table, k).base, role) is None
    ]
    for _, k in taken:
        heading = _heading(table, k)
        if heading.unit != heading.written:
            remarks.append(f"the unit of {table.names[k]!r} is taken as {heading.unit}")
    return remarks if "t" in chosen else [*remarks, *_unused_times(table, chosen)]


def _unused_times(table: Table, chosen: Mapping[str, int]) -> list[str]:
    """Describe columns that may be the time, in a table that has no other one."""
    remarks = []
    for k, name in enumerate(table.names):
        heading = _heading(table, k)
        words = set(re.findall(r"[a-z]{3,}", heading.base.lower()))
        named = heading.base in ("T", "t") or bool(words & set(_NAMES["t"]))
        if k not in chosen.values() and named and heading.unit not in _TEMPERATURES:
            remarks.append(
                f"the column {name!r} may be a time, and is not used: --columns t={name} takes it as the time"
            )
    return remarks


def find_column(table: Table, name: str, where: str) -> int:
    """Index of the column of a name, with or without its unit, whatever its case.

    Raises
    ------
    ReaderError
        If there is none.
    """
    plain = [take_apart(n).base for n in table.names]
    for names in (list(table.names), plain, [n.lower() for n in table.names]):
        for wanted in (name.strip(), name.strip().lower()):
            if wanted in names:
                return names.index(wanted)
    raise ReaderError(
        f"no column {name!r}", where=where, allowed=", ".join(map(repr, table.names[:20]))
    )


def _missing(table: Table, role: str, where: str) -> ReaderError:
    names = ", ".join(map(repr, table.names[:12])) + (", ..." if len(table.names) > 12 else "")
    above = "".join(f" ({text})" for text in table.warnings if "no header" in text)
    bare = all(map(str.isdigit, table.names))
    above = above or (" (no header)" if bare else "") + (first_rows(table) if bare else "")
    return ReaderError(
        f"no column says that it is the {WORDS[role]}; columns found: {names}{above}", where=where,
        allowed="names such as v_V, i_A, 'U / V', 'Current (uA)'",
        fix="name the columns: --columns "
        + (suggestion(table) or "v=NAME,i=NAME[,t=NAME], or v=NAME,r=NAME where NAME holds a resistance"),
    )  # fmt: skip


def _ambiguous(table: Table, role: str, best: list[int], where: str) -> ReaderError:
    names = [table.names[k] for k in best]
    listed = ", ".join(map(repr, names[:8])) + (", ..." if len(names) > 8 else "")
    return ReaderError(
        f"{len(names)} columns may be the {WORDS[role]}: {listed}", where=where,
        fix=f"choose one: --columns {role}={names[0]}",
    )  # fmt: skip

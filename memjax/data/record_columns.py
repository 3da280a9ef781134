"""Columns of tables that hold conductances, resistances, times and labels: which is which, and in what unit."""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from memjax.core.units import parse_unit, spelled
from memjax.errors import ReaderError, UnitError

from .base import Source, Table
from .numbers import to_numbers
from .row_checks import is_number
from .terminals import first_terminal
from .text import tables

_WORDS = {
    "g": (("g", "conductance"), "S"),
    "r": (("r", "resistance"), "ohm"),
    "t": (("t", "time", "times"), "s"),
    "temperature": (("temperature", "temp"), None),
    "pulse": (("pulse", "pulses", "pulse_number"), None),
    "branch": (("branch", "polarity", "kind", "type", "direction"), None),
    "cycle": (("cycle", "repeat", "loop"), None),
    "v": (("v", "voltage", "u"), "V"),
    "i": (("i", "current"), "A"),
}
_QUANTITIES = {"ohm": {"r", "resistance"}, "S": {"g", "conductance"}, "A": {"i", "current"}}
"""Words of a name by the unit that they ask for."""
_COUNTS = ("", "#", "no", "no.", "nr", "number", "index", "count")
_TEMPERATURES = ("", "k", "c", "°c", "degc", "deg c", "celsius", "kelvin")
_PARTS = re.compile(r"^(?:spike[\s_]+)?([A-Za-z]+(?:_number)?)[\s_/(\[]*([^)\]]*)[)\]]?$")

LABELS = (
    "train", "trial", "repeat", "neuron", "unit", "member", "device", "sweep", "cycle", "run", "channel",
)  # fmt: skip
"""Columns that tell one train or trace from another, beside those that hold words."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column with a role.

    Parameters
    ----------
    index : int
        Its number in the table, from 0.
    factor : float
        Its unit in SI.
    stated : bool
        Whether the unit is stated.
    respelled : str
        The unit, where it stands there in other capitals.
    """

    index: int
    factor: float = 1.0
    stated: bool = True
    respelled: str = ""


def roles(names: tuple[str, ...] | list[str]) -> dict[str, Column]:
    """Role of each column whose name says one: `g`, `r`, `t`, `pulse`, `branch`, `cycle`, `temperature`, `v`, `i`."""
    columns: dict[str, Column] = {}
    for index, name in enumerate(names):
        parts = _PARTS.match(name.strip().strip("\"'"))
        if not parts:
            continue
        unit_text = parts[2].strip().lower()
        # T is a temperature, unless its unit is one of time.
        if parts[1] == "T" and unit_text in _TEMPERATURES:
            columns.setdefault("temperature", Column(index=index, stated=bool(unit_text)))
            continue
        for role, (words, unit) in _WORDS.items():
            if role in columns or parts[1].lower() not in words:
                continue
            if role == "temperature" and unit_text not in _TEMPERATURES:
                continue
            if unit is None and unit_text in (_TEMPERATURES if role == "temperature" else _COUNTS):
                columns[role] = Column(index=index)
            elif unit is not None and (scale := _scale(parts[2], unit)) is not None:
                other = respelled(name, spelled(parts[2], unit))
                columns[role] = Column(
                    index=index, factor=scale, stated=bool(parts[2]), respelled=other
                )
    if (places := first_terminal(names)) is not None:
        for role, index in zip(("v", "i"), places, strict=True):
            columns.setdefault(role, Column(index=index, stated=False))
    spare = columns.get("temperature")
    if spare and names[spare.index].strip("\"' ") == "T" and not {"t", "r", "g"} & columns.keys():
        columns["t"] = Column(index=spare.index, stated=False)
    return columns


def _scale(text: str, unit: str) -> float | None:
    """Factor to SI of a stated unit; 1 where none is stated, None where it measures something else."""
    if not text:
        return 1.0
    try:
        stated, wanted = parse_unit(spelled(text, unit)), parse_unit(unit)
    except UnitError:
        return None
    return stated.factor if stated.dimension == wanted.dimension else None


def respelled(name: str, unit: str | None) -> str:
    """The unit where a header cell has it in other capitals, else nothing."""
    return "" if unit is None or unit in name else unit


def split_unit(name: str) -> tuple[str, str | None]:
    """A header cell without its unit, and the unit: of ohm, S, A and their like, in brackets, behind ``/`` or ``_``."""
    name = name.strip().strip("\"'").strip()
    parts = re.match(r"^(.*?)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|/\s*(\S+)|_([A-Za-zµμΩ]+))$", name)
    text = next((p for p in parts.groups()[1:] if p), None) if parts else None
    if parts is None or text is None or not parts[1]:
        return name, None
    words = set(re.findall(r"[a-z]+", parts[1].lower()))
    likes = [si for si, names in _QUANTITIES.items() if names & words]
    for unit in (spelled(text, *likes), spelled(text, *_QUANTITIES)):
        try:
            return (parts[1], unit) if any(parse_unit(unit).dimension) else (name, None)
        except UnitError:
            continue
    return name, None


def one_table(source: Source) -> Table:
    """The only table of a file.

    Raises
    ------
    ReaderError
        If there are several.
    """
    every = tables(source)
    if len(every) > 1:
        raise ReaderError("several headers", where=str(source.path), allowed="one table")
    return every[0]


def require(columns: dict[str, Column], table: Table, *groups: str, where: str) -> None:
    """Raise unless a table has a column of one role of each group, as ``t`` and ``r g``."""
    missing = [g for g in groups if not set(g.split()) & columns.keys()]
    if missing:
        raise ReaderError(
            f"no column {' or '.join(missing[0].split())}; columns found: {', '.join(table.names)}", where=where,
            fix="keep one header, with a name for each column",
        )  # fmt: skip


def numbers(table: Table, column: Column, *, where: str) -> Float[np.ndarray, " rows"]:
    """A column in SI."""
    k = column.index
    cells = to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
    return column.factor * cells


def labels(table: Table, places: list[int]) -> np.ndarray:
    """Cells of label columns, joined row by row."""
    if not places:
        return np.full(len(table.lines), "0")
    joined = _texts(table, places[0])
    for k in places[1:]:
        joined = np.char.add(np.char.add(joined, " "), _texts(table, k))
    return joined


def is_label(name: str) -> bool:
    """Whether a name says that its column tells trains or traces apart, as ``neuron`` and ``trial no`` do."""
    first, *others = re.split(r"[\s_]+", name.strip().strip("\"'").lower())
    return first in LABELS and set(others) <= {*_COUNTS, "id"}


def label_columns(table: Table, used: set[int]) -> list[int]:
    """Columns beside those in use that tell trains or traces apart, by their names, or since they hold words."""
    return [
        k
        for k, name in enumerate(table.names)
        if k not in used and (is_label(name) or _has_words(table, k))
    ]


def _has_words(table: Table, k: int) -> bool:
    """Whether most cells of a column are words."""
    column = np.asarray(table.columns[k])
    words = [] if column.dtype.kind == "f" else [bool(x) and not is_number(x) for x in column]
    return sum(words) > 0.5 * len(column)


_TELLING = (
    "device", "cell", "sample", "wafer", "die", "chip", "run", "file", "sheet", "set", "object", "name", "label", "id",
    "curve", "batch", "lot", "train", "neuron", "member", "read", "temperature",
)  # fmt: skip
"""First words of columns that may be expected to tell devices or runs apart."""


def label_remarks(table: Table, places: list[int], what: str) -> tuple[str, ...]:
    """Describe columns of other names that tell devices or runs apart: a name may be damaged."""
    names = [table.names[k] for k in places]
    strange = [n for n in names if re.split(r"[^a-z]+", n.strip().lower())[0] not in _TELLING]
    return (f"columns that are taken to tell {what} apart: {', '.join(strange)}",) * bool(strange)


def _texts(table: Table, index: int) -> np.ndarray:
    """Cells of a column as the file has them; numbers of large files are no texts any more."""
    column = np.asarray(table.columns[index])
    return np.char.mod("%.15g", column) if column.dtype.kind == "f" else column.astype(str)


def in_order(values: np.ndarray) -> list:
    """Distinct values in the order in which they first occur."""
    _, first = np.unique(values, return_index=True)
    return [values[k] for k in np.sort(first)]


def assumed_units(table: Table, columns: list[Column]) -> tuple[str, ...]:
    """The guess of SI units, in words, where none are stated, and units in other capitals than theirs."""
    names = table.names
    silent = [names[c.index] for c in columns if not c.stated]
    remarks = [f"no units stated, taken as SI: {', '.join(silent)}"] if silent else []
    other = [c for c in columns if c.respelled]
    return (*remarks, *(f"the unit of {names[c.index]!r} is taken as {c.respelled}" for c in other))

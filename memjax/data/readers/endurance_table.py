"""Tables of endurance: cycle, high and low resistance state."""

import re
from typing import final

import numpy as np

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Table, Verdict, verdict
from memjax.data.endurance_record import UNITS, EnduranceRecord
from memjax.data.numbers import to_numbers
from memjax.data.record_columns import in_order, labels, one_table, respelled, roles, split_unit
from memjax.data.roles import unit_of
from memjax.data.text import is_number, split_line
from memjax.errors import ReaderError

_STATE = re.compile(
    r"(?P<q>[rgi]|resistance|conductance|current)?(?P<s>hrs|lrs|high|low|on|off)"
    r"(?:resistance)?(?:state)?(?P<p>[rgi]|resistance|conductance|current)?"
)
_CYCLE = re.compile(r"(?:endurance)?(?:(?:no|number)of)?cycles?(?:no|number|index|count)?")
_HIGH = ("hrs", "high", "off")
_LABELS = ("device", "cell", "sample", "wafer", "die", "chip", "run", "sheet", "file")


@final
class EnduranceTableReader(AbstractRecordReader):
    """Columns such as ``cycle, R_HRS, R_LRS``, ``Cycle #, Ron (Ohm), Roff (Ohm)``, ``cycle, I_HRS (A), I_LRS (A)``.

    Notes
    -----
    Columns of words, and those called device, cell, sample, wafer, die, chip, run or file, tell devices apart;
    what is neither these nor a cycle nor a state is not read.
    """

    name = "endurance-table"
    description = "endurance: columns cycle, R_HRS and R_LRS (or Ron, Roff; I_HRS, I_LRS), and labels of devices"

    def sniff(self, head: str) -> Verdict:
        """Sure where the first line names a cycle, a high and a low resistance state."""
        known = _places(split_line(head.lstrip().split("\n")[0])) is not None
        return verdict(
            known, NAMED_COLUMNS, "the header names a cycle, a high and a low resistance state"
        )

    def records(self, source: Source) -> tuple[EnduranceRecord, ...]:
        """One record per device."""
        return records_of_table(one_table(source), source, reader=self.name)


def records_of_table(
    table: Table, source: Source, *, reader: str, device: str | None = None
) -> tuple[EnduranceRecord, ...]:
    """Records of a table with columns of a cycle, a high and a low resistance state.

    Parameters
    ----------
    table : Table
        Table.
    source : Source
        File that it stands in.
    reader : str
        Name of the reader.
    device : str, optional
        Label of the device where no column of the table tells devices apart; by default the name of the file.

    Returns
    -------
    tuple of EnduranceRecord
        One per device, states in ohm, S or A.

    Raises
    ------
    ReaderError
        If a column is missing or no number, or the states measure different things.
    """
    places, where = _places(list(table.names)), str(source.path)
    if places is None:
        raise ReaderError(
            f"no cycle with a high and a low state; columns found: {', '.join(table.names)}",
            where=where, allowed=EnduranceTableReader.description,
        )  # fmt: skip
    hrs, lrs, quantity, remarks = _states(table, places, where)
    cycle = to_numbers(table.columns[places["cycle"]], table.lines, where=where,
                       name=table.names[places["cycle"]])  # fmt: skip
    remarks[:0] = table.warnings
    free = [k for k in range(len(table.names)) if k not in places.values()]
    labelling = [k for k in free if _tells(table, k)]
    if unread := [table.names[k] for k in free if k not in labelling]:
        remarks.append(f"columns not read: {', '.join(unread)}")
    devices = labels(table, labelling)
    return tuple(
        _record(
            str(n) if labelling else device or source.path.stem,
            (cycle[devices == n], hrs[devices == n], lrs[devices == n]), quantity, source, remarks, reader,
        )
        for n in in_order(devices)
    )  # fmt: skip


def state_of(name: str) -> str | None:
    """The state that the name of a column says, as ``R_HRS``, ``ILRS`` and ``Ron (ohm)`` do.

    Parameters
    ----------
    name : str
        Header cell.

    Returns
    -------
    {"hrs", "lrs"} or None
        High or low resistance state; None where the name says none.
    """
    plain = re.sub(r"[^a-z]", "", split_unit(name)[0].lower())
    state = _STATE.fullmatch(plain)
    # `low` and `high` alone may be anything; `on` and `off` with a quantity are states.
    if state is None or not (
        state["s"] in ("hrs", "lrs") or state["q"] or state["p"] or "resistance" in plain
    ):
        return None
    return "hrs" if state["s"] in _HIGH else "lrs"


def is_cycle(name: str) -> bool:
    """Whether the name of a column says that it counts cycles, as ``Cycle #`` and ``No. of cycles`` do."""
    return _CYCLE.fullmatch(re.sub(r"[^a-z]", "", split_unit(name)[0].lower())) is not None


def _places(names: list[str]) -> dict[str, int] | None:
    """Which column is the cycle, which the high and which the low state; None where one is missing or there are two."""
    if {"v", "i"} <= roles(names).keys():
        return None
    places: dict[str, list[int]] = {"cycle": [], "hrs": [], "lrs": []}
    for k, name in enumerate(names):
        if (state := state_of(name)) is not None:
            places[state].append(k)
        elif is_cycle(name):
            places["cycle"].append(k)
    if any(len(at) != 1 for at in places.values()):
        return None
    return {role: at[0] for role, at in places.items()}


def _tells(table: Table, k: int) -> bool:
    """Whether a column tells one device from another."""
    word = re.match(r"[a-z]*", table.names[k].strip().lower())
    named = word is not None and word[0] in _LABELS
    return named or not all(is_number(c) or not c for c in map(str, table.columns[k]))


def _states(table: Table, places: dict[str, int], where: str):
    """High and low state in SI, what they are, and what was assumed."""
    kinds, values, remarks, words = [], [], [], []
    for state in ("hrs", "lrs"):
        k = places[state]
        quantity, factor, stated = _quantity(table.names[k], where)
        cells = to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
        kinds.append(quantity)
        values.append(factor * cells)
        if not stated:
            remarks.append(f"{table.names[k]} in {UNITS[quantity]}")
        if other := respelled(table.names[k], split_unit(table.names[k])[1]):
            words.append(f"the unit of {table.names[k]!r} is taken as {other}")
    if kinds[0] != kinds[1]:
        raise ReaderError(
            f"columns {table.names[places['hrs']]!r} and {table.names[places['lrs']]!r} measure different things",
            where=where, allowed="both resistances, conductances or currents",
        )  # fmt: skip
    words += ["no units stated, taken as SI: " + ", ".join(remarks)] if remarks else []
    return values[0], values[1], kinds[0], words


def _quantity(name: str, where: str) -> tuple[str, float, bool]:
    """Quantity, factor to SI, and whether the unit is stated, of a column of a state."""
    base, text = split_unit(name)
    unit = unit_of(text) if text else None
    for quantity, si in UNITS.items():
        if unit is not None and (wanted := unit_of(si)) and unit.dimension == wanted.dimension:
            return quantity, unit.factor, True
    if unit is not None:
        raise ReaderError(f"column {name!r}: a state in {text}", where=where, allowed="ohm, S, A")
    state = _STATE.fullmatch(re.sub(r"[^a-z]", "", base.lower()))
    word = (state and (state["q"] or state["p"])) or "r"
    return {"g": "g", "conductance": "g", "i": "i", "current": "i"}.get(word, "r"), 1.0, False


def _record(
    device: str, columns, quantity: str, source: Source, remarks: list[str], reader: str
) -> EnduranceRecord:
    cycles, *states = columns
    words = list(remarks)
    wrong = sum(int(np.sum(np.isfinite(x) & (x <= 0))) for x in states)
    gaps = sum(int(np.sum(np.isnan(x))) for x in states)
    if wrong:
        words.append(f"{wrong} readings that are not positive are left out")
    if gaps:
        words.append(f"{gaps} readings are missing")
    hrs, lrs = (np.where(x > 0, x, np.nan) for x in states)
    record = EnduranceRecord(
        device=device, cycles=cycles, hrs=hrs, lrs=lrs, quantity=quantity, reader=reader,
        source={"file": str(source.path), "sha256": source.sha256}, warnings=tuple(words),
    )  # fmt: skip
    if np.nanmedian(record.window) < 1:
        text = (
            f"device {device}: the high resistance state is the lower one: are the columns swapped?"
        )
        return EnduranceRecord(**{**vars(record), "warnings": (*record.warnings, text)})
    return record

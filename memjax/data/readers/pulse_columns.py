"""Tables of potentiation and depression without a column that names the branch."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import numpy as np
from jaxtyping import Float

from memjax.data.base import NAMED_COLUMNS, AbstractRecordReader, Source, Table, Verdict, verdict
from memjax.data.pulse_record import RESET, SET, PulseRecord
from memjax.data.record_columns import (
    Column,
    assumed_units,
    in_order,
    label_remarks,
    labels,
    numbers,
    one_table,
    respelled,
    roles,
    split_unit,
)
from memjax.data.roles import unit_of
from memjax.data.text import split_line
from memjax.errors import ReaderError

from .pulse_table import joined_record

_PULSE = re.compile(
    r"n?pulses?(number|no|nr|index|count|id)?|(number|no)ofpulses|(number|no|n)pulses?"
)
_UP = re.compile(r"(?:g|conductance)?(?:p|ltp|potentiation|potentiating|set)(?:g|conductance)?")
_DOWN = re.compile(r"(?:g|conductance)?(?:d|ltd|depression|depressing|reset)(?:g|conductance)?")


@dataclass(frozen=True, kw_only=True)
class _Places:
    """Columns of a table: pulse and cycle, the branches or the devices, labels."""

    pulse: int
    cycle: int | None
    branches: tuple[Column, ...]
    devices: tuple[Column, ...]
    labels: tuple[int, ...]
    resistance: bool


@final
class PulseColumnsReader(AbstractRecordReader):
    """``Pulse #, Conductance (uS)``; a column per device; or ``Pulse #, Potentiation (uS), Depression (uS)``.

    Notes
    -----
    Where one column holds both branches, they are parted where the count of the pulses begins again, or at the highest
    (or lowest) conductance, and are set or reset by the way they go. Where pulses count from 1 the first reading of a
    cycle is taken as the one before its pulses.
    """

    name = "pulse-columns"
    description = (
        "conductance per pulse: columns Pulse # and Conductance (uS), or one per device, or P and D"
    )

    def sniff(self, head: str) -> Verdict:
        """Sure where the first line names a pulse and conductances or resistances, but no branch, v or i."""
        known = _places(split_line(head.lstrip().split("\n")[0])) is not None
        return verdict(
            known, NAMED_COLUMNS, "the header names a pulse number and conductances or resistances"
        )

    def records(self, source: Source) -> tuple[PulseRecord, ...]:
        """One record per device."""
        table, where = one_table(source), str(source.path)
        places = _places(list(table.names))
        if places is None:
            raise ReaderError(
                f"no pulse with conductances; columns found: {', '.join(table.names)}", where=where,
                allowed=self.description,
            )  # fmt: skip
        label = labels(table, list(places.labels))
        cycle = labels(table, [] if places.cycle is None else [places.cycle])
        pulse = numbers(table, Column(index=places.pulse), where=where)
        records = []
        for n in in_order(label):
            rows = label == n
            device_label = "" if not places.labels else str(n)
            for device, columns in _devices(table, places, device_label, source.path.stem):
                g = [_conductance(table, c, places.resistance, where)[rows] for c in columns]
                warnings = [*table.warnings, *assumed_units(table, list(columns))]
                warnings += label_remarks(table, list(places.labels), "devices")
                at = f"{where}, device {device}"
                long = _long(g, pulse[rows], cycle[rows], warnings, at)
                records.append(joined_record(device, long, source, tuple(warnings), self.name))
        return tuple(records)


def _places(names: list[str]) -> _Places | None:
    """Return which columns are which; None if the table is of another kind."""
    known = roles(names)
    if {"v", "i", "t", "branch"} & known.keys():
        return None
    plain = [re.sub(r"[^a-z]", "", split_unit(n)[0].lower()) for n in names]
    pulses = [
        k for k, word in enumerate(plain) if _PULSE.fullmatch(word) and not split_unit(names[k])[1]
    ]
    if len(pulses) != 1:
        return None
    up, down = ([k for k, w in enumerate(plain) if p.fullmatch(w)] for p in (_UP, _DOWN))
    kinds = {k: _measured(names[k]) for k in range(len(names)) if k != pulses[0]}
    cycle = known["cycle"].index if "cycle" in known else None
    if len(up) == len(down) == 1:
        readings, devices = [*up, *down], []
    else:
        readings = devices = [k for k, kind in kinds.items() if kind is not None]
    measured = {kinds[k] for k in readings if kinds[k]} or {"g"}
    taken = {*readings, pulses[0], cycle}
    others = tuple(k for k in range(len(names)) if k not in taken)
    if not readings or len(measured) > 1 or (len(devices) > 1 and others):
        return None
    columns = tuple(_column(names[k], k) for k in readings)
    return _Places(
        pulse=pulses[0], cycle=cycle, labels=others, resistance=measured == {"r"},
        branches=columns if not devices else (), devices=columns if devices else (),
    )  # fmt: skip


def _measured(name: str) -> str | None:
    """`g` or `r`, as unit or name of a column say; None for anything else."""
    base, text = split_unit(name)
    unit = unit_of(text) if text else None
    for kind, si in (("g", "S"), ("r", "ohm")):
        if unit is not None and (wanted := unit_of(si)) and unit.dimension == wanted.dimension:
            return kind
    words = re.findall(r"[a-z]+", base.lower()) if unit is None else []
    return next(
        (k for k, w in (("g", "conductance"), ("r", "resistance")) if {k, w} & set(words)), None
    )


def _column(name: str, index: int) -> Column:
    text = split_unit(name)[1]
    unit = unit_of(text) if text else None
    return Column(
        index=index, factor=unit.factor if unit else 1.0, stated=unit is not None,
        respelled=respelled(name, text),
    )  # fmt: skip


def _devices(table: Table, places: _Places, label: str, stem: str):
    """Name and columns of each device."""
    if places.branches:
        return [(label or stem, places.branches)]
    if len(places.devices) == 1:
        return [(label or stem, places.devices)]
    return [(split_unit(table.names[c.index])[0], (c,)) for c in places.devices]


def _conductance(table: Table, column: Column, resistance: bool, where: str):
    x = numbers(table, column, where=where)
    return 1 / np.where(x == 0, np.nan, x) if resistance else x


def _long(g: list[Float[np.ndarray, " rows"]], pulse, cycle, remarks: list[str], where: str):
    """Conductance, cycle, kind and pulse of each reading, in the order of time."""
    pieces = []
    for name in in_order(cycle):
        at = cycle == name
        if len(g) == 2:
            branches = [
                (kind, *_known(x[at], pulse[at])) for kind, x in zip((SET, RESET), g, strict=True)
            ]
            pieces.append([branches])
        else:
            pieces.append(_cycles(*_known(g[0][at], pulse[at]), remarks, where))
    flat = [branches for cycles in pieces for branches in cycles]
    if not all(x.size for branches in flat for _, x, _ in branches):
        raise ReaderError("a branch without readings", where=where)
    if one := any(int(branches[0][2][0]) == 1 for branches in flat):
        remarks.append(
            "pulses count from 1: the first reading of a cycle is taken as the one before its pulses"
        )
    columns = []
    names = in_order(cycle) if len(flat) == len(pieces) else list(range(len(flat)))
    for name, branches in zip(names, flat, strict=True):
        for k, (kind, x, n) in enumerate(branches):
            count = n - 1 if one and k == 0 else n
            columns.append((x, np.full(len(x), str(name)), np.full(len(x), kind), count))
    return tuple(np.concatenate(c) for c in zip(*columns, strict=True))


def _known(g: np.ndarray, pulse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Readings up to the last one: branches may be of different lengths."""
    n = int(np.max(np.flatnonzero(np.isfinite(g)), initial=-1)) + 1
    return g[:n], pulse[:n]


def _cycles(g: np.ndarray, pulse: np.ndarray, remarks: list[str], where: str):
    """Cycles of one column, each as its branches: kind, readings, count of the pulses."""
    if not (np.isfinite(g).all() and np.isfinite(pulse).all()) or len(g) < 3:
        raise ReaderError("a reading or a count of pulses that is missing", where=where,
                          allowed="at least 3 rows of numbers")  # fmt: skip
    cuts = np.flatnonzero(np.diff(pulse) < 0) + 1
    parts = list(zip(np.split(g, cuts), np.split(pulse, cuts), strict=True))
    if len(parts) == 1:
        branches = _parted(g, pulse, remarks, where)
        return [branches]
    kinds = [SET if x[-1] > x[0] else RESET for x, _ in parts]
    if any(a == b for a, b in pairwise(kinds)) or len(parts) % 2:
        raise ReaderError(
            f"{len(parts)} counts of pulses whose conductances do not go up and down in turn", where=where,
            fix="add a column branch with P (set) and D (reset), and a column cycle",
        )  # fmt: skip
    remarks.append(
        "branches are parted where the count of pulses begins again, and set where the conductance rises"
    )
    branches = [(kind, *part) for kind, part in zip(kinds, parts, strict=True)]
    return [branches[k : k + 2] for k in range(0, len(branches), 2)]


def _parted(g: np.ndarray, pulse: np.ndarray, remarks: list[str], where: str):
    """Branches of one cycle whose pulses are counted through."""
    high = g > np.min(g) + 0.75 * np.ptp(g)
    low = g < np.min(g) + 0.25 * np.ptp(g)
    level = np.where(high, 1, np.where(low, -1, 0))
    turns = np.count_nonzero(np.diff(level[level != 0]))
    if turns > 2 or turns == 0:
        what = (
            f"a conductance that goes up and down {turns} times"
            if turns
            else "a conductance that does not change"
        )
        raise ReaderError(
            what, where=where, allowed="one potentiation and one depression",
            fix="add a column branch with P (set) and D (reset), and a column cycle",
        )  # fmt: skip
    rises = level[level != 0][0] < 0
    if turns == 1:
        remarks.append(
            f"all pulses are taken as {'set' if rises else 'reset'}: the conductance goes one way"
        )
        return [(SET if rises else RESET, g, pulse)]
    m = int(np.argmax(g) if rises else np.argmin(g))
    first, second = (SET, RESET) if rises else (RESET, SET)
    words, extreme = (
        ("set", "reset") if rises else ("reset", "set"),
        "highest" if rises else "lowest",
    )
    remarks.append(
        f"pulses up to the {extreme} conductance (pulse {pulse[m]:g}) are taken as {words[0]}, "
        f"those behind it as {words[1]}"
    )
    return [(first, g[: m + 1], pulse[: m + 1]), (second, g[m + 1 :], pulse[m + 1 :] - pulse[m])]

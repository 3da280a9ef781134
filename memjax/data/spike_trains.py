"""Spike trains, and traces of a voltage in which spikes are found, out of tables."""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from memjax.errors import ReaderError

from .base import Source, Table
from .numbers import to_numbers
from .record_columns import in_order, labels, numbers, roles
from .row_checks import check_rows, is_number, lines_of
from .text import comma_remarks, is_ended, load, separator_of, split_line, split_rows, unique

LABELS = (
    "train", "trial", "repeat", "neuron", "unit", "member", "device", "sweep", "cycle", "run", "channel",
)  # fmt: skip
"""Columns that tell one train from another, beside those that hold words."""

_NUMBER_LABEL = re.compile(r"[-+]?\d{1,9}(\.\d*)?( [-+]?\d{1,9}(\.\d*)?)*", re.ASCII)
"""A label, or several, of plain numbers."""

_PADDED = re.compile(r"[-+]?0\d")
"""Digits with a zero in front: decimals behind a comma, and no number."""

_LAYOUT = "a header with t_s, perhaps columns that tell trains apart (train, neuron, member, words)"


def read_spike_trains(
    path: str | Path,
    *,
    signal: str = "v",
    level: float | None = None,
    rearm: float | None = None,
    sign: int = 1,
) -> dict[str, Float[np.ndarray, " spikes"]]:
    """Spike times of a file: a table of times, or traces in which a signal passes a level.

    Parameters
    ----------
    path : str or Path
        Table with a header: a column of times and, where there are several trains, columns that tell
        them apart (`train`, `trial`, `repeat`, `neuron`, `unit`, `member`, `device`, `sweep`, `cycle`, `run`,
        `channel`, or of words). A column of the signal, or of a voltage, makes it a table of traces.
    signal : str
        Name of the column of the signal; a column of a voltage stands for it.
    level, rearm, sign
        As `memjax.observables.detect` has them, for traces.

    Returns
    -------
    dict of str to Float[np.ndarray, "spikes"]
        Times [s], increasing, by label, in the order of the file. A train without a spike has no row in a table of
        times, and is not known of.

    Raises
    ------
    ReaderError
        If the file is no such table, or traces come without a level.
    """
    table, where = spike_table(load(path)), str(path)
    column = _signal(table, signal)
    if column is None:
        return trains_of(table, where)
    if level is None:
        raise ReaderError(
            f"a trace of {table.names[column]}", where=where, allowed="spike times",
            fix="say at which level it spikes",
        )  # fmt: skip
    from memjax.observables import detect

    return {
        n: detect(t, x, level=level, rearm=rearm, sign=sign)
        for n, (t, x) in _traces(table, column, signal, where).items()
    }


def trains_of(table: Table, where: str) -> dict[str, Float[np.ndarray, " spikes"]]:
    """Times [s] of a table of spikes, increasing, by label."""
    t, label = _times(table, where), _labels(table)
    return {str(n): np.unique(t[label == n]) for n in in_order(label)}


def order_remarks(table: Table, where: str) -> list[str]:
    """Describe spikes that stand before earlier ones of their train, and labels unlike the others."""
    t, label, lines = _times(table, where), _labels(table), np.asarray(table.lines)
    names, counts = np.unique(label, return_counts=True)
    decreases: list[int] = []
    for name in names:
        rows = np.flatnonzero(label == name)
        decreases += lines[rows[1:][np.diff(t[rows]) < 0]].tolist()
    plain = np.array([_NUMBER_LABEL.fullmatch(str(n)) is not None for n in names])
    # A label of one row, or a word among numbers, is more likely a damaged label than a train.
    odd = (counts == 1) & (np.max(counts) > 1)
    odd |= ~plain if np.sum(counts[plain]) > 0.5 * len(label) else False
    remarks = []
    if decreases:
        remarks.append(
            f"times step back within a train, and are put in order: {lines_of(sorted(decreases))}"
        )
    if np.any(odd):
        at = lines[np.isin(label, names[odd])].tolist()
        remarks.append(f"trains of one spike, or of a label unlike the others: {lines_of(at)}")
    return remarks


def read_traces(
    path: str | Path, *, signal: str = "v"
) -> dict[str, tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]]:
    """Times [s] and a signal [SI] of each trace of a table, by label; arguments as `read_spike_trains` has them.

    Raises
    ------
    ReaderError
        If the file is no such table, or has no such column.
    """
    table, where = spike_table(load(path)), str(path)
    column = _signal(table, signal)
    if column is None:
        raise ReaderError(
            f"no column {signal!r}", where=where, allowed=", ".join(table.names),
            fix="name the column after the signal, or v_V",
        )  # fmt: skip
    return _traces(table, column, signal, where)


def _traces(table: Table, column: int, signal: str, where: str) -> dict:
    """Times [s] and values [SI] of the column at a place, by label."""
    t, label = _times(table, where), _labels(table)
    role = roles(table.names).get("i" if signal == "i" else "v")
    scale = role.factor if role is not None and role.index == column else 1.0
    x = scale * to_numbers(
        table.columns[column], table.lines, where=where, name=table.names[column]
    )
    traces = {str(n): (t[label == n], x[label == n]) for n in in_order(label)}
    for name, (times, values) in traces.items():
        if not (np.isfinite(values).all() and (np.diff(times) > 0).all()):
            raise ReaderError(
                f"trace {name}: times that do not increase, or values that are no numbers",
                where=where, fix="mend the rows, or add a column that tells traces apart",
            )  # fmt: skip
    return traces


def spike_table(source: Source) -> Table:
    """The table of a file, if its first line names a time."""
    where = str(source.path)
    lines = source.text.split("\n")
    first = next((k for k, x in enumerate(lines) if x.strip() and not x.startswith("#")), 0)
    names = split_line(lines[first])
    if "t" not in roles(names):
        raise ReaderError(f"no time in {', '.join(names)[:80]!r}", where=where, allowed=_LAYOUT)
    remarks: list[str] = []
    separator = _separator(lines, first, names, where)
    rows = check_rows(
        split_rows(lines, first + 1, separator, where=where), remarks,
        ended=is_ended(source.text), columns=len(names), where=where,
    )  # fmt: skip
    wrong = next(((k, r) for k, r in rows if len(r) != len(names)), None)
    if wrong is not None or not rows:
        what = "no rows" if wrong is None else f"{len(wrong[1])} cells under {len(names)} names"
        at = where if wrong is None else f"{where}, line {wrong[0]}"
        raise ReaderError(what, where=at, allowed=_LAYOUT)
    columns = tuple(map(list, zip(*(r for _, r in rows), strict=True)))
    remarks += comma_remarks([rows], quoted=separator == ",")
    return Table(
        names=unique(names), columns=columns, lines=[k for k, _ in rows], warnings=tuple(remarks)
    )


def _separator(lines: list[str], first: int, names: list[str], where: str) -> str:
    """Return what separates the cells below the header in line `first`: that of the header, or that of the rows.

    Raises
    ------
    ReaderError
        If rows such as ``0;1,500`` go with a header of commas in two ways: train 0 at 1.5, train 0;1 at 500.
    """
    column, header = roles(names)["t"].index, separator_of(lines[first])
    row = next((line for line in lines[first + 1 :] if line.strip()), "")
    split = {
        s: [split_line(line, s) for line in lines[first + 1 :] if line.strip()]
        for s in dict.fromkeys([header, separator_of(row)])
    }
    fits = [s for s, rows in split.items() if _fits(rows, len(names), column)]
    # A header without a comma leaves commas to the numbers; one with commas says nothing of the rows' semicolons.
    if len(fits) < 2 or header != ",":
        return fits[0] if fits else header
    # Decimals, and no whole number, have a zero in front.
    if not any(_PADDED.match(cells[column]) for cells in split[","] if len(cells) == len(names)):
        raise ReaderError(
            f"rows such as {row[:40]!r} may be parted at {fits[1]!r} or at ','", where=where,
            fix=f"write decimal points, or {fits[1]!r} in the header, too",
        )  # fmt: skip
    return fits[1]


def _fits(rows: list[list[str]], width: int, column: int) -> bool:
    """Whether most rows have so many cells, and a number where the time stands."""
    good = sum(len(cells) == width and is_number(cells[column]) for cells in rows)
    return good > 0.5 * len(rows)


def _times(table: Table, where: str) -> Float[np.ndarray, " rows"]:
    """Times [s], all of them finite."""
    t = numbers(table, roles(table.names)["t"], where=where)
    if not np.isfinite(t).all():
        line = table.lines[int(np.flatnonzero(~np.isfinite(t))[0])]
        raise ReaderError("no time", where=f"{where}, line {line}", allowed="a number in each row")
    return t


def _signal(table: Table, signal: str) -> int | None:
    """Which column is the signal: the one of its name, else the one of a voltage (or current, for "i")."""
    for wanted, names in (
        (signal, list(table.names)),
        (signal.lower(), [n.lower() for n in table.names]),
    ):
        if wanted in names:
            return names.index(wanted)
    role = roles(table.names).get("i" if signal == "i" else "v")
    return None if role is None else role.index


def _labels(table: Table) -> np.ndarray:
    """Label of each row."""
    known, time = _signal(table, "v"), roles(table.names)["t"].index
    labelling = [
        k
        for k, n in enumerate(table.names)
        if n.lower() in LABELS or (k != time and k != known and not _numeric(table, k))
    ]
    return labels(table, labelling)


def _numeric(table: Table, k: int) -> bool:
    """Whether a column holds numbers, or nothing."""
    return all(is_number(x) or not x for x in map(str, table.columns[k]))

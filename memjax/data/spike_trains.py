"""Spike trains, and traces of a voltage in which spikes are found, out of tables."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from memjax.errors import ReaderError

from .base import Source, Table
from .numbers import to_numbers
from .record_columns import in_order, is_label, label_columns, labels, roles
from .roles import factor, find_column
from .row_checks import check_rows, is_number, lines_of
from .text import comma_remarks, is_ended, load, separator_of, split_line, split_rows, unique
from .waveforms import read_waveforms

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
    columns: Mapping[str, str] | None = None,
) -> dict[str, Float[np.ndarray, " spikes"]]:
    """Spike times of a file: a table of times, or traces in which a signal passes a level.

    Parameters
    ----------
    path : str or Path
        Table with a header: a column of times and, where there are several trains, columns that tell
        them apart (`train`, `trial`, `repeat`, `neuron`, `unit`, `member`, `device`, `sweep`, `cycle`, `run`,
        `channel`, or of words). Any other column of numbers makes it a file of traces, see `read_traces`.
    signal : str
        Name of the column of the signal; a column of a voltage stands for it.
    level, rearm, sign
        As `memjax.observables.detect` has them, for traces.
    columns : Mapping, optional
        Column names by role: `t` alone is that of spike times, whatever stands beside it; `v` or `i` is the signal.

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
    source, named = load(path), dict(columns or {})
    if not named.keys() & {"v", "i"} and has_spike_times(source, named.get("t")):
        return trains_of(spike_table(source, named.get("t")), str(source.path))
    traces = read_traces(source, signal=signal, columns=named)
    if level is None:
        raise ReaderError(
            "a trace", where=str(path), allowed="spike times", fix="say at which level it spikes"
        )
    from memjax.observables import detect

    return {n: detect(t, x, level=level, rearm=rearm, sign=sign) for n, (t, x) in traces.items()}


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
    path: str | Path | Source, *, signal: str = "v", columns: Mapping[str, str] | None = None
) -> dict[str, tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]]:
    """Times [s] and a signal [SI] of each trace of a file of any format that `read` knows, by label.

    Arguments are those of `read_spike_trains`.

    Raises
    ------
    ReaderError
        If the file has no such columns, or a trace goes back in time.
    """
    where = str(path.path if isinstance(path, Source) else path)
    waveforms = read_waveforms(path, columns=columns, signal=signal)
    for w in waveforms:
        if not (np.diff(w.t) > 0).all():
            raise ReaderError(
                f"trace {w.label or '0'}: times that do not increase", where=where,
                fix="mend the rows, or add a column that tells traces apart",
            )  # fmt: skip
    return {w.label or str(k): (w.t, w.x) for k, w in enumerate(waveforms)}


def has_spike_times(source: Source, time: str | None = None) -> bool:
    """Whether a file is a table of spike times: its header names a time, and nothing but labels beside it.

    Where the user names the column of the times, it is one whatever stands beside it.
    """
    names = split_line(_header(source.text.split("\n"))[1])
    if time is not None or "t" not in roles(names):
        return time is not None
    others = [k for k in range(len(names)) if k != roles(names)["t"].index]
    if all(is_label(names[k]) for k in others):
        return True
    try:
        table = spike_table(source)
    except ReaderError:
        return False
    return len(label_columns(table, {roles(names)["t"].index})) == len(others)


def _header(lines: list[str]) -> tuple[int, str]:
    """Place and text of the first line that is neither empty nor a remark."""
    at = next((k for k, x in enumerate(lines) if x.strip() and not x.startswith("#")), 0)
    return at, lines[at]


def spike_table(source: Source, time: str | None = None) -> Table:
    """The table of a file, if its first line names a time, or has the column of this name."""
    where = str(source.path)
    lines = source.text.split("\n")
    first, header = _header(lines)
    names = split_line(header)
    if time is not None:
        column = find_column(Table(names=tuple(names), columns=(), lines=[]), time, where)
    elif "t" in roles(names):
        column = roles(names)["t"].index
    else:
        raise ReaderError(f"no time in {', '.join(names)[:80]!r}", where=where, allowed=_LAYOUT)
    remarks: list[str] = []
    separator = _separator(lines, first, len(names), column, where)
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
        names=unique(names),
        columns=columns,
        lines=[k for k, _ in rows],
        roles={"t": unique(names)[column]},
        warnings=tuple(remarks),
    )


def _separator(lines: list[str], first: int, width: int, column: int, where: str) -> str:
    """Return what separates the cells below the header in line `first`: that of the header, or that of the rows.

    Raises
    ------
    ReaderError
        If rows such as ``0;1,500`` go with a header of commas in two ways: train 0 at 1.5, train 0;1 at 500.
    """
    header = separator_of(lines[first])
    row = next((line for line in lines[first + 1 :] if line.strip()), "")
    split = {
        s: [split_line(line, s) for line in lines[first + 1 :] if line.strip()]
        for s in dict.fromkeys([header, separator_of(row)])
    }
    fits = [s for s, rows in split.items() if _fits(rows, width, column)]
    # A header without a comma leaves commas to the numbers; one with commas says nothing of the rows' semicolons.
    if len(fits) < 2 or header != ",":
        return fits[0] if fits else header
    # Decimals, and no whole number, have a zero in front.
    if not any(_PADDED.match(cells[column]) for cells in split[","] if len(cells) == width):
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
    k = table.names.index(table.roles["t"])
    cells = to_numbers(table.columns[k], table.lines, where=where, name=table.names[k])
    t = factor(table, k, "t")[0] * cells
    if not np.isfinite(t).all():
        line = table.lines[int(np.flatnonzero(~np.isfinite(t))[0])]
        raise ReaderError("no time", where=f"{where}, line {line}", allowed="a number in each row")
    return t


def _labels(table: Table) -> np.ndarray:
    """Label of each row."""
    return labels(table, label_columns(table, {table.names.index(table.roles["t"])}))

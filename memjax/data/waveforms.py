"""A voltage or a current against time, of files that hold one of them alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from memjax.errors import ReaderError

from .base import AbstractReader, Options, Source, Table
from .numbers import to_numbers
from .record_columns import in_order, label_columns, labels
from .registry import find_reader
from .roles import SI_UNITS, WORDS, assign, factor
from .row_checks import lines_of
from .text import load


@dataclass(frozen=True, kw_only=True)
class Waveform:
    """One quantity against time, of a node or of a source.

    Parameters
    ----------
    label : str
        Which record of the file, empty where there is one.
    t : Float[np.ndarray, "rows"]
        Time [s].
    x : Float[np.ndarray, "rows"]
        Voltage [V] or current [A].
    quantity : {"v", "i"}
        Which of them.
    reader, source, warnings
        See `memjax.data.Measurement`.
    """

    label: str
    t: Float[np.ndarray, " rows"]
    x: Float[np.ndarray, " rows"]
    quantity: str = "v"
    reader: str = ""
    source: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_waveforms(
    path: str | Path | Source,
    *,
    reader: str | None = None,
    columns: Mapping[str, str] | None = None,
    signal: str | None = None,
) -> tuple[Waveform, ...]:
    """Voltage or current against time, trace by trace: records, and rows that a column of labels tells apart.

    Parameters
    ----------
    path : str or Path or Source
        File, of any format that `read` knows.
    reader : str, optional
        Name of the reader; by default the file's looks decide.
    columns : Mapping, optional
        Column names by role: `t`, and `v` or `i`.
    signal : str, optional
        What is looked for: "i" for a current, else a voltage, in the column of this name where there is one. By
        default the one of the two that is there.

    Raises
    ------
    ReaderError
        If the file has no time, or neither voltage nor current.
    """
    source, named = load(path), dict(columns or {})
    where = str(source.path if isinstance(path, Source) else path)
    choice = find_reader(reader, source, AbstractReader)
    tables = choice.reader.parse(source, Options(columns=named))
    provenance = {"file": where, "sha256": source.sha256, "recognised": choice.to_json()}
    parts = []
    for table in tables:
        chosen, quantity = _chosen(table, named, signal, where)
        values, assumed = {}, []
        for role in ("t", quantity):
            scale, stated = factor(table, chosen[role], role)
            name = table.names[chosen[role]]
            cells = table.columns[chosen[role]]
            values[role] = scale * to_numbers(cells, table.lines, where=where, name=name)
            assumed += [] if stated else [f"{name} in {SI_UNITS[role]}"]
        keep = np.isfinite(values["t"]) & np.isfinite(values[quantity])
        remarks = [f"no units stated, taken as SI: {', '.join(assumed)}"] if assumed else []
        remarks += [f"{np.sum(~keep)} rows with NaN dropped"] if not keep.all() else []
        places = label_columns(table, {chosen["t"], chosen[quantity]})
        labels_of_rows = labels(table, places)
        for label in in_order(labels_of_rows):
            one = keep & (labels_of_rows == label)
            text = " ".join(filter(None, (table.label, str(label) if places else "")))
            parts.append(
                Waveform(
                    label=text, t=values["t"][one], x=values[quantity][one], quantity=quantity,
                    reader=choice.reader.name, source=provenance,
                    warnings=(*table.warnings, *remarks, *_steps_back(values["t"][one], table, one)),
                )
            )  # fmt: skip
    if not parts or any(len(w.t) < 2 for w in parts):
        raise ReaderError("fewer than two rows of a waveform", where=where)
    return tuple(parts)


def _chosen(
    table: Table, named: Mapping[str, str], signal: str | None, where: str
) -> tuple[dict[str, int], str]:
    """Column of the time and of the quantity, and which quantity that is."""
    if signal is not None and not {"v", "i"} & named.keys():
        plain = [n.lower() for n in table.names]
        if signal.lower() in plain:
            role = "i" if signal == "i" else "v"
            named = {**named, role: table.names[plain.index(signal.lower())]}
    wanted = ("v", "i") if signal is None else ("i",) if signal == "i" else ("v",)
    wanted = [q for q in ("v", "i") if q in named] or wanted
    for quantity in wanted:
        try:
            chosen = assign(table, named, where=where, needed=("t", quantity))
        except ReaderError as error:
            if len(wanted) == 1:
                raise ReaderError(
                    error.what, where=where, allowed=error.allowed,
                    fix=f"name the columns: --columns t=NAME,{quantity}=NAME",
                ) from None  # fmt: skip
            continue
        _require_signal(table.names[chosen[quantity]], signal, quantity in named, where)
        return chosen, quantity
    raise ReaderError("no time with a voltage or a current", where=where)


def _require_signal(name: str, signal: str | None, is_named: bool, where: str) -> None:
    """Refuse the column of another node of a circuit, ``gate.v``, which nobody has named."""
    node = signal.rpartition(".")[0] if signal is not None else ""
    if not is_named and node and name.lower().endswith(".v"):
        raise ReaderError(
            f"no column {signal!r}", where=where, allowed=name,
            fix=f"name the column after the signal, or say --columns v={name}",
        )  # fmt: skip


def _steps_back(t: Float[np.ndarray, " rows"], table: Table, one: np.ndarray) -> list[str]:
    """The lines of a trace in which time steps back, in words."""
    decreases = np.flatnonzero(np.diff(t) < 0) + 1
    lines = np.asarray(table.lines)[one][decreases].tolist()
    return [f"times step back in {lines_of(lines)}"] if lines else []


def waveforms_summary(waveforms: tuple[Waveform, ...]) -> dict:
    """Return what ``memjax read --json`` prints of such a file.

    Parameters
    ----------
    waveforms : tuple of Waveform
        See `read_waveforms`.
    """
    first = waveforms[0]
    q, unit = first.quantity, SI_UNITS[first.quantity]
    missing = "current" if q == "v" else "voltage"
    what = f"no {missing} in the file: {WORDS[q]} against time, to which no device is fitted"
    remarks = (f"{what}, but a circuit: --voltage and --spikes of 'memjax fit'",)
    return {
        "reader": first.reader,
        "recognised": first.source["recognised"],
        "kind": f"{WORDS[q]} against time",
        "points": sum(len(w.t) for w in waveforms),
        "traces": len(waveforms),
        "t_min": float(min(w.t.min() for w in waveforms)),
        "t_max": float(max(w.t.max() for w in waveforms)),
        f"{q}_min": float(min(w.x.min() for w in waveforms)),
        f"{q}_max": float(max(w.x.max() for w in waveforms)),
        "units": {"t": "s", q: unit},
        "warnings": list(dict.fromkeys((*remarks, *(t for w in waveforms for t in w.warnings)))),
    }

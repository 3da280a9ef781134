"""A voltage or a current against time, of files that hold one of them alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from memjax.errors import ReaderError

from .base import AbstractReader, Options, Source
from .numbers import to_numbers
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
) -> tuple[Waveform, ...]:
    """Voltage or current against time, record by record, of a file that holds one of the two.

    Parameters
    ----------
    path : str or Path or Source
        File, of any format that `read` knows.
    reader : str, optional
        Name of the reader; by default the file's looks decide.
    columns : Mapping, optional
        Column names by role: `t`, and `v` or `i`.

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
        for quantity in ("v", "i"):
            try:
                chosen = assign(table, named, where=where, needed=("t", quantity))
                break
            except ReaderError:
                continue
        else:
            raise ReaderError("no time with a voltage or a current", where=where)
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
        decreases = np.flatnonzero(np.diff(values["t"]) < 0) + 1
        remarks += (
            [f"times step back in {lines_of(np.asarray(table.lines)[decreases].tolist())}"]
            if decreases.size
            else []
        )
        parts.append(
            Waveform(
                label=table.label, t=values["t"][keep], x=values[quantity][keep], quantity=quantity,
                reader=choice.reader.name, source=provenance, warnings=(*table.warnings, *remarks),
            )
        )  # fmt: skip
    if not parts or any(len(w.t) < 2 for w in parts):
        raise ReaderError("fewer than two rows of a waveform", where=where)
    return tuple(parts)


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

"""A stimulus out of a CSV file: ``t_s`` and ``v_V`` or ``i_A``, straight lines between the rows."""

import csv
import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.row_checks import is_cut, is_number
from ..data.text import is_ended
from ..errors import MemjaxWarning, StimulusError
from ..runtime.documents import in_known_case, printable, read_text
from ..stimulus import AbstractStimulus, Drives, Sampled
from .spice_sources import SUFFIXES, load_sources

_HEADER = "a header t_s,v_V (voltage source) or t_s,i_A (current source), then two rows or more"
_QUANTITY = {"V": "voltage", "A": "current"}


def stimulus_of(stimulus: AbstractStimulus | str | Path, circuit: Any) -> AbstractStimulus:
    """Return a stimulus as it is, or that of a file by the driven sources of a circuit, see `load_stimulus`."""
    if isinstance(stimulus, AbstractStimulus):
        return stimulus
    return load_stimulus(stimulus, circuit.ports if len(circuit.ports) > 1 else ())


def load_stimulus(path: str | Path, ports: Sequence[str] = ()) -> AbstractStimulus:
    """Read a stimulus.

    Parameters
    ----------
    path : str or Path
        CSV with the columns ``t_s`` [s], strictly increasing from 0 or later, and ``v_V`` [V] or
        ``i_A`` [A]; where there are several driven sources a column ``NAME_V`` or ``NAME_A`` for each.
        Or a deck of SPICE (``.cir``, ``.sp``, ``.net``) with one source of a waveform, or one for each driven
        source, ``VNAME`` or ``INAME``.
    ports : sequence of str
        Names of the driven sources, where there are several.

    Raises
    ------
    StimulusError
        If the file cannot be read, has other columns, or a row that is no number or goes back in
        time.
    """
    where = str(path)
    if Path(path).suffix.lower() in SUFFIXES:
        return _of_deck(path, ports)
    try:
        text = read_text(path)
        lines = re.split(r"\r\n|\r|\n", text)
        rows = [
            (k, [c.strip() for c in row]) for k, row in enumerate(csv.reader(lines), 1) if any(row)
        ]
    except FileNotFoundError:
        raise StimulusError("no such file", where=where, fix="check the path") from None
    except (OSError, ValueError, csv.Error) as error:
        raise StimulusError(
            f"cannot be read ({error})", where=printable(where), allowed=_HEADER
        ) from None
    wanted = [{f"{p}_V", f"{p}_A"} for p in ports] or [{"v_V", "i_A"}]
    names = in_known_case(rows[0][1] if rows else [], ["t_s", *(n for w in wanted for n in w)])
    driven = [n for w in wanted for n in names if n in w]
    allowed = _HEADER if not ports else "t_s and " + ", ".join(f"{p}_V or {p}_A" for p in ports)
    if len(names) != 1 + len(wanted) or "t_s" not in names or len(driven) != len(wanted):
        what = f"columns {', '.join(names)[:80]}" if names else "empty file"
        raise StimulusError(what, where=where, allowed=allowed)
    if len(rows) < 3:
        raise StimulusError(f"{len(rows) - 1} rows", where=where, allowed=_HEADER)
    points = [_numbers(cells, len(names), f"{where}, line {k}") for k, cells in rows[1:]]
    _check_end(rows, ended=is_ended(text), where=where)
    t, *drives = (np.array(points)[:, names.index(n)] for n in ("t_s", *driven))
    decreases = np.flatnonzero(np.diff(t, prepend=-math.inf) <= 0)
    if decreases.size or t[0] < 0:
        line = rows[1 + (decreases[0] if decreases.size else 0)][0]
        value = t[decreases[0]] if decreases.size else t[0]
        allowed = "t_s >= 0 and strictly increasing"
        raise StimulusError(f"t_s = {value:g}", where=f"{where}, line {line}", allowed=allowed)
    stimuli = [Sampled(t, u, quantity=_QUANTITY[n[-1]]) for u, n in zip(drives, driven)]
    return Drives(dict(zip(ports, stimuli, strict=True))) if ports else stimuli[0]


def _of_deck(path: str | Path, ports: Sequence[str]) -> AbstractStimulus:
    """The sources of a deck of SPICE."""
    sources = load_sources(path)
    if ports:
        named = {p: sources.get(f"v{p}".lower(), sources.get(f"i{p}".lower())) for p in ports}
        if all(w is not None for w in named.values()):
            return Drives({p: w for p, w in named.items() if w is not None})
    elif len(sources) == 1:
        return next(iter(sources.values()))
    wanted = ", ".join(f"V{p}" for p in ports) or "one source with a waveform"
    raise StimulusError(f"sources {', '.join(sources)}", where=str(path), allowed=wanted)


def _check_end(rows: list[tuple[int, list[str]]], *, ended: bool, where: str) -> None:
    """Refuse a last number that was cut, and say where it may have been."""
    (line, cells), above = rows[-1], [cells[-1] for _, cells in rows[1:-1]]
    cut = not ended and is_cut(cells[-1], above)
    if cut:
        raise StimulusError(
            f"the file ends within a number, {cells[-1]!r}", where=f"{where}, line {line}",
            allowed="whole rows", fix="delete the line, or end it",
        )  # fmt: skip
    if cut is None:
        warnings.warn(
            f"{where} ends without a line end: its last number, {cells[-1]!r}, may be cut",
            MemjaxWarning, stacklevel=3,
        )  # fmt: skip


def _numbers(cells: list[str], count: int, where: str) -> list[float]:
    """The cells of a row as finite numbers."""
    try:
        values = [float(c) for c in cells] if all(map(is_number, cells)) else []
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        allowed = f"{'two' if count == 2 else count} finite numbers"
        raise StimulusError(f"{','.join(cells)[:80]!r}", where=where, allowed=allowed)
    return values

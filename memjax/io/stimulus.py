"""A stimulus out of a CSV file: ``t_s`` and ``v_V`` or ``i_A``, straight lines between the rows."""

import csv
import math
from pathlib import Path

import numpy as np

from ..errors import StimulusError
from ..stimulus import Sampled

_HEADER = "a header t_s,v_V (voltage source) or t_s,i_A (current source), then two rows or more"
_QUANTITY = {"v_V": "voltage", "i_A": "current"}


def load_stimulus(path: str | Path) -> Sampled:
    """Read a stimulus.

    Parameters
    ----------
    path : str or Path
        CSV with the columns ``t_s`` [s], strictly increasing from 0 or later, and ``v_V`` [V] or
        ``i_A`` [A].

    Raises
    ------
    StimulusError
        If the file cannot be read, has other columns, or a row that is no number or goes back in
        time.
    """
    where = str(path)
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        rows = [
            (k, [c.strip() for c in row]) for k, row in enumerate(csv.reader(lines), 1) if any(row)
        ]
    except FileNotFoundError:
        raise StimulusError("no such file", where=where, fix="check the path") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StimulusError(f"cannot be read ({error})", where=where, allowed=_HEADER) from None
    names = rows[0][1] if rows else []
    driven = [n for n in names if n in _QUANTITY]
    if len(names) != 2 or "t_s" not in names or len(driven) != 1:
        what = f"columns {', '.join(names)[:80]}" if names else "empty file"
        raise StimulusError(what, where=where, allowed=_HEADER)
    if len(rows) < 3:
        raise StimulusError(f"{len(rows) - 1} rows", where=where, allowed=_HEADER)
    points = np.array([_numbers(cells, f"{where}, line {k}") for k, cells in rows[1:]])
    t, u = (points[:, names.index(n)] for n in ("t_s", driven[0]))
    back = np.flatnonzero(np.diff(t, prepend=-math.inf) <= 0)
    if back.size or t[0] < 0:
        line = rows[1 + (back[0] if back.size else 0)][0]
        value = t[back[0]] if back.size else t[0]
        allowed = "t_s >= 0 and strictly increasing"
        raise StimulusError(f"t_s = {value:g}", where=f"{where}, line {line}", allowed=allowed)
    return Sampled(times=t, values=u, quantity=_QUANTITY[driven[0]])


def _numbers(cells: list[str], where: str) -> list[float]:
    """The cells of a row as finite numbers."""
    try:
        values = [float(c) for c in cells]
    except ValueError:
        values = []
    if len(values) != 2 or not all(map(math.isfinite, values)):
        raise StimulusError(f"{','.join(cells)[:80]!r}", where=where, allowed="two finite numbers")
    return values

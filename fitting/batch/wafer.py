"""Where devices lie on a wafer: from their names, or from a table."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from memjax.errors import DataError
from memjax.runtime.documents import in_known_case

Positions = dict[str, tuple[float, float]]

_NUMBER = r"[_-]?(\d+)"
# Row, then column or bit line: R4_B9, r3c5, row2_col7.
_ROW_COLUMN = re.compile(
    rf"(?<![a-z0-9])r(?:ow)?{_NUMBER}[_-]*(?:c|b|col|column){_NUMBER}(?!\d)", re.IGNORECASE
)
# Coordinates: x12_y3.
_X_Y = re.compile(r"(?<![a-z0-9])x[_]?(-?\d+)[_]*y[_]?(-?\d+)(?!\d)", re.IGNORECASE)


def from_names(names: Sequence[str]) -> tuple[Positions, str]:
    """Places x (column), y (row) that names as R4_B9, r3c5 or x12_y3 tell; and why there is none, or whom it lacks."""
    positions: Positions = {}
    for name in names:
        if match := _ROW_COLUMN.search(name):
            positions[name] = float(match[2]), float(match[1])
        elif match := _X_Y.search(name):
            positions[name] = float(match[1]), float(match[2])
    if 2 * len(positions) < len(names) or len(positions) < 2:
        why = "the names of most files tell no row and column (as R4_B9, r3c5, x12_y3)"
        return {}, f"no wafer map: {why}"
    return _without_doubles(positions, len(names) - len(positions))


def from_table(path: str | Path, names: Sequence[str]) -> tuple[Positions, str]:
    """Positions out of a CSV file with the columns name, x and y.

    Raises
    ------
    DataError
        If it cannot be read, or names no device.
    """
    table, where = {}, str(path)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            reader.fieldnames = in_known_case(reader.fieldnames or [], ("name", "x", "y"))
            for row in reader:
                name = row["name"].strip()
                table[name] = table[Path(name).stem] = float(row["x"]), float(row["y"])
    except KeyError as error:
        raise DataError(f"no column {error}", where=where, allowed="name, x, y") from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        allowed = "CSV with columns name, x, y"
        raise DataError(f"no wafer map: {error}", where=where, allowed=allowed) from error
    known = {n: table[n] for n in names if n in table}
    if not known:
        what = "none of the devices is in the wafer map"
        raise DataError(what, where=where, allowed=f"names as {names[0]}")
    return _without_doubles(known, len(names) - len(known))


def _without_doubles(positions: Positions, missing: int) -> tuple[Positions, str]:
    names: dict[tuple[float, float], str] = {}
    for name, place in positions.items():
        if place in names:
            return {}, f"no wafer map: {names[place]} and {name} lie at one place"
        names[place] = name
    return positions, f"{missing} devices have no place on the wafer map" if missing else ""

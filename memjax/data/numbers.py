"""From cells to numbers, and from rows with gaps to rows without."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from memjax.errors import ReaderError

from .row_checks import lines_of

# Keithley writes 9.91E+37 for "not measured" and 9.9E+37 for overflow.
_NOT_MEASURED = 9.8e37
_EMPTY = {"", "-", "--", "---", "n/a", "#n/a", "na", "null", "none"}


class CellError(ReaderError):
    """A cell of a column of numbers holds something else."""


def to_numbers(
    cells: list[str] | Float[np.ndarray, " rows"] | Shaped[np.ndarray, " rows"],
    lines: Sequence[int] | Int[np.ndarray, " rows"],
    *,
    where: str,
    name: str,
) -> Float[np.ndarray, " rows"]:
    """Numbers of a column; what was not measured is NaN.

    Parameters
    ----------
    cells : list of str or array
        Cells, or numbers already.
    lines : sequence of int
        Line of the file of each cell, for messages.
    where, name : str
        File and column, for messages.

    Returns
    -------
    Float[np.ndarray, "rows"]
        Numbers, in the unit of the column.

    Raises
    ------
    CellError
        If a cell is neither a number nor empty.
    """
    if isinstance(cells, list) or np.asarray(cells).dtype.kind != "f":
        values = _floats(list(map(str, cells)), list(lines), where, name)
    else:
        values = np.array(cells)
    # In float64: `inf` is an overflow, too.
    values[~np.isfinite(values) | (np.abs(values) > _NOT_MEASURED)] = np.nan
    return values


def overflow_remarks(
    cells: list[str] | Float[np.ndarray, " rows"] | Shaped[np.ndarray, " rows"],
    values: Float[np.ndarray, " rows"],
    lines: Sequence[int] | Int[np.ndarray, " rows"],
    *,
    name: str,
    nan: bool = False,
) -> list[str]:
    """Describe cells that hold an instrument's word for a reading that it has not.

    Parameters
    ----------
    cells : list of str or array
        Cells of a column.
    values : Float[np.ndarray, "rows"]
        What `to_numbers` made of them.
    lines : sequence of int
        Line of each cell.
    name : str
        Column.
    nan : bool
        Whether NaN counts, too: where no row is said to be dropped for it.
    """
    lost = np.flatnonzero(np.isnan(values))
    if isinstance(cells, list) or np.asarray(cells).dtype.kind != "f":
        words = {k: str(cells[k]).strip().strip('"') for k in lost.tolist()}
        plain = _EMPTY | (set() if nan else {"nan", "+nan", "-nan"})
        words = {k: word for k, word in words.items() if word.lower() not in plain}
    else:
        words = {k: f"{cells[k]:.6g}" for k in lost.tolist() if not np.isnan(cells[k])}
    if not words:
        return []
    at = lines_of([int(lines[k]) for k in words])
    return [
        f"{name!r} holds {next(iter(words.values()))!r}, an instrument's word for no reading: {at}"
    ]


def parse_floats(cells: Sequence[str]) -> Float[np.ndarray, " rows"] | None:
    """Numbers of cells that hold nothing else; None where one is empty, a word, or has a decimal comma."""
    # `float` takes 1_0 and digits of other scripts, which no instrument writes.
    if not _are_plain("".join(cells)):
        return None
    try:
        return np.fromiter(map(float, cells), float, len(cells))
    except ValueError:
        return None


def _floats(cells: list[str], lines: Sequence[int], where: str, name: str) -> np.ndarray:
    if (plain := parse_floats(cells)) is not None:
        return plain
    # The slow way: empty cells, decimal commas, text.
    values = np.empty(len(cells))
    for k, cell in enumerate(cells):
        text = cell.strip().strip('"')
        plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
        try:
            values[k] = np.nan if text.lower() in _EMPTY else _number(plain)
        except ValueError:
            raise CellError(
                f"{text!r} in column {name!r} is not a number", where=f"{where}, line {lines[k]}",
                allowed="numbers and empty cells", fix="mend or delete the line",
            ) from None  # fmt: skip
    return values


def _are_plain(text: str) -> bool:
    """Whether a text holds neither underscores nor digits of other scripts."""
    return text.isascii() and "_" not in text


def _number(text: str) -> float:
    if not _are_plain(text):
        raise ValueError
    return float(text)


def complete_rows(
    v: Float[np.ndarray, " rows"],
    i: Float[np.ndarray, " rows"],
    t: Float[np.ndarray, " rows"] | None,
    lines: Int[np.ndarray, " rows"],
    *,
    where: str,
) -> tuple[Bool[np.ndarray, " rows"], bool, list[str]]:
    """Rows to keep, whether the time is to be kept, and what to say about it; `lines` are those of the file.

    A row without voltage or current is dropped. Where more than a tenth of the other rows have no
    time the time is dropped, else those rows.

    Raises
    ------
    ReaderError
        If fewer than two rows are left.
    """
    keep = ~(np.isnan(v) | np.isnan(i))
    warnings = []
    timeless = 0 if t is None else int(np.sum(np.isnan(t) & keep))
    use_time = t is not None and timeless <= 0.1 * np.sum(keep)
    if t is not None and not use_time:
        warnings.append(f"time is missing in {timeless} of {keep.sum()} rows: no time is used")
    elif t is not None:
        keep &= ~np.isnan(t)
    if dropped := int(np.sum(~keep)):
        at = lines_of(lines[~keep].tolist())
        warnings.append(f"{dropped} row{'s' * (dropped > 1)} with NaN dropped: {at}")
    if np.sum(keep) < 2:
        raise ReaderError(
            f"{keep.sum()} of {len(v)} rows hold a voltage and a current", where=where,
            allowed="two rows or more", fix="check the columns: --columns v=NAME,i=NAME",
        )  # fmt: skip
    return keep, bool(use_time), warnings

"""Large tables, chunk by chunk: what they hold becomes numbers before the next chunk is looked at."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from .numbers import parse_floats
from .row_checks import Row, is_number, other_rows, repeated_rows, whole_rows, without_comments

CHUNK = 4_000_000
"""Characters that are taken apart at once."""

_PRIMES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)
"""Odd factors of a hash of rows."""


@dataclass(kw_only=True)
class LargeTable:
    """Columns of a large table.

    Parameters
    ----------
    columns : list of arrays
        Numbers, or words where a column holds words.
    lines : Int[np.ndarray, "rows"]
        Line of each row.
    warnings : list of str
        Rows that were left out, and what else is to be said of rows.
    """

    columns: list[np.ndarray]
    lines: Int[np.ndarray, " rows"]
    warnings: list[str] = field(default_factory=list)


def read_large(
    text: str, start: int, first: int, *, separator: str, width: int, marks: set[str], ended: bool, where: str
) -> LargeTable | None:  # fmt: skip
    """Columns of a table that is too large to be split into cells at once.

    Parameters
    ----------
    text : str
        The file.
    start, first : int
        Where its first row begins, and the line before it.
    separator : str
        Between cells.
    width : int
        Number of columns.
    marks : set of str
        Lines of the head, which begin another record where they stand among the rows.
    ended : bool
        Whether the last row has a line end.
    where : str
        File, for messages.

    Returns
    -------
    LargeTable or None
        None where rows are not alike enough for this way: a header among them, decimal commas, quotes, words in a
        column of numbers, cells that are missing.
    """
    parts: list[list[np.ndarray]] = [[] for _ in range(width)]
    lines: list[np.ndarray] = []
    remarks: list[str] = []
    words: list[bool] = []
    tail: list[Row] = []
    for chunk, line, last in _chunks(text, start, first):
        # The last rows are looked at one by one: a file that was cut ends with them.
        numbers = None if last or any(words) else _numbers(chunk, separator, width)
        if numbers is not None:
            words = [False] * width
            for k, part in enumerate(parts):
                part.append(numbers[:, k].copy())
            lines.append(line + 1 + np.arange(len(numbers)))
            continue
        rows = _rows(chunk, line, separator, marks)
        if rows is None:
            return None
        rows = whole_rows(
            without_comments(rows, remarks), remarks, ended=ended or not last, where=where
        )
        if not rows:
            continue
        if any(len(cells) != width for _, cells in rows):
            return None
        columns = list(zip(*(cells for _, cells in rows), strict=True))
        words = words or [not any(map(is_number, column[:100])) for column in columns]
        for k, column in enumerate(columns):
            values = np.array(column) if words[k] else parse_floats(column)
            if values is None:
                return None
            parts[k].append(values)
        lines.append(np.array([n for n, _ in rows]))
        tail = rows[-200:]
    if not lines:
        return None
    joined = [np.concatenate(parts.pop(0)) for _ in range(width)]
    table = LargeTable(columns=joined, lines=np.concatenate(lines), warnings=remarks)
    table.warnings += other_rows(tail, width)
    table.warnings += repeated_rows(hash_rows(joined), table.lines)
    return table


def _chunks(text: str, start: int, first: int) -> Iterator[tuple[str, int, bool]]:
    """Whole lines of a text, the line before them, and whether they are the last ones; a bar shows how far it is."""
    from tqdm.auto import tqdm
    from tqdm.notebook import tqdm_notebook

    line = first
    # A notebook is no terminal, and shows the bar all the same.
    hidden = False if issubclass(tqdm, tqdm_notebook) else None
    with tqdm(
        total=len(text), initial=start, desc="read", unit="B", unit_scale=True, leave=False, disable=hidden
    ) as bar:  # fmt: skip
        while start < len(text):
            end = text.find("\n", min(start + CHUNK, len(text))) + 1 or len(text)
            # A last chunk of a few rows could not tell what is usual.
            end = len(text) if len(text) - end < CHUNK // 10 else end
            chunk = text[start:end]
            yield chunk, line, end == len(text)
            line += chunk.count("\n")
            bar.update(end - start)
            start = end


def _numbers(chunk: str, separator: str, width: int) -> Float[np.ndarray, "rows width"] | None:
    """Numbers of a chunk that holds nothing else, a row a line; None of any other."""
    if not chunk.strip():
        return None
    try:
        numbers = np.loadtxt(
            io.StringIO(chunk), delimiter=None if separator == " " else separator, comments=None, ndmin=2
        )  # fmt: skip
    except ValueError:
        return None
    return numbers if numbers.shape == (chunk.count("\n"), width) else None


def _rows(chunk: str, line: int, separator: str, marks: set[str]) -> list[Row] | None:
    """Rows of a chunk; None where a line of the head, a quote or a decimal comma is among them."""
    if '"' in chunk or (separator != "," and "," in chunk):
        return None
    lines = chunk.split("\n")
    if not marks.isdisjoint(x.strip() for x in lines) and any(
        x.strip() in marks and not all(map(is_number, x.split(separator)))
        for x in lines
        if x.strip()
    ):
        return None
    if separator == " ":
        split = [x.split() for x in lines]
    else:
        tidy = " " not in chunk and (separator == "\t" or "\t" not in chunk)
        split = [x.split(separator) for x in lines]
        split = split if tidy else [[c.strip() for c in cells] for cells in split]
    return [(line + k, cells) for k, cells in enumerate(split, 1) if any(cells)]


def hash_rows(
    columns: Sequence[Float[np.ndarray, " rows"] | np.ndarray],
) -> Int[np.ndarray, " rows"]:
    """A number for each row, equal for equal rows."""
    total = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        plain = column if column.dtype.kind == "f" else np.unique(column, return_inverse=True)[1]
        total = (total * np.uint64(_PRIMES[0])) ^ plain.astype(float).view(np.uint64)
        total ^= (total >> np.uint64(29)) * np.uint64(_PRIMES[1])
    return total.view(np.int64)

"""Workbooks: .xls, .xlsx, .xlsb and .ods as rows of cells."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager

from memjax.errors import ReaderError

from .binary import check_archive


def read_sheets(data: bytes, *, where: str) -> list[tuple[str, list[list]]]:
    """Name and rows of each sheet.

    Parameters
    ----------
    data : bytes
        Content of the file.
    where : str
        File, for messages.

    Raises
    ------
    ReaderError
        If the content is no workbook.
    """
    import python_calamine  # here: only workbooks need it

    check_archive(data, where=where)

    try:
        with _silence():
            book = python_calamine.load_workbook(io.BytesIO(data))
            return [(name, book.get_sheet_by_name(name).to_python()) for name in book.sheet_names]
    except BaseException as error:  # a panic of calamine's Rust is no Exception
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        what = f"no spreadsheet, or a damaged one ({error})"
        raise ReaderError(what, where=where, fix="open it and save it again") from None


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on standard error meanwhile: a panic of Rust prints its traceback there."""
    stderr, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nothing)


def text_of(rows: list[list]) -> str:
    """Rows of cells as lines of text, with tabs between the cells."""
    # Each row with its line end: the last row of a workbook is as whole as the others.
    return "".join("\t".join(_cell(cell) for cell in row) + "\n" for row in rows)


def _cell(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))  # a workbook knows no whole numbers
    return " ".join(str(cell).split())

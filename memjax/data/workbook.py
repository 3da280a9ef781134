"""Workbooks: .xls, .xlsx, .xlsb and .ods as rows of cells."""

import io

from memjax.errors import ReaderError


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

    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        return [(name, book.get_sheet_by_name(name).to_python()) for name in book.sheet_names]
    except python_calamine.CalamineError as error:
        raise ReaderError(f"no spreadsheet ({error})", where=where) from None


def text_of(rows: list[list]) -> str:
    """Rows of cells as lines of text, with tabs between the cells."""
    return "\n".join("\t".join(_cell(cell) for cell in row) for row in rows)


def _cell(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))  # a workbook knows no whole numbers
    return " ".join(str(cell).split())

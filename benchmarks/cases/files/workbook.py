"""Workbooks, written as the parts that .xlsx is made of, and their damages."""

import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from benchmarks.cases.files.byte_damage import digit, overflow
from benchmarks.cases.files.damage import (
    Variant,
    blanks,
    comment,
    digits,
    doubled,
    header_again,
    repeated,
    second_table,
    shifted,
    shuffled,
    truncated_row,
    units,
)
from benchmarks.cases.files.damaged import outcome, reading
from benchmarks.cases.files.layouts import Layout, comma, decay_table
from benchmarks.cases.files.outcomes import Result

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACK = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def write_workbook(path: Path, sheets: dict[str, list[list]]) -> Path:
    """Write sheets of rows; a cell of None stays empty."""
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{escape(n)}" sheetId="{k}" r:id="rId{k}"/>'
        for k, n in zip(numbers, sheets, strict=True)
    )
    related = "".join(
        f'<Relationship Id="rId{k}" Type="{_RELS}/worksheet" Target="worksheets/sheet{k}.xml"/>'
        for k in numbers
    )
    typed = "".join(
        f'<Override PartName="/xl/worksheets/sheet{k}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for k in numbers
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACK}/content-types"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{_TYPE}.sheet.main+xml"/>{typed}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACK}/relationships"><Relationship Id="r" '
        f'Type="{_RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACK}/relationships">{related}</Relationships>',
    }
    for k, rows in zip(numbers, sheets.values(), strict=True):
        body = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/sheet{k}.xml"] = (
            f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
        )
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
    return path


def _cell(value: object) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    return f"<c><v>{value}</v></c>"


def workbook_of(text: str, separator: str) -> bytes:
    """A workbook of one sheet, of the lines and cells of a text; what is a number to Python is one in it."""
    rows = [[_value(cell) for cell in line.split(separator)] for line in text.splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        return write_workbook(Path(folder) / "file.xlsx", {"data": rows}).read_bytes()


def _value(cell: str) -> object:
    if not cell:
        return None
    try:
        return (
            float(cell) if cell.isascii() and "_" not in cell and abs(float(cell)) < 1e308 else cell
        )
    except ValueError:
        return cell


def damage_bytes(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """What was done to the bytes of a workbook, and what is left of them."""
    way = int(rng.integers(5))
    changed = bytearray(data)
    if way == 0:
        return "truncated", data[: int(rng.integers(1, len(data)))]
    if way == 1:
        for k in rng.choice(len(data), int(rng.integers(1, 9)), replace=False):
            changed[k] ^= 1 << int(rng.integers(8))
        return "bits flipped", bytes(changed)
    if way == 2:
        k = int(rng.integers(len(data)))
        changed[k : k + 64] = bytes(len(changed[k : k + 64]))
        return "zeros", bytes(changed)
    if way == 3:
        return "appended to itself", data + data
    k, n = int(rng.integers(len(data))), int(rng.integers(1, 200))
    return "bytes lost", data[:k] + data[k + n :]


def variants_of_workbook(layout: Layout, count: int, seed: int) -> Iterator[Variant]:
    """Damaged workbooks with the rows of a layout: damages of rows and cells, and of bytes."""
    rng = np.random.default_rng(seed)
    whole = workbook_of(layout.text(), layout.separator)
    made, k = 0, 0
    while made < count:
        k += 1
        if k % 3 == 0:
            kind, data = damage_bytes(whole, rng)
            made += 1
            yield Variant(kind=kind, data=data)
            continue
        variant = _CELL_DAMAGES[k % len(_CELL_DAMAGES)](layout, rng)
        if variant is None:
            continue
        text = variant.data.decode()
        # A last row of zeros is a point like others: nothing in a workbook says how its numbers were written.
        if text.split("\n")[-2] == layout.separator.join(["0"] * len(layout.rows[0])):
            continue
        made += 1
        yield replace(variant, data=workbook_of(text, layout.separator))


_CELL_DAMAGES = (
    truncated_row, shuffled, header_again, comment, doubled, repeated, digits, units, blanks, shifted, second_table,
    digit, overflow,
)  # fmt: skip
"""Damages that a workbook may have: its cells are numbers, so that none is cut, encoded, or written with a comma."""


def results_of_workbooks(count: int, seed: int) -> list[Result]:
    """Results of so many damaged workbooks of each of two layouts: a sweep, and a resistance against time."""
    results = []
    for make in (comma, decay_table):
        layout = make()
        layout = replace(layout, name=f"workbook, {layout.name}")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file.xlsx"
            path.write_bytes(workbook_of(layout.text(), layout.separator))
            whole = reading(path, layout)
            for variant in variants_of_workbook(layout, count, seed):
                results.append(outcome(layout, whole, variant, path))
    return results

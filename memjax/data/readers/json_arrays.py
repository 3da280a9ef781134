"""JSON: columns by name, rows of names, groups of these, or one object a line."""

import json
import re
from collections.abc import Mapping
from typing import Any, final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.tree import Array, tree_tables
from memjax.errors import ReaderError
from memjax.runtime.documents import parse_json

_BEGIN = re.compile(r'\s*(\{\s*("|\})|\[\s*[\[{"\d-])')


@final
class JsonReader(AbstractReader):
    """``{"V": [...], "I": [...]}``, ``[{"V": 0, "I": 0}, ...]``, an object a line, and groups of these.

    Notes
    -----
    The layouts that pandas writes are known: columns, records, split (``columns`` and ``data``) and table.
    """

    name = "json"
    description = (
        "JSON: columns by name, rows of names and values, groups of these, one object a line"
    )

    def judge(self, source: Source) -> Verdict:
        """Sure of what parses as JSON and begins with a bracket."""
        if not _BEGIN.match(source.head):
            return Verdict()
        try:
            _parse(source.text)
        except ValueError:
            broken = re.match(r"\s*(\{\s*\"[^\n]*:|\[\s*[\[{])", source.head)
            return verdict(broken, 0.3, "it begins as JSON does, but is broken further on")
        return Verdict(certainty=0.7, reason="it is JSON throughout")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        where = str(source.path)
        try:
            content = _parse(source.text)
        except ValueError as error:
            raise ReaderError(
                f"broken JSON ({error})", where=where, fix="save the file again"
            ) from None
        return tree_tables(branches(content), options, where=where)


def _parse(text: str) -> Any:
    """Content of JSON, or of one JSON value a line."""
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith(("{", "[")):
            raise
        try:
            return [parse_json(line) for line in lines]
        except json.JSONDecodeError:
            raise error from None


def branches(content: Any) -> dict[str, Any]:
    """Groups and arrays of what JSON or MATLAB held.

    Parameters
    ----------
    content : Any
        Dictionaries, lists, arrays, numbers, words, nested.
    """
    if isinstance(content, Mapping):
        if {"columns", "data"} <= content.keys() and _is_rows(content["data"], list):
            return _from_rows([str(n) for n in content["columns"]], content["data"])
        if "schema" in content and _is_rows(content.get("data"), dict):
            return branches(content["data"])
        if (
            _is_counted(content)
            and _is_rows(rows := list(content.values()), dict)
            and _is_flat(rows)
        ):
            return _from_rows(list(rows[0]), [list(r.values()) for r in rows])
        return {str(name): _branch(value) for name, value in content.items()}
    value = _branch(content)
    return value if isinstance(value, dict) else {"": value}


def _is_rows(value: Any, kind: type) -> bool:
    return isinstance(value, list) and len(value) > 0 and all(isinstance(r, kind) for r in value)


def _is_flat(rows: list[dict]) -> bool:
    """Whether rows hold numbers and words alone."""
    return not any(isinstance(x, dict | list | np.ndarray) for row in rows for x in row.values())


def _is_counted(value: Mapping) -> bool:
    """Whether the names are row numbers, as pandas writes them."""
    return len(value) > 1 and all(re.fullmatch(r"\d+", str(n)) for n in value)


def _branch(value: Any) -> Any:
    """Group or array of a value."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        value = value.ravel().tolist()
    if _is_rows(value, dict):
        scalar = all(
            not isinstance(x, dict | list | np.ndarray) for row in value for x in row.values()
        )
        if scalar:
            names = list(dict.fromkeys(name for row in value for name in row))
            return _from_rows(names, [[row.get(n) for n in names] for row in value])
        return {str(k): branches(row) for k, row in enumerate(value)}
    if isinstance(value, Mapping):
        cells = list(value.values())
        if _is_counted(value) and not any(isinstance(x, dict | list) for x in cells):
            return _array(cells)
        return branches(value)
    if isinstance(value, list) and any(isinstance(x, dict) for x in value):
        return {str(k): _branch(x) for k, x in enumerate(value)}
    return _array(value)


def _from_rows(names: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    """Columns of rows; rows that are too short are filled up with nothing."""
    full = [list(r) + [None] * (len(names) - len(r)) for r in rows]
    return {n: _array([r[k] for r in full]) for k, n in enumerate(names)}


def _array(value: Any) -> Array | dict[str, Any]:
    """Array of numbers, with NaN where there is none; of words; or a group of lists that differ in length."""
    if isinstance(value, np.ndarray):
        return Array(values=value)
    if isinstance(value, list) and value and all(isinstance(x, list) for x in value):
        if len({len(x) for x in value}) > 1:
            return {str(k): _array(x) for k, x in enumerate(value)}
    elif isinstance(value, list) and any(isinstance(x, str) for x in value):
        return Array(values=np.array([str(x) for x in value]))
    try:
        return Array(values=np.array(value, float))
    except (TypeError, ValueError):
        return Array(values=np.array(str(value)))

"""What is kept of the files and the messages of a run: all that a reader would notice, none of where and when."""

import csv
import functools
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from memjax import presets
from memjax.cli.model_table import model_names
from memjax.data.base import AbstractReader
from memjax.data.registry import readers
from memjax.errors import MemjaxError

PROVENANCE = frozenset({"versions", "command", "sha256", "doc"})
"""Keys of JSON files that say where and when; `doc` is the text of a model's parameter, which models.json holds."""

MOST = 24
"""Numbers of a list that are kept one by one; of longer ones their number, their sum and the sum of their sizes."""

DIGITS = 6
"""Significant digits that are kept: three more than `comparison.RELATIVE` compares."""

_WIDTH = (
    160  # of a line in a stored file: a parameter each, so that a change of one is a line of a diff
)
_SECONDS = re.compile(r"\b\d+(\.\d+)? s$")
_WARNING = re.compile(r"^\S+\.py:\d+: (\w+Warning: .*)\n(?:  .*\n)?", re.MULTILINE)
_VERSION = re.compile(r"\b\d+\.\d+\.\d+\b")


def summary_of_text(text: str, folder: Path, root: Path) -> list[str]:
    """Lines of a message without progress, seconds, versions, folders of this machine and lists of all models.

    Of a warning of Python its text is kept, not the file, the line and the code that it came from.
    """
    lines = [line.rstrip() for line in _WARNING.sub("\\1\n", text).splitlines()]
    lines = [x for x in lines if x and not x.startswith("memjax: progress:")]
    return [_plain(x, folder, root) for x in lines]


def _plain(text: str, folder: Path, root: Path) -> str:
    for path in (folder, root):
        text = text.replace(f"{path}/", "").replace(str(path), ".")
    return _VERSION.sub("VERSION", _SECONDS.sub("TIME s", _without_lists(text)))


def _without_lists(text: str) -> str:
    """A text in which one word stands for all models, presets or formats: a new one changes no stored file."""
    for names, word in _lists().items():
        text = text.replace(names, word)
    return text


@functools.cache
def _lists() -> dict[str, str]:
    """Lists of all models, presets and formats as messages have them, and the words that are kept of each."""
    formats = ", ".join(r.name for r in readers() if isinstance(r, AbstractReader))
    lists = {", ".join(model_names()): "MODELS", ", ".join(presets.names()): "PRESETS"}
    lists |= {f"the formats of {formats}": "the formats of FORMATS"}
    # An error shortens what is long.
    return {str(MemjaxError("", allowed=x)): f"allowed: {word}" for x, word in lists.items()}


def summary_of_file(path: Path, folder: Path, root: Path) -> Any:
    """What is kept of a file; None of pictures and of arrays, of which the name is enough."""
    if path.suffix == ".json":
        return _of_json(json.loads(path.read_text(encoding="utf-8")), folder, root)
    if path.suffix == ".csv":
        return _of_csv(path)
    if path.suffix == ".html":
        page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
        return {"headings": page.headings, "tables": page.tables}
    return None


def _of_json(x: Any, folder: Path, root: Path) -> Any:
    """JSON content without provenance, with rounded numbers and short lists."""
    if isinstance(x, dict):
        kept = {n: _of_json(y, folder, root) for n, y in x.items() if n not in PROVENANCE}
        if "backend" in kept and isinstance(kept["backend"], str):
            kept["backend"] = kept["backend"].partition(" ")[
                0
            ]  # the compiler's version stands behind it
        return kept
    if isinstance(x, list):
        numbers = _numbers(x)
        if numbers is not None and len(numbers) > MOST and not _is_square(x):
            return _total(numbers)
        return [_of_json(y, folder, root) for y in x]
    if isinstance(x, str):
        return _plain(x, folder, root)
    return _rounded(x)


def _is_square(x: list) -> bool:
    """Whether this is a matrix as correlations are."""
    return all(isinstance(row, list) and len(row) == len(x) for row in x)


def _numbers(x: Any) -> list[float | None] | None:
    """The numbers of a list, of lists in it too; None where it holds anything else."""
    if x is None or (isinstance(x, (int, float)) and not isinstance(x, bool)):
        return [x]
    if not isinstance(x, list):
        return None
    parts = [_numbers(y) for y in x]
    if any(p is None for p in parts):
        return None
    return [y for p in parts for y in p or ()]


def _total(numbers: list[float | None]) -> dict[str, Any]:
    """Number, sum and sum of sizes of many numbers; those that are none or not finite are counted apart."""
    known = [x for x in numbers if x is not None and math.isfinite(x)]
    total = {"count": len(numbers), "sum": _rounded(math.fsum(known))}
    total["size"] = _rounded(math.fsum(map(abs, known)))
    return total | ({"missing": len(numbers) - len(known)} if len(known) < len(numbers) else {})


def _rounded(x: Any) -> Any:
    if not isinstance(x, float):
        return x
    return float(f"{x:.{DIGITS}g}") if math.isfinite(x) else str(x)


def _of_csv(path: Path) -> dict[str, Any]:
    """Number of rows and, by column, the total of its numbers, or its different words."""
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = list(csv.reader(file)) or [[]]
    columns = {}
    for k, name in enumerate(head):
        cells = [row[k] for row in rows if k < len(row)]
        try:
            columns[name] = _total([float(x) if x else None for x in cells])
        except ValueError:
            columns[name] = sorted(set(map(_without_lists, cells)))[:MOST]
    return {"header": head, "rows": len(rows), "columns": columns}


class _Page(HTMLParser):
    """Headings and heads of the tables of a page."""

    def __init__(self) -> None:
        HTMLParser.__init__(self)
        self.headings: list[str] = []
        self.tables: list[list[str]] = []
        self._tag = ""
        self._text = ""

    def handle_starttag(self, tag, attrs) -> None:
        if tag == "table":
            self.tables.append([])
        if tag in ("h1", "h2", "h3", "h4", "th", "summary"):
            self._tag, self._text = tag, ""

    def handle_data(self, data) -> None:
        self._text += data

    def handle_endtag(self, tag) -> None:
        if tag != self._tag or not tag:
            return
        if tag == "th":
            self.tables[-1].append(self._text.strip())
        else:
            self.headings.append(f"{tag} {self._text.strip()}")
        self._tag = ""


def pretty(x: Any, indent: str = "") -> str:
    """JSON with sorted keys, an entry a line; what is short, and numbers of a list, on one line."""
    flat = json.dumps(x, sort_keys=True, ensure_ascii=False)
    if not isinstance(x, (dict, list)) or len(indent) + len(flat) <= _WIDTH:
        return flat
    more = indent + " "
    if isinstance(x, dict):
        lines = [f"{more}{json.dumps(n)}: {pretty(x[n], more)}" for n in sorted(x)]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if all(isinstance(y, (int, float)) for y in x):
        return flat
    return "[\n" + ",\n".join(more + pretty(y, more) for y in x) + f"\n{indent}]"

"""What a page is made of: data without HTML, which `fitting.page.render` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Code:
    """A word in the letters of code."""

    text: str


@dataclass(frozen=True)
class Link:
    """Words that lead to an address, as seen from the page."""

    text: str
    address: str


Words: TypeAlias = str | Sequence[str | Code | Link]
"""A text, or its parts where some of them are code or links."""


@dataclass(frozen=True)
class Text:
    """A paragraph; one with a title is a warning."""

    words: Words
    title: str = ""


@dataclass(frozen=True)
class Note:
    """A paragraph in small letters, which says how to read what stands above it."""

    words: Words


@dataclass(frozen=True)
class Bullets:
    """A list of sentences; with the look "warn" it has the colour of warnings."""

    sentences: Sequence[str]
    look: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, as `str` writes them, under the names of the columns; without names all cells are text.

    A table with a title is folded if it has more than `long` rows.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    long: int = 14


@dataclass(frozen=True)
class Box:
    """Short answers by their titles, in a frame; an answer of several sentences is a list."""

    rows: Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG in a `folder` as seen from the page, beside it by default; it leads to the SVG of its name."""

    path: Path
    alt: str
    folder: str = "."


@dataclass(frozen=True)
class Section:
    """A titled part of a page, which a reader may have to open; one within another has a smaller title."""

    title: Words
    blocks: "Sequence[Block]"
    folded: bool = False


Block: TypeAlias = Text | Note | Bullets | Table | Box | Picture | Section
"""Whatever may stand on a page."""

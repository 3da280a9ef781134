"""What a page is made of: data without HTML, which `fitting.page.render` shows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias


class Code(NamedTuple):
    """A word in the letters of code."""

    text: str


class Link(NamedTuple):
    """Words that lead to an address, as seen from the page."""

    text: str
    address: str


Words: TypeAlias = str | Sequence[str | Code | Link]
"""A text, or its parts where some of them are code or links."""


class Text(NamedTuple):
    """A paragraph; one with a title is a warning."""

    words: Words
    title: str = ""


class Note(NamedTuple):
    """A paragraph in small letters, which says how to read what stands above it."""

    words: Words


class Bullets(NamedTuple):
    """A list of sentences; with the look "warn" it has the colour of warnings."""

    sentences: Sequence[str]
    look: str = ""


class Table(NamedTuple):
    """Rows of cells, as `str` writes them, under the names of the columns; without names all cells are text.

    A table with a title is folded if it has more than `long` rows.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    long: int = 14


class Box(NamedTuple):
    """Short answers by their titles, in a frame; an answer of several sentences is a list."""

    rows: Mapping[str, str | Sequence[str]]


class Picture(NamedTuple):
    """A PNG in a `folder` as seen from the page, beside it by default; it leads to the SVG of its name."""

    path: Path
    alt: str
    folder: str = "."


class Section(NamedTuple):
    """A titled part of a page, which a reader may have to open; one within another has a smaller title."""

    title: Words
    blocks: "Sequence[Block]"
    folded: bool = False


Block: TypeAlias = Text | Note | Bullets | Table | Box | Picture | Section
"""Whatever may stand on a page."""

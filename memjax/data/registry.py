"""Which readers there are, of voltage and current and of records: the built-in ones and those of other packages."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from memjax.errors import ReaderError

from .base import AbstractFormat, AbstractRecordReader, Source, Verdict
from .binary import WORKBOOK_MAGIC

T = TypeVar("T", bound=AbstractFormat)

CLOSE = 0.1
"""Certainty by which a second reader may lie behind the first one and still be named."""


def _built_in() -> tuple[AbstractFormat, ...]:
    from .readers import BUILT_IN  # here: thirty modules that only a file needs

    return BUILT_IN


def readers() -> tuple[AbstractFormat, ...]:
    """All readers: the built-in ones, then those of other packages."""
    return (*_built_in(), *_plugged_in())


def reader_names() -> tuple[str, ...]:
    """Names of all readers.

    Returns
    -------
    tuple of str
        Names that `read` and `read_records` take, each for what its format holds.
    """
    return _names(readers())


def for_records(source: Source) -> Source:
    """Return what readers of records are given: a workbook whose sheets are alike as text, any other file as it is."""
    from .readers.spreadsheet import one_text

    text = one_text(source) if source.data.startswith(WORKBOOK_MAGIC) else None
    return source if text is None else replace(source, text=text)


@dataclass(frozen=True, kw_only=True)
class Choice(Generic[T]):
    """The reader of a file, and why it is this one.

    Parameters
    ----------
    reader : AbstractFormat
        Reader.
    verdict : Verdict or None
        Its verdict; None where the user named it.
    second : tuple of AbstractFormat and Verdict, or None
        A reader that is nearly as sure.
    """

    reader: T
    verdict: Verdict | None = None
    second: tuple[AbstractFormat, Verdict] | None = None

    def to_json(self) -> dict:
        """Certainty, reason and the close second, as ``memjax read --json`` prints them."""
        if self.verdict is None:
            return {"certainty": None, "reason": "named by the user", "second": None}
        known = {"certainty": self.verdict.certainty, "reason": self.verdict.reason}
        if self.second is None:
            return known | {"second": None}
        reader, verdict = self.second
        details = {"certainty": verdict.certainty, "reason": verdict.reason}
        return known | {"second": {"reader": reader.name} | details}


def recognise(source: Source, kind: type[T]) -> Choice[T] | None:
    """The reader of a kind that is surest of the file, with its reason; None where none is sure at all.

    Parameters
    ----------
    source : Source
        File.
    kind : type
        `AbstractReader` (voltage and current), `AbstractRecordReader`, or `AbstractFormat` for both.
    """
    candidates = [r for r in readers() if isinstance(r, kind)]
    records = any(isinstance(r, AbstractRecordReader) for r in candidates)
    text = for_records(source) if records else source
    verdicts = [
        (r, r.judge(text if isinstance(r, AbstractRecordReader) else source)) for r in candidates
    ]
    # The sort is stable: of two that are equally sure the first one reads the file.
    ranked = sorted((v for v in verdicts if v[1].certainty > 0), key=_doubt)
    if not ranked:
        return None
    (best, verdict), *others = ranked
    second = others[0] if others and others[0][1].certainty >= verdict.certainty - CLOSE else None
    return Choice(reader=best, verdict=verdict, second=second)


def _doubt(candidate: tuple[AbstractFormat, Verdict]) -> float:
    return -candidate[1].certainty


def named(name: str) -> AbstractFormat | None:
    """The reader of a name; plug-ins are loaded only where no built-in one bears it."""
    for list_readers in (_built_in, _plugged_in):
        for reader in list_readers():
            if reader.name == name:
                return reader
    return None


def find_reader(name: str | None, source: Source, kind: type[T]) -> Choice[T]:
    """Reader of a name, or the one that recognises the file best.

    Parameters
    ----------
    name : str or None
        Name; None looks at the file.
    source : Source
        File.
    kind : type
        What the file has to hold, see `recognise`.

    Returns
    -------
    Choice
        Reader of that kind, and why it is this one.

    Raises
    ------
    ReaderError
        If there is no reader of that name, it reads something else, or none recognises the file.
    """
    if name is None:
        choice = recognise(source, kind)
        if choice is None:
            raise _unrecognised(source, kind)
        return choice
    best = named(name)
    if isinstance(best, kind):
        return Choice(reader=best)
    what = (
        f"unknown reader {name!r}" if best is None else f"reader {name!r} reads {best.description}"
    )
    allowed = _names([r for r in readers() if isinstance(r, kind)])
    raise ReaderError(what, where=str(source.path), allowed=", ".join(allowed))


def holds_instead(source: Source) -> str:
    """Describe the records that a file seems to hold, in words for a message; empty if it holds none."""
    choice = recognise(source, AbstractRecordReader)
    if choice is None:
        return ""
    held = choice.reader.description.partition(":")[0]
    return f"it seems to hold {held}, which 'memjax read' shows"


def _unrecognised(source: Source, kind: type[AbstractFormat]) -> ReaderError:
    """The error for a file of which no reader of a kind is sure."""
    where = str(source.path)
    if kind is AbstractRecordReader:
        return ReaderError(
            "no conductance per pulse, no resistance against time, no endurance, no spike times",
            where=where, allowed="; ".join(r.description for r in readers() if isinstance(r, kind)),
        )  # fmt: skip
    return ReaderError(
        f"no measurement: no reader recognises it; its first line: {_first_line(source)!r}", where=where,
        allowed="the formats of " + ", ".join(_names([r for r in readers() if isinstance(r, kind)])),
        fix="a text table of two columns is read with --columns v=NAME,i=NAME",
    )  # fmt: skip


def _first_line(source: Source) -> str:
    """The first line with words, shortened."""
    line = next((" ".join(x.split()) for x in source.head.split("\n") if x.strip()), "")
    return line if len(line) <= 60 else line[:57] + "..."


def _names(candidates: Iterable[AbstractFormat]) -> tuple[str, ...]:
    return tuple(reader.name for reader in candidates)


def _plugged_in() -> tuple[AbstractFormat, ...]:
    plug_ins = []
    for point in entry_points(group="memjax.readers"):
        try:
            plug_ins.append(point.load()())
        except Exception as error:  # a plug-in may fail in any way
            raise ReaderError(
                f"reader plug-in {point.name!r} ({point.value}) does not load: {error}",
                fix="update or uninstall the package, or name a built-in reader",
            ) from error
    return tuple(plug_ins)

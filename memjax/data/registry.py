"""Which readers there are: the built-in ones and those of other packages."""

from importlib.metadata import entry_points

from memjax.errors import ReaderError

from .base import AbstractReader, Source
from .readers.b1500 import B1500Reader
from .readers.b1500_list import B1500ListReader
from .readers.b1500_wgfmu import B1500WgfmuReader
from .readers.kickstart import KickstartReader
from .readers.labscript import LabscriptReader
from .readers.lvm import LvmReader
from .readers.oscilloscope import OscilloscopeReader
from .readers.quick_iv import QuickIVReader
from .readers.savetxt import SavetxtReader
from .readers.spreadsheet import SpreadsheetReader
from .readers.text import TextReader
from .readers.tidy import TidyReader

_BUILT_IN: tuple[AbstractReader, ...] = (
    B1500Reader(), B1500WgfmuReader(), B1500ListReader(), QuickIVReader(), KickstartReader(),
    OscilloscopeReader(), LabscriptReader(), LvmReader(), SpreadsheetReader(), TidyReader(), SavetxtReader(),
    TextReader(),
)  # fmt: skip


def readers() -> tuple[AbstractReader, ...]:
    """All readers: the built-in ones, then those of other packages."""
    return (*_BUILT_IN, *_plugged_in())


def reader_names() -> tuple[str, ...]:
    """Names of all readers.

    Returns
    -------
    tuple of str
        Names that `read` takes.
    """
    return tuple(reader.name for reader in readers())


def find_reader(name: str | None, source: Source) -> AbstractReader:
    """Reader of a name, or the one that recognises the file best.

    Parameters
    ----------
    name : str or None
        Name; None looks at the file.
    source : Source
        File.

    Returns
    -------
    AbstractReader
        Reader.

    Raises
    ------
    ReaderError
        If there is no reader of that name, or none recognises the file.
    """
    where = str(source.path)
    if name is not None:
        for reader in (*_BUILT_IN, *(() if name in _names(_BUILT_IN) else _plugged_in())):
            if reader.name == name:
                return reader
        raise ReaderError(
            f"unknown reader {name!r}", where=where, allowed=", ".join(reader_names())
        )
    if source.head.lstrip().startswith(("{", "[")):
        raise ReaderError(
            "JSON is no table of voltage and current", where=where,
            fix="write it as CSV with the header t_s,v_V,i_A",
        )  # fmt: skip
    candidates = readers()
    scores = [reader.sniff(source.head) for reader in candidates]
    if max(scores) <= 0:
        raise ReaderError(
            f"no measurement: no reader recognises it; its first line: {_first_line(source)!r}", where=where,
            allowed="the formats of " + ", ".join(_names(candidates)),
            fix="a text table of two columns is read with --columns v=NAME,i=NAME",
        )  # fmt: skip
    return candidates[scores.index(max(scores))]


def _first_line(source: Source) -> str:
    """The first line with words, shortened."""
    line = next((" ".join(x.split()) for x in source.head.split("\n") if x.strip()), "")
    return line if len(line) <= 60 else line[:57] + "..."


def _names(candidates: tuple[AbstractReader, ...]) -> list[str]:
    return [reader.name for reader in candidates]


def _plugged_in() -> tuple[AbstractReader, ...]:
    found = []
    for point in entry_points(group="memjax.readers"):
        try:
            found.append(point.load()())
        except Exception as error:  # a plug-in may fail in any way
            raise ReaderError(
                f"reader plug-in {point.name!r} ({point.value}) does not load: {error}",
                fix="update or uninstall the package, or name a built-in reader",
            ) from error
    return tuple(found)

"""What every reader of measurement files is: text in, named columns out."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from jaxtyping import Float, Int, Shaped
from numpy import ndarray

from .endurance_record import EnduranceRecord
from .pulse_record import DecayRecord, PulseRecord
from .spike_record import SpikeRecord
from .workbook import read_sheets


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How surely a file is of a format, and why.

    Parameters
    ----------
    certainty : float
        From 0 (not) to 1.
    reason : str
        What in the file says so, in plain words.
    """

    certainty: float = 0.0
    reason: str = ""


def verdict(holds: object, certainty: float, reason: str) -> Verdict:
    """The verdict where something holds in a file, else that it is not of the format."""
    return Verdict(certainty=certainty, reason=reason) if holds else Verdict()


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file as it was found.

    Parameters
    ----------
    path : Path
        Where it lies.
    data : bytes
        Its content; empty for a large text.
    text : str
        Its content as text, with Unix line ends; empty for a spreadsheet.
    sha256 : str
        Checksum of the content.
    warnings : tuple of str
        What is odd about its characters.
    """

    path: Path
    data: bytes
    text: str
    sha256: str
    warnings: tuple[str, ...] = ()

    @property
    def head(self) -> str:
        """Beginning of the file, by which readers recognise it: its first 64 kB of text, or its first bytes."""
        return self.text[:65536] or self.data[:512].decode("latin-1").replace("\r", " ")

    @cached_property
    def sheets(self) -> list[tuple[str, list[list]]]:
        """Name and rows of each sheet of a workbook.

        Raises
        ------
        ReaderError
            If the file is no workbook.
        """
        return read_sheets(self.data, where=str(self.path))


@dataclass(frozen=True, kw_only=True)
class Table:
    """One record of a file: named columns, and what the format says of them.

    Parameters
    ----------
    names : tuple of str
        Column names, each once.
    columns : tuple of list of str or arrays
        Cells, column by column; text becomes numbers where a column is used.
    lines : list of int or array
        Line of the file that each row came from.
    units : tuple of str or None
        Units stated outside the names (a row of units), per column; None where there is none.
    roles : Mapping
        Role (`v`, `i`, `t`, `sweep`) to column name, where the format itself tells.
    si : bool
        Whether the format guarantees SI, so that a header without units is no guess.
    driven : {"voltage", "current"}
        What the source imposed.
    driven_reason : str
        What in the file says so, where it is a current.
    compliance : float or None
        Current limit that the file states [A].
    settings : dict
        What the file says of itself.
    warnings : tuple of str
        Guesses made so far.
    label : str
        What tells the record from others of the file: its sheet, its number among curves side by side.
    aliases : Mapping
        Name in the file to name here, of columns that were computed from what stands in the file.
    number : int or None
        Number of the run or cycle that the file gives to the record.
    """

    names: tuple[str, ...]
    columns: tuple[list[str] | Float[ndarray, " rows"] | Shaped[ndarray, " rows"], ...]
    lines: list[int] | Int[ndarray, " rows"]
    units: tuple[str | None, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    si: bool = False
    driven: str = "voltage"
    driven_reason: str = ""
    compliance: float | None = None
    settings: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    label: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Options:
    """Settings of the user for a file.

    Parameters
    ----------
    columns : Mapping
        Role (`v`, `i`, `t`, `sweep`) to column name.
    shunt : float or None
        Resistance across which a channel of an oscilloscope measures the current [ohm].
    area : float or None
        Area of the device, by which current densities become currents [m^2].
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    shunt: float | None = None
    area: float | None = None


class AbstractFormat(abc.ABC):
    """A file format. Third parties ship theirs under the entry-point group ``memjax.readers``.

    Attributes
    ----------
    name : str
        Name by which a user asks for it.
    description : str
        The format in one line.
    """

    name: ClassVar[str]
    description: ClassVar[str]

    def sniff(self, head: str) -> float | Verdict:
        """How surely a file that begins with `head` is of this format: a verdict, or a number from 0 (not) to 1.

        A format that overrides neither this nor `judge` is read by its name alone.
        """
        del head
        return 0.0

    def judge(self, source: Source) -> Verdict:
        """How surely a file is of this format, and why; by its head, unless a format looks deeper."""
        answer = self.sniff(source.head)
        if isinstance(answer, Verdict):
            return answer
        return verdict(answer > 0, float(answer), f"its reader takes it for: {self.description}")


class AbstractReader(AbstractFormat):
    """A format of voltage and current."""

    @abc.abstractmethod
    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, in its order."""


NAMED_COLUMNS = 0.97
"""How surely a file is of records whose columns its header names: no format of an instrument has such a header."""


class AbstractRecordReader(AbstractFormat):
    """A format of files without voltage and current: conductance per pulse, resistance against time, endurance, spikes.

    Of a workbook whose sheets are alike a reader gets the text of the sheets.
    """

    @abc.abstractmethod
    def records(
        self, source: Source
    ) -> (
        tuple[PulseRecord, ...]
        | tuple[DecayRecord, ...]
        | tuple[SpikeRecord, ...]
        | tuple[EnduranceRecord, ...]
    ):
        """One record per device, run or train."""

"""Rigol oscilloscopes."""

import re
from typing import final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.numbers import to_numbers
from memjax.data.row_checks import check_rows
from memjax.data.scope import scope_table
from memjax.data.text import is_ended, is_number, split_line, split_rows
from memjax.errors import ReaderError

_COUNTED = re.compile(r"\s*X,((?:[^,\n]+,)+)Start,Increment,?\s*\n\s*Sequence,")
_TIMED = re.compile(r"\s*Time\(s\),\s*CH\d[VA]", re.IGNORECASE)
_STEP = re.compile(
    r"\s*(?:CH\d[VA],)+\s*t0\s*=\s*([-+.\deE]+),\s*tInc\s*=\s*([-+.\deE]+)", re.IGNORECASE
)


@final
class RigolReader(AbstractReader):
    """``X,CH1,CH2,Start,Increment`` over ``Sequence,Volt,Volt,-6e-2,2e-5``; ``Time(s),CH1V``; ``CH1V,t0=,tInc=``.

    Notes
    -----
    In the first layout (DS1000Z) the first column counts samples: t = Start + k Increment. Digital channels are left
    aside. Verified on heads of files quoted by vidavidorra/rigol-csv-analyser (DS1054Z) and two further
    loaders; the other two on loaders that recognise files by these headers.
    """

    name = "rigol"
    description = "Rigol oscilloscope CSV: X,CH1,...,Start,Increment; Time(s),CH1V; CH1V,t0=,tInc="

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from a Rigol oscilloscope."""
        for pattern, sure, reason in (
            (_COUNTED, 0.95, "the first lines are 'X,...,Start,Increment' and 'Sequence,...'"),
            (_STEP, 0.95, "the first line names channels, t0 and tInc"),
            (_TIMED, 0.9, "the first line is 'Time(s),CH1V,...'"),
        ):
            if pattern.match(head):
                return Verdict(certainty=sure, reason=reason)
        return verdict(False, 0.0, "")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """The record of the file."""
        where = str(source.path)
        lines = source.text.lstrip().split("\n")
        skipped = source.text.count("\n") - (len(lines) - 1)
        header = split_line(lines[0], ",")
        counted = _COUNTED.match(source.text) is not None
        first = 2 if counted else 1
        warnings: list[str] = []
        rows = check_rows(
            split_rows(source.text.split("\n"), first + skipped, ",", where=where), warnings,
            ended=is_ended(source.text), columns=len(header), where=where,
        )  # fmt: skip
        if len(rows) < 2:
            raise ReaderError("no rows of samples", where=where, allowed="rows below the header")
        channels = [k for k, n in enumerate(header) if re.match(r"(CH|MATH)\d?", n, re.IGNORECASE)]
        if not channels:
            raise ReaderError(
                f"no channel in the first line, {lines[0][:60]!r}", where=where,
                allowed="CH1, CH2, ...", fix="leave --reader out",
            )  # fmt: skip
        units = _units(header, split_line(lines[1], ",") if counted else [], channels)
        numbers = [k for k, _ in rows]
        columns = [[r[k] if k < len(r) else "" for _, r in rows] for k in channels]
        times = [r[0] for _, r in rows]
        if counted or _STEP.match(source.text):
            start, step = _timing(source.text, header, lines, counted, where)
            count = (
                to_numbers(times, numbers, where=where, name="X")
                if counted
                else np.arange(len(rows))
            )
            times = start + step * count
        if aside := [n for n in header if re.match(r"D\d", n)]:
            warnings.append(f"columns left aside: {', '.join(aside)}")
        table = Table(
            names=("time", *(re.sub(r"(?i)(?<=\d)[VA]$", "", header[k]) for k in channels)),
            columns=(times, *columns), lines=numbers, units=("s", *units),
            warnings=tuple(warnings),
        )  # fmt: skip
        return (scope_table(table, options, where=where),)


def _units(header: list[str], below: list[str], channels: list[int]) -> list[str]:
    """Units of the channels: the words below their names, else the last letter of these."""
    words = [below[k] if k < len(below) else header[k][-1] for k in channels]
    return ["A" if w.upper().startswith("A") else "V" for w in words]


def _timing(
    text: str, header: list[str], lines: list[str], counted: bool, where: str
) -> tuple[float, float]:
    """Time of the first sample and step [s]."""
    cells = split_line(lines[1], ",")
    match = None if counted else _STEP.match(text)
    # Files with digital channels may have further cells in this line.
    named = (
        [cells[k] for k in map(header.index, ("Start", "Increment")) if k < len(cells)]
        if counted
        else []
    )
    numbers = [c for c in cells if re.fullmatch(r"[-+.\deE]+", c)]
    try:
        start, step = (
            match.groups() if match else named if all(map(is_number, named)) else numbers[-2:]
        )
        return float(start), float(step)
    except ValueError:
        raise ReaderError("no start and increment", where=f"{where}, line 2") from None

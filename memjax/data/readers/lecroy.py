"""LeCroy and Teledyne LeCroy oscilloscopes."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.row_checks import check_rows
from memjax.data.scope import scope_table
from memjax.data.text import is_ended, split_line, split_rows
from memjax.errors import ReaderError

_FIRST = re.compile(r"\s*LECROY[^\n]*[,;\t ]\s*Waveform\s*\n", re.IGNORECASE)
_SECOND = re.compile(r"Segments[,;\t ]+(\d+)[,;\t ]+SegmentSize[,;\t ]+(\d+)")


@final
class LecroyReader(AbstractReader):
    """``LECROYWR625Zi,61392,Waveform``, ``Segments,1,SegmentSize,2002``, a line a segment, ``Time,Ampl``, rows.

    Notes
    -----
    Commas, semicolons or blanks separate. The rows of the segments follow one another; each is a record. The file
    states no unit: times are in seconds, amplitudes in volt. Verified on heads of files of six models (WR625Zi,
    WP715Zi-A, WaveRunner, WR104MXi-A, DDA3000, MAUI) that public loaders quote; one splits the rows by segments.
    """

    name = "lecroy"
    description = "LeCroy oscilloscope text: LECROY...,Waveform / Segments,... / Time,Ampl"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` comes from a LeCroy oscilloscope."""
        known = _FIRST.match(head) and _SECOND.search(head[:400])
        return verdict(
            known, 0.97, "the first line is 'LECROY...Waveform', the second one counts segments"
        )

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, one for each segment."""
        where = str(source.path)
        lines = source.text.split("\n")
        first_line = next((x.strip() for x in lines if x.strip()), "")
        counts = _SECOND.search(source.text[:400])
        at = next((k for k, line in enumerate(lines) if re.match(r"\s*Time\b[,;\t ]", line)), None)
        if counts is None or at is None:
            raise ReaderError(
                "no line Time,Ampl", where=where, allowed="the export as it was saved"
            )
        separator = next((s for s in ",;\t" if s in lines[at]), " ")
        header = [c for c in split_line(lines[at], separator) if c]
        segments, size = int(counts[1]), int(counts[2])
        warnings = ["no units stated: amplitudes are taken in volt"]
        rows = check_rows(
            split_rows(lines, at + 1, separator, where=where), warnings,
            ended=is_ended(source.text), columns=len(header), where=where,
        )  # fmt: skip
        if segments * size != len(rows):
            warnings.append(f"{len(rows)} rows where the header says {segments} segments of {size}")
        parts = [rows[k : k + size] for k in range(0, len(rows), size)] if size else [rows]
        parts = [part for part in parts if len(part) > 1]
        if not parts:
            raise ReaderError("no rows of samples", where=where, allowed="rows below Time,Ampl")
        return tuple(
            scope_table(
                Table(
                    names=tuple(header), lines=[k for k, _ in part],
                    columns=tuple([r[c] if c < len(r) else "" for _, r in part] for c in range(len(header))),
                    units=("s", *["V"] * (len(header) - 1)), settings={"instrument": first_line},
                    label=f"segment {n + 1}" if len(parts) > 1 else "", warnings=tuple(warnings) if n == 0 else (),
                ),
                options, where=where,
            )
            for n, part in enumerate(parts)
        )  # fmt: skip

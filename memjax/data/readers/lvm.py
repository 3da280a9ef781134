"""LabVIEW measurement files, .lvm."""

import re
from typing import final

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.roles import measures, plain_role
from memjax.data.row_checks import check_rows, without_comments
from memjax.data.text import is_ended, unique
from memjax.errors import ReaderError

_END = "***End_of_Header***"


_AXES = ("time", "voltage", "electric_potential")
"""What an x axis may measure to be used: the time, or the voltage of a sweep."""


@final
class LvmReader(AbstractReader):
    """``LabVIEW Measurement``, settings, ``***End_of_Header***``, then segments with a header each.

    Notes
    -----
    Each segment is a record. Where ``X_Columns`` is ``No`` the x axis is made of ``X0`` and ``Delta_X``; where it is
    ``Multi`` the x of the first channel is used. The x axis is the time where ``X_Dimension`` says so. Channels whose
    names say nothing (``Untitled 1``) are told apart by ``Y_Unit_Label``.

    References
    ----------
    .. [1] National Instruments, Specification for the LabVIEW Measurement File (.lvm), white paper 4139.
    """

    name = "lvm"
    description = "LabVIEW .lvm: LabVIEW Measurement, ***End_of_Header***, X_Value and channels"

    def sniff(self, head: str) -> Verdict:
        """How surely a file that begins with `head` is such a file."""
        known = head.lstrip().startswith("LabVIEW Measurement")
        return verdict(known, 0.95, "the first line is 'LabVIEW Measurement'")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, one per segment."""
        where = str(source.path)
        lines = re.sub(
            r"\*\*\*Start_Special\*\*\*.*?\*\*\*End_Special\*\*\*[^\n]*",
            lambda m: "\n" * m[0].count("\n"), source.text, flags=re.S,
        ).split("\n")  # fmt: skip
        ends = [k for k, line in enumerate(lines) if line.startswith(_END)]
        if not ends:
            raise ReaderError(f"no line {_END}", where=where, allowed="a header with an end")
        comma = any(re.match(r"Separator,", line) for line in lines[: ends[0]])
        split = "," if comma else "\t"
        header = _settings(lines[: ends[0]], split)
        starts = [
            k for k in range(ends[0] + 1, len(lines)) if lines[k].startswith("Channels" + split)
        ]
        if len(starts) != len(ends) - 1 or any(
            e < s for s, e in zip(starts, ends[1:], strict=True)
        ):
            raise ReaderError(
                f"{len(starts)} headers of segments, {len(ends) - 1} with an end {_END}", where=where,
                allowed="one header per segment", fix="save the file again, or as a text table",
            )  # fmt: skip
        borders = [*starts[1:], len(lines)] if starts else [len(lines)]
        records = []
        for k, (begin, end) in enumerate(zip(ends[1:] or ends, borders, strict=True)):
            settings = header | _settings(lines[starts[k] : begin], split) if starts else header
            label = f"segment {k}" if len(borders) > 1 else ""
            ended = k < len(borders) - 1 or is_ended(source.text)
            records.append(
                _segment(lines, (begin + 1, end), settings, split, label, where, ended=ended)
            )
        return tuple(records)


def _settings(lines: list[str], split: str) -> dict[str, str]:
    rows = [line.split(split) for line in lines if line.strip()]
    return {r[0].strip(): split.join(r[1:]).strip(split + " ") for r in rows if len(r) > 1}


def _segment(
    lines: list[str],
    span: tuple[int, int],
    settings: dict[str, str],
    split: str,
    label: str,
    where: str,
    *,
    ended: bool,
) -> Table:
    """Record of the lines of one segment; `ended` is false for the last one of a file without a last line end."""
    first, end = span
    rows = [(k + 1, lines[k].split(split)) for k in range(first, end) if lines[k].strip()]
    if len(rows) < 3 or "X_Value" not in rows[0][1][0]:
        at = f"{where}, line {rows[0][0] if rows else first + 1}"
        raise ReaderError("a segment without X_Value and rows of numbers", where=at,
                          allowed="a line X_Value, CHANNEL, ... over rows")  # fmt: skip
    header = [cell.strip() for cell in rows.pop(0)[1]]
    commented = "Comment" in header
    while header[-1] in ("", "Comment"):
        header.pop()
    names, width = unique(header), len(header)
    remarks: list[str] = []
    rows = [(n, [c.strip() for c in r[:width]] + r[width:]) for n, r in rows]
    rows = without_comments(rows, remarks)
    if not commented:
        rows = [(n, r[:width] if not any(x.strip() for x in r[width:]) else r) for n, r in rows]
        rows = check_rows(rows, remarks, ended=ended, columns=width, where=where)
    long = next((n for n, cells in rows if len(cells) > width + commented), None)
    if long is not None:
        raise ReaderError(
            f"more cells than under {', '.join(header)}", where=f"{where}, line {long}"
        )
    cells = [[c.strip() for c in r[:width]] + [""] * (width - len(r)) for _, r in rows]
    columns = {n: list(c) for n, c in zip(names, zip(*cells, strict=True), strict=True)}
    axes = [n for n in names if n.startswith("X_Value")]
    warnings = remarks + _complaints(settings, len(rows), label, axes, columns)
    channels = [n for n in names if n not in axes]
    x = columns[axes[0]]
    if settings.get("X_Columns", "") == "No" or not any(x):
        x = _counted(settings, len(rows), where)
    stated = [u.strip() or None for u in settings.get("Y_Unit_Label", "").split(split)]
    axis = settings.get("X_Dimension", "Time")
    if axis.split() and axis.split()[0].lower() not in _AXES:
        warnings.append(
            f"the x axis measures {axis.split()[0]!r}, which is neither time nor voltage"
        )
    # The format's times are in seconds, where it does not say otherwise.
    second = "s" if axis.lower().startswith("time") else None
    units = [settings.get("X_Unit_Label", "").split(split)[0].strip() or second, *stated]
    units += [None] * (len(channels) + 1 - len(units))
    return Table(
        names=("X_Value", *channels), columns=(x, *(columns[n] for n in channels)),
        lines=[n for n, _ in rows], units=tuple(units[: len(channels) + 1]),
        roles=_roles(channels, units, axis), settings=settings,
        warnings=tuple(warnings), label=label,
    )  # fmt: skip


def _complaints(
    settings: dict[str, str], n: int, label: str, axes: list[str], columns: dict[str, list[str]]
) -> list[str]:
    samples = re.match(r"\d+", settings.get("Samples", ""))
    warnings = []
    if samples and int(samples[0]) != n:
        warnings.append(
            f"{label or 'the file'}: {n} rows where its header says {samples[0]} samples"
        )
    if any(columns[a] != columns[axes[0]] for a in axes[1:]):
        warnings.append("each channel has an X_Value of its own: that of the first one is used")
    return warnings


def _counted(settings: dict[str, str], n: int, where: str) -> list[str]:
    """The x axis of a file without it."""
    try:
        start, step = (float(settings[k].split()[0].replace(",", ".")) for k in ("X0", "Delta_X"))
    except (KeyError, ValueError, IndexError):
        raise ReaderError(
            "no X_Value in the rows, and no X0 and Delta_X above them", where=where,
            fix="save the file with one X column",
        ) from None  # fmt: skip
    return [repr(start + step * k) for k in range(n)]


def _roles(channels: list[str], units: list[str | None], dimension: str) -> dict[str, str]:
    """Role of the x axis by its dimension, of channels by their units where no name tells."""
    axis = dimension.split()[0].lower() if dimension.split() else "time"
    roles = {"t": "X_Value"} if axis == "time" else {}
    if axis in ("voltage", "electric_potential"):
        roles = {"v": "X_Value"}
    for role in ("v", "i"):
        named = [c for c in channels for w in re.findall(r"[A-Za-z]+", c) if plain_role(w) == role]
        by_unit = [c for c, u in zip(channels, units[1:], strict=False) if measures(u, role)]
        if role not in roles and not named and len(by_unit) == 1:
            roles[role] = by_unit[0]
    return roles

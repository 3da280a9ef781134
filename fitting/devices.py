"""The files of many devices, by name."""

import os
from collections.abc import Sequence
from pathlib import Path

from memjax.errors import DataError
from memjax.io.request import file_of, files_of

# Endings of the files of a folder that count as measured.
_TABLES = (".csv", ".txt", ".tsv", ".dat", ".lvm", ".xls", ".xlsx")


def devices_of(names: Sequence[str]) -> dict[str, str]:
    """Files, folders (the tables in them), patterns or example:NAME as files by the names of their devices.

    The name is the file's without its ending; with its folders where another has the same.

    Raises
    ------
    DataError
        If there is no such file, or one is named twice.
    """
    files = expanded(names)
    stems = [Path(file_of(f)).stem for f in files]
    if len(set(stems)) < len(stems):
        paths = [Path(os.path.abspath(file_of(f))) for f in files]
        root = Path(os.path.commonpath([p.parent for p in paths]))
        stems = ["-".join(p.relative_to(root).with_suffix("").parts) for p in paths]
    named: dict[str, str] = {}
    for stem, file in zip(stems, files, strict=True):
        if stem in named:
            what = f"{named[stem]} and {file} are one device"
            allowed = "each file once, of a name of its own"
            raise DataError(what, where="--batch", allowed=allowed)
        named[stem] = file
    return named


def expanded(names: Sequence[str]) -> list[str]:
    """The files that arguments stand for, see `memjax.io.request.files_of`; each has to be there before the run."""
    files = files_of(names, suffixes=_TABLES)
    for name in files:
        if not file_of(name).exists():
            allowed = "files, folders of tables, patterns"
            raise DataError("no such file", where=name, allowed=allowed)
    return files

"""The files that a name stands for: a file, a folder, a pattern."""

import glob
import os
import re
from collections.abc import Sequence
from pathlib import Path

from memjax.errors import ReaderError

SUFFIXES = (
    ".csv", ".txt", ".tsv", ".dat", ".asc", ".lvm", ".xls", ".xlsx", ".xlsb", ".ods", ".json", ".jsonl", ".qtj",
    ".mat", ".h5", ".hdf5", ".nc", ".npy", ".npz", ".parquet",
)  # fmt: skip
"""Suffixes of the files that are read in a folder, each also behind ``.gz``."""


def data_files(name: str, *, suffixes: Sequence[str] = SUFFIXES) -> list[str]:
    """Files that a name stands for, in the order of the numbers and letters of their names.

    Parameters
    ----------
    name : str
        A file; a folder, of which the files with known suffixes are taken, without those of its folders; a pattern
        with ``*``, ``?``, ``[...]`` or ``**``, where there is no file of that very name.
    suffixes : sequence of str, optional
        Suffixes of the files that are taken of a folder.

    Raises
    ------
    ReaderError
        If a folder holds no such file, or nothing matches a pattern.
    """
    path = Path(name)
    if os.path.isdir(path):  # False for a name that is too long, too
        files = [str(p) for p in path.iterdir() if p.is_file() and _suffix(p) in suffixes]
        if not files:
            raise ReaderError(
                "a folder without files of measurements", where=name, allowed=", ".join(suffixes)
            )
    elif not os.path.exists(path) and re.search(r"[*?\[]", name):
        files = [p for p in glob.glob(name, recursive=True) if Path(p).is_file()]
        if not files:
            raise ReaderError(
                "no such file, and no file that matches the pattern",
                where=name,
                fix="check the path",
            )
    else:
        return [name]
    return sorted(files, key=_natural)


def _suffix(path: Path) -> str:
    """Suffix of a file, below that of its compression."""
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Key by which run 2 stands before run 10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]

"""Arrays that numpy saved: .npy and .npz."""

import io
import zipfile
from typing import final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import NUMPY_MAGIC, WORKBOOK_MAGIC, check_archive
from memjax.data.tree import Array, tree_tables
from memjax.errors import ReaderError


@final
class NumpyReader(AbstractReader):
    """One array with columns (.npy), or arrays by name (.npz); arrays of records have their columns by name.

    Notes
    -----
    Arrays of Python objects are pickles, which can run any program when they are read: they are never read.
    """

    name = "numpy"
    description = "numpy .npy and .npz: arrays by name, arrays of records, or one array of columns"

    def judge(self, source: Source) -> Verdict:
        """Sure of numpy's first bytes, or of a zip file whose members are arrays."""
        if source.data.startswith(NUMPY_MAGIC):
            return Verdict(certainty=0.95, reason="it begins as numpy's .npy does")
        zipped = source.data.startswith(WORKBOOK_MAGIC[0]) and _members(source)
        return verdict(zipped, 0.97, "a zip file of arrays (.npz)")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        where = str(source.path)
        check_archive(source.data, where=where)
        try:
            content = np.load(io.BytesIO(source.data), allow_pickle=False)
            arrays = {"": content} if isinstance(content, np.ndarray) else _read(content, where)
        except ReaderError:
            raise
        except (
            Exception
        ) as error:  # numpy takes the header apart as Python, and fails in as many ways
            raise _refusal(error, "", where) from None
        tree = {n: _columns(x) for n, x in arrays.items()}
        single = tree.get("")
        return tree_tables(single if isinstance(single, dict) else tree, options, where=where)


def _members(source: Source) -> bool:
    """Whether the members of a zip file are arrays."""
    try:
        names = zipfile.ZipFile(io.BytesIO(source.data)).namelist()
    except zipfile.BadZipFile:
        return b".npy" in source.data[:200]
    return bool(names) and all(n.endswith(".npy") for n in names)


def _read(file: np.lib.npyio.NpzFile, where: str) -> dict[str, np.ndarray]:
    """Arrays of an .npz file."""
    arrays = {}
    for name in file.files:
        try:
            arrays[name] = file[name]
        except Exception as error:
            raise _refusal(error, name, where) from None
    return arrays


def _columns(values: np.ndarray) -> Array | dict[str, Array]:
    """Columns of an array of records, or the array."""
    if values.dtype.names:
        return {n: Array(values=values[n]) for n in values.dtype.names}
    return Array(values=values)


def _refusal(error: Exception, name: str, where: str) -> ReaderError:
    if "pickle" in str(error):
        what = f"the array {name!r}" if name else "an array"
        return ReaderError(
            f"{what} of Python objects, which is a pickle and can run any program when it is read",
            where=where, allowed="arrays of numbers",
            fix="where you trust it, save it again as float: np.savez(f, V=V.astype(float), ...)",
        )  # fmt: skip
    return ReaderError(
        f"a damaged file of numpy ({error})", where=where, fix="copy it again from its source"
    )

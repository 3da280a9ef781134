"""MATLAB files, of all versions."""

import io
import struct
import zlib
from typing import Any, final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import MATLAB_MAGIC, inflate, is_hdf5
from memjax.data.tree import tree_tables
from memjax.errors import ReaderError

from .hdf5 import hdf5_tree
from .json_arrays import branches

_MATRIX, _COMPRESSED = 14, 15
_DEEPEST = 64
"""Structures in structures, at most."""

_KINDS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 15, 16, 17, 18)
"""Kinds of data elements that the format knows."""


@final
class MatlabReader(AbstractReader):
    """Variables, structures and arrays of structures of a .mat file.

    Notes
    -----
    Version 7.3 is HDF5, read by h5py; older ones are read by scipy. Objects of MATLAB's classes (table,
    timeseries) are stored in a way that is not published: they are left out, which an error says where nothing is left.

    References
    ----------
    .. [1] MathWorks, MAT-File Format, for versions 4 to 7.
    """

    name = "matlab"
    description = "MATLAB .mat of all versions: variables, structures, arrays of structures"

    def judge(self, source: Source) -> Verdict:
        """Sure of MATLAB's first words, or of an old file by its name."""
        if source.data.startswith((MATLAB_MAGIC, b"MATLAB 7.3")):
            return Verdict(certainty=0.95, reason=f"it begins with {source.head[:10]!r}")
        old = source.path.suffix.lower() == ".mat" and not source.text
        return verdict(old, 0.6, "a binary file with the suffix .mat")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file, one for each structure that holds columns of one length."""
        where = str(source.path)
        tree = hdf5_tree(source) if is_hdf5(source.data) else _older(source.data, where)
        return tree_tables(tree, options, where=where)


def _older(data: bytes, where: str) -> dict[str, Any]:
    """Variables of a file of version 4 to 7."""
    from scipy.io import loadmat  # here: only these files need it

    if data.startswith(MATLAB_MAGIC) and not _is_intact(data[128:], data[126:128] != b"MI"):
        raise ReaderError(
            "a damaged MATLAB file: data of a kind that there is not, or that end early", where=where,
            fix="save it again",
        )  # fmt: skip
    try:
        content = loadmat(io.BytesIO(data), simplify_cells=True)
    except Exception as error:  # scipy raises many kinds on damaged files
        what = f"a damaged MATLAB file ({type(error).__name__}: {error})"
        raise ReaderError(what, where=where, fix="save it again") from None
    variables = {n: x for n, x in content.items() if not n.startswith("__")}
    known = {n: x for n, x in variables.items() if not _is_object(x)}
    if not known:
        listed = ", ".join(variables) or "none"
        raise ReaderError(
            f"no variable that holds numbers; variables: {listed}", where=where,
            allowed="arrays and structures", fix="save columns as arrays, as in V = T.V; I = T.I; save f.mat V I",
        )  # fmt: skip
    return branches(known)


def _is_intact(data: bytes, little: bool, depth: int = 0) -> bool:
    """Whether the elements of a content have known kinds and end within it; scipy takes both for granted.

    References
    ----------
    .. [1] MathWorks, MAT-File Format, "Data Elements": a tag of kind and length, or both in four bytes.
    """
    order, offset = "<" if little else ">", 0
    if depth > _DEEPEST:
        return False
    while offset + 8 <= len(data):
        kind, length = struct.unpack_from(f"{order}II", data, offset)
        if kind >> 16:  # a small element, whose data stand in its tag
            kind, length, begin, end = kind & 0xFFFF, 0, offset + 8, offset + 8
        else:
            begin, end = offset + 8, offset + 8 + length
        if kind not in _KINDS or end > len(data):
            return False
        inner = data[begin:end] if kind == _MATRIX else b""
        if kind == _COMPRESSED:
            try:
                inner = inflate(data[begin:end])
            except zlib.error:
                return False
        if not _is_intact(inner, little, depth + 1):
            return False
        offset = end if kind == _COMPRESSED else end + -end % 8
    return True


def _is_object(value: Any) -> bool:
    """Whether a variable is an object of a class of MATLAB's, of which scipy shows the four fields alone."""
    fields = (
        value if isinstance(value, dict) else getattr(value, "dtype", np.dtype("f8")).names or ()
    )
    return {"s0", "s1", "s2", "arr"} == set(fields)

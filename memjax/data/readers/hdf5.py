"""HDF5 files."""

import io
from typing import Any, final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import is_hdf5, most_unpacked
from memjax.data.tree import Array, tree_tables
from memjax.errors import ReaderError

_UNITS = ("units", "unit", "Units", "Unit", "UNITS")
_MATLAB_OWN = ("#refs#", "#subsystem#")


@final
class Hdf5Reader(AbstractReader):
    """Datasets of numbers in groups; the attribute `units` or `unit` of a dataset is its unit.

    Notes
    -----
    Datasets of one length in one group are the columns of a record; a compound dataset holds its columns by their
    names. A group for each quantity (``voltage/data``, ``current/data``) is read, too.
    """

    name = "hdf5"
    description = "HDF5: datasets of one length in a group, compound datasets, units as attributes"

    def judge(self, source: Source) -> Verdict:
        """Sure of HDF5's signature; a MATLAB or netCDF reader is surer of its own files."""
        return verdict(is_hdf5(source.data), 0.75, "it has the signature of HDF5")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """Records of the file."""
        return tree_tables(hdf5_tree(source), options, where=str(source.path))


def hdf5_tree(source: Source) -> dict[str, Any]:
    """Groups and datasets of a file.

    Raises
    ------
    ReaderError
        If the file is damaged.
    """
    import h5py  # here: only these files need it

    try:
        with h5py.File(io.BytesIO(source.data), "r") as file:
            return _group(file, file, most_unpacked(len(source.data)))
    except Exception as error:  # h5py raises many kinds on damaged files
        raise ReaderError(
            f"a damaged HDF5 file ({error})",
            where=str(source.path),
            fix="copy it again from its source",
        ) from None


def _group(group: Any, file: Any, most: int) -> dict[str, Any]:
    """Groups and datasets below; links that lead nowhere are left out."""
    arrays = {}
    for name in group:
        item = group.get(name)
        if name in _MATLAB_OWN or item is None:
            continue
        arrays[name] = (
            _dataset(item, file, most)
            if item.__class__.__name__ == "Dataset"
            else _group(item, file, most)
        )
    return arrays


def _dataset(item: Any, file: Any, most: int) -> Any:
    """Array of a dataset; a group of compound ones and of references, which MATLAB uses for cells and structures."""
    import h5py

    if item.nbytes > most:
        raise ValueError(f"{item.name} unpacks to {item.nbytes / 2**20:.4g} MiB")
    values = item[()]
    if h5py.check_ref_dtype(item.dtype) is not None:
        targets = [file[ref] for ref in np.ravel(values) if ref]
        return {str(k): _dataset(t, file, most) if isinstance(t, h5py.Dataset) else _group(t, file, most)
                for k, t in enumerate(targets)}  # fmt: skip
    if item.dtype.names:
        return {n: Array(values=np.atleast_1d(values)[n]) for n in item.dtype.names}
    if h5py.check_string_dtype(item.dtype) is not None or item.dtype.kind == "S":
        flat = [
            x.decode("utf-8", "replace") if isinstance(x, bytes) else str(x)
            for x in np.ravel(values)
        ]
        return Array(values=np.array(flat))
    if item.attrs.get("MATLAB_class") == b"char":
        return Array(values=np.array("".join(map(chr, np.ravel(values)))))
    unit = next((item.attrs[k] for k in _UNITS if k in item.attrs), None)
    text = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else unit
    return Array(
        values=np.asarray(values), unit=str(text) if text is not None and str(text) else None
    )

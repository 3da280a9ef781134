"""netCDF files, such as ``memjax simulate`` writes."""

import io
import sys
import traceback
from typing import Any, final

import numpy as np

from memjax.data.base import AbstractReader, Options, Source, Table, Verdict, verdict
from memjax.data.binary import NETCDF3_MAGIC, is_hdf5, most_unpacked
from memjax.errors import ReaderError


@final
class NetcdfReader(AbstractReader):
    """Variables over named dimensions, with coordinates; the attribute `units` is the unit.

    Notes
    -----
    The variables of the most dimensions make the table; those of fewer are repeated along the others, as member and
    sweep of a simulation are. Both netCDF 4 (HDF5) and netCDF 3 are read, by xarray.
    """

    name = "netcdf"
    description = (
        "netCDF 3 and 4, such as memjax simulate writes: variables and coordinates with units"
    )

    def judge(self, source: Source) -> Verdict:
        """Sure of the signature of netCDF 3, or of HDF5 with netCDF's marks."""
        if source.data.startswith(NETCDF3_MAGIC):
            return Verdict(certainty=0.95, reason="it has the signature of netCDF 3")
        known = is_hdf5(source.data) and (
            b"_NCProperties" in source.data or b"DIMENSION_LIST" in source.data
        )
        return verdict(known, 0.9, "HDF5 whose variables have netCDF's dimensions")

    def parse(self, source: Source, options: Options) -> tuple[Table, ...]:
        """The record of the file."""
        where = str(source.path)
        try:
            return (_table(_dataset(source.data), where),)
        except ReaderError:
            raise
        except Exception as error:  # xarray and what it calls raise many kinds on damaged files
            raise ReaderError(
                f"a damaged netCDF file ({error})", where=where, fix="copy it again from its source"
            ) from None


def _dataset(data: bytes) -> Any:
    """The dataset of a content, in memory.

    A file object of h5netcdf that failed in its making complains on standard error when it is let go: not here.
    """
    import xarray as xr  # here: only these files need it

    engine = "scipy" if data.startswith(NETCDF3_MAGIC) else "h5netcdf"
    hook, sys.unraisablehook = sys.unraisablehook, _ignore
    try:
        with xr.open_dataset(io.BytesIO(data), engine=engine, decode_times=False) as dataset:
            if dataset.nbytes > most_unpacked(len(data)):
                raise ValueError(f"it unpacks to {dataset.nbytes / 2**20:.4g} MiB")
            return dataset.load()
    except Exception as error:
        traceback.clear_frames(error.__traceback__)
        raise
    finally:
        sys.unraisablehook = hook


def _ignore(_: object) -> None:
    """Nothing is said of an object that could not be let go."""


def _table(data: Any, where: str) -> Table:
    """The variables of the most dimensions and all that stand over these, row by row."""
    numeric = {str(n): x for n, x in data.variables.items() if x.dtype.kind in "biuf" and x.ndim}
    if not numeric:
        raise ReaderError(f"no variables; it holds {list(data.variables)}", where=where)
    variables = {n: x for n, x in numeric.items() if n in data.data_vars} or numeric
    most = max((x.dims for x in variables.values()), key=lambda d: (_rank(variables, d), len(d)))
    shape = [data.sizes[d] for d in most]
    names, columns, units = [], [], []
    # Dimensions without a coordinate, but the one along which the points lie, number sweeps or members.
    points = max(most, key=lambda d: data.sizes[d])
    bare = [d for d in most if d not in data.variables and d != points]
    numeric = {str(d): data[d].variable for d in bare} | numeric
    for name, x in numeric.items():
        if not set(x.dims) <= set(most):
            continue
        axes = [x.dims.index(d) for d in most if d in x.dims]
        index = tuple(slice(None) if d in x.dims else None for d in most)
        columns.append(
            np.broadcast_to(x.values.transpose(axes)[index], shape).ravel().astype(float)
        )
        names.append(name)
        units.append(str(x.attrs["units"]) if x.attrs.get("units") else None)
    aside = [n for n in numeric if n not in names]
    remarks = (
        (f"variables over other dimensions are not read: {', '.join(aside[:6])}",) if aside else ()
    )
    return Table(
        names=tuple(names), columns=tuple(columns), lines=list(range(1, len(columns[0]) + 1)),
        units=tuple(units), settings={str(k): str(v) for k, v in data.attrs.items()}, warnings=remarks,
    )  # fmt: skip


def _rank(variables: dict[str, Any], dims: tuple) -> int:
    """How many variables stand over some dimensions."""
    return sum(x.dims == dims for x in variables.values())

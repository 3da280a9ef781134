"""A measurement as a tidy table, or as netCDF with units, which is HDF5."""

from pathlib import Path

from ..data import Measurement
from ..data.summary import write_tidy
from ..errors import OutputError
from ..runtime.files import writing

MEASUREMENT_SUFFIXES = (".csv", ".nc", ".h5")
"""Suffixes that `write_measurement` knows."""


def check_measurement_suffix(path: str | Path) -> None:
    """Raise `OutputError` unless `write_measurement` knows the suffix."""
    suffix = Path(path).suffix
    if suffix.lower() not in MEASUREMENT_SUFFIXES:
        what = f"suffix {suffix!r}" if suffix else "no suffix"
        allowed = ", ".join(MEASUREMENT_SUFFIXES)
        raise OutputError(what, where=f"--out {path}", allowed=allowed)


def write_measurement(measurement: Measurement, path: str | Path) -> None:
    """Write a measurement, whole or not at all.

    Parameters
    ----------
    measurement : Measurement
        What to write.
    path : str or Path
        ``.csv`` for columns sweep, t_s, v_V, i_A; ``.nc`` or ``.h5`` for netCDF 4, which is HDF5, with units, current
        limits, provenance and warnings.

    Raises
    ------
    OutputError
        If the suffix is another one, or the file cannot be written.
    """
    check_measurement_suffix(path)
    if Path(path).suffix.lower() == ".csv":
        write_tidy(measurement, path)
        return
    with writing(path) as temporary:
        measurement.to_xarray().to_netcdf(temporary, engine="h5netcdf")

"""A trace as CSV or netCDF."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..circuit.bench import NODE
from ..core.result import Trace
from ..errors import OutputError
from ..runtime.files import writing

SUFFIXES = (".csv", ".nc")
"""Suffixes that `write_trace` knows."""


def check_suffix(path: str | Path) -> None:
    """Raise `OutputError` unless `write_trace` knows the suffix."""
    suffix = Path(path).suffix
    if suffix.lower() not in SUFFIXES:
        what = f"suffix {suffix!r}" if suffix else "no suffix"
        raise OutputError(what, where=f"--out {path}", allowed=" or ".join(SUFFIXES))


def write_trace(
    trace: Trace,
    path: str | Path,
    *,
    device: bool,
    members: np.ndarray | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a trace, whole or not at all.

    Parameters
    ----------
    trace : Trace
        What to write.
    path : str or Path
        ``.csv`` for columns member, sweep, t_s, v_V, i_A, states; ``.nc`` for netCDF with units.
    device : bool
        Whether voltage and current of the device itself are added.
    members : Int[np.ndarray, "members"], optional
        Numbers of the members, where some were left out.
    notes : mapping of str to str, optional
        Provenance, written into netCDF.

    Raises
    ------
    OutputError
        If the suffix is another one, or the file cannot be written.
    """
    check_suffix(path)
    numbers = np.arange(trace.v.shape[0]) if members is None else np.asarray(members)
    with writing(path) as temporary:
        if Path(path).suffix.lower() == ".csv":
            frame = trace.to_pandas(device=device).drop(columns=NODE, errors="ignore")
            frame["member"] = numbers[frame["member"]]
            frame.to_csv(temporary, index=False, lineterminator="\n")
            return
        data = trace.to_xarray().drop_vars(NODE, errors="ignore")
        data = data if device else data.drop_vars(["v_device", "i_device"])
        data = data.assign_coords(member=numbers).assign_attrs(dict(notes or {}))
        data.to_netcdf(temporary, engine="h5netcdf")

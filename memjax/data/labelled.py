"""Measurements as xarray and pandas, with units and provenance, and back."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ReaderError

if TYPE_CHECKING:
    import pandas
    import xarray

    from .measurement import Measurement

UNITS = {"t": "s", "v": "V", "i": "A", "limit": "A"}
"""Units of the variables of a dataset."""

_COLUMNS = {"t": "t_s", "v": "v_V", "i": "i_A", "limit": "compliance_A"}
_FACTS = ("driven", "modulus", "compliance", "reader", "source", "warnings")


def to_xarray(measurement: "Measurement") -> "xarray.Dataset":
    """A dataset over `point`: v [V], i [A], the limit [A] and at_compliance; t [s] and sweep as coordinates.

    Facts of the measurement (what was driven, provenance, warnings) stand in the attribute ``measurement`` as JSON, so
    that netCDF holds them.
    """
    import xarray as xr

    m = measurement
    variable = lambda name: ("point", getattr(m, name), {"units": UNITS[name]})  # noqa: E731
    variables = {n: variable(n) for n in ("v", "i", "limit") if getattr(m, n) is not None}
    coords: dict[str, Any] = {"sweep": ("point", m.sweep)}
    coords |= {} if m.t is None else {"t": variable("t")}
    facts = json.dumps({name: getattr(m, name) for name in _FACTS}, default=str)
    return xr.Dataset(
        variables | {"at_compliance": ("point", m.at_compliance)}, coords, {"measurement": facts}
    )


def from_xarray(dataset: "xarray.Dataset") -> dict[str, Any]:
    """The fields of a `Measurement` out of a dataset, which holds v and i over one dimension.

    Raises
    ------
    ReaderError
        If it has no v or i, or one of a unit that is not SI.
    """
    held = {n: dataset[n] for n in (*UNITS, "sweep", "at_compliance") if n in dataset.variables}
    for name in ("v", "i"):
        if name not in held:
            raise ReaderError(
                f"no variable {name!r}",
                where="a dataset",
                allowed="v [V] and i [A] over one dimension, sweep, t [s]",
            )
    for name, unit in UNITS.items():
        stated = held[name].attrs.get("units", unit) if name in held else unit
        if stated != unit:
            raise ReaderError(
                f"{name} in {stated!r}",
                where="a dataset",
                allowed=unit,
                fix="convert it to SI first",
            )
    facts = json.loads(dataset.attrs.get("measurement", "{}"))
    facts["warnings"] = tuple(facts.get("warnings", ()))
    values = {n: np.asarray(x.values) for n, x in held.items()}
    return _complete(values | facts, "xarray")


def to_pandas(measurement: "Measurement") -> "pandas.DataFrame":
    """A row per point: sweep, t_s, v_V, i_A, compliance_A where the limit varies, at_compliance."""
    import pandas as pd

    m = measurement
    columns = {c: getattr(m, n) for n, c in _COLUMNS.items() if getattr(m, n) is not None}
    frame = pd.DataFrame({"sweep": m.sweep, **columns, "at_compliance": m.at_compliance})
    frame.attrs["measurement"] = {name: getattr(m, name) for name in _FACTS}
    return frame


def from_pandas(frame: "pandas.DataFrame") -> dict[str, Any]:
    """The fields of a `Measurement` out of a table with columns v_V, i_A, and where there are any sweep, t_s.

    Raises
    ------
    ReaderError
        If it has no column v_V or i_A.
    """
    for column in ("v_V", "i_A"):
        if column not in frame.columns:
            raise ReaderError(
                f"no column {column!r}",
                where="a table",
                allowed="v_V and i_A, sweep, t_s, compliance_A, at_compliance",
                fix="frame.rename(columns={...}), in SI",
            )
    names = {c: n for n, c in _COLUMNS.items()} | {
        "sweep": "sweep",
        "at_compliance": "at_compliance",
    }
    values = {names[str(c)]: frame[c].to_numpy() for c in frame.columns if str(c) in names}
    other_columns = [str(c) for c in frame.columns if str(c) not in names]
    facts = dict(frame.attrs.get("measurement", {}))
    if other_columns:
        remarks = f"columns {', '.join(other_columns)} are left out"
        facts["warnings"] = (*facts.get("warnings", ()), remarks)
    return _complete(values | facts, "pandas")


def _complete(fields: dict[str, Any], reader: str) -> dict[str, Any]:
    """The fields, with those that are not given at what they mean by that."""
    count = len(fields["v"])
    missing = {
        "sweep": np.zeros(count, int), "at_compliance": np.zeros(count, bool), "reader": reader,
    }  # fmt: skip
    for name in ("v", "i", "t", "limit"):
        if fields.get(name) is not None:
            fields[name] = np.asarray(fields[name], float)
    return missing | fields

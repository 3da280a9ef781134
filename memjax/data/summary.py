"""A measurement in a few numbers, and as a tidy table."""

from pathlib import Path

import numpy as np

from memjax.runtime.files import writing

from .measurement import Measurement
from .zero_reading import zero_remarks


def summary(measurement: Measurement) -> dict:
    """Return what ``memjax read --json`` prints.

    Parameters
    ----------
    measurement : Measurement
        Measurement.

    Returns
    -------
    dict
        Reader, counts, ranges in the units of `units`, current limit [A], warnings; JSON as it is.
    """
    m = measurement
    result = {
        "reader": m.reader,
        "recognised": m.source.get("recognised"),
        "points": len(m.v),
        "sweeps": len(m.labels),
        "v_min": float(m.v.min()),
        "v_max": float(m.v.max()),
        "i_min": float(m.i.min()),
        "i_max": float(m.i.max()),
        "compliance_A": m.compliance,
        "compliances_A": m.compliances,
        "units": {"v": "V", "i": "A"} | ({} if m.t is None else {"t": "s"}),
        "warnings": [*m.warnings, *zero_remarks(m)],
        "driven": m.driven,
        "driven_reason": m.source.get("driven_reason"),
        "modulus": m.modulus,
        "at_compliance": int(m.at_compliance.sum()),
    }
    times = {} if m.t is None else {"t_min": float(m.t.min()), "t_max": float(m.t.max())}
    return result | times


def write_tidy(measurement: Measurement, path: str | Path) -> None:
    """Write a measurement as CSV: ``sweep, t_s, v_V, i_A``, all digits, whole or not at all.

    A column `compliance_A` is added where there are several current limits.

    Parameters
    ----------
    measurement : Measurement
        Measurement; without a time there is no column `t_s`.
    path : str or Path
        File; what lies there is replaced.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    m, path = measurement, Path(path)
    columns = {"sweep": m.sweep, "t_s": m.t, "v_V": m.v, "i_A": m.i}
    columns |= {"compliance_A": m.limit if len(m.compliances) > 1 else None}
    present = {name: values for name, values in columns.items() if values is not None}
    formats = ["%d" if name == "sweep" else "%.17g" for name in present]
    with writing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(",".join(present) + "\n")
        np.savetxt(file, _columns(present), fmt=formats, delimiter=",")


def _columns(present: dict[str, np.ndarray]) -> np.ndarray:
    """One row per point; a structured array keeps labels whole."""
    kinds = [(name, values.dtype) for name, values in present.items()]
    rows = np.empty(len(present["v_V"]), dtype=kinds)
    for name, values in present.items():
        rows[name] = values
    return rows

"""What a fit directory holds of resistance against time: the laws and the device in fit.json, two tables."""

from typing import Any

import pandas

from .fit import RetentionFit
from .laws import LawFit


def content(fit: RetentionFit) -> dict:
    """What ``fit.json`` holds of a decay."""
    record = fit.record
    return {
        "n_points": len(record.t),
        "n_sweeps": 1,
        "reduced_chi2": 2 * fit.loss / max(len(record.t) - len(fit.free), 1),
        "covariance_from": "residuals and their correlation",
        "warnings": list(record.warnings),
        "reader": [record.reader],
        "retention": {
            "run": record.label,
            "held_at_V": fit.voltage,
            "laws": [_law(law) for law in fit.laws],
            "device_rms_relative": fit.rms,
        },
    }


def _law(law: LawFit) -> dict[str, Any]:
    """A law of decay."""
    columns = {"value": law.values, "std": law.std, "unit": law.units}
    return {
        "name": law.name,
        "parameters": {n: {key: x[n] for key, x in columns.items()} for n in law.values},
        "rms_relative": law.rms,
        "autocorrelation": law.correlation,
        "aic": law.aic,
        "second_half_error": law.ahead,
    }


def tables(fit: RetentionFit) -> dict[str, pandas.DataFrame]:
    """Readings, and the resistance of the device and of each law."""
    return fit.tables()


def row(content: dict) -> dict[str, Any]:
    """What a row of a batch says: the best law, and how well it and the device meet the readings."""
    retention, best = content["retention"], content["retention"]["laws"][0]
    error = {
        "rms_relative": best["rms_relative"],
        "device_rms_relative": retention["device_rms_relative"],
    }
    return {"law": best["name"]} | error

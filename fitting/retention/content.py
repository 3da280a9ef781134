"""What a fit directory holds of resistance against time: fit.json and two tables."""

from pathlib import Path
from typing import Any

import pandas

from ..fit_json import common_content
from ..report import fill
from .fit import RetentionFit


def _content(fit: RetentionFit) -> dict:
    """Content of ``fit.json`` of a decay."""
    content = common_content(
        fit,
        kind="resistance against time",
        n_points=len(fit.record.t),
        n_sweeps=1,
        reduced_chi2=2 * fit.loss / max(len(fit.record.t) - len(fit.free), 1),
        covariance_from="residuals and their correlation",
        seed=0,
        warnings=list(fit.record.warnings),
        reader=[fit.record.reader],
    )
    content["retention"] = {
        "run": fit.record.label,
        "held_at_V": fit.voltage,
        "laws": [
            {
                "name": law.name,
                "parameters": {
                    n: {"value": law.values[n], "std": law.std[n], "unit": law.units[n]}
                    for n in law.values
                },
                "rms_relative": law.rms,
                "autocorrelation": law.correlation,
                "aic": law.aic,
                "second_half_error": law.ahead,
            }
            for law in fit.laws
        ],
        "device_rms_relative": fit.rms,
    }
    return content


def write(fit: RetentionFit, folder: Path, **about: Any) -> list[str]:
    """Fill a fit directory; arguments as for `fitting.report.fill`."""
    laws = {law.name.replace(" ", "_") + "_ohm": law.curve for law in fit.laws}
    tables = (
        pandas.DataFrame({"t_s": fit.record.t, "r_ohm": fit.record.r}),
        pandas.DataFrame({"t_s": fit.record.t, "r_ohm": fit.curve} | laws),
    )
    return fill(_content(fit), tables, folder, sample=fit.sample, **about)

"""What a fit directory holds of delays and relaxations: fit.json, two tables, and some of the curves."""

from typing import Any

import pandas

from ..fit_json import randomness_of
from .fit import TransientFit


def content(fit: TransientFit) -> dict:
    """What ``fit.json`` holds of delays and relaxations."""
    entries: dict[str, Any] = {
        "n_points": len(fit.features.responses),
        "n_sweeps": len(fit.features.responses),
        "reduced_chi2": 2 * fit.loss,
        "covariance_from": "standard errors of the medians",
        "cycle_spread": fit.cycle_spread,
        "reader": ["curves under one pulse each"],
        "transients": fit.as_json(),
    }
    if fit.stochastic is not None:
        entries |= {
            "stochastic": randomness_of(fit.stochastic),
            "undetermined": list(fit.stochastic.undetermined),
            "covariance_from": "resampled cycles; correlations are not kept",
            "interrupted": fit.stochastic.interrupted,
        }
    return entries


def tables(fit: TransientFit) -> dict[str, pandas.DataFrame]:
    """Times of measured and simulated curves, and some of the measured curves where there are any."""
    return fit.tables() | ({"curves": pandas.DataFrame(fit.curves)} if fit.curves else {})

"""What a fit directory holds of delays and relaxations: fit.json, two tables, and some of the curves."""

import argparse
from typing import Any

import numpy as np
import pandas

from memjax.observables import summarise_pulses
from memjax.params import get

from ..fit_json import finite, randomness_of
from .features import curves
from .fit import TransientFit

_ROWS = 400  # of the typical curve


def content(fit: TransientFit, options: argparse.Namespace) -> dict:
    """What ``fit.json`` holds of delays and relaxations."""
    del options
    about: dict[str, Any] = {
        "n_points": len(fit.features.responses),
        "n_sweeps": len(fit.features.responses),
        "reduced_chi2": 2 * fit.loss,
        "covariance_from": "standard errors of the medians",
        "cycle_spread": fit.cycle_spread,
        "reader": ["curves under one pulse each"],
        "transients": _transients(fit),
    }
    if fit.stochastic is not None:
        about |= {
            "stochastic": randomness_of(fit.stochastic),
            "undetermined": list(fit.stochastic.undetermined),
            "covariance_from": "resampled cycles; correlations are not kept",
            "interrupted": fit.stochastic.interrupted,
        }
    return about


def _transients(fit: TransientFit) -> dict[str, Any]:
    """What is of this kind alone: thresholds, the typical pulse and curve, distributions."""
    features, pulse = fit.features, fit.features.stimulus
    best = {fit.free[0]: np.array([float(get(fit.device, fit.free[0]))])}
    t, i, _ = curves(fit.device, features, best)
    few = np.unique(np.linspace(0, len(t) - 1, _ROWS).astype(int))
    return {
        "threshold_A": features.threshold,
        "clip_A": finite(features.clip),
        "pulse": {
            "amplitude_V": float(pulse.amplitude),
            "width_s": float(pulse.width),
            "watched_s": float(features.limits[1]),
            "onset_s": float(pulse.delay),
            "base_V": float(pulse.base),
        },
        "off_threshold_A": features.off_threshold,
        "measured": summarise_pulses(features.responses),
        "comparison": fit.comparison,
        "w1_s": fit.w1,
        "typical": {"t_s": t[few].tolist(), "i_A": i[0][few].tolist()},
    }


def _columns(**columns: np.ndarray) -> pandas.DataFrame:
    """Columns of different lengths, padded with NaN."""
    return pandas.DataFrame({n: pandas.Series(x) for n, x in columns.items()})


def tables(fit: TransientFit, options: argparse.Namespace) -> dict[str, pandas.DataFrame]:
    """Times of measured and simulated curves, and some of the measured curves where there are any."""
    del options
    times = {"measured": fit.features.restricted(), "simulated": fit.simulated}
    both = {side: _columns(**{f"{n}_s": x for n, x in own.items()}) for side, own in times.items()}
    return both | ({"curves": pandas.DataFrame(fit.curves)} if fit.curves else {})

"""What a fit directory holds of delays and relaxations: fit.json, two tables, and some of the curves."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.observables import summarise_pulses

from ..fit_json import common_content, randomness_of
from ..report import fill
from ..time_pictures import CURVES
from .features import curves
from .fit import TransientFit


def _content(fit: TransientFit) -> dict:
    """Content of ``fit.json`` of delays and relaxations."""
    p = fit.seen.stimulus
    content = common_content(
        fit,
        kind="delay and relaxation",
        n_points=len(fit.seen.responses),
        n_sweeps=len(fit.seen.responses),
        reduced_chi2=2 * fit.loss,
        covariance_from="standard errors of the medians",
        cycle_spread=fit.cycle_spread,
        seed=fit.seed,
        warnings=list(fit.warnings),
        reader=["curves under one pulse each"],
    )
    t, i, _ = curves(
        fit.device, fit.seen, {fit.free[0]: np.array([content["parameters"][fit.free[0]]["value"]])}
    )
    if fit.stochastic is not None:
        content["stochastic"] = randomness_of(fit.stochastic)
        content |= {
            "undetermined": list(fit.stochastic.undetermined),
            "covariance_from": "resampled cycles; correlations are not kept",
            "interrupted": fit.stochastic.interrupted,
        }
    few = np.unique(np.linspace(0, len(t) - 1, 400).astype(int))
    content["transients"] = {
        "threshold_A": fit.seen.threshold,
        "clip_A": fit.seen.clip if np.isfinite(fit.seen.clip) else None,
        "pulse": {
            "amplitude_V": float(p.amplitude),
            "width_s": float(p.width),
            "watched_s": float(fit.seen.limits[1]),
            "onset_s": float(p.delay),
            "base_V": float(p.base),
        },
        "off_threshold_A": fit.seen.off_threshold,
        "measured": summarise_pulses(fit.seen.responses),
        "comparison": fit.comparison,
        "w1_s": fit.w1,
        "typical": {"t_s": t[few].tolist(), "i_A": i[0][few].tolist()},
    }
    return content


def _columns(**columns: np.ndarray) -> pandas.DataFrame:
    """Columns of different lengths, padded with NaN."""
    return pandas.DataFrame({n: pandas.Series(x) for n, x in columns.items()})


def write(fit: TransientFit, folder: Path, **about: Any) -> list[str]:
    """Fill a fit directory; arguments as for `fitting.report.fill`."""
    measured, simulated = (
        _columns(**{f"{n}_s": x for n, x in found.items()})
        for found in (fit.seen.restricted(), fit.simulated)
    )
    extra = [CURVES] if fit.curves else []
    if fit.curves:
        pandas.DataFrame(fit.curves).to_csv(folder / CURVES, index=False)
    return [*extra, *fill(_content(fit), (measured, simulated), folder, sample=fit.sample, **about)]

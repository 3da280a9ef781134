"""What a fit directory holds of a circuit's spike trains, or of the trace of a node: content and tables."""

from typing import Any

import numpy as np
import pandas

from ..fit_json import common_content, content_of
from ..result import parameter_rows, sits_at_bound
from .estimate import Estimate
from .spikes import METHOD, SpikeCalibration, Trains
from .voltage_fit import VoltageFit


def _table(trains: Trains) -> pandas.DataFrame:
    """One row per spike."""
    return pandas.DataFrame(
        {
            "train": np.repeat(np.arange(len(trains)), [len(t) for t in trains]),
            "t_s": np.concatenate([np.zeros(0), *trains]),
        }
    )


def _estimated(estimate: Estimate, model: str, **more: Any) -> dict:
    """What an estimate says."""
    at_bound = [n for n in estimate.values if sits_at_bound(estimate.circuit, n)]
    about = {"undetermined": estimate.undetermined, "at_bound": at_bound}
    rows = parameter_rows(estimate.circuit, estimate.std, {}, **about)
    return content_of(estimate.circuit, rows, estimate.correlation, model=model, **more)


def of_spikes(found: SpikeCalibration, *, model: str, signal: str, level: float, rearm: float | None,
              window: tuple[float, float]) -> dict:  # fmt: skip
    """Content of ``fit.json`` of spike trains."""
    fit = found.fit
    each = zip(fit.summaries, fit.measured, fit.simulated, fit.sigma, strict=True)
    content = _estimated(
        fit.estimate,
        model,
        kind="spike times",
        loss=fit.chi2 / 2,
        search={"iterations": fit.iterations, "evaluations": fit.simulations, "failed": 0},
        n_points=int(sum(map(len, found.trains))),
        n_sweeps=len(found.trains),
        reduced_chi2=fit.chi2 / fit.freedom if fit.freedom > 0 else None,
        covariance_from="simulated trains",
        seed=found.seed,
        warnings=list(found.warnings),
        reader=["spike times"],
    )
    content["spikes"] = {
        "signal": signal,
        "level": level,
        "rearm": rearm,
        "window_s": list(window),
        "estimator": METHOD,
        "members": found.members,
        "dt_s": found.dt,
        "rows_s": found.save,
        "steps": list(found.steps),
        "summaries": {
            n: {"measured": float(m), "simulated": float(s), "sigma": float(e), "z": float((s - m) / e)}
            for n, m, s, e in each
        },
        "chi2": fit.chi2,
        "freedom": fit.freedom,
        "p": found.probability,
        "comparison": found.comparison,
    }  # fmt: skip
    return content


def of_voltage(
    fit: VoltageFit, *, node: str, seed: int, sigma_given: bool, warnings: list[str]
) -> dict:
    """Content of ``fit.json`` of the trace of a node; errors stand for the scatter where no sigma was given."""
    sigma = float(np.median(np.asarray(fit.problem.sigma)))
    content = common_content(
        fit,
        kind="trace of a node",
        n_points=len(fit.trace),
        n_sweeps=1,
        reduced_chi2=fit.chi2,
        covariance_from="sigma" if sigma_given else "residuals",
        seed=seed,
        warnings=warnings,
        reader=["a trace"],
    )
    content["trace"] = {
        "node": node,
        "unit": "A" if node == "i" else "V",
        "sigma": sigma,
        "sigma_from": "given" if sigma_given else "differences of neighbouring rows",
        "chi2": fit.chi2,
        "converged": fit.converged,
    }
    return content


def spike_tables(found: SpikeCalibration) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Measured and simulated trains."""
    return _table(found.trains), _table(found.simulated)


def trace_tables(fit: VoltageFit, node: str) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """Measured and simulated trace."""
    t, name = np.asarray(fit.problem.rows), "i_A" if node == "i" else "v_V"
    sides = (np.asarray(fit.problem.data), fit.trace)
    return tuple(pandas.DataFrame({"t_s": t, name: x}) for x in sides)  # pyright: ignore[reportReturnType]

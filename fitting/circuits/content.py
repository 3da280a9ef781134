"""What a fit directory holds of a circuit's spike trains, or of the trace of a node: content and tables."""

from typing import Any

import numpy as np
import pandas

from ..fit_json import content_of
from .spikes import METHOD, SpikeCalibration, Trains
from .voltage_fit import VoltageFit


def spike_content(calibration: SpikeCalibration) -> dict:
    """Content of ``fit.json`` of spike trains."""
    fit, estimate = calibration.fit, calibration.fit.estimate
    return content_of(
        estimate.circuit,
        estimate.table(),
        estimate.correlation,
        kind="spike times",
        model=calibration.model,
        loss=fit.chi2 / 2,
        search={"iterations": fit.iterations, "evaluations": fit.simulations, "failed": 0},
        n_points=int(sum(map(len, calibration.trains))),
        n_sweeps=len(calibration.trains),
        reduced_chi2=fit.chi2 / fit.freedom if fit.freedom > 0 else None,
        covariance_from="simulated trains",
        seed=calibration.seed,
        verdict=calibration.verdict.as_json(),
        warnings=list(calibration.warnings),
        reader=["spike times"],
        moved_inside=list(calibration.moved),
        backend=fit.backend,
        spikes=_spikes(calibration),
    )


def _spikes(calibration: SpikeCalibration) -> dict[str, Any]:
    """What is of this kind alone: signal, estimator, summaries, how fresh trains compare."""
    fit = calibration.fit
    rows = zip(fit.summaries, fit.measured, fit.simulated, fit.sigma, strict=True)
    return {
        "signal": calibration.signal,
        "level": calibration.level,
        "rearm": calibration.rearm,
        "window_s": list(calibration.window),
        "estimator": METHOD,
        "members": calibration.members,
        "dt_s": calibration.dt,
        "rows_s": calibration.save,
        "steps": list(calibration.steps),
        "summaries": {
            n: {"measured": float(m), "simulated": float(s), "sigma": float(e), "z": float((s - m) / e)}
            for n, m, s, e in rows
        },
        "chi2": fit.chi2,
        "freedom": fit.freedom,
        "p": calibration.probability,
        "comparison": calibration.comparison,
    }  # fmt: skip


def _table(trains: Trains) -> pandas.DataFrame:
    """One row per spike."""
    train = np.repeat(np.arange(len(trains)), [len(t) for t in trains])
    return pandas.DataFrame({"train": train, "t_s": np.concatenate([np.zeros(0), *trains])})


def spike_tables(
    calibration: SpikeCalibration,
) -> dict[str, pandas.DataFrame]:
    """Measured and simulated trains."""
    return {"measured": _table(calibration.trains), "simulated": _table(calibration.simulated)}


def trace_content(fit: VoltageFit) -> dict:
    """What ``fit.json`` holds of the trace of a node; errors stand for the scatter where no sigma was given."""
    stated, node = fit.stated, fit.problem.node
    return {
        "n_points": len(fit.trace),
        "n_sweeps": 1,
        "reduced_chi2": fit.chi2,
        "covariance_from": "sigma" if stated else "residuals",
        "reader": ["a trace"],
        "trace": {
            "node": node,
            "unit": "A" if node == "i" else "V",
            "sigma": fit.sigma,
            "sigma_from": "given" if stated else "differences of neighbouring rows",
            "chi2": fit.chi2,
            "converged": fit.converged,
        },
    }


def trace_tables(fit: VoltageFit) -> dict[str, pandas.DataFrame]:
    """Measured and simulated trace."""
    problem, column = fit.problem, "i_A" if fit.problem.node == "i" else "v_V"
    sides = {"measured": problem.data, "simulated": fit.trace}
    rows = np.asarray(problem.rows)
    return {n: pandas.DataFrame({"t_s": rows, column: np.asarray(x)}) for n, x in sides.items()}

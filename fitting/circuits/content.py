"""What a fit directory holds of a circuit's spike trains, or of the trace of a node: content and tables."""

import numpy as np
import pandas

from memjax.errors import DataError

from .fit import SpikeFit
from .report import Trains
from .spikes import METHOD
from .trains import FreshTrains
from .voltage_fit import VoltageFit


def spike_content(fit: SpikeFit) -> dict:
    """What ``fit.json`` holds of spike trains: signal, estimator, summaries, how fresh trains compare."""
    bench, fresh = fit.problem.simulated, _fresh(fit)
    rows = zip(fit.summaries, fit.measured, fit.simulated, fit.sigma, strict=True)
    return {
        "n_points": int(sum(map(len, fresh.measured))),
        "n_sweeps": len(fresh.measured),
        "reduced_chi2": fit.chi2 / fit.chi2_freedom if fit.chi2_freedom > 0 else None,
        "covariance_from": "simulated trains",
        "reader": ["spike times"],
        "spikes": {
            "signal": bench.signal,
            "level": bench.level,
            "rearm": bench.rearm,
            "window_s": list(bench.window),
            "estimator": METHOD,
            "members": bench.members,
            "dt_s": fresh.steps[-1]["dt_s"],
            "rows_s": bench.save,
            "steps": list(fresh.steps),
            "summaries": {
                n: {"measured": float(m), "simulated": float(s), "sigma": float(e), "z": float((s - m) / e)}
                for n, m, s, e in rows
            },
            "chi2": fit.chi2,
            "freedom": fit.chi2_freedom,
            "p": fit.probability,
            "comparison": fresh.comparison,
        },
    }  # fmt: skip


def _fresh(fit: SpikeFit) -> FreshTrains:
    """Its fresh trains."""
    if fit.fresh is None:
        what, fix = "a fit of moments alone, without fresh trains", "solve a fitting.SpikeProblem"
        raise DataError(what, where="the folder of a fit to spikes", fix=fix)
    return fit.fresh


def _table(trains: Trains) -> pandas.DataFrame:
    """One row per spike."""
    train = np.repeat(np.arange(len(trains)), [len(t) for t in trains])
    return pandas.DataFrame({"train": train, "t_s": np.concatenate([np.zeros(0), *trains])})


def spike_tables(fit: SpikeFit) -> dict[str, pandas.DataFrame]:
    """Measured and simulated trains."""
    fresh = _fresh(fit)
    return {"measured": _table(fresh.measured), "simulated": _table(fresh.simulated)}


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

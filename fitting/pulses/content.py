"""What a fit directory holds of conductances per pulse: fit.json and two tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.data import PulseRecord

from ..fit_json import common_content
from ..report import fill
from .fit import PulseFit, median_error

CYCLES = 50
"""Cycles that are simulated for a report."""

_LAGS = (1, 2, 5, 10, 20, 50, 100)


def step_spread(record: PulseRecord) -> dict[str, dict]:
    """Standard deviation of the step of the conductance per pulse [S], overall and in thirds, and what tells its kind.

    Parameters
    ----------
    record : PulseRecord
        Cycles, measured or simulated.

    Returns
    -------
    dict
        For `set` and `reset`: `all` and `thirds` [S], `autocorrelation` of the steps, less their mean over
        cycles, from one pulse to the next [1], and `lags`: standard deviation of the change over so
        many pulses, less its mean [S].
    """
    out = {}
    for word, kind in (("set", 0), ("reset", 1)):
        at = record.branch(kind)
        if len(at) < 3:
            continue
        steps, g = record.steps[:, at], record.g[:, at[0] : at[-1] + 2]
        off = steps - np.mean(steps, axis=0)
        lags = {n: g[:, n:] - g[:, :-n] for n in _LAGS if n < g.shape[1]}
        out[word] = {
            "all": float(np.std(steps)),
            "thirds": [float(np.std(s)) for s in np.array_split(steps, 3, axis=1)],
            "autocorrelation": float(
                np.sum(off[:, 1:] * off[:, :-1]) / max(np.sum(off**2), 1e-300)
            ),
            "lags": {str(n): float(np.std(d - np.mean(d, axis=0))) for n, d in lags.items()},
        }
    return out


def _content(fit: PulseFit, simulated: PulseRecord, held: PulseRecord | None) -> dict:
    """Content of ``fit.json`` of conductances per pulse."""
    record, pulsed = fit.record, fit.pulsed
    protocol, noise = record.protocol, fit.noise
    mean = float(np.mean(fit.curve()))
    spread = {
        n: {"sigma_ln": float(s), "from": "conductance per pulse", "sweeps": len(record.g)}
        | ({} if fit.randomness is None else {"std": fit.randomness.std.get(f"cycle.{n}")})
        for n, s in noise.cycle.items()
    }
    content = common_content(
        fit,
        kind="conductance per pulse",
        read_noise={"relative": float(noise.read) / mean, "floor_A": 0.0},
        cycle_spread=spread or None,
        n_points=int(record.g.size),
        n_sweeps=len(record.g),
        reduced_chi2=2 * fit.loss / max(record.g.shape[1] - len(fit.free), 1),
        covariance_from="scatter of the cycles",
        seed=fit.seed,
        notes=list(fit.notes),
        warnings=list(record.warnings),
        reader=[record.reader],
    )
    content["bench"]["reversed"] = pulsed.reversed
    steps = {"measured": step_spread(record), "simulated": step_spread(simulated)}
    content["pulses"] = {
        "device": record.device,
        "voltages_V": list(protocol.voltages) if protocol else None,
        "widths_s": list(protocol.widths) if protocol else None,
        "period_s": protocol.period if protocol else None,
        "read_voltage_V": protocol.read_voltage if protocol else None,
        "steps_per_pulse": pulsed.substeps,
        "memory_cycles": fit.memory if np.isfinite(fit.memory) else None,
        "kinds": record.kinds.tolist(),
        "curve_S": fit.curve().tolist(),
        "misfit": median_error(fit.curve(), fit.weights @ record.g),
        "noise": [] if fit.randomness is None else fit.randomness.table(),
        "step_spread": steps | ({"held_out": step_spread(held)} if held is not None else {}),
        "hold_out": None if held is None else hold_out(fit, held),
    }
    return content


def hold_out(fit: PulseFit, held: PulseRecord) -> dict:
    """How well later cycles, which the fit never saw, are predicted: median relative errors of the curve.

    `fit` and `mean` (of the fitted cycles) of each later cycle; `next` and `next_mean` of the first one.
    """
    mean = np.mean(fit.record.g, axis=0)
    errors = [median_error(fit.curve(), g) for g in held.g]
    baseline = [median_error(mean, g) for g in held.g]
    return {"fit": errors, "mean": baseline, "next": errors[0], "next_mean": baseline[0]}


def _frame(record: PulseRecord) -> pandas.DataFrame:
    """One row per reading: cycle, pulse (counted through the cycle), kind (-1 before the first), g_S."""
    cycles, points = record.g.shape
    return pandas.DataFrame(
        {
            "cycle": np.repeat(record.cycles, points),
            "pulse": np.tile(np.arange(points), cycles),
            "kind": np.tile(np.concatenate([[-1], record.kinds]), cycles),
            "g_S": record.g.ravel(),
        }
    )


def write(
    fit: PulseFit, folder: Path, *, held: PulseRecord | None = None, **about: Any
) -> list[str]:
    """Fill a fit directory; arguments as for `fitting.report.fill`, and the cycles that were held out."""
    simulated = fit.simulate(CYCLES)
    tables = _frame(fit.record), _frame(simulated)
    return fill(_content(fit, simulated, held), tables, folder, sample=fit.sample, **about)

"""What a fit directory holds of conductances per pulse: fit.json and two tables."""

from typing import Any

import numpy as np
import pandas

from memjax.data import PulseRecord

from ..fit_json import BENCH, finite
from .fit import CYCLES, PulseFit, median_error

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
        neighbours = np.sum(off[:, 1:] * off[:, :-1])
        lags = {n: g[:, n:] - g[:, :-n] for n in _LAGS if n < g.shape[1]}
        out[word] = {
            "all": float(np.std(steps)),
            "thirds": [float(np.std(s)) for s in np.array_split(steps, 3, axis=1)],
            "autocorrelation": float(neighbours / max(np.sum(off**2), 1e-300)),
            "lags": {str(n): float(np.std(d - np.mean(d, axis=0))) for n, d in lags.items()},
        }
    return out


def content(fit: PulseFit) -> dict:
    """What ``fit.json`` holds of conductances per pulse."""
    record, pulsed, noise, held = fit.record, fit.pulsed, fit.noise, fit.held
    mean = float(np.mean(fit.curve()))
    spread: dict[str, dict] = {}
    for name, sigma in noise.cycle.items():
        source = {"from": "conductance per pulse", "sweeps": len(record.g)}
        source |= {} if fit.randomness is None else {"std": fit.randomness.std.get(f"cycle.{name}")}
        spread[name] = {"sigma_ln": float(sigma)} | source
    records = {"measured": record, "simulated": fit.simulate(CYCLES), "held_out": held}
    return {
        "bench": BENCH | {"reversed": pulsed.reversed},
        "read_noise": {"relative": float(noise.read) / mean, "floor_A": 0.0},
        "cycle_spread": spread or None,
        "n_points": int(record.g.size),
        "n_sweeps": len(record.g),
        "reduced_chi2": 2 * fit.loss / max(record.g.shape[1] - len(fit.free), 1),
        "covariance_from": "scatter of the cycles",
        "warnings": list(record.warnings),
        "reader": [record.reader],
        "pulses": _protocol(record)
        | {
            "device": record.device,
            "steps_per_pulse": pulsed.substeps,
            "memory_cycles": finite(fit.memory),
            "kinds": record.kinds.tolist(),
            "curve_S": fit.curve().tolist(),
            "misfit": median_error(fit.curve(), fit.weights @ record.g),
            "noise": [] if fit.randomness is None else fit.randomness.table(),
            "step_spread": {n: step_spread(x) for n, x in records.items() if x is not None},
            "hold_out": None if held is None else hold_out(fit, held),
        },
    }


def _protocol(record: PulseRecord) -> dict[str, Any]:
    """The pulses of a record, None where they are not known."""
    p = record.protocol
    return {
        "voltages_V": p and list(p.voltages),
        "widths_s": p and list(p.widths),
        "period_s": p and p.period,
        "read_voltage_V": p and p.read_voltage,
    }


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
    kinds = np.concatenate([[-1], record.kinds])
    columns = {
        "cycle": np.repeat(record.cycles, points),
        "pulse": np.tile(np.arange(points), cycles),
    }
    columns |= {"kind": np.tile(kinds, cycles), "g_S": record.g.ravel()}
    return pandas.DataFrame(columns)


def tables(fit: PulseFit) -> dict[str, pandas.DataFrame]:
    """Readings of the measured cycles, and of simulated ones."""
    return {"measured": _frame(fit.record), "simulated": _frame(fit.simulate(CYCLES))}


def row(content: dict) -> dict[str, Any]:
    """What a row of a batch says: how well the curve is met and predicted, and the randomness."""
    pulses = content["pulses"]
    noise = {r["name"]: r["value"] for r in pulses["noise"]}
    held = {n: x for n, x in (pulses["hold_out"] or {}).items() if n in ("next", "next_mean")}
    return {"misfit": pulses["misfit"]} | noise | held

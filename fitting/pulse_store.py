"""What a fit directory holds of conductances per pulse, of a decay, and of delays: fit.json and two tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from memjax.data import PulseRecord
from memjax.fields import setting_specs, stored

from .fit_json import SCHEMA
from .least_squares import Progress
from .parameter_rows import loose, rows, standard_errors
from .pulse_report import build
from .pulses import PulseFit, median_error
from .retention import RetentionFit
from .store import digest, dump_json, randomness_of, search_of, versions
from .time_pictures import CURVES
from .transients import TransientFit, curves

CYCLES = 50
"""Cycles that are simulated for a report."""

_LAGS = (1, 2, 5, 10, 20, 50, 100)


def _common(fit: Any, *, kind: str, **more: Any) -> dict:
    """What fits of one device say in ``fit.json``."""
    search: Progress = fit.search
    std = standard_errors(fit.device, fit.free, fit.z, fit.covariance)
    size = np.sqrt(np.diag(fit.covariance))
    content = content_of(
        fit.device, fit.free, std, fit.covariance / np.outer(size, size),
        kind=kind, model=fit.model, loss=fit.loss, search=search_of(search),
    )  # fmt: skip
    return content | more


def content_of(
    device: Any, free: Sequence[str], std: dict[str, float], correlation: np.ndarray, **more: Any
) -> dict:
    """What all fits that are not of sweeps say in ``fit.json``.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the best parameters.
    free, std, correlation
        What was fitted, standard errors [unit] by name, correlations.
    **more
        Entries beside these, or in their place.
    """
    table = rows(device, free, std)
    content = {
        "schema_version": SCHEMA,
        "parameters": table,
        "settings": {n: stored(device, n) for n in setting_specs(device)},
        "bench": {
            "series_resistance": None,
            "parallel_resistance": None,
            "parallel_capacitance": None,
            "compliance": None,
            "reversed": False,
            "temperature": 300.0,
            "point_time": None,
        },
        "read_noise": {"relative": 0.0, "floor_A": 0.0},
        "cycle_spread": None,
        "free": list(free),
        "undetermined": list(loose(device, std)),
        "at_bound": [n for n, row in table.items() if row["at_bound"]],
        "correlation": np.round(correlation, 6).tolist(),
        "interrupted": False,
        "synthetic_truth": False,
        "notes": [],
        "warnings": [],
        "versions": versions(),
    }
    return content | more


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


def _of_pulses(fit: PulseFit, simulated: PulseRecord, held: PulseRecord | None) -> dict:
    """Content of ``fit.json`` of conductances per pulse."""
    record, pulsed = fit.record, fit.pulsed
    protocol, noise = record.protocol, fit.noise
    mean = float(np.mean(fit.curve()))
    spread = {
        n: {"sigma_ln": float(s), "from": "conductance per pulse", "sweeps": len(record.g)}
        | ({} if fit.randomness is None else {"std": fit.randomness.std.get(f"cycle.{n}")})
        for n, s in noise.cycle.items()
    }
    content = _common(
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
    """How well cycles are predicted that the fit never saw.

    Parameters
    ----------
    fit : PulseFit
        The fit.
    held : PulseRecord
        Later cycles of the same device.

    Returns
    -------
    dict
        Median relative errors of the curve: `fit` and `mean` (of the fitted cycles), of each later cycle;
        `next` and `next_mean` of the first one.
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


def _of_decay(fit: RetentionFit) -> dict:
    """Content of ``fit.json`` of a decay."""
    content = _common(
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


def _of_transients(fit: TransientFit) -> dict:
    """Content of ``fit.json`` of delays and relaxations."""
    from memjax.observables import summarise_pulses

    p = fit.seen.stimulus
    content = _common(
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


def write_pulse_fit(
    fit: PulseFit | RetentionFit | TransientFit,
    folder: Path,
    *,
    files: list[Path],
    held: PulseRecord | None = None,
    temperature: float = 300.0,
    command: str = "",
) -> list[str]:
    """Fill a fit directory: fit.json, measured.csv, simulated.csv, pictures and report.html.

    Parameters
    ----------
    fit : PulseFit, RetentionFit or TransientFit
        The fit.
    folder : Path
        An existing directory.
    files : list of Path
        Data files.
    held : PulseRecord, optional
        Cycles that were held out.
    temperature : float
        Ambient temperature of the fit [K].
    command : str
        The command line, for the provenance.

    Returns
    -------
    list of str
        Names of the files written.
    """
    if isinstance(fit, PulseFit):
        simulated = fit.simulate(CYCLES)
        content = _of_pulses(fit, simulated, held)
        tables = _frame(fit.record), _frame(simulated)
    elif isinstance(fit, RetentionFit):
        content = _of_decay(fit)
        curves_by_law = {law.name.replace(" ", "_") + "_ohm": law.curve for law in fit.laws}
        tables = (
            pandas.DataFrame({"t_s": fit.record.t, "r_ohm": fit.record.r}),
            pandas.DataFrame({"t_s": fit.record.t, "r_ohm": fit.curve} | curves_by_law),
        )
    else:
        content = _of_transients(fit)
        measured, simulated = (
            _columns(**{f"{n}_s": x for n, x in found.items()})
            for found in (fit.seen.restricted(), fit.simulated)
        )
        tables = measured, simulated
        if fit.curves:
            pandas.DataFrame(fit.curves).to_csv(folder / CURVES, index=False)
    about = {"files": files, "temperature": temperature, "command": command}
    extra = [CURVES] if (folder / CURVES).exists() else []
    return [*extra, *fill(content, tables, folder, **about)]


def fill(
    content: dict, tables: tuple[pandas.DataFrame, pandas.DataFrame], folder: Path, *, files: list[Path],
    temperature: float, command: str,
) -> list[str]:  # fmt: skip
    """Write fit.json with its provenance, both tables, pictures and the page; names of the files."""
    content["bench"]["temperature"] = temperature
    content |= {
        "data": [{"file": str(f), "sha256": digest(f)} for f in files],
        "command": command,
    }
    dump_json(content, folder / "fit.json")
    for table, name in zip(tables, ("measured.csv", "simulated.csv"), strict=True):
        table.to_csv(folder / name, index=False)
    return ["fit.json", "measured.csv", "simulated.csv", *build(folder)]

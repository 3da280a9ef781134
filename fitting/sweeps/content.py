"""What a fit directory holds: fit.json, the measured and the simulated currents."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas

import memjax as mj
from memjax.errors import SolveError
from memjax.files import write_json
from memjax.noise.draws import cycle_factors
from memjax.observables import Thresholds, switching
from memjax.params import get
from memjax.result import Trace
from memjax.simulate import simulate, simulate_like

from ..fit_json import common_content, digest, randomness_of, write_draws
from ..report import build
from .limits import by_wave, levels_of, share_limits
from .problem import PATIENT
from .report import CYCLES
from .result import FitResult

_DRAWS = 100  # sweeps per waveform drawn for the simulated distributions
_SHOWN = 20  # of them those that the picture shows


def cycles(result: FitResult) -> Trace | None:
    """Sweeps simulated with the fitted noise and cycle spread, 100 of each waveform; None where neither was fitted."""
    if not result.cycle_spread and result.stochastic is None:
        return None
    sigma = {n: s["sigma_ln"] for n, s in result.cycle_spread.items()}
    factors = cycle_factors(result.seed, sigma, members=_DRAWS, sweeps=len(result.waves))
    values: dict[str, Any] = {n: get(result.device, n) * x for n, x in factors.items()}
    values |= by_wave(result.problem.bench, result.problem.group.limits)
    return simulate(
        result.device,
        [w.stimulus for w in result.waves],
        save=[w.rows for w in result.waves],
        bench=result.problem.bench,
        env=result.problem.env,
        members=_DRAWS,
        values=values,
        seed=result.seed,
        deterministic=result.stochastic is None,
        on_failure="ignore",
    ).good()


def distribution(trace: Trace | None, thresholds: Thresholds) -> dict[str, dict[str, list]]:
    """Switching and hold voltages [V] of simulated sweeps that switched, by polarity word: `v_th_V`, `v_hold_V`.

    A hold voltage is None where a sweep does not return.
    """
    voltages: dict[str, dict[str, list]] = {}
    for m in range(0 if trace is None else len(trace.v)):
        for f in switching(cast(Trace, trace).member(m), **thresholds.options):
            if f.switched:
                word = "positive" if f.polarity > 0 else "negative"
                side = voltages.setdefault(word, {"v_th_V": [], "v_hold_V": []})
                side["v_th_V"].append(f.v_th)
                side["v_hold_V"].append(f.v_hold)
    return voltages


def write_cycles(trace: Trace, folder: Path) -> None:
    """Write ``cycles.csv``: the first simulated sweeps of each waveform, numbered, for the pictures."""
    members = [trace.member(m) for m in range(min(len(trace.v), _SHOWN))]
    count = int(np.max(trace.sweep)) + 1
    table = {"sweep": np.concatenate([m * count + x.sweep for m, x in enumerate(members)])}
    table |= {c: np.concatenate([getattr(x, c[0]) for x in members]) for c in ("t_s", "v_V", "i_A")}
    pandas.DataFrame(table).to_csv(folder / CYCLES, index=False)


def to_json(
    result: FitResult,
    files: list[Path],
    *,
    truth: dict | None,
    command: str,
    trace: Trace | None = None,
) -> dict:
    """The content of ``fit.json``; `truth` are true parameters of synthetic data [SI], `trace` is that of `cycles`."""
    bench, u, problem = result.problem.bench, result.uncertainty, result.problem
    limits = problem.group.limits
    levels = levels_of(bench, limits)
    elements = ("series_resistance", "parallel_resistance", "parallel_capacitance", "reversed")
    content = common_content(
        result,
        kind="sweeps",
        bench={n: getattr(bench, n) for n in elements}
        | {
            "compliance": bench.compliance if limits is None else max(levels),
            "compliance_negative": bench.compliance_negative if limits is None else None,
            "compliance_by_sweep": limits is not None,
            "temperature": float(problem.env.temperature),
            "point_time": result.point_time,
        },
        driven=result.waves[0].driven,
        thresholds=asdict(result.thresholds),
        read_noise=result.read_noise,
        cycle_spread=result.cycle_spread or None,
        n_points=result.n_points,
        n_sweeps=int(sum(w.n_sweeps for w in result.waves)),
        data=[{"file": str(f), "sha256": digest(f)} for f in files],
        reader=[m.reader for m in result.measurements],
        compliance_in_data=[m.compliance for m in result.measurements],
        compliances=levels,
        warnings=[x for m in result.measurements for x in m.warnings],
        notes=list(result.notes),
        seed=result.seed,
        interrupted=result.interrupted,
        undetermined=list(result.undetermined),
        at_bound=list(result.at_bound),
        free=list(problem.free),  # in the order of the correlation
        covariance_from=u.source,
        reduced_chi2=u.reduced_chi2,
        model_error=u.model_error,
        verdict=result.verdict.as_json(),
        identifiability=result.identifiability.as_json(),
        distribution=distribution(trace, result.thresholds),
        stochastic=None if result.stochastic is None else randomness_of(result.stochastic),
        command=command,
        synthetic_truth=bool(truth),
    )
    content["uncertainty"]["noise"] = u.noise
    for name, row in content["parameters"].items():
        if truth and name in truth and row["value"] is not None:
            row["true"] = truth[name]
    return content


def _simulated(result: FitResult, m: mj.Measurement, limited: bool) -> pandas.DataFrame:
    """Rows of the fitted device under a measurement's waveforms, without noise; no numbers where it cannot be solved.

    A device that takes too many steps at the usual tolerances is simulated at those of the search, which solved it.
    """
    about: dict[str, Any] = dict(limited=limited, point_time=result.point_time, deterministic=True)
    about |= dict(bench=result.problem.bench, env=result.problem.env)
    try:
        trace = simulate_like(result.device, m, on_failure="ignore", **about).check()
    except SolveError:
        policy = replace(result.problem.policy, max_steps=PATIENT.max_steps)
        trace = simulate_like(result.device, m, policy=policy, on_failure="ignore", **about)
    frame = trace.to_pandas(device=not result.problem.bench.bare, failed=True)
    lost = m.labels[np.asarray(trace.result)[0] != 0]
    values = [c for c in frame if c not in ("member", "sweep", "t_s", "v_V")]
    frame.loc[np.isin(frame["sweep"], lost), values] = np.nan
    return frame


def write_tables(result: FitResult, folder: Path) -> int:
    """Write ``measured.csv`` and ``simulated.csv``, a row per measured point; how many have no solution."""
    offset, measured, simulated = 0, [], []
    limited = result.problem.group.limits is not None
    every = share_limits(result.measurements, mj.Bench()) if limited else result.measurements
    for m in every:
        frame = _simulated(result, m, limited)
        frame["sweep"] += offset
        lost = m.applied != m.v
        if np.any(lost) and m.driven == "voltage" and "v_device_V" in frame:
            # The file holds what was left of the voltage: so does the simulation at these points.
            at = (frame[n].to_numpy() for n in ("v_device_V", "i_A"))
            frame.loc[lost, "v_V"] = result.problem.bench.terminal_voltage(*at)[lost]
        columns = {"t_s": frame["t_s"] if m.t is None else m.t, "v_V": m.v, "i_A": m.i}
        columns["at_compliance"] = m.at_compliance.astype(int)
        measured.append(frame[["sweep"]].assign(**columns))
        simulated.append(frame.drop(columns="v_node", errors="ignore"))
        offset = int(np.max(np.asarray(frame["sweep"]))) + 1
    pandas.concat(measured).to_csv(folder / "measured.csv", index=False)
    whole = pandas.concat(simulated)
    whole.to_csv(folder / "simulated.csv", index=False, na_rep="nan")
    return int(np.sum(~np.isfinite(whole["i_A"])))


def write(
    result: FitResult,
    folder: Path,
    *,
    files: list[Path],
    truth: dict | None = None,
    command: str = "",
) -> list[str]:
    """Fill a fit directory: fit.json, measured.csv, simulated.csv, pictures, report.html; posterior.nc with draws.

    `truth` are the true parameters [SI] of synthetic data, `command` the command line. Returns the names of the files.
    """
    unsolved = write_tables(result, folder)
    trace = cycles(result)
    content = to_json(result, files, truth=truth, command=command, trace=trace)
    if unsolved:
        content["warnings"].append(f"{unsolved} points of the simulation could not be solved")
    write_json(folder / "fit.json", content)
    names = ["fit.json", "measured.csv", "simulated.csv"]
    if trace is not None and len(trace.v):
        write_cycles(trace, folder)
        names.append(CYCLES)
    names += write_draws(result.sample, folder)
    return [*names, *build(folder)]

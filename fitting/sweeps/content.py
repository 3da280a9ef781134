"""What a fit directory holds: fit.json, the measured and the simulated currents."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from memjax.core.fields import parameter_specs
from memjax.core.result import Trace
from memjax.observables import Thresholds, switching

from ..fit_json import common_content, correlations_of, randomness_of
from ..kinds import Origin
from ..report import fill
from .correction_words import corrections_of
from .learned import learned_functions
from .limits import levels_of
from .report import CYCLES
from .resemblance import resemblance_of
from .result import FitResult, cycles_table


def distribution(trace: Trace | None, thresholds: Thresholds) -> dict[str, dict[str, list]]:
    """Switching and hold voltages [V] of simulated sweeps that switched, by polarity word: `v_th_V`, `v_hold_V`.

    A hold voltage is None where a sweep does not return.
    """
    voltages: dict[str, dict[str, list]] = {}
    if trace is not None and np.min(trace.sweep) < 0:
        return voltages  # of a device that keeps its state, which has no hold voltage
    for m in range(0 if trace is None else len(trace.v)):
        for f in switching(cast(Trace, trace).member(m), **thresholds.options):
            if f.switched:
                word = "positive" if f.polarity > 0 else "negative"
                side = voltages.setdefault(word, {"v_th_V": [], "v_hold_V": []})
                side["v_th_V"].append(f.v_th)
                side["v_hold_V"].append(f.v_hold)
    return voltages


_ELEMENTS = (
    "series_resistance",
    "parallel_resistance",
    "parallel_capacitance",
    "offset_current",
    "offset_voltage",
    "reversed",
)


def _bench_content(result: FitResult, levels: Sequence[float]) -> dict[str, Any]:
    """What stood around the device; of sweeps with limits of their own [A] the highest of these."""
    bench, limits = result.problem.bench, result.problem.group.limits
    return {n: getattr(bench, n) for n in _ELEMENTS} | {
        "compliance": bench.compliance if limits is None else max(levels),
        "compliance_negative": bench.compliance_negative if limits is None else None,
        "compliance_by_sweep": limits is not None,
        "point_time": result.point_time,
    }


def to_json(
    result: FitResult,
    *,
    truth: Mapping[str, float] | None = None,
    trace: Trace | None = None,
) -> dict:
    """The content of ``fit.json`` but for its provenance.

    `truth` are true parameters [SI] of synthetic data, `trace` is that of `cycles`.
    """
    u, problem = result.uncertainty, result.problem
    levels = levels_of(problem.bench, problem.group.limits)
    content = common_content(
        result,
        kind="sweeps",
        bench=_bench_content(result, levels),
        driven=result.waves[0].driven,
        thresholds=asdict(result.thresholds),
        read_noise=result.read_noise,
        cycle_spread=result.cycle_spread or None,
        cycle_correlation=correlations_of(result.cycle_spread, result.stochastic),
        n_points=result.n_points,
        n_sweeps=int(sum(w.n_sweeps for w in result.waves)),
        reader=[m.reader for m in result.measurements],
        compliance_in_data=[m.compliance for m in result.measurements],
        compliances=levels,
        warnings=[x for m in result.measurements for x in m.warnings],
        seed=result.seed,
        undetermined=list(result.undetermined),
        at_bound=list(result.at_bound),
        free=list(problem.free),  # in the order of the correlation
        covariance_from=u.source,
        reduced_chi2=u.reduced_chi2,
        model_error=u.model_error,
        suggestion=None if result.suggestion is None else result.suggestion.as_json(),
        identifiability=result.identifiability.as_json(),
        distribution=distribution(trace, result.thresholds),
        stochastic=None if result.stochastic is None else randomness_of(result.stochastic),
        synthetic_truth=bool(truth),
    )
    content["uncertainty"]["noise"] = u.noise
    content |= _learned(result)
    # A simulation takes `parameters` as those of the device.
    specs, rows = parameter_specs(result.device), content["parameters"]
    content["bench_parameters"] = {n: x for n, x in rows.items() if n not in specs}
    content["parameters"] = {n: x for n, x in rows.items() if n in specs}
    for name, row in content["parameters"].items():
        if truth and name in truth and row["value"] is not None:
            row["true"] = truth[name]
    return content


def _learned(result: FitResult) -> dict[str, Any]:
    """What is said of learned functions: strengths of their priors, corrections in words, laws that they resemble."""
    content: dict[str, Any] = {}
    strength = result.problem.strength
    if strength is not None:
        names = learned_functions(result.device)
        content["strengths"] = dict(zip(names, np.asarray(strength).tolist(), strict=True))
    if words := [str(c) for c in corrections_of(result)]:
        content["corrections"] = words
    if sentence := resemblance_of(result):
        content["resemblance"] = sentence
    return content


def write_tables(result: FitResult, folder: Path) -> int:
    """Write ``measured.csv`` and ``simulated.csv``, a row per measured point; how many have no solution."""
    measured, simulated = result.tables()
    measured.to_csv(folder / "measured.csv", index=False)
    simulated.to_csv(folder / "simulated.csv", index=False, na_rep="nan")
    return int(np.sum(~np.isfinite(simulated["i_A"])))


def write(result: FitResult, folder: Path, origin: Origin, *, drawn: bool = True) -> None:
    """Fill a fit directory: fit.json, measured.csv, simulated.csv, pictures, report.html; posterior.nc with draws.

    Where nothing is `drawn` there are fit.json and a page alone, without a simulation.
    """
    unsolved = write_tables(result, folder) if drawn else 0
    trace = result.cycles() if drawn else None
    content = to_json(result, truth=origin.truth, trace=trace)
    if unsolved:
        content["warnings"].append(f"{unsolved} points of the simulation could not be solved")
    if trace is not None and len(trace.v):
        cycles_table(trace).to_csv(folder / CYCLES, index=False)
    origin = replace(origin, temperature=float(result.problem.env.temperature))
    fill(content, folder, origin, drawn=drawn, sample=result.sample)

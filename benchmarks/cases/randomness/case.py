"""Fitted randomness against cycles that the fit never saw, and what time steps and policies change of it."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from scipy.stats import wasserstein_distance

import fitting as ft
import memjax as mj
from benchmarks.records import ROOT, Recorder
from benchmarks.registry import Case
from benchmarks.timing import Times, lap
from fitting.stochastic.two_sample import split_half_distance
from fitting.sweeps.ensemble import NAMES, leg_events
from fitting.sweeps.randomness import calibrate
from memjax.core.result import Member
from memjax.noise import cycle_factors, instrument_noise
from memjax.observables.thresholds import Thresholds
from memjax.solver import SemiImplicitEuler

DATA = Path(os.environ.get("MEMJAX_DATA", ROOT.parent / "shared" / "data")) / "clean"
POINT_TIME = 0.01
_LOST = 0.01
COMPARED = {"smoke": 20, "full": 200}
"""Simulated half-sweeps of each polarity that are compared."""

PAIRED = {"smoke": 50, "full": 3000}
"""Half-sweeps by policy."""


@dataclass(frozen=True, kw_only=True)
class Set:
    """One measured device.

    Parameters
    ----------
    file : str
        Name of the set.
    limits : dict
        Greatest Wasserstein-1 distance [mV] by polarity (1, -1, 0 for both) and event.
    """

    file: str
    limits: dict[tuple[int, str], float]


SETS = {
    "symmetric": Set(
        file="usc_diffusive_dc_symmetric",
        limits={
            (1, "v_th"): 7.0, (1, "v_hold"): 6.0, (-1, "v_th"): 7.0, (-1, "v_hold"): 8.0,
            (0, "v_th"): 6.0, (0, "v_hold"): 6.0,
        },
    ),
    "asymmetric": Set(
        file="usc_diffusive_dc_asymmetric",
        limits={(1, "v_th"): 2.0, (1, "v_release"): 6.0, (1, "v_hold"): 6.0},
    ),
}  # fmt: skip


def events(
    v: np.ndarray, i: np.ndarray, sweep: np.ndarray, levels: Thresholds
) -> dict[int, np.ndarray]:
    """Voltages [V] of `NAMES` of the half-sweeps that switched, by polarity; polarity from the sign of v."""
    found: dict[int, list] = {1: [], -1: []}
    for label in np.unique(sweep):
        x, y = v[sweep == label], np.abs(i[sweep == label])
        peak = int(np.argmax(np.abs(x)))
        one = leg_events(x, y, (0, peak, len(x)), levels)
        if one[0] <= np.max(np.abs(x)):
            found[int(np.sign(x[peak]))].append(one)
    return {k: np.array(x) for k, x in found.items() if x}


def again(result: ft.FitResult, like: mj.Measurement, *, members: int, seed: int, **options):
    """A trace of fresh cycles, as `memjax simulate --fit --like` makes them."""
    sigma = {n: s["sigma_ln"] for n, s in result.cycle_spread.items()}
    factors = cycle_factors(seed, sigma, members=members, sweeps=len(like.labels))
    values = mj.params.scale(result.device, factors)
    trace = mj.simulate_like(
        result.device,
        like,
        point_time=POINT_TIME,
        bench=result.problem.bench,
        members=members,
        seed=seed,
        conditions=mj.Conditions(values=values),
        output=mj.Output(on_failure="ignore"),
        **options,
    )
    failed(trace)
    starts = np.flatnonzero(np.diff(trace.sweep, prepend=trace.sweep[0] - 1))
    lengths = np.diff(np.append(starts, len(trace.sweep)))
    seen = instrument_noise(
        seed,
        trace.i,
        sweep=np.repeat(np.arange(len(starts)), lengths),
        row=np.concatenate([np.arange(n) for n in lengths]),
        relative=result.read_noise["relative"],
        floor=result.read_noise["floor_A"],
        limit=result.problem.bench.compliance,
    )
    return eqx.tree_at(lambda tr: tr.i, trace, seen)


def solved(trace: mj.Trace) -> list[Member]:
    """Members without the sweeps whose solve failed."""
    fine, found = np.asarray(trace.result) == 0, []
    for k in range(len(trace.v)):
        member = trace.member(k, failed=True)
        keep = np.isin(member.sweep, np.unique(member.sweep)[fine[k]])
        rows = {n: getattr(member, n)[keep] for n in ("t", "v", "i", "sweep")}
        found.append(dataclasses.replace(member, **rows))
    return found


def failed(trace: mj.Trace) -> float:
    """Share of solves that failed: they are left out, and a hundredth at most may be."""
    share = float(np.mean(np.asarray(trace.result) != 0))
    if share > _LOST:
        trace.check()
    return share


def simulated(trace: mj.Trace, levels: Thresholds) -> dict[int, np.ndarray]:
    """Events of all members."""
    parts = [events(m.v, m.i, m.sweep, levels) for m in solved(trace)]
    signs = {k for p in parts for k in p}
    return {k: np.concatenate([p[k] for p in parts if k in p]) for k in signs}


def _pooled(found: dict[int, np.ndarray], polarity: int) -> np.ndarray:
    """Events of one polarity, or of both for 0."""
    return np.concatenate(list(found.values())) if polarity == 0 else found[polarity]


def _held_out(name: str, one: Set, size: str, record: Recorder) -> None:
    """Fit every second cycle, compare with the others."""
    whole = mj.read(DATA / f"{one.file}.csv")
    seen, unseen = (whole.select(np.isin(whole.sweep, whole.labels[k::2])) for k in (0, 1))
    took, result = lap(lambda: _fitted(seen))
    count = COMPARED[size]
    members = max(1, round(2 * count / len(whole.labels)))
    trace = again(result, whole, members=members, seed=101)
    levels = result.thresholds
    drawn, kept = simulated(trace, levels), events(unseen.v, unseen.i, unseen.sweep, levels)
    learnt = events(seen.v, seen.i, seen.sweep, levels)
    on = _on_current(trace)
    for (polarity, event), limit in one.limits.items():
        k = NAMES.index(event)
        x, y, z = (_pooled(f, polarity)[:, k] for f in (kept, drawn, learnt))
        away = 1e3 * wasserstein_distance(x, y)
        word = {1: "+", -1: "-", 0: "pooled"}[polarity]
        record.ok(
            f"{name} {word} {event}",
            Times(run=[took]),
            error=float(away),
            reference="Wasserstein-1 distance [mV] between simulated cycles and cycles that the fit never saw",
            tolerance=limit,
            problem=f"{len(z)} cycles fitted, {len(x)} compared with {len(y)} simulated",
            dtype="float64",
            extra={
                "floor_mV": 1e3 * split_half_distance(np.concatenate([x, z]), seed=0),
                "scatter_mV": 1e3 * _scatter(x, y),
                "fitted_against_unseen_mV": 1e3 * float(wasserstein_distance(x, z)),
                "constant_mV": 1e3 * float(np.mean(np.abs(x - np.median(z)))),
                "measured": [1e3 * float(f(x)) for f in (np.mean, np.std)],
                "simulated": [1e3 * float(f(y)) for f in (np.mean, np.std)],
                "correlation": {
                    str(p): float(np.corrcoef(e[:, 0], e[:, 2])[0, 1]) for p, e in drawn.items()
                },
                "on_current_A": on,
                "failed": failed(trace),
                "values": result.stochastic.values if result.stochastic else {},
                "std": result.stochastic.std if result.stochastic else {},
            },
        )
    _policies(name, result, whole, size, record)


def _scatter(x: np.ndarray, y: np.ndarray) -> float:
    """Standard deviation of the distance of `y` from `x` where other cycles had been simulated: of resampled ones."""
    rng = np.random.default_rng(0)
    return float(np.std([wasserstein_distance(x, rng.choice(y, len(y))) for _ in range(200)]))


def _fitted(measured: mj.Measurement) -> ft.FitResult:
    """Both stages of a fit."""
    return calibrate(
        ft.solve(ft.SweepProblem([measured], mj.DiffusiveMemristor(), point_time=POINT_TIME))
    )


def _on_current(trace: mj.Trace) -> float:
    """Median modulus of the current at 0.5 V (or the peak, where that is less) on the falling branch [A]."""
    found = []
    for m in solved(trace):
        for label in np.unique(m.sweep):
            v, i = np.abs(m.v[m.sweep == label]), np.abs(m.i[m.sweep == label])
            peak = int(np.argmax(v))
            found.append(i[peak + int(np.argmin(np.abs(v[peak:] - 0.5)))])
    return float(np.median(found))


def _policies(name: str, result: ft.FitResult, whole: mj.Measurement, size: str, record: Recorder):
    """Means and standard deviations of the events by policy: fixed steps, half of them, adaptive."""
    signs = [np.sign(s.v[np.argmax(np.abs(s.v))]) for _, s in whole.sweeps()]
    like = whole.select(np.isin(whole.sweep, [whole.labels[signs.index(p)] for p in (1, -1)]))
    steps = (1e-3, 5e-4, 2.5e-4)
    policies = {
        f"{1e3 * h:g} ms": mj.Fixed(h, method=SemiImplicitEuler(damped=True)) for h in steps
    }
    found = {}
    for k, (word, policy) in enumerate((policies | {"adaptive": mj.Auto()}).items()):
        trace = again(result, like, members=PAIRED[size], seed=200 + k, policy=policy)
        found[word] = simulated(trace, result.thresholds)
    worst, rows, apart = 0.0, {}, 0.0
    for word, events_of in found.items():
        for p, e in events_of.items():
            for k, event in enumerate(NAMES):
                x, y = e[:, k], found["adaptive"][p][:, k]
                mean = (x.mean() - y.mean()) / np.hypot(_error(x), _error(y))
                spread = (x.std() - y.std()) / np.hypot(_error_of_sd(x), _error_of_sd(y))
                key = f"{word}, {'+' if p > 0 else '-'} {event}"
                rows[key] = [
                    1e3 * float(s) for s in (x.mean(), _error(x), x.std(), _error_of_sd(x))
                ]
                if word != "adaptive":
                    worst = max(worst, abs(mean), abs(spread))
                    apart = max(apart, 1e3 * float(wasserstein_distance(x, y)))
    record.ok(
        f"{name} policies",
        Times(run=[0.0]),
        error=float(worst),
        reference="largest |z| of means and standard deviations against adaptive steps",
        tolerance=4.0,
        problem=f"{PAIRED[size]} half-sweeps of each polarity and policy",
        dtype="float64",
        extra={"mean_se_sd_se_mV": rows, "largest_w1_mV": apart},
    )


def _error(x: np.ndarray) -> float:
    """Standard error of a mean."""
    return float(x.std(ddof=1) / len(x) ** 0.5) + 1e-12


def _error_of_sd(x: np.ndarray) -> float:
    """Standard error of a standard deviation, from its influence: no normal law is taken for granted."""
    away = (x - x.mean()) ** 2
    return float(away.std() / (2 * max(x.std(), 1e-12) * len(x) ** 0.5)) + 1e-12


def run(size: str, record: Recorder) -> None:
    """Both devices."""
    jax.config.update("jax_enable_x64", True)
    for name, one in SETS.items():
        if not (DATA / f"{one.file}.csv").exists():
            reason = f"no measured data: {one.file}.csv is not in {DATA}"
            record.write(name, status="skipped", reason=reason)
            continue
        _held_out(name, one, size, record)


CASE = Case(
    name="randomness", run=run, baseline="symmetric + v_th", suites=("randomness",), limit_s=3600.0
)

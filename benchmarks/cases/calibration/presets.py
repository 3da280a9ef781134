"""Coverage of intervals for each model that has a preset: sweeps of devices about the preset, fitted as users do.

``python -m benchmarks.cases.calibration.presets COUNT [MODEL ...]`` prints the table of some models alone.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

import fitting as ft
import memjax as mj
from benchmarks.cases.calibration import data
from benchmarks.cases.device_fits.verdicts import LOOPS, truth_of
from fitting.parameters import sits_at_bound
from fitting.problem import TOGETHER
from fitting.sweeps.covariance import uncertainty
from fitting.sweeps.prepare import prepare
from memjax.core.fields import parameter_specs
from memjax.core.params import get, unconstrain
from memjax.errors import MemjaxError

POINTS, CYCLES = 160, 4
"""Points of a sweep, sweeps of a device."""

NOISE, FLOOR = 0.03, 1e-13
"""Noise of a reading, relative and beside that [A]."""

SCATTER = 0.1
"""Standard deviation of the logarithms of the parameters of devices about the preset."""

LIMITED = 0.3
"""A compliance, where there is one, as a share of the largest current of the preset."""

FINE = mj.Stiff(rtol=1e-7, atol=1e-9, max_steps=100_000)
"""Solver of the data: its error is far below that of the fits."""

LEVEL = 0.9
"""Probability with which intervals are to hold the truth."""

MISSED = 4.0
"""Chi squared of a fit above that at the truth from which on its search has ended beside the optimum."""

_FARTHEST = (
    10.0  # farthest a truth from the centre of the prior: that of one on a bound is infinitely far
)


@dataclass(frozen=True, kw_only=True)
class Covered:
    """What the intervals of one model hold.

    Parameters
    ----------
    model : str
        The model.
    names : tuple of str
        Parameters that were fitted, but for those whose truth lies on a bound.
    inside, determined : Bool[np.ndarray, "devices names"]
        Whether intervals hold the truth, and whether the fit says that the data determine the parameter.
    identifiable : Bool[np.ndarray, "devices names"]
        Whether errors at the truth say so.
    score : Float[np.ndarray, "devices names"]
        Estimate less truth, in standard deviations.
    excess : Float[np.ndarray, "devices"]
        Chi squared of the fit less that at the truth: above 0 where the search has ended beside the optimum.
    seconds : Float[np.ndarray, "devices"]
        Processor time of the fits [s].
    failed : int
        Devices without a fit.
    """

    model: str
    names: tuple[str, ...]
    inside: Bool[np.ndarray, "devices names"]
    determined: Bool[np.ndarray, "devices names"]
    identifiable: Bool[np.ndarray, "devices names"]
    score: Float[np.ndarray, "devices names"]
    excess: Float[np.ndarray, " devices"]
    seconds: Float[np.ndarray, " devices"]
    failed: int

    @property
    def missed(self) -> int:
        """Fits that describe the data less well than the truth does."""
        return int(np.count_nonzero(self.excess > MISSED))

    def table(self) -> list[dict[str, Any]]:
        """By parameter: shares identifiable and determined; coverage and rms score where it is; coverage of all."""
        rows = []
        for k, name in enumerate(self.names):
            chosen = self.determined[:, k]
            row: dict[str, Any] = {"name": name}
            row["identifiable"] = float(self.identifiable[:, k].mean())
            row["determined"] = float(chosen.mean())
            row["coverage"] = float(self.inside[chosen, k].mean()) if chosen.any() else None
            row["rms_score"] = (
                float(np.sqrt(np.mean(self.score[chosen, k] ** 2))) if chosen.any() else None
            )
            row["coverage_of_all"] = float(self.inside[:, k].mean())
            rows.append(row)
        return rows

    def identifiable_rows(self) -> list[dict[str, Any]]:
        """Rows of `table` of parameters that the data determine in more than half of the sets."""
        return [r for r in self.table() if r["identifiable"] > 0.5 and r["coverage"] is not None]

    def hidden_rows(self) -> list[dict[str, Any]]:
        """Rows of `table` of parameters that the data never determine."""
        return [r for r in self.table() if r["identifiable"] == 0]


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Simulated devices about the preset of a model.

    Parameters
    ----------
    base : AbstractDevice
        The preset.
    bench : Bench
        What stands around.
    names : tuple of str
        Parameters that scatter: those that a fit frees, but for those on a bound.
    truth : dict of str to Float[np.ndarray, "devices"]
        Their values [SI].
    measured : list of Measurement
        The sweeps of each device.
    """

    base: mj.AbstractDevice
    bench: mj.Bench
    names: tuple[str, ...]
    truth: dict[str, np.ndarray]
    measured: list[mj.Measurement]

    def device(self, k: int) -> mj.AbstractDevice:
        """The device of a number, with its true values."""
        return mj.params.replace(self.base, {n: float(x[k]) for n, x in self.truth.items()})


def _bench(model: str, *, limited: bool) -> mj.Bench:
    """A bench with a compliance below the largest current, or without."""
    if not limited:
        return mj.Bench()
    trace, _ = _simulated(model, mj.Bench(), {}, 1)
    return mj.Bench(compliance=LIMITED * float(np.max(np.abs(np.asarray(trace.i)))))


def _simulated(model: str, bench: mj.Bench, values: dict[str, np.ndarray], count: int):
    """Sweeps of devices without noise, and the times of their points [s]."""
    _, amplitude, duration = LOOPS[model]
    stimulus = mj.triangle_sweep(amplitude, 4 * amplitude / duration, negative=amplitude)
    # From 0 s on: the state at the first row is the state at the start, as a fit takes it.
    t = np.linspace(0.0, duration, POINTS + 1)[:-1]
    about: dict[str, Any] = dict(bench=bench, policy=FINE, deterministic=True)
    trace = mj.simulate(
        truth_of(model),
        stimulus,
        save=t,
        members=count,
        conditions=mj.Conditions(values=values),
        **about,
    )
    return trace.check(), t


def _read(trace: mj.Trace, t: np.ndarray, bench: mj.Bench, seed: int) -> list[mj.Measurement]:
    """Each device read in several sweeps: the device is at the same state at the start of each."""
    rng = np.random.default_rng(seed)
    v, i = (np.asarray(x) for x in (trace.v, trace.i))
    shape = (len(i), CYCLES, len(t))
    read = i[:, None] * np.exp(NOISE * rng.normal(size=shape)) + FLOOR * rng.normal(size=shape)
    limit = bench.compliance
    held = np.zeros(shape, bool)
    if limit is not None:
        held = np.broadcast_to(np.abs(i[:, None]) > (1 - 1e-3) * limit, shape)
        read = np.where(held, np.sign(read) * limit, read)
    whole: dict[str, Any] = dict(
        v=np.tile(v[0], CYCLES), t=np.tile(t, CYCLES), sweep=np.repeat(np.arange(CYCLES), len(t))
    )
    pairs = zip(read, held, strict=True)
    return [
        mj.Measurement(
            i=x.ravel(), at_compliance=h.ravel(), compliance=limit, reader="simulated", **whole
        )
        for x, h in pairs
    ]


def sets_of(model: str, count: int, *, limited: bool, seed: int = 0) -> Sets:
    """So many devices about the preset of a model; what is free is what a user gets without an option."""
    base, bench = truth_of(model), _bench(model, limited=limited)
    trace, t = _simulated(model, bench, {}, 1)
    options: dict[str, Any] = dict(bench=bench, env=None, point_time=None, free=None, fix=None)
    first = _read(trace, t, bench, seed)
    free = prepare(first, base, **options, seed=seed, screened=2).problem.free
    names = tuple(n for n in free if not sits_at_bound(base, n))
    rng = np.random.default_rng(seed)
    middle = {n: float(get(base, n)) for n in names}
    away = SCATTER * rng.normal(
        size=(count, len(names))
    )  # the first devices of a larger number are the same
    drawn = {n: x * np.exp(d) for (n, x), d in zip(middle.items(), away.T, strict=True)}
    truth = {n: _off_bounds(base, n, x) for n, x in drawn.items()}
    trace, t = _simulated(model, bench, truth, count)
    measured = _read(trace, t, bench, seed + 1)
    return Sets(base=base, bench=bench, names=names, truth=truth, measured=measured)


def _off_bounds(
    base: mj.AbstractDevice, name: str, values: Float[np.ndarray, " devices"]
) -> Float[np.ndarray, " devices"]:
    """Returns values of a parameter [SI], no closer to a bound than half the distance from which they were drawn.

    A share of the range would not do: a leakage of 1 pA may be bounded by 0 A and 0.1 A.
    """
    middle, (lower, upper) = float(get(base, name)), parameter_specs(base)[name].bounds
    return np.clip(values, middle - (middle - lower) / 2, middle + (upper - middle) / 2)


def _at_truth(fit: ft.FitResult, device: mj.AbstractDevice) -> tuple[ft.FitResult, float]:
    """The fit as it would be at the truth, to state its errors; and chi squared of the fit less that there."""
    problem, n = fit.problem, len(fit.free)
    z, centre = np.asarray(unconstrain(device, fit.free)), np.asarray(problem.center)
    z = np.where(np.isfinite(z), z, centre + np.sign(z) * _FARTHEST)
    r, jacobian, ok = problem.linearise(np.resize([z, fit.z], (TOGETHER, n)))
    if not ok[0]:
        return fit, 0.0
    about: dict[str, Any] = {"residuals": r[0], "jacobian": jacobian[0]}
    errors = uncertainty(problem, fit.waves, z=z, **about)
    excess = np.sum(r[1, :-n] ** 2) - np.sum(r[0, :-n] ** 2)
    there = replace(fit, z=z, uncertainty=errors, device=device, profiles=())
    return there, float(excess / float(problem.noise) ** 2)


def covered(model: str, count: int, *, limited: bool, seed: int = 0) -> Covered:
    """Coverage of the intervals of so many devices about the preset of a model, each fitted as a user does."""
    sets = sets_of(model, count, limited=limited, seed=seed)
    rows: list[tuple] = []
    for k, m in enumerate(sets.measured):
        begun = time.process_time()
        try:
            fit = ft.solve(ft.SweepProblem(m, sets.base, bench=sets.bench))
        except MemjaxError:
            continue
        seconds = time.process_time() - begun
        device, ends = sets.device(k), fit.intervals(LEVEL)
        there, excess = _at_truth(fit, device)
        scores = (fit.z - np.asarray(unconstrain(device, fit.free))) / fit.sigma_z
        score = dict(zip(fit.free, scores, strict=True))
        # What is free follows from the data: where a fit leaves a parameter as it is, it says nothing of it.
        unknown, none = set(fit.undetermined) | (set(sets.names) - set(fit.free)), (None, None)
        rows.append(
            (
                [data.holds(ends.get(n, none), float(sets.truth[n][k])) for n in sets.names],
                [n not in unknown for n in sets.names],
                [n not in unknown and n not in there.undetermined for n in sets.names],
                [score.get(n, np.nan) for n in sets.names],
                excess,
                seconds,
            )
        )
    columns = zip(*rows, strict=True) if rows else [[]] * 6
    inside, determined, identifiable, score, excess, seconds = (np.array(x) for x in columns)
    shape = (len(rows), len(sets.names))
    return Covered(
        model=model,
        names=sets.names,
        inside=np.reshape(inside, shape).astype(bool),
        determined=np.reshape(determined, shape).astype(bool),
        identifiable=np.reshape(identifiable, shape).astype(bool),
        score=np.reshape(score, shape).astype(float),
        excess=excess.astype(float),
        seconds=seconds.astype(float),
        failed=count - len(rows),
    )


def main(arguments: Sequence[str]) -> int:
    """Print the tables of some models, of all by default."""
    count, models = int(arguments[0]), list(arguments[1:]) or list(LOOPS)
    for model in models:
        for limited in (False, True):
            try:
                found = covered(model, count, limited=limited)
            except MemjaxError as error:
                print(f"{model}{', compliance' * limited}: {error}", flush=True)
                continue
            lost = f"{found.failed} failed, {found.missed} beside the optimum"
            time_each = f"{np.median(found.seconds):.1f} s each" if len(found.seconds) else ""
            print(f"{model}{', compliance' * limited}: {lost}, {time_each}", flush=True)
            for row in found.table():
                print("  ", "  ".join(_words(row)), flush=True)
    return 0


def _words(row: dict[str, Any]) -> list[str]:
    """A row of a table, a column each."""
    return [
        f"{k} {x}" if isinstance(x, str) else f"{k} {'-' if x is None else format(x, '.2f')}"
        for k, x in row.items()
    ]


if __name__ == "__main__":
    import jax

    from memjax.runtime.jax_setup import prepare_jax

    prepare_jax()
    jax.config.update("jax_enable_x64", True)
    sys.exit(main(sys.argv[1:]))

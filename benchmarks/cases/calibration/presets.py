"""Coverage of intervals for each model that has a preset: sweeps of devices about the preset, fitted as users do.

``python -m benchmarks.cases.calibration.presets COUNT [MODEL ...]`` prints the table of some models alone.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

import fitting as ft
import memjax as mj
from benchmarks.cases.calibration import data
from benchmarks.cases.device_fits.verdicts import LOOPS, truth_of
from fitting.sweeps.prepare import prepare
from memjax.errors import MemjaxError
from memjax.fields import parameter_specs
from memjax.params import get, unconstrain

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

_EDGE = 0.02  # share of a range within which a truth counts as on a bound, where it has no distribution about it


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
    score : Float[np.ndarray, "devices names"]
        Estimate less truth, in standard deviations.
    failed : int
        Devices without a fit.
    """

    model: str
    names: tuple[str, ...]
    inside: Bool[np.ndarray, "devices names"]
    determined: Bool[np.ndarray, "devices names"]
    score: Float[np.ndarray, "devices names"]
    failed: int

    def table(self) -> list[dict[str, Any]]:
        """By parameter: share determined; coverage and rms score where it is; coverage of all."""
        rows = []
        for k, name in enumerate(self.names):
            told = self.determined[:, k]
            row: dict[str, Any] = {"name": name, "determined": float(told.mean())}
            row["coverage"] = float(self.inside[told, k].mean()) if told.any() else None
            row["rms_score"] = (
                float(np.sqrt(np.mean(self.score[told, k] ** 2))) if told.any() else None
            )
            row["coverage_of_all"] = float(self.inside[:, k].mean())
            rows.append(row)
        return rows


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
    t = np.linspace(0.0, duration, POINTS + 1)[1:]
    about: dict[str, Any] = dict(bench=bench, policy=FINE, deterministic=True)
    trace = mj.simulate(truth_of(model), stimulus, save=t, members=count, values=values, **about)
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


def _on_a_bound(device: mj.AbstractDevice, name: str) -> bool:
    """Whether a true value lies on a bound, where no estimate can scatter about it."""
    lower, upper = parameter_specs(device)[name].bounds
    value = float(get(device, name))
    if not np.isfinite([lower, upper]).all():
        return value in (lower, upper)
    if lower > 0 and upper / lower >= 100:
        lower, upper, value = np.log(lower), np.log(upper), np.log(value)
    edge = _EDGE * (upper - lower)
    return not lower + edge < value < upper - edge


def covered(model: str, count: int, *, limited: bool, seed: int = 0) -> Covered:
    """Coverage of the intervals of so many devices about the preset of a model.

    What is fitted is what a user gets without an option; what is not has the value of the preset.
    """
    base, bench = truth_of(model), _bench(model, limited=limited)
    trace, t = _simulated(model, bench, {}, 1)
    first = _read(trace, t, bench, seed)
    options: dict[str, Any] = dict(bench=bench, env=None, point_time=None, free=None, fix=None)
    free = prepare(first, base, **options, seed=seed, screened=2).problem.free
    names = tuple(n for n in free if not _on_a_bound(base, n))
    rng = np.random.default_rng(seed)
    middle = {n: float(get(base, n)) for n in names}
    truth = {n: x * np.exp(SCATTER * rng.normal(size=count)) for n, x in middle.items()}
    trace, t = _simulated(model, bench, truth, count)
    scores, inside, determined, failed = [], [], [], 0
    for k, m in enumerate(_read(trace, t, bench, seed + 1)):
        try:
            fit = ft.fit(m, base, bench=bench)
        except MemjaxError:
            failed += 1
            continue
        at = [fit.free.index(n) for n in names]
        device = mj.params.replace(base, {n: float(x[k]) for n, x in truth.items()})
        away = fit.z - np.asarray(unconstrain(device, fit.free))
        scores.append((away / fit.sigma_z)[at])
        ends = fit.intervals(LEVEL)
        inside.append([data.holds(ends[n], float(truth[n][k])) for n in names])
        determined.append([n not in fit.undetermined for n in names])
    shape = (len(scores), len(names))
    return Covered(
        model=model,
        names=names,
        inside=np.reshape(np.array(inside, bool), shape),
        determined=np.reshape(np.array(determined, bool), shape),
        score=np.reshape(np.array(scores, float), shape),
        failed=failed,
    )


def main(arguments: Sequence[str]) -> int:
    """Print the tables of some models, of all by default."""
    count, models = int(arguments[0]), list(arguments[1:]) or list(LOOPS)
    for model in models:
        for limited in (False, True):
            found = covered(model, count, limited=limited)
            print(f"{model}{', compliance' * limited}, {found.failed} failed", flush=True)
            for row in found.table():
                print("  ", row, flush=True)
    return 0


if __name__ == "__main__":
    import jax

    from memjax.cli.cache import prepare_jax

    prepare_jax()
    jax.config.update("jax_enable_x64", True)
    sys.exit(main(sys.argv[1:]))

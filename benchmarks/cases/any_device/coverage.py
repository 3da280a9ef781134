"""Coverage of bands of currents that `hybrid` gives for simulated devices of laws of which it knows nothing.

``python -m benchmarks.cases.any_device.coverage COUNT [MODEL ...]`` prints the table of some truths alone.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool

import fitting as ft
import memjax as mj
from benchmarks.cases.device_fits.verdicts import LOOPS, truth_of
from benchmarks.timing import lap
from fitting.problem import inside
from fitting.sweeps.prepare import prepare
from memjax.core.params import get
from memjax.errors import MemjaxError

TRUTHS = ("vteam", "mms", "yakopcic", "stanford-pku")
"""Models of the truths, by their presets."""

FITTED, UNSEEN = (0.7, 0.85, 1.0), 0.92
"""Amplitudes of the loops that are fitted, one after the other, and of the one that follows, over the preset's."""

POINTS = 60
"""Points of a loop."""

NOISE = 0.03
"""Relative noise of a reading."""

SCATTER = 0.1
"""Standard deviation of the logarithms of the parameters of devices about the preset."""

NEAR_ZERO = 0.03
"""Share of the amplitude below which a current is not compared: all devices have none at 0 V."""

LEVEL = 0.9
"""Probability with which bands are to hold the truth."""

FINE = mj.Stiff(rtol=1e-7, atol=1e-9, max_steps=100_000)
"""Solver of the data: its error is far below that of the fits."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the bands of one fit hold.

    Parameters
    ----------
    seen, unseen : Bool[np.ndarray, "points"]
        Whether bands hold the current without noise, at points of the fitted loops and of the other one.
    off : float
        Root mean square of the error of the unseen loop [decades].
    width : float
        Median half-width of the bands of that [decades].
    seconds : float
        Time of the fit [s].
    """

    seen: Bool[np.ndarray, " points"]
    unseen: Bool[np.ndarray, " points"]
    off: float
    width: float
    seconds: float


def loops_of(device: mj.AbstractDevice, model: str) -> tuple[np.ndarray, np.ndarray, float]:
    """Voltages [V] and currents [A] of all loops, a row each, without noise; time of a point [s]."""
    _, amplitude, duration = LOOPS[model]
    quarter = np.linspace(0, 1, POINTS // 4 + 1)
    shape = np.concatenate([quarter[1:], quarter[-2::-1], -quarter[1:], -quarter[-2::-1]])
    v = amplitude * np.array([*FITTED, UNSEEN])[:, None] * shape
    step = duration / POINTS
    t = step * np.arange(1.0, v.size + 1)
    drive = mj.stimulus.staircase(v.ravel(), step)
    trace = mj.simulate(device, drive, save=t, policy=FINE, deterministic=True).check()
    return v, np.asarray(trace.i).reshape(v.shape), step


def measured(v: np.ndarray, i: np.ndarray) -> mj.Measurement:
    """Loops as one measurement."""
    sweep = np.repeat(np.arange(len(v)), v.shape[1])
    limited = np.zeros(v.size, bool)
    return mj.Measurement(
        v=v.ravel(),
        i=i.ravel(),
        t=None,
        sweep=sweep,
        at_compliance=limited,
        reader="simulated",
        source={},
    )


def devices(model: str, count: int) -> list[mj.AbstractDevice]:
    """So many devices about the preset of a model: all that a fit of it frees scatters."""
    base = truth_of(model)
    v, i, step = loops_of(base, model)
    options: dict[str, Any] = dict(bench=None, env=None, free=None, fix=None, seed=0, screened=2)
    names = prepare([measured(v, i)], base, point_time=step, **options).problem.free
    drawn = np.random.default_rng(0).normal(size=(count, len(names)))
    values = [
        {n: float(get(base, n)) * np.exp(SCATTER * x) for n, x in zip(names, row, strict=True)}
        for row in drawn
    ]
    return [mj.params.replace(base, inside(base, x)) for x in values]


def held(truth: mj.AbstractDevice, model: str, seed: int, learned: str = "hybrid") -> Held:
    """What the bands of a fit to one device hold."""
    v, i, step = loops_of(truth, model)
    noise = np.exp(NOISE * np.random.default_rng(seed).normal(size=i.shape))
    fitted = measured(v[: len(FITTED)], (i * noise)[: len(FITTED)])
    problem = ft.SweepProblem(fitted, mj.model(learned), point_time=step)
    seconds, fit = lap(lambda: ft.solve(problem, seed=0))
    known = fit.predict(measured(v, i))
    low, high = (x.reshape(v.shape) for x in known.band(LEVEL))
    truth_log, predicted = (x.reshape(v.shape) for x in (known.target, known.log_response))
    holds = (low <= truth_log) & (truth_log <= high)
    compared = np.abs(v) > NEAR_ZERO * np.max(np.abs(v))
    at = np.arange(len(v))[:, None] < len(FITTED)
    new = compared & ~at
    return Held(
        seen=holds[compared & at],
        unseen=holds[new],
        off=float(np.sqrt(np.mean((predicted - truth_log)[new] ** 2))),
        width=float(np.median((high - low)[new] / 2)),
        seconds=seconds,
    )


def covered(model: str, count: int, learned: str = "hybrid") -> list[Held]:
    """What the bands of fits to so many devices about a preset hold."""
    results = []
    for seed, truth in enumerate(devices(model, count)):
        try:
            results.append(held(truth, model, seed, learned))
        except MemjaxError as error:
            print(f"{model}, device {seed}: {error}", file=sys.stderr)
    return results


def row_of(results: Sequence[Held]) -> dict[str, float]:
    """Shares of points whose bands hold the truth, error and half-width in decades, seconds; medians over devices."""
    shares = {n: np.array([getattr(h, n).mean() for h in results]) for n in ("seen", "unseen")}
    rows = {n: float(x.mean()) for n, x in shares.items()}
    rows |= {f"least_{n}": float(x.min()) for n, x in shares.items()}
    rows |= {
        n: float(np.median([getattr(h, n) for h in results])) for n in ("off", "width", "seconds")
    }
    return rows | {"devices": len(results)}


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for truth_model in sys.argv[2:] or TRUTHS:
        print(truth_model, row_of(covered(truth_model, int(sys.argv[1]))), flush=True)

"""Intervals of `fitting.calibrate`: ion noise, spread from cycle to cycle and rates of synthetic cycles."""

from dataclasses import dataclass, field

import numpy as np

import fitting as ft
import memjax as mj
from fitting.sweeps.randomness import calibrate
from memjax.core.params import get, replace
from memjax.noise import cycle_factors
from memjax.solver import SemiImplicitEuler

CYCLES, DRAWS, READ = 60, 128, 0.02
"""Measured cycles of a set, simulated ones of each point, relative read noise."""

VARIED = {"sigma_ion": 0.4, "mu": 0.15, "gamma1": 0.15, "gamma3": 0.15}
"""Standard deviations of the logarithms of truths."""

SPREADS = {"mu": 0.05, "gamma3": 0.5}
"""Spreads from cycle to cycle, about which the true ones scatter as sigma_ion does."""

DEVICE = replace(
    mj.DiffusiveMemristor(),
    {
        "sigma_ion": 2.0, "alpha": 0.165, "beta": 34.0, "mu": 75.0, "gamma1": 38.0,
        "gamma2": 60.0, "theta": 9e3, "gamma3": 400.0, "r_on": 1.7e5, "r_off": 7e10,
    },
)  # fmt: skip
"""Values near those of a measured device (USC, symmetric)."""

FREE = ("mu", "gamma1", "gamma3")
KNOWN = {
    n: float(get(DEVICE, n)) for n in ("alpha", "beta", "gamma2", "theta", "lam", "r_on", "r_off")
}
"""What is not fitted keeps its true value; sweeps would suggest others."""

BENCH = mj.Bench(compliance=1e-6)
VOLTS = 0.5 * np.concatenate([np.arange(1, 41), np.arange(39, -1, -1)]) / 40
HOLD = 0.01


@dataclass
class Coverage:
    """What became of the sets.

    Parameters
    ----------
    inside : dict of str to list of bool
        Whether each interval held the truth, by parameter.
    determined : dict of str to list of bool
        Whether the parameter was called determined.
    scores : dict of str to list of float
        Distance of the estimate from the truth in logarithms, over the stated standard deviation.
    other : int
        Sets in which another parameter than the true one was taken to differ from cycle to cycle: the model is wrong
        then, and its intervals say nothing about the method. They are left out.
    """

    inside: dict[str, list[bool]] = field(default_factory=dict)
    determined: dict[str, list[bool]] = field(default_factory=dict)
    scores: dict[str, list[float]] = field(default_factory=dict)
    other: int = 0


def truth(seed: int) -> dict[str, float]:
    """Values and spreads of one set."""
    rng = np.random.default_rng([seed, 17])
    values = {n: float(get(DEVICE, n)) * np.exp(s * rng.normal()) for n, s in VARIED.items()}
    widths = {n: s * np.exp(VARIED["sigma_ion"] * rng.normal()) for n, s in SPREADS.items()}
    return values | {f"sigma_ln({n})": float(s) for n, s in widths.items()}


def measured(true: dict[str, float], seed: int) -> mj.Measurement:
    """Cycles of one staircase, each with its own noise and parameters."""
    device = replace(DEVICE, {n: true[n] for n in VARIED})
    spread = {n: true[f"sigma_ln({n})"] for n in SPREADS}
    factors = cycle_factors(seed, spread, members=1, sweeps=CYCLES)
    trace = mj.simulate(
        device,
        [mj.staircase(VOLTS, HOLD)] * CYCLES,
        save=[HOLD * np.arange(1, len(VOLTS) + 1)] * CYCLES,
        bench=BENCH,
        conditions=mj.Conditions(values={n: get(device, n) * x for n, x in factors.items()}),
        policy=mj.Fixed(HOLD / 40, method=SemiImplicitEuler(damped=True)),
        seed=seed,
    ).check()
    clean = np.asarray(trace.i[0])
    i = clean * (1 + READ * np.random.default_rng([seed, 3]).normal(size=clean.shape))
    limited = clean >= 0.99 * 1e-6
    return mj.Measurement(
        v=np.asarray(trace.v[0]),
        i=np.where(limited, clean, i),
        sweep=np.asarray(trace.sweep),
        at_compliance=limited,
        reader="synthetic",
    )


def covered(seeds: range, level: float) -> Coverage:
    """Fit and calibrate sets of cycles, and see whether the intervals hold the truth."""
    found = Coverage()
    for seed in seeds:
        true = truth(seed)
        fit = ft.solve(
            ft.SweepProblem(
                [measured(true, seed)],
                DEVICE,
                free=list(FREE),
                fix=KNOWN,
                point_time=HOLD,
                bench=BENCH,
                screened=8,
            ),
            seed=seed,
        )
        random = calibrate(fit, draws=DRAWS).stochastic
        if random is None or set(true) - set(random.values):
            found.other += 1
            continue
        ends = random.intervals(level)
        for n, x in true.items():
            found.inside.setdefault(n, []).append(ends[n][0] < x < ends[n][1])
            found.determined.setdefault(n, []).append(n not in random.undetermined)
            width = random.std[n] / random.values[n]
            found.scores.setdefault(n, []).append(float(np.log(random.values[n] / x) / width))
    return found

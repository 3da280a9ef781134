"""Synthetic data of known truth: sweeps of many devices of one model, traces of a circuit's node."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import memjax as mj
from fitting.sweeps.prepare import Prepared, prepare
from memjax.core.params import unconstrain

TIMES = np.linspace(0, 1.0, 101)
DRIVE = mj.Sampled(TIMES, 0.6 * np.sin(2 * np.pi * TIMES))
FIXED = {"tau": 1e-4, "x0": 0.0}
MIDDLE = {"r_on": 500.0, "r_off": 5e3, "v_on": 0.27, "v_off": 0.27}
FREE = tuple(MIDDLE)
MODEL = mj.params.replace(mj.MetastableSwitches(), FIXED | MIDDLE)
FINE = mj.Stiff(rtol=1e-8, atol=1e-10, max_steps=20_000)
"""Solver of the data: its error is far below that of the fits."""


def about(count: int, spread: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """True values of devices, log-normal about the middle."""
    return {n: x * np.exp(spread * rng.normal(size=count)) for n, x in MIDDLE.items()}


def measured(
    truth: Mapping[str, np.ndarray],
    *,
    cycles: int,
    spread: float | np.ndarray,
    noise: float,
    rng: np.random.Generator,
) -> list[mj.Measurement]:
    """Sweeps of each device: parameters drawn afresh for each cycle, currents with relative read noise."""
    count = len(truth["r_on"])
    spreads = np.broadcast_to(spread, len(truth))
    values = {
        n: x[:, None] * np.exp(s * rng.normal(size=(count, cycles)))
        for (n, x), s in zip(truth.items(), spreads, strict=True)
    }
    trace = mj.simulate(
        MODEL,
        [DRIVE] * cycles,
        save=[TIMES] * cycles,
        members=count,
        conditions=mj.Conditions(values=values, carry_state=False),
        policy=FINE,
        deterministic=True,
    ).check()
    i = np.asarray(trace.i) * np.exp(noise * rng.normal(size=(count, cycles * len(TIMES))))
    v, t = np.tile(np.asarray(DRIVE.values), cycles), np.tile(TIMES, cycles)
    sweep, never = np.repeat(np.arange(cycles), len(TIMES)), np.zeros(cycles * len(TIMES), bool)
    about_it: dict[str, Any] = dict(
        t=t, v=v, sweep=sweep, at_compliance=never, reader="", source={}
    )
    return [mj.Measurement(i=row, **about_it) for row in i]


def prepared(data: list[mj.Measurement]) -> list[Prepared]:
    """The problem of each device, and where a fit of it starts: what its own data suggest."""
    options: dict[str, Any] = dict(
        bench=None, env=None, point_time=None, free=FREE, fix=FIXED, seed=0, screened=2
    )
    return [prepare([m], MODEL, **options) for m in data]


def coordinates(truth: Mapping[str, np.ndarray]) -> np.ndarray:
    """Unconstrained coordinates of true values, one row a device."""
    rows = [{n: x[k] for n, x in truth.items()} for k in range(len(truth["r_on"]))]
    return np.array([unconstrain(mj.params.replace(MODEL, r), FREE) for r in rows])


def holds(ends: tuple[float | None, ...], value: float) -> bool:
    """Whether an interval, open where it has no end, holds a value."""
    low, high = ends
    return (low is None or low <= value) and (high is None or value <= high)

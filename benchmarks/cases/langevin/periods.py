"""R4.2: period of the noise-free cycle against source voltage."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.langevin import model
from benchmarks.cases.langevin.figures import STIFF, Exact
from benchmarks.cases.langevin.spikes import spike_times
from benchmarks.records import Recorder
from benchmarks.timing import lap

PERIODS = {
    (128.0, 0.8): {30.5: 2.53, 31.0: 2.22, 32.0: 1.90, 34.0: 1.59, 37.0: 1.38, 42.0: None},
    (64.0, 2.0): {26.5: 6.93, 27.0: 5.99, 28.0: 5.03, 30.0: 4.10, 32.0: 3.60, 36.0: 3.12},
}
"""Figures of the recipe by (R_ext, tau) and voltage; None: low resistance, no cycle."""

TAMING = 0.01
"""Share by which the recipe's own steps may be off: dx = f dt / (1 + 5 |f| dt) slows a drift of 20 by 1 %."""

DURATION, SETTLED, SAVE = 45.0, 15.0, 0.005


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A run at one voltage: its rows, and the mean interval of its spikes where it spikes."""

    t: Float[np.ndarray, " rows"]
    x: Float[np.ndarray, " rows"]
    v: Float[np.ndarray, " rows"]
    period: float | None


def period(t: Float[np.ndarray, " rows"], x: Float[np.ndarray, " rows"]) -> float | None:
    """Mean interval once the start is forgotten."""
    late = [s for s in spike_times(t, x) if s > SETTLED]
    return float(np.mean(np.diff(late))) if len(late) > 1 else None


def cycles(r_ext: float, tau: float, voltages: list[float], policy: mj.Stiff) -> list[Cycle]:
    """A run from rest at each voltage."""
    trace = mj.simulate(
        model.device(),
        [model.held(v, DURATION) for v in voltages],
        bench=model.bench(r_ext, tau),
        policy=policy,
        deterministic=True,
        save=SAVE,
    ).check()
    rows = (trace.t, trace.state["x"][0], trace.v_device[0])
    t, x, v = (np.asarray(r).reshape(len(voltages), -1) for r in rows)
    return [Cycle(t=a, x=b, v=c, period=period(a, b)) for a, b, c in zip(t, x, v, strict=True)]


def run(record: Recorder, size: str) -> dict[tuple[float, float], dict[float, Cycle]]:
    """All of R4.2 (in smoke behind 128 only); the runs by (R_ext, tau) and voltage."""
    policy, found = mj.Stiff(rtol=1e-6, atol=1e-8), {}
    for (r_ext, tau), table in list(PERIODS.items())[: 1 if size == "smoke" else None]:
        seconds, runs = lap(lambda r=r_ext, s=tau, t=table: cycles(r, s, list(t), policy))
        found[r_ext, tau] = dict(zip(table, runs, strict=True))
        for (v, reference), cycle in zip(table.items(), runs, strict=True):
            what = f"R_ext = {r_ext:g}, tau = {tau:g}, V_ext = {v:g}"
            Exact(
                name=f"R4.2 period, {what}" if reference else f"R4.2 no cycle, {what}",
                value=cycle.period or 0.0,
                reference=reference or 0.0,
                tolerance=TAMING * reference + 0.005 if reference else 0.0,
                variant=STIFF,
            ).tell(record, seconds)
    return found

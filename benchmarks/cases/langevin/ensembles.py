"""Ensembles of noisy circuits at constant source voltage: intervals between spikes and mean temperature."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

import memjax as mj
from benchmarks.cases.langevin.spikes import Intervals, intervals, jackknife, spike_times
from memjax.core.constants import ROOM_TEMPERATURE

SAVE = 0.02
"""Interval of rows: x stays above UP and below DOWN for longer than that."""

WALL = 0.5
"""Beyond it the particle is at the right wall."""

RECIPE_TIME = 3000.0
"""Length of the recipe's one path."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Time of a run: `burn` is left out, intervals begin within `begin`, `follow` is for them to end.

    `members` run at a time, so that memory stays bounded, `batches` times with seeds of their own.
    """

    burn: float
    begin: float
    follow: float
    members: int
    batches: int = 1

    @property
    def duration(self) -> float:
        """Length of each run."""
        return self.burn + self.begin + self.follow

    @property
    def total(self) -> int:
        """Number of all members."""
        return self.members * self.batches


@dataclass(frozen=True, kw_only=True)
class Spiking:
    """What an ensemble did.

    Parameters
    ----------
    intervals : Intervals
        Between its spikes.
    free : Intervals
        The same of members that are never at the right wall, where a particle stays for long.
    temperature, temperature_se : float
        Mean over time and members [ambient], and standard error.
    t, x, v : Float[np.ndarray, "rows"]
        The first member.
    lengths : Float[np.ndarray, "intervals"]
        Every interval that began after the burn-in.
    trapped : float
        Share of the rows at which the particle is at the right wall.
    """

    intervals: Intervals
    free: Intervals
    temperature: float
    temperature_se: float
    t: Float[np.ndarray, " rows"]
    x: Float[np.ndarray, " rows"]
    v: Float[np.ndarray, " rows"]
    lengths: Float[np.ndarray, " intervals"]
    trapped: float


def run(
    device: mj.LangevinMemristor,
    bench: mj.Bench,
    drive: mj.Sampled,
    *,
    window: Window,
    policy: mj.Fixed | mj.Stiff,
    seed: int = 0,
) -> Spiking:
    """Simulate all batches, keeping of each what is counted."""
    trains, warm, trapped, first = [], [], [], []
    begin, end = window.burn, window.burn + window.begin
    for k in range(window.batches):
        trace = mj.simulate(
            device,
            drive,
            bench=bench,
            policy=policy,
            members=window.members,
            seed=seed + k,
            save=SAVE,
        ).check()
        t, x = np.asarray(trace.t), np.asarray(trace.state["x"])
        late = t >= window.burn
        trains += [spike_times(t, row) for row in x]
        warm.append(np.asarray(trace.state["temperature"])[:, late].mean(axis=1))
        trapped.append(np.mean(x > WALL, axis=1))
        first = first or [t, x[0].copy(), np.asarray(trace.v_device[0])]
    mean, caught = np.concatenate(warm) / ROOM_TEMPERATURE, np.concatenate(trapped)
    return Spiking(
        intervals=intervals(trains, begin, end),
        free=intervals([s for s, share in zip(trains, caught) if share == 0], begin, end),
        temperature=float(mean.mean()),
        temperature_se=float(jackknife((mean.sum() - mean) / (len(mean) - 1))),
        t=first[0],
        x=first[1],
        v=first[2],
        lengths=np.concatenate([np.diff(s[s >= window.burn]) for s in trains]),
        trapped=float(caught.mean()),
    )


def recipe_errors(mean: float, cv: float) -> tuple[float, float]:
    """Standard errors of mean and CV of the intervals of one path of the recipe's length.

    As of independent intervals: cv mean / sqrt(n), and cv sqrt((1/2 + cv^2) / n).
    """
    n = RECIPE_TIME / mean
    return mean * cv / np.sqrt(n), cv * np.sqrt((0.5 + cv**2) / n)

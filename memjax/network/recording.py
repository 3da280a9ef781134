"""What a network did: spikes, traces, statistics."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from ..observables import SpikeTrain
from .network import Network


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What happened between two looks at a run.

    Parameters
    ----------
    begin, end : int
        Exchange intervals.
    spikes : dict of str to tuple of (Int[np.ndarray, "spikes"], Int[np.ndarray, "spikes"])
        Numbers of members and of time steps at whose end they fired, in order of time.
    traces : dict of str to dict of str to Float[np.ndarray, "intervals neurons"]
        States of the neurons that are watched [SI], at the end of each interval.
    """

    begin: int
    end: int
    spikes: dict[str, tuple[Int[np.ndarray, " spikes"], Int[np.ndarray, " spikes"]]]
    traces: dict[str, dict[str, Float[np.ndarray, "intervals neurons"]]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """What a network did.

    Parameters
    ----------
    sizes : dict of str to int
        Members of each group.
    dt, duration : float
        Step, and simulated time [s].
    spikes : dict of str to tuple of (Int[np.ndarray, "spikes"], Float[np.ndarray, "spikes"])
        Number of the member and time [s] of each spike, in order of time.
    traces : dict of str to dict of str to Float[np.ndarray, "rows neurons"]
        States of watched neurons [SI].
    times : Float[np.ndarray, "rows"]
        When [s].
    statistics : dict of str to dict of str to np.ndarray
        By member: `count`, and of neurons `isi` [s] and `cv` of their intervals.
    conductances : dict of str to dict of str to Float[np.ndarray, "edges"]
        Of projections whose weights are programmed devices [S]: at the `start` and at the `end`, by edge.
    start : float
        From when on spikes are held [s]: those of a long run may be too many. Statistics are of all of it.
    """

    sizes: dict[str, int]
    dt: float
    duration: float
    spikes: dict[str, tuple[Int[np.ndarray, " spikes"], Float[np.ndarray, " spikes"]]]
    traces: dict[str, dict[str, Float[np.ndarray, "rows neurons"]]]
    times: Float[np.ndarray, " rows"]
    statistics: dict[str, dict[str, np.ndarray]]
    conductances: dict[str, dict[str, Float[np.ndarray, " edges"]]] = field(default_factory=dict)
    start: float = 0.0

    @classmethod
    def of(
        cls, network: Network, parts: Sequence[Stretch], statistics: dict, conductances: dict
    ) -> "Recording":
        """Out of the stretches of a run."""
        at = network.clock
        spikes = {}
        for g in network.groups:
            number, step = (np.concatenate([p.spikes[g.name][k] for p in parts]) for k in (0, 1))
            spikes[g.name] = (number, (step + 1) * at.dt)
        traces = {
            n: {k: np.concatenate([p.traces[n][k] for p in parts]) for k in parts[0].traces[n]}
            for n in parts[0].traces
        }
        return cls(
            sizes={g.name: g.n for g in network.groups},
            dt=at.dt,
            duration=parts[-1].end * at.exchange,
            spikes=spikes,
            traces=traces,
            times=(np.arange(parts[0].begin, parts[-1].end) + 1) * at.exchange,
            statistics=statistics,
            conductances=conductances,
        )

    def rates(self, group: str) -> Float[np.ndarray, " members"]:
        """Spikes per time of each member, of those that are held [1/s]."""
        span = self.duration - self.start
        return np.bincount(self.spikes[group][0], minlength=self.sizes[group]) / span

    def trains(self, group: str, members: Sequence[int] | None = None) -> list[SpikeTrain]:
        """Spikes of some members, of all by default, each with the window of the run."""
        number, when = self.spikes[group]
        order = np.argsort(number, kind="stable")
        edges = np.searchsorted(number[order], np.arange(self.sizes[group] + 1))
        some = range(self.sizes[group]) if members is None else members
        return [
            SpikeTrain(
                times=when[order[edges[m] : edges[m + 1]]], start=self.start, stop=self.duration
            )
            for m in some
        ]

    def population_rate(self, group: str, bin: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean rate of a group in equal bins: their middles [s] and rates [1/s]."""
        edges = np.arange(self.start, self.duration + 0.5 * bin, bin)
        count, _ = np.histogram(self.spikes[group][1], edges)
        return (edges[1:] + edges[:-1]) / 2, count / (bin * self.sizes[group])

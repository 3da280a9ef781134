"""Numbers that stand for the sweeps of a device, and how far they may lie from those that were simulated."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from memjax.observables import NEVER, excursions, turn

from ..sweeps.ensemble import NAMES, leg_events
from ..sweeps.limits import LEAST_REACH
from .protocol import SweepProtocol

POINTS = 64
"""Stretches of a sweep at the most, over which the logarithmic current is averaged."""

_SEVERAL = 4  # sweeps of a waveform from which their scatter counts
_MANY = 8  # sweeps from which quantiles and correlations of their events do
_QUANTILES = (0.1, 0.5, 0.9)

QUANTILE = 0.999
"""Share of the simulated devices that lie within reach."""

_LEAST = 1e-6  # of the largest variance: directions of less are those of rounding

_SAME = 0.02  # by which a statistic may differ that never does in simulations, of its size or 1


@dataclass(frozen=True, kw_only=True)
class SweepStatistics:
    r"""Statistics of the sweeps of one protocol.

    Parameters
    ----------
    protocol : SweepProtocol
        The sweeps.
    first : bool
        Whether the first sweep of each waveform counts beside the mean, as that of a device that keeps its state does.
    points : int
        Stretches of a sweep at the most.

    Notes
    -----
    Of each waveform: the mean over its sweeps of log10(\|i\| + floor), averaged over stretches of neighbouring
    readings; of four sweeps or more its standard deviation over them; and of each excursion the voltages at which the
    current passes the thresholds (`fitting.sweeps.ensemble.leg_events`), by their mean, of four sweeps or more their
    standard deviation, of eight or more quantiles, and the correlation of switching and return.
    """

    protocol: SweepProtocol
    first: bool = False
    points: int = POINTS

    def __call__(
        self, i: Float[np.ndarray, "devices readings"]
    ) -> Float[np.ndarray, "devices statistics"]:
        """Statistics of currents [A]; not a number where a current is none."""
        return np.concatenate([x for _, x in self._parts(self._at_limit(i))], axis=1)

    def _at_limit(self, i: np.ndarray) -> np.ndarray:
        """Moduli of currents [A]; those near the limit are alike, for how exactly it is kept tells of no device."""
        limit = self.protocol.limit()
        return np.abs(i) if limit is None else np.minimum(np.abs(i), 10**-LEAST_REACH * limit)

    def names(self) -> list[str]:
        """What the statistics are."""
        dummy = np.ones((1, int(self.protocol.edges[-1])))
        return [f"{name} {k}" for name, x in self._parts(dummy) for k in range(x.shape[1])]

    def _parts(self, i: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Names and columns, waveform by waveform."""
        edges = self.protocol.edges
        for k, v in enumerate(self.protocol.voltages):
            sweeps = [n for n, wave in enumerate(self.protocol.order) if wave == k]
            currents = np.stack([i[:, edges[n] : edges[n + 1]] for n in sweeps], axis=1)
            yield from self._currents(f"waveform {k}", currents)
            yield from self._events(f"waveform {k}", v, currents)

    def _currents(self, wave: str, i: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Logarithmic currents (devices, sweeps, rows) over the sweep."""
        logs = np.log10(i + self.protocol.floor)
        rows = i.shape[-1]
        count = min(rows, self.points)
        begins = np.linspace(0, rows, count + 1).astype(int)[:-1]
        means = np.add.reduceat(logs, begins, axis=-1) / np.diff([*begins, rows])
        yield f"{wave}, log current", means.mean(axis=1)
        if self.first and i.shape[1] > 1:
            yield f"{wave}, log current of the first sweep", means[:, 0]
        if i.shape[1] >= _SEVERAL:
            yield f"{wave}, scatter of log current", means.std(axis=1, ddof=1)

    def _events(self, wave: str, v: np.ndarray, i: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Voltages of the events of currents (devices, sweeps, rows)."""
        levels = self.protocol.thresholds
        if levels.on == NEVER[0]:
            return
        names = NAMES[: 2 + (levels.hold != NEVER[1])]
        for number, part in enumerate(excursions(v)):
            leg = (part.start, part.start + turn(v[part]), part.stop)
            events = leg_events(v, i, leg, levels, count=len(names))
            label = f"{wave}, excursion {number}"
            for j, name in enumerate(names):
                x = events[..., j]
                yield f"{label}, {name}", x.mean(axis=1, keepdims=True)
                if x.shape[1] >= _SEVERAL:
                    yield f"{label}, scatter of {name}", x.std(axis=1, ddof=1, keepdims=True)
                if x.shape[1] >= _MANY:
                    yield f"{label}, quantiles of {name}", np.quantile(x, _QUANTILES, axis=1).T
            if events.shape[1] >= _MANY:
                yield f"{label}, correlation", _correlation(events[..., 0], events[..., -1])


def _correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlation over sweeps (devices, 1); 0 where one does not scatter."""
    x, y = (a - a.mean(axis=1, keepdims=True) for a in (x, y))
    size = np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    product = np.sum(x * y, axis=1)
    return np.divide(product, size, out=np.zeros_like(product), where=size > 0)[:, None]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The region of statistics that simulated devices fill.

    Parameters
    ----------
    center : Float[np.ndarray, "statistics"]
        Mean.
    scale : Float[np.ndarray, "statistics"]
        Standard deviations; 0 of those that never differ.
    root : Float[np.ndarray, "some some"]
        Root of the inverse correlation of those that do.
    limit : float
        Distance of Mahalanobis within which 99.9 % of the simulated devices lie.
    """

    center: Float[np.ndarray, " statistics"]
    scale: Float[np.ndarray, " statistics"]
    root: Float[np.ndarray, "some some"]
    limit: float

    @classmethod
    def of(
        cls,
        statistics: Float[np.ndarray, "devices statistics"],
        scale: Float[np.ndarray, " statistics"],
    ) -> "Reach":
        """Of simulated devices; `scale` as for `Reach`."""
        statistics, some = np.asarray(statistics, float), scale > 0
        center = statistics.mean(axis=0)
        x = (statistics - center)[:, some] / scale[some]
        size, axes = np.linalg.eigh(x.T @ x / len(x))
        root = axes / np.sqrt(np.maximum(size, _LEAST * size[-1]))
        limit = float(np.quantile(np.linalg.norm(x @ root, axis=1), QUANTILE))
        return cls(center=center, scale=scale, root=root, limit=limit)

    def distance(
        self, statistics: Float[np.ndarray, "devices statistics"]
    ) -> Float[np.ndarray, " devices"]:
        """Distance of Mahalanobis over the limit: above 1 it is outside; infinite where what never differs does."""
        offsets, some = statistics - self.center, self.scale > 0
        distance = np.linalg.norm(offsets[:, some] / self.scale[some] @ self.root, axis=1)
        same = np.abs(offsets[:, ~some]) <= _SAME * np.maximum(np.abs(self.center[~some]), 1.0)
        return np.where(same.all(axis=1), distance / self.limit, np.inf)

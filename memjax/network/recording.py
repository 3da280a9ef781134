"""Results of a network's run: spikes, traces, statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from ..circuit.power import kinds_of_elements
from ..observables import SpikeTrain
from .energy import EnergyLedger
from .energy_program import PHASES
from .groups import Neurons
from .network import Network

if TYPE_CHECKING:
    import pandas
    import xarray

_UNITS = {"count": "1", "isi": "s", "cv": "1", "energy": "J"}
"""Units of the statistics."""


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The part of a run between two looks at it.

    Parameters
    ----------
    begin, end : int
        Steps before it, and at its end.
    spikes : dict of str to tuple of (Int[np.ndarray, "spikes"], Int[np.ndarray, "spikes"])
        Numbers of members and of time steps at whose end they fired, in order of time.
    traces : dict of str to dict of str to Float[np.ndarray, "rows neurons"]
        States of the neurons that are watched [SI], one row per record.
    energies : dict of str to tuple of np.ndarray
        Energies [J] and times [s] of groups of neurons as `EnergyLedger` has them, and the steps at which their rows
        end; empty without a ledger.
    conductances : dict of str to Float[np.ndarray, "rows edges"]
        Of devices that are weights [S], by projection: one row at the end, or none where no record is due.
    """

    begin: int
    end: int
    spikes: dict[str, tuple[Int[np.ndarray, " spikes"], Int[np.ndarray, " spikes"]]]
    traces: dict[str, dict[str, Float[np.ndarray, "rows neurons"]]]
    energies: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    conductances: dict[str, Float[np.ndarray, "rows edges"]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The complete state at the end of a run, from which another run continues; it is immutable.

    Parameters
    ----------
    arrays : mapping of str to np.ndarray
        States of neurons, sources and devices, spikes on their way and the time, by name.
    """

    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Snapshot":
        """Take arrays, which must not be written to any more."""
        read_only = {}
        for name, x in arrays.items():
            read_only[name] = np.asarray(x).view()
            read_only[name].flags.writeable = False
        return cls(MappingProxyType(read_only))


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Results of a network's run.

    Parameters
    ----------
    sizes : dict of str to int
        Members of each group.
    dt, duration : float
        Step, and time at the end of the run [s].
    spikes : dict of str to tuple of (Int[np.ndarray, "spikes"], Float[np.ndarray, "spikes"])
        Number of the member and time [s] of each spike, in order of time.
    traces : dict of str to dict of str to Float[np.ndarray, "rows neurons"]
        States of watched neurons [SI].
    times : Float[np.ndarray, "rows"]
        When [s].
    statistics : dict of str to dict of str to np.ndarray
        By member: `count`, and of neurons `isi` [s] and `cv` of their intervals, and with a ledger the `energy` that
        sources gave it [J], also of runs that this one goes on.
    conductances : dict of str to dict of str to Float[np.ndarray, "edges"]
        Of projections whose weights are devices [S]: at the `start` and at the `end`, by edge; and as a `series` with
        one row per record, where such were asked for.
    conductance_times : Float[np.ndarray, "records"]
        When the rows of the `series` are of [s].
    start : float
        From when on spikes are held [s]: a run may go on from another, and those of a long one may be too many.
    states : dict of str to dict of str to Float[np.ndarray, "members"]
        States of all neurons at the end [SI], by group and name, as `Neurons` takes them as `start`.
    units : dict of str to dict of str to str
        Their units.
    watched : dict of str to Int[np.ndarray, "neurons"]
        Numbers of the neurons whose states the traces hold.
    notes : tuple of str
        What a user should know of the run. Where there is nothing, the step was compared with the rates that the run
        met and is fine.
    final : Snapshot, optional
        From which `memjax.network.run` goes on; None where a folder's checkpoint is not of the end of the recording.
    energy : dict of str to EnergyLedger
        Energy of each group of neurons; empty where none was asked for.
    backend : str
        What advanced the neurons, see `memjax.network.Simulation.backend`; empty where a folder does not say.
    """

    sizes: dict[str, int]
    dt: float
    duration: float
    spikes: dict[str, tuple[Int[np.ndarray, " spikes"], Float[np.ndarray, " spikes"]]]
    traces: dict[str, dict[str, Float[np.ndarray, "rows neurons"]]]
    times: Float[np.ndarray, " rows"]
    statistics: dict[str, dict[str, np.ndarray]]
    conductances: dict[str, dict[str, Float[np.ndarray, "..."]]] = field(default_factory=dict)
    conductance_times: Float[np.ndarray, " records"] = field(default_factory=lambda: np.zeros(0))
    start: float = 0.0
    states: dict[str, dict[str, Float[np.ndarray, " members"]]] = field(default_factory=dict)
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    watched: dict[str, Int[np.ndarray, " neurons"]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    final: Snapshot | None = None
    energy: dict[str, EnergyLedger] = field(default_factory=dict)
    backend: str = ""

    @classmethod
    def of(
        cls,
        network: Network,
        parts: Sequence[Stretch],
        *,
        every: int,
        rest_powers: Mapping[str, Mapping[str, float]],
        **options: Any,
    ) -> "Recording":
        """Out of the stretches of a run, whose states were recorded every so many steps."""
        clock, begin, end = network.clock, parts[0].begin, parts[-1].end
        spikes = {}
        for g in network.groups:
            number, step = (np.concatenate([p.spikes[g.name][k] for p in parts]) for k in (0, 1))
            # Steps are numbered from 0, and a spike is at the end of its step.
            spikes[g.name] = (number, (step + 1) * clock.dt)
        traces = {
            n: {k: np.concatenate([p.traces[n][k] for p in parts]) for k in parts[0].traces[n]}
            for n in parts[0].traces
        }
        ledgers = {}
        for g in network.groups:
            if isinstance(g, Neurons) and g.name in rest_powers:
                energies, times, ends = (
                    np.concatenate([p.energies[g.name][k] for p in parts]) for k in range(3)
                )
                ledgers[g.name] = EnergyLedger(
                    kinds=kinds_of_elements(g.circuit),
                    energies=energies,
                    times=times,
                    rest_power=rest_powers[g.name],
                    neurons=g.n,
                    spikes=len(spikes[g.name][0]),
                    ends=ends * clock.dt,
                    start=begin * clock.dt,
                )
        return cls(
            sizes={g.name: g.n for g in network.groups},
            dt=clock.dt,
            duration=end * clock.dt,
            energy=ledgers,
            start=begin * clock.dt,
            spikes=spikes,
            traces=traces,
            times=(np.arange(begin // every, end // every) + 1) * (every * clock.dt),
            **options,
        )

    def rates(self, group: str) -> Float[np.ndarray, " members"]:
        """Spikes per time of each member, of those that are held [1/s]."""
        span = self.duration - self.start
        return np.bincount(self.spikes[group][0], minlength=self.sizes[group]) / span

    def trains(self, group: str, members: Sequence[int] | None = None) -> list[SpikeTrain]:
        """Spikes of some members, of all by default, each with the window of the run."""
        number, step = self.spikes[group]
        # Stable: spikes are in order of time, and stay so within each member.
        order = np.argsort(number, kind="stable")
        edges = np.searchsorted(number[order], np.arange(self.sizes[group] + 1))
        numbers = range(self.sizes[group]) if members is None else members
        return [
            SpikeTrain(
                times=step[order[edges[m] : edges[m + 1]]], start=self.start, stop=self.duration
            )
            for m in numbers
        ]

    def population_rate(self, group: str, bin: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean rate of a group in equal bins: their middles [s] and rates [1/s]."""
        edges = np.arange(self.start, self.duration + 0.5 * bin, bin)
        count, _ = np.histogram(self.spikes[group][1], edges)
        return (edges[1:] + edges[:-1]) / 2, count / (bin * self.sizes[group])

    def to_pandas(self) -> "pandas.DataFrame":
        """One row per spike, in order of time: group, member, time_s."""
        import pandas as pd

        number, step = (
            np.concatenate([np.zeros(0, kind), *(x[k] for x in self.spikes.values())])
            for k, kind in ((0, np.int64), (1, float))
        )
        counts = [len(x[0]) for x in self.spikes.values()]
        group = pd.Categorical.from_codes(
            np.repeat(np.arange(len(counts)), counts), categories=list(self.spikes)
        )
        order = np.argsort(step, kind="stable")
        columns = {"group": group, "member": number, "time_s": step}
        return pd.DataFrame(columns).iloc[order].reset_index(drop=True)

    def to_xarray(self) -> "xarray.Dataset":
        """Dataset of all that was recorded, units in the attributes.

        Notes
        -----
        Of a group NAME: spikes as ``NAME.spike_member`` and ``NAME.spike_time`` over ``NAME.spike``, in order of time;
        statistics and states at the end over ``NAME.member``, as ``NAME.count`` and ``NAME.final.STATE``; traces as
        ``NAME.STATE`` over (time, ``NAME.watched``). Of a projection NAME ``NAME.conductance_start`` and ``_end`` over
        ``NAME.edge``, and ``_series`` over (conductance_time, ``NAME.edge``).
        Of a ledger ``NAME.energies`` over (``NAME.exchange``, phase, ``NAME.element``) and ``NAME.times``. Notes, dt,
        start and duration of the run are attributes of the dataset.
        """
        import xarray as xr

        data: dict[str, tuple] = {}
        coordinates: dict[str, tuple] = {"time": ("time", self.times, {"units": "s"})}
        for name, n in self.sizes.items():
            member, spike = f"{name}.member", f"{name}.spike"
            coordinates[member] = (member, np.arange(n))
            number, step = self.spikes[name]
            data[f"{name}.spike_member"] = (spike, number)
            data[f"{name}.spike_time"] = (spike, step, {"units": "s"})
            for k, x in self.statistics[name].items():
                data[f"{name}.{k}"] = (member, x, {"units": _UNITS[k]})
            units = self.units.get(name, {})
            for k, x in self.states.get(name, {}).items():
                data[f"{name}.final.{k}"] = (member, x, {"units": units.get(k, "1")})
        for name, traces in self.traces.items():
            dimension, units = f"{name}.watched", self.units.get(name, {})
            if name in self.watched:
                coordinates[dimension] = (dimension, self.watched[name])
            for k, x in traces.items():
                data[f"{name}.{k}"] = (("time", dimension), x, {"units": units.get(k, "1")})
        for name, ledger in self.energy.items():
            exchange, element = f"{name}.exchange", f"{name}.element"
            coordinates[exchange] = (exchange, ledger.ends, {"units": "s"})
            coordinates |= {
                element: (element, list(ledger.kinds)),
                "phase": ("phase", list(PHASES)),
            }
            units = {"units": "J"}
            data[f"{name}.energies"] = ((exchange, "phase", element), ledger.energies, units)
            data[f"{name}.times"] = ((exchange, "phase"), ledger.times, {"units": "s"})
        for name, ends in self.conductances.items():
            for end, g in ends.items():
                axes = ("conductance_time", f"{name}.edge") if end == "series" else f"{name}.edge"
                data[f"{name}.conductance_{end}"] = (axes, g, {"units": "S"})
        if len(self.conductance_times):
            times = ("conductance_time", self.conductance_times, {"units": "s"})
            coordinates["conductance_time"] = times
        header = {"dt_s": self.dt, "start_s": self.start, "duration_s": self.duration}
        return xr.Dataset(data, coordinates, attrs=header | {"notes": list(self.notes)})

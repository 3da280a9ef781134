"""Ledger of a network's energy: what each element of a group takes, by cause, per spike and per stimulus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import NetworkError
from ..runtime.deprecated import forward_attributes
from .energy_program import PHASES
from .groups import Poisson

CAUSES = ("rest", *PHASES)
"""What energy is spent on, see `EnergyLedger`."""

SOURCES = ("input", "supply")
"""Kinds of elements that give energy: driven sources, and those of constant value."""

NOT_MODELLED = (
    "wires and drivers between neurons",
    "what makes the pulses of sources and synapses",
    "programming pulses of drift memristors that are weights",
)
"""What no ledger of a network holds."""


@forward_attributes({"given": "source_energy"})
@dataclass(frozen=True, kw_only=True, eq=False)
class EnergyLedger:
    r"""Energy of a group of neurons over a run.

    Parameters
    ----------
    kinds : mapping of str to str
        Elements in order, and what each is: "input" (a driven source: bias and synapses), "supply" (a source of
        constant value), "device", "transistor", "resistor", ..., "capacitor"; "numerical" for what steps dissipate.
    energies : Float[np.ndarray, "exchanges phases elements"]
        What elements take up in each exchange interval, or part of one in which a run ended or went on [J]; negative
        for a source that gives.
    times : Float[np.ndarray, "exchanges phases"]
        Time of all neurons in each phase [s]; per interval they add up to its length times the neurons.
    rest_power : mapping of str to float
        Power of the group's elements at rest [W].
    neurons, spikes : int
        Of the group, in the run.
    ends : Float[np.ndarray, "exchanges"]
        When they end [s].
    start : float
        When the first one begins [s].

    Notes
    -----
    Each step of each neuron belongs to one phase, the first of these that applies:

    - **spike**: from the step after the crossing of the threshold to the step in which the neuron re-arms;
    - **synaptic event**: an arrival is on, that is, some receptor's input is above 1 % of the largest that this
      receptor of this neuron has had so far (for 4.6 time constants after an arrival of that size);
    - **integration**: all other time.

    **Rest** is what the group takes with all driven sources at zero (no bias, no arrivals), its devices in their
    resting state and its nodes settled: the mean power of its neurons times the time, taken off each phase for as long
    as it lasts. The four causes add up: :math:`E = P_{rest}T + \sum_{phases}(E_{phase} - P_{rest}T_{phase})`.
    What a bias costs is no rest: it counts in the phase in which it is spent.

    Steps are implicit in the node voltages. The energies are those that such steps balance exactly, so that
    `numerical_share` and `residual` say how far the sums can be trusted: see `memjax.circuit.power.step_powers`.
    """

    kinds: Mapping[str, str]
    energies: Float[np.ndarray, "exchanges phases elements"]
    times: Float[np.ndarray, "exchanges phases"]
    rest_power: Mapping[str, float]
    neurons: int
    spikes: int
    ends: Float[np.ndarray, " exchanges"]
    start: float = 0.0

    @property
    def by_element(self) -> dict[str, float]:
        """Energy that each element has taken up in all [J]; negative for a source that gave."""
        return dict(zip(self.kinds, self.energies.sum(axis=(0, 1)).tolist(), strict=True))

    @property
    def by_kind(self) -> dict[str, float]:
        """The same by kind of element [J]."""
        total: dict[str, float] = {}
        for name, energy in self.by_element.items():
            total[self.kinds[name]] = total.get(self.kinds[name], 0.0) + energy
        return total

    @property
    def table(self) -> dict[str, dict[str, float]]:
        """Energy that each element has taken up, by cause [J]."""
        energy, time = self.energies.sum(axis=0), self.times.sum(axis=0)
        power = np.asarray([self.rest_power[k] for k in self.kinds]) / self.neurons
        columns = np.concatenate([[power * time.sum()], energy - power * time[:, None]])
        return {
            k: dict(zip(CAUSES, columns[:, j].tolist(), strict=True))
            for j, k in enumerate(self.kinds)
        }

    def _source_energies(self, energies: np.ndarray) -> np.ndarray:
        """Return the energy that sources give, out of energies by element [J]."""
        columns = [j for j, kind in enumerate(self.kinds.values()) if kind in SOURCES]
        return -energies[..., columns].sum(axis=-1)

    @property
    def source_energy(self) -> float:
        """Energy that all sources have given [J]."""
        return float(self._source_energies(self.energies).sum())

    @property
    def by_cause(self) -> dict[str, float]:
        """Energy that all sources have given by cause [J]; together they are `source_energy`."""
        table = self.table
        sources = [k for k, kind in self.kinds.items() if kind in SOURCES]
        # Not -sum: nothing given is 0, and not -0.
        return {c: 0.0 - sum(table[k][c] for k in sources) for c in CAUSES}

    @property
    def residual(self) -> float:
        """Difference of the energies that sources give and that elements take up, as a share of the first."""
        return float(self.energies.sum() / self.source_energy) if self.source_energy else 0.0

    @property
    def numerical_share(self) -> float:
        """Numerical dissipation of the implicit steps as a share of what sources give; it goes to 0 with dt."""
        return self.by_kind["numerical"] / self.source_energy if self.source_energy else 0.0

    @property
    def per_spike(self) -> dict[str, float] | None:
        """Energy that sources give per spike, in all (``total``) and by cause [J]; None without a spike."""
        if not self.spikes:
            return None
        causes = {c: e / self.spikes for c, e in self.by_cause.items()}
        return {"total": self.source_energy / self.spikes} | causes

    def per_interval(
        self, interval: float, count: int | None = None
    ) -> Float[np.ndarray, " intervals"]:
        """Energy that sources give in each complete interval, as of one stimulus or one inference each [J].

        Parameters
        ----------
        interval : float
            Length [s]; intervals begin at t = 0.
        count : int, optional
            How many there are at most: of stimuli.

        Returns
        -------
        Float[np.ndarray, "intervals"]
            Energy of each complete interval [J].

        Raises
        ------
        NetworkError
            For an interval shorter than an exchange interval.

        Notes
        -----
        An interval that ends within an exchange interval takes its share of that one by the time.
        """
        edges = np.concatenate([[self.start], self.ends])
        longest = np.max(np.diff(edges), initial=0.0)
        if not interval >= longest * (1 - 1e-9):
            raise NetworkError(
                f"interval = {interval!r} s",
                where="per_interval",
                allowed=f"at least the exchange interval, {longest:g} s",
            )
        total = np.concatenate([[0.0], np.cumsum(self._source_energies(self.energies).sum(axis=1))])
        # An interval that ends where an exchange does is complete, however the quotient is rounded.
        first, last = (
            int(f(x / interval + e))
            for f, x, e in ((np.ceil, self.start, -1e-9), (np.floor, edges[-1], 1e-9))
        )
        last = last if count is None else min(last, count)
        times = np.arange(first, max(last, first) + 1) * interval
        return np.diff(np.interp(times, edges, total))

    def power(self, rows: int = 200) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Mean power that sources give by phase [W], in bins of whole exchange intervals with these middles [s]."""
        size = max(-(-len(self.energies) // rows), 1)
        first = np.arange(0, len(self.energies), size)
        edges = np.append(np.concatenate([[self.start], self.ends])[first], self.ends[-1:])
        sums = np.add.reduceat(self._source_energies(self.energies), first, axis=0)
        powers = sums / np.diff(edges)[:, None]
        return (edges[1:] + edges[:-1]) / 2, {p: powers[:, k] for k, p in enumerate(PHASES)}

    def summary(self, stimuli: Mapping[str, tuple[float, int]] | None = None) -> dict[str, Any]:
        """The ledger in numbers, as `run.json` has it.

        Parameters
        ----------
        stimuli : mapping of str to tuple of (float, int), optional
            Length [s] and number of the stimuli that groups of sources give.
        """
        per_spike = self.per_spike
        return {
            "neurons": self.neurons,
            "spikes": self.spikes,
            "given_J": self.source_energy,
            "by_element_J": self.by_element,
            "by_kind_J": self.by_kind,
            "by_cause_J": self.by_cause,
            "table_J": self.table,
            "rest_W": dict(self.rest_power),
            "per_spike_J": per_spike,
            "per_inference": {
                name: _interval_summary(self.per_interval(interval, count), interval)
                for name, (interval, count) in (stimuli or {}).items()
            },
            "numerical_share": self.numerical_share,
            "residual_share": self.residual,
        }


def _interval_summary(energy: Any, interval: float) -> dict[str, Any]:
    """Energy per stimulus: mean and standard deviation; None where there were too few."""
    return {
        "interval_s": interval,
        "intervals": len(energy),
        "mean_J": float(energy.mean()) if len(energy) else None,
        "sd_J": float(energy.std(ddof=1)) if len(energy) > 1 else None,
    }


def poisson_stimuli(groups: Sequence[Any]) -> dict[str, tuple[float, int]]:
    """Length [s] and number of the intervals of Poisson sources whose rates change from interval to interval."""
    return {
        g.name: (g.interval, len(np.asarray(g.rate)))
        for g in groups
        if isinstance(g, Poisson) and g.interval is not None
    }


def energy_report(
    ledgers: Mapping[str, EnergyLedger], stimuli: Mapping[str, tuple[float, int]]
) -> dict[str, Any]:
    """The ledgers of a network's groups, and their sum, in numbers, as `run.json` has them.

    Parameters
    ----------
    ledgers : mapping of str to EnergyLedger
        By group.
    stimuli : mapping of str to tuple of (float, int)
        Length [s] and number of the stimuli that groups of sources give.
    """
    groups = {n: x.summary(stimuli) for n, x in ledgers.items()}
    return {
        "given_J": sum(x.source_energy for x in ledgers.values()),
        "by_cause_J": {c: sum(x.by_cause[c] for x in ledgers.values()) for c in CAUSES},
        "per_inference": {
            n: _interval_summary(sum(x.per_interval(*pair) for x in ledgers.values()), pair[0])
            for n, pair in stimuli.items()
            if ledgers
        },
        "groups": groups,
        "not_modelled": list(NOT_MODELLED),
    }

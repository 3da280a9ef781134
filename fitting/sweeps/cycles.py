"""Simulated cycles of an experiment: what of a device is calibrated to them, and where searches begin."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float

import memjax as mj
from memjax.core.fields import parameter_specs
from memjax.core.params import get, replace as with_values
from memjax.solver import SemiImplicitEuler

from ..stochastic.two_sample import Target
from .ensemble import Coordinate, Ensemble, Experiment
from .quantile_search import QuantileSearch

DRAWS = 128
"""Simulated cycles of each waveform at each point, where nothing else is asked for."""

CHECKED = 200
"""Simulated cycles of each waveform that are compared at the end, by other random numbers and adaptive steps."""

_SUBSTEPS = 10  # steps between two readings, to begin with
_FAR, _LESS_FAR = 0.7, 0.25  # changes of the logarithm of a rate that tell which events it moves
# How much more it counts against a rate that it moves the other event than that it moves its own.
_APART = 2.0
# Starts: strengths of noise, times 1 in its unit or its own value; spreads for switching and for
# return; factors on the rates whose spread is that of the return.
_NOISES, _SPREADS, _SHIFTS = (0.3, 1.0, 3.0), ((0.03, 0.3), (0.08, 0.3), (0.08, 0.8)), (1.0, 2.0)
# Other seeds, counted from that of the search, under which the loss is seen again; 1 checks the steps.
OTHER_SEEDS = range(2, 6)


def strength_of(device: Any, name: str) -> float:
    """Value of a parameter, such as the strength of a noise; 0 where there is none."""
    value = get(device, name)
    return 0.0 if value is None else float(value)  # pyright: ignore[reportArgumentType]  # a number


def noise_of(device: Any) -> tuple[str, ...]:
    """Strengths of noise that are calibrated: those other than zero, else the ones that suit the model."""
    specs = parameter_specs(device)
    strengths = [n for n, s in specs.items() if s.noise]
    acting = tuple(n for n in strengths if strength_of(device, n) > 0)
    if acting:
        return acting
    return ("sigma_ion",) if "sigma_ion" in strengths else tuple(strengths)


@dataclass(kw_only=True)
class Cycles:
    """Simulated cycles of an experiment, the measured ones that they are to be like, and where a search begins.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        With the values of a deterministic fit; strengths of noise that are 0 begin at 1 in their unit.
    experiment : Experiment
        What is compared.
    known : dict of str to float
        Parameters that may move, and the standard deviations that the fit leaves them [unconstrained].
    noise : tuple of str
        Strengths of ion noise to calibrate.
    bench, env
        What stood around the device.
    read_noise : dict
        See `fitting.sweeps.variability.read_noise`.
    seed : int
        Of all random numbers.
    substeps : int
        Steps between two readings, to begin with.
    draws : int
        Simulated cycles of each waveform at each point.
    spreads : dict of str to str, optional
        Parameters that differ from cycle to cycle, and the event that each explains; by default those rates
        that move one event most and the others least.
    targets : list of Target
        Measured features, one for each reading of the experiment.
    """

    device: Any
    experiment: Experiment
    known: Mapping[str, float]
    noise: tuple[str, ...]
    bench: mj.Bench
    env: mj.Environment | None
    read_noise: Mapping[str, float]
    seed: int
    substeps: int = _SUBSTEPS
    draws: int = DRAWS
    spreads: Mapping[str, str] | None = None
    targets: list[Target] = field(init=False)

    def __post_init__(self):
        samples = [r.sample for r in self.experiment.readings]
        self.targets = [Target(s, seed=self.seed, draws=self.draws) for s in samples]
        strengths = {n: strength_of(self.device, n) or 1.0 for n in self.noise}
        self.device = with_values(self.device, strengths)

    def ensemble(self, coordinates, policy, *, seed: int = 0, **changes) -> Ensemble:
        """Cycles as a function of coordinates; `changes` replace what this object holds."""
        names = ("device", "experiment", "bench", "env", "draws", "read_noise")
        options: dict[str, Any] = {n: getattr(self, n) for n in names}
        options |= {"seed": self.seed + seed} | changes
        return Ensemble(coordinates=coordinates, policy=policy, **options)

    def search(self, coordinates, policy, seed: int, **changes) -> QuantileSearch:
        """Residuals as a function of coordinates."""
        ensemble = self.ensemble(coordinates, policy, seed=seed, **changes)
        return QuantileSearch(ensemble, self.targets, self.known)

    def steps(self, substeps: int) -> mj.Fixed:
        """Fixed steps, so many between two readings."""
        return mj.Fixed(self.experiment.gap / substeps, method=SemiImplicitEuler(damped=True))

    def sensitivities(
        self, names: Sequence[str], far: float
    ) -> list[Float[np.ndarray, "events names"]]:
        """Change of the events of noise-free cycles over a move of each parameter either way, reading by reading."""
        quiet: dict[str, Any] = {"read_noise": {"relative": 0.0, "floor_A": 0.0}, "draws": 1}
        quiet["device"] = with_values(self.device, dict.fromkeys(self.noise, 0.0))
        coordinates = [Coordinate(n) for n in names]
        ensemble = self.ensemble(coordinates, self.steps(self.substeps), **quiet)
        n = len(names)
        unit = np.eye(n)
        events, _ = ensemble(ensemble.start() + far * np.concatenate([unit, -unit]))
        return [np.abs(e[:n, 0] - e[n:, 0]).T / (2 * far) for e in events]

    def choose(self) -> tuple[list[Coordinate], dict[str, str]]:
        """The coordinates that are calibrated, and the event that each spread explains.

        Strengths of noise; parameters that move an event; and for the switching and for the return of each reading the
        spread of the rate that moves it most and the other least: measured, the two are hardly correlated.
        """
        names = tuple(self.known)
        moved = self.sensitivities(names, _FAR)
        # A long move may end where a cycle no longer switches, and so seem to move its return as well.
        shorter = self.sensitivities(names, _LESS_FAR)
        specs = parameter_specs(self.device)
        rates = np.array([bool(re.search(r"\bs\b|Hz", specs[n].unit)) for n in names])
        candidates = rates if rates.any() else np.ones(len(names), bool)
        spreads: dict[str, str] = dict(self.spreads or {})
        for *ways, target in zip(moved, shorter, [] if spreads else self.targets):
            sample, returns = target.sample, range(len(ways[0]) - 1, 0, -1)
            # The last return first; where that only sees the leakage, the one before.
            for events in ([0], returns) if returns else ():
                for event in events:
                    others = [r[1:].max(axis=0) if event == 0 else r[0] for r in ways]
                    at_event = [r[event] for r in ways]
                    lead = np.where(
                        candidates, np.max(np.subtract(at_event, others), axis=0), -np.inf
                    )
                    if lead.max() > sample.step:
                        apart = np.max(np.subtract(at_event, _APART * np.array(others)), axis=0)
                        name = names[int(np.argmax(np.where(lead > sample.step, apart, -np.inf)))]
                        spreads.setdefault(name, f"{sample.names[event]}, {sample.label}")
                        break
        steps = np.array([t.sample.step for t in self.targets])
        most = np.array([rows.max(axis=0) for rows in moved])
        felt = [n for n, m in zip(names, most.T, strict=True) if np.any(m > steps)]
        medians = [*map(Coordinate, (*self.noise, *felt))]
        return [*medians, *(Coordinate(n, spread=True) for n in spreads)], spreads

    def starts(
        self, ensemble: Ensemble, spreads: Mapping[str, str]
    ) -> Float[np.ndarray, "starts n"]:
        """Starts that share the scatter between noise and spreads in different ways."""
        first = {t.sample.names[0] for t in self.targets}
        holding = {n for n, event in spreads.items() if event.partition(",")[0] not in first}
        starts = [ensemble.start()]
        for strength, widths, shift in product(_NOISES, _SPREADS, _SHIFTS):
            z = starts[0].copy()
            for k, c in enumerate(ensemble.coordinates):
                if c.spread:
                    z[k] = np.log(widths[c.name in holding])
                elif c.name in self.noise or c.name in holding:
                    factor = strength if c.name in self.noise else shift
                    z[k] = ensemble.coordinate(c, factor * ensemble.value(c, z[k]))
            starts.append(z)
        return np.array(starts)

    def weigh(self, coordinates, policy, z: np.ndarray) -> None:
        """Weigh features, from here on, by their covariance in cycles simulated at a point."""
        drawn = [
            self.solved_events(self.ensemble(coordinates, policy, draws=CHECKED, seed=s), z)[0]
            for s in OTHER_SEEDS
        ]
        self.targets = [
            Target(t.sample, simulated=np.concatenate(x), seed=self.seed, draws=self.draws)
            for t, *x in zip(self.targets, *drawn, strict=True)
        ]

    def solved_events(self, ensemble: Ensemble, z: np.ndarray) -> tuple[list[np.ndarray], float]:
        """Events of the solved cycles at a point, as the targets have them, and the share that failed."""
        events, good = ensemble(z[None])
        return [e[0][good[0]] for e in events], float(1 - good[0].mean())

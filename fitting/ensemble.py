"""Ensembles of sweeps at many parameter points at once, with common random numbers, and what is read off them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

import memjax as mj
from memjax.fields import parameter_specs
from memjax.noise import cycle_factors
from memjax.observables import HOLD_THRESHOLD, ON_THRESHOLD
from memjax.transforms import from_spec

from .samples import Sample, first
from .summary import Waveform

NAMES = ("v_th", "v_release", "v_hold")
"""Events of a sweep: |i| above the on-threshold; below it again; below the hold-threshold."""


@dataclass(frozen=True)
class Coordinate:
    """What one coordinate of a stochastic fit is: the median of a parameter, or its spread from cycle to cycle.

    Parameters
    ----------
    name : str
        Parameter.
    spread : bool
        Whether it is the logarithm of the standard deviation of the parameter's logarithm.
    """

    name: str
    spread: bool = False

    def __str__(self) -> str:
        return f"sigma_ln({self.name})" if self.spread else self.name


def leg_events(
    v: Float[np.ndarray, " points"],
    i: Float[np.ndarray, "... points"],
    leg: tuple[int, int, int],
) -> Float[np.ndarray, "... 3"]:
    r"""\|v\| at the events `NAMES` of one excursion [V]; one step beyond the peak, or 0, where one does not happen."""
    begin, peak, end = leg
    size, amps = np.abs(v), np.abs(i)
    step = float(np.median(np.abs(np.diff(size[begin:end]))))
    up = np.append(size[begin : peak + 1], size[peak] + step)
    down = np.append(size[peak:end], 0.0)
    rise = first(amps[..., begin : peak + 1] > ON_THRESHOLD)
    release = first(amps[..., peak:end] < ON_THRESHOLD)
    fall = first(amps[..., peak:end] < HOLD_THRESHOLD)
    return np.stack([up[rise], down[release], down[fall]], axis=-1)


def measured_samples(waves: Sequence[Waveform], *, floor: float, seed: int) -> list[Sample]:
    """Events of the measured sweeps, excursion by excursion, spread evenly over the step in which they were seen.

    Of an excursion in which most cycles never switch, only that counts.
    """
    rng, out = np.random.default_rng(seed), []
    for w in waves:
        current = 10**w.log_i - floor
        for leg, switched in zip(w.legs, w.happened()[:, 0], strict=True):
            values = leg_events(w.v, current, leg)
            names = NAMES if switched else NAMES[:1]
            values = values[:, : len(names)]
            step = float(np.median(np.abs(np.diff(w.v[leg[0] : leg[2]]))))
            label = "positive" if w.v[leg[1]] > 0 else "negative"
            spread = values - step * rng.uniform(size=values.shape)
            out.append(Sample(label=label, names=names, unit="V", values=spread, step=step))
    return out


class Ensemble:
    """Simulated cycles of the measured waveforms, as a function of coordinates.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        Values of all other parameters.
    coordinates : sequence of Coordinate
        What varies.
    waves : sequence of Waveform
        What was applied.
    bench, env
        What stood around the device.
    policy : AbstractPolicy
        Solver.
    draws : int
        Cycles of each waveform at each point.
    seed : int
        Of ion noise, of parameters drawn per cycle and of read noise: the same numbers at every point.
    read_noise : dict
        See `fitting.variability.read_noise`.
    """

    def __init__(self, device, coordinates, waves, *, bench, env, policy, draws, seed, read_noise):
        self.device, self.coordinates, self.waves = device, tuple(coordinates), list(waves)
        self.options = dict(bench=bench, env=env, policy=policy, seed=seed)
        self.draws, self.limit = draws, bench.compliance
        drawn = sorted({c.name for c in coordinates if c.spread})
        factors = cycle_factors(seed, dict.fromkeys(drawn, 1.0), members=draws, sweeps=len(waves))
        self.normal = {n: np.log(np.asarray(x)) for n, x in factors.items()}
        rng = np.random.default_rng(seed)
        rows = sum(len(w.v) for w in self.waves)
        self.relative = np.exp(read_noise["relative"] * rng.normal(size=(draws, rows)))
        self.floor = read_noise["floor_A"] * rng.normal(size=(draws, rows))
        self.legs = [leg for w in self.waves for leg in w.legs]
        self.jitter = rng.uniform(size=(draws, len(self.legs), len(NAMES)))

    def start(self) -> Float[np.ndarray, " coordinates"]:
        """Coordinates of the device's own values; the spreads at a tenth."""
        own = lambda c: 0.1 if c.spread else mj.params.get(self.device, c.name)  # noqa: E731
        return np.array([self.coordinate(c, own(c)) for c in self.coordinates])

    def coordinate(self, c: Coordinate, value: Any) -> float:
        """Coordinate of a value."""
        if c.spread:
            return float(np.log(value))
        return float(from_spec(parameter_specs(self.device)[c.name]).forward(jnp.asarray(value)))

    def value(self, c: Coordinate, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Value at a coordinate [its unit]."""
        if c.spread:
            return np.exp(z)
        return np.asarray(from_spec(parameter_specs(self.device)[c.name]).inverse(jnp.asarray(z)))

    def values(self, z: Float[np.ndarray, "points coordinates"]) -> dict[str, np.ndarray]:
        """Parameters of every lane [SI]: points times draws by waveforms."""
        shape, found = (len(z), self.draws, len(self.waves)), {}
        at = {str(c): self.value(c, z[:, k]) for k, c in enumerate(self.coordinates)}
        specs = parameter_specs(self.device)
        for name in dict.fromkeys(c.name for c in self.coordinates):
            own = at.get(name, np.full(len(z), float(mj.params.get(self.device, name))))
            x = np.broadcast_to(own[:, None, None], shape)
            if (s := at.get(str(Coordinate(name, True)))) is not None:
                x = np.clip(x * np.exp(s[:, None, None] * self.normal[name]), *specs[name].bounds)
            found[name] = np.ascontiguousarray(x.reshape(-1, len(self.waves)))
        return found

    def __call__(
        self, z: Float[np.ndarray, "points coordinates"]
    ) -> tuple[list[Float[np.ndarray, "points draws 3"]], Bool[np.ndarray, "points draws"]]:
        """Events of each excursion of each waveform, and which cycles were solved."""
        trace = mj.simulate(
            self.device,
            [w.stimulus for w in self.waves],
            save=[w.rows for w in self.waves],
            members=np.tile(np.arange(self.draws), len(z)),
            values=self.values(z),
            carry_state=False,
            **self.options,
        )
        i = np.asarray(trace.i).reshape(len(z), self.draws, -1)
        seen = i * self.relative + self.floor
        i = seen if self.limit is None else np.where(np.abs(i) < 0.99 * self.limit, seen, i)
        good = np.all(np.asarray(trace.result) == 0, axis=1).reshape(len(z), self.draws)
        events, at = [], 0
        for w in self.waves:
            own = i[..., at : at + len(w.v)]
            at += len(w.v)
            for leg in w.legs:
                step = float(np.median(np.abs(np.diff(w.v[leg[0] : leg[2]]))))
                events.append(leg_events(w.v, own, leg) - step * self.jitter[:, len(events)])
        return events, good

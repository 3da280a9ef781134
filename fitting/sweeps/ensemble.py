"""Ensembles of sweeps at many parameter points at once, with common random numbers, and what is read off them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

import memjax as mj
from memjax.core.fields import ParameterSpec, parameter_specs
from memjax.core.transforms import from_spec, within
from memjax.lanes.choice import chosen_backend
from memjax.noise import cycle_factors
from memjax.observables import NEVER, Thresholds
from memjax.observables.excursion import lasting
from memjax.runtime.cores import usable_cores

from ..stochastic.two_sample import Sample, first
from .limits import by_wave, limits_of
from .summary import Waveform

NAMES = ("v_th", "v_release", "v_hold")
"""Events of a sweep: |i| above the on-threshold; below it again; below the hold-threshold."""

_MANY = 256  # fewest lanes that are worth a thread
# What has run before: of programs that have not, threads would compile one each.
_compiled = set[tuple]()


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
    levels: Thresholds | None = None,
    count: int = 3,
) -> Float[np.ndarray, "... events"]:
    r"""\|v\| at the first `count` of `NAMES` of one excursion [V]; a step beyond the peak, or 0, where one is missing.

    `levels` are the currents that mean on and off, the published ones by default.
    """
    begin, peak, end = leg
    levels = levels or Thresholds()
    size, amps = np.abs(v), np.abs(i)
    up = np.append(size[begin : peak + 1], size[peak] + _step(size[begin:end]))
    down = np.append(size[peak:end], 0.0)
    amps, peak = amps[..., begin:end], peak - begin
    rise = first(lasting(amps > levels.on, peak)[..., : peak + 1])
    below = (lasting(amps < level, peak) for level in (levels.on, levels.hold))
    release, fall = (first(x[..., peak:]) for x in below)
    return np.stack([up[rise], down[release], down[fall]][:count], axis=-1)


def _step(v: np.ndarray) -> float:
    return float(np.median(np.abs(np.diff(v))))


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read off each cycle of one waveform.

    Parameters
    ----------
    wave : int
        Which waveform.
    sample : Sample
        The measured values.
    read : callable
        Values of currents [A]: ``(..., rows)`` to ``(..., names)``.
    """

    wave: int
    sample: Sample
    read: Callable[[Float[np.ndarray, "... rows"]], Float[np.ndarray, "... names"]]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Waveforms, when the current was read, and what is read off it.

    Parameters
    ----------
    stimuli : tuple of AbstractStimulus
        What was applied.
    rows : tuple of Float[np.ndarray, "rows"]
        When the current is read [s].
    readings : tuple of Reading
        What is compared.
    limits : Float[np.ndarray, "waves 2"] or None
        Current limits of each waveform at positive and negative voltage [A]; None where the bench says it for all.
    """

    stimuli: tuple[mj.AbstractStimulus, ...]
    rows: tuple[Float[np.ndarray, " rows"], ...]
    readings: tuple[Reading, ...]
    limits: Float[np.ndarray, "waves 2"] | None = None

    @property
    def gap(self) -> float:
        """Shortest of the median times between two readings [s]."""
        return min(float(np.median(np.diff(r))) for r in self.rows)


def of_sweeps(waves: Sequence[Waveform], *, floor: float, seed: int) -> Experiment:
    """Events of measured sweeps, excursion by excursion, each anywhere within the step in which it was read.

    Of an excursion in which most cycles never switch, only that counts.
    """
    rng, readings = np.random.default_rng(seed), []
    for k, w in enumerate(waves):
        current = 10**w.log_response - floor
        for leg, switched in zip(w.legs, w.happened()[:, 0], strict=True):
            falls = w.thresholds.hold != NEVER[1]
            names = NAMES[: 2 + falls] if switched else NAMES[:1]
            read = partial(leg_events, w.v, leg=leg, levels=w.thresholds, count=len(names))
            values, step = read(current), _step(w.v[leg[0] : leg[2]])
            # An event lies anywhere within the step at whose end it was read.
            values = values - step * rng.uniform(size=values.shape)
            label = "positive" if w.v[leg[1]] > 0 else "negative"
            sample = Sample(label=label, names=names, unit="V", values=values, step=step)
            readings.append(Reading(wave=k, sample=sample, read=read))
    return Experiment(
        stimuli=tuple(w.stimulus for w in waves),
        rows=tuple(w.rows for w in waves),
        readings=tuple(readings),
        limits=np.array([w.limits for w in waves]),
    )


def _threads(lanes: int) -> int:
    """Into how many parts of one size lanes are split: XLA runs a loop over few numbers on one core."""
    if jax.default_backend() != "cpu":
        return 1
    return max(
        k for k in range(1, usable_cores() + 1) if lanes % k == 0 and (k == 1 or lanes >= _MANY * k)
    )


class Ensemble:
    """Simulated cycles of an experiment, as a function of coordinates.

    Parameters
    ----------
    device : AbstractDevice or Circuit
        Values of all other parameters.
    coordinates : sequence of Coordinate
        What varies.
    experiment : Experiment
        What was applied and read.
    bench, env
        What stood around the device.
    policy : AbstractPolicy
        Solver.
    draws : int
        Cycles of each waveform at each point.
    seed : int
        Of ion noise, of parameters drawn per cycle and of read noise: the same numbers at every point.
    read_noise : dict
        See `fitting.sweeps.variability.read_noise`.
    """

    def __init__(
        self, device, coordinates, experiment: Experiment, *, bench, env, policy, draws, seed, read_noise
    ):  # fmt: skip
        self.device, self.coordinates, self.experiment = device, tuple(coordinates), experiment
        self.options, self.env = dict(bench=bench, policy=policy, seed=seed), env
        self.draws, self.limits = draws, by_wave(bench, experiment.limits)
        self.limit = self._limit(bench)
        drawn = dict.fromkeys(sorted({c.name for c in coordinates if c.spread}), 1.0)
        factors = cycle_factors(seed, drawn, members=draws, sweeps=len(experiment.stimuli))
        # Factors of a spread of 1 are exponentials of normal numbers.
        self.normal = {n: np.log(np.asarray(x)) for n, x in factors.items()}
        rng = np.random.default_rng(seed)
        rows = sum(len(r) for r in experiment.rows)
        self.relative = np.exp(read_noise["relative"] * rng.normal(size=(draws, rows)))
        self.floor = read_noise["floor_A"] * rng.normal(size=(draws, rows))
        shapes = [(draws, len(r.sample.names)) for r in experiment.readings]
        self.jitter = [rng.uniform(size=s) for s in shapes]

    def _limit(self, bench: mj.Bench) -> Float[np.ndarray, " rows"] | None:
        """Limit at each reading of all waveforms, one after the other [A]."""
        pair, limits, experiment = limits_of(bench), [], self.experiment
        if pair is None:
            return None
        pairs: Any = experiment.limits if self.limits else [pair] * len(experiment.rows)
        for s, t, (above, below) in zip(experiment.stimuli, experiment.rows, pairs, strict=True):
            limits.append(np.where(np.asarray(jax.vmap(s)(jnp.asarray(t))) < 0, below, above))
        return np.concatenate(limits)

    def start(self) -> Float[np.ndarray, " coordinates"]:
        """Coordinates of the device's own values; the spreads at a tenth."""
        value = lambda c: 0.1 if c.spread else mj.params.get(self.device, c.name)  # noqa: E731
        return np.array([self.coordinate(c, value(c)) for c in self.coordinates])

    def coordinate(self, c: Coordinate, value: Any) -> float:
        """Coordinate of a value; of one inside the bounds where the parameter is at one, which has none."""
        if c.spread:
            return float(np.log(value))
        inside = within(self._spec(c), float(value))
        return float(from_spec(self._spec(c)).forward(jnp.asarray(inside)))

    def _spec(self, c: Coordinate) -> ParameterSpec:
        return parameter_specs(self.device)[c.name]

    def value(self, c: Coordinate, z: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Value at a coordinate [its unit], within the bounds of its parameter."""
        if c.spread:
            return np.exp(z)
        value = np.asarray(from_spec(self._spec(c)).inverse(jnp.asarray(z)))
        return np.clip(value, *self._spec(c).bounds)

    def values(self, z: Float[np.ndarray, "points coordinates"]) -> dict[str, np.ndarray]:
        """Parameters of every lane [SI]: points times draws by waveforms."""
        waves = len(self.experiment.stimuli)
        shape, lanes = (len(z), self.draws, waves), {}
        at = {str(c): self.value(c, z[:, k]) for k, c in enumerate(self.coordinates)}
        specs = parameter_specs(self.device)
        for name in dict.fromkeys(c.name for c in self.coordinates):
            numbers = at.get(name, np.full(len(z), float(mj.params.get(self.device, name))))
            x = np.broadcast_to(numbers[:, None, None], shape)
            if (s := at.get(str(Coordinate(name, True)))) is not None:
                x = x * np.exp(s[:, None, None] * self.normal[name])
            x = np.clip(x, *specs[name].bounds)
            lanes[name] = np.ascontiguousarray(x.reshape(-1, waves))
        every = (len(z) * self.draws, waves)
        return lanes | {n: np.broadcast_to(x, every) for n, x in self.limits.items()}

    def __call__(
        self, z: Float[np.ndarray, "points coordinates"]
    ) -> tuple[list[Float[np.ndarray, "points draws names"]], Bool[np.ndarray, "points draws"]]:
        """Values of each reading, and which cycles were solved."""
        i, result = self._currents(z)
        i = i.reshape(len(z), self.draws, -1)
        noisy = i * self.relative + self.floor
        # At its limit the source sets the current, not the device: reading it adds no noise.
        i = noisy if self.limit is None else np.where(np.abs(i) < 0.99 * self.limit, noisy, i)
        ends = np.cumsum([0, *map(len, self.experiment.rows)])
        # Anywhere within the step at whose end it is read, as measured events are.
        values = [
            r.read(i[..., ends[r.wave] : ends[r.wave + 1]]) - r.sample.step * jitter
            for r, jitter in zip(self.experiment.readings, self.jitter, strict=True)
        ]
        return values, np.all(result == 0, axis=1).reshape(len(z), self.draws)

    def _currents(
        self, z: Float[np.ndarray, "points coordinates"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Currents and results of every lane, a share of the lanes in each thread."""
        members, values = np.tile(np.arange(self.draws), len(z)), self.values(z)
        double = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
        options: dict[str, Any] = self.options | {"output": mj.Output(on_failure="ignore")}
        options["backend"] = chosen_backend()
        stimuli, rows = self.experiment.stimuli, list(self.experiment.rows)

        def part(at: slice) -> tuple[np.ndarray, np.ndarray]:
            drawn = {n: x[at] for n, x in values.items()}
            around = mj.Conditions(env=self.env, values=drawn, carry_state=False)
            options_of_part = options | {"members": members[at], "conditions": around}
            with jax.enable_x64(double):  # it may be set, as the backend, for one thread alone
                trace = mj.simulate(self.device, stimuli, save=rows, **options_of_part)
                return np.asarray(trace.i), np.asarray(trace.result)

        count = _threads(len(members))
        size = len(members) // count
        parts = [slice(k * size, (k + 1) * size) for k in range(count)]
        program = (size, type(self.device), self.coordinates, repr(self.options["policy"]))
        alone = count == 1 or program not in _compiled  # the others find it compiled
        with ThreadPoolExecutor(count) as pool:
            currents, results = zip(*(map if alone else pool.map)(part, parts), strict=True)
        _compiled.add(program)
        return np.concatenate(currents), np.concatenate(results)

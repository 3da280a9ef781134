"""Reservoirs out of a few numbers: ranges from which the devices' voltages are drawn, times, a limit of the current."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..circuit import Bench
from ..core.system import Environment
from ..device import AbstractDevice
from ..errors import BoundsError
from .evaluation import heldout_error, training_part
from .images import Images, image_states
from .readout import fit_ridge
from .reservoir import Reservoir
from .series import Series

_RANGES = {
    "hold": (1e-2, 3.0), "rest": (0.1, 20.0), "offset": (0.0, 0.8), "offset_width": (0.0, 0.6), "gain": (0.05, 1.0),
    "gain_width": (0.0, 0.6), "falling": (0.0, 1.0), "negative": (0.0, 1.0), "mask": (-1.0, 1.0), "limit": (0.3, 300.0),
}  # fmt: skip
"""Where each number of a design is sought: times in units of a time, voltages of a voltage, the limit of a current."""

_LOGARITHMIC = ("hold", "rest", "limit")
_POOL = 8
"""Best designs that new ones start from."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Distributions from which the devices of a reservoir are drawn, by a seed.

    Parameters
    ----------
    hold, rest : float
        How long a voltage is held [s], and pause at 0 V after it in units of `hold`; 0 for none.
    offset, offset_width : float
        Voltage at input 0: uniform from `offset` over this width [V]. Each device has its own, so that all are
        different functions of the input.
    gain, gain_width : float
        Change of the voltage from input 0 to 1: likewise [V].
    falling : float
        Share of the devices whose voltage falls where the input rises: they start at the upper end.
    negative : float
        Share of the devices that stand the other way round.
    mask : float
        Least value of the masks, which are uniform from there to 1.
    limit : float, optional
        Limit of the source's current, in units of the current of the device at rest at `voltage`: a device that is
        about to switch is held there.
    voltage : float
        Largest voltage [V].
    """

    hold: float
    rest: float = 0.0
    offset: float = 0.1
    offset_width: float = 0.05
    gain: float = 0.3
    gain_width: float = 0.1
    falling: float = 0.5
    negative: float = 0.5
    mask: float = 0.5
    limit: float | None = None
    voltage: float = 0.5

    def __post_init__(self):
        numbers = {k: x for k, x in asdict(self).items() if x is not None}
        wrong = {k: x for k, x in numbers.items() if not np.isfinite(x) or (x < 0 and k != "mask")}
        wrong |= {k: numbers[k] for k in ("falling", "negative") if not 0 <= numbers[k] <= 1}
        wrong |= {k: numbers[k] for k in ("hold", "voltage", "limit") if numbers.get(k) == 0}
        wrong |= {} if -1 <= self.mask <= 1 else {"mask": self.mask}
        if wrong:
            description = ", ".join(f"{k} = {x:g}" for k, x in wrong.items())
            raise BoundsError(
                description, where="Design", allowed="times and voltages >= 0, shares 0 to 1"
            )

    def reservoir(
        self,
        device: AbstractDevice,
        *,
        devices: int,
        nodes: int,
        seed: int = 0,
        bench: Bench | None = None,
        env: Environment | None = None,
        **settings: Any,
    ) -> Reservoir:
        """Draw a reservoir.

        Parameters
        ----------
        device : AbstractDevice
            What all devices are.
        devices, nodes : int
            How many devices, and values of a mask.
        seed : int
            Of the draw.
        bench : Bench, optional
            Around each device; the lower of its compliance and `limit` counts.
        env : Environment, optional
            Temperature.
        **settings
            All else of `Reservoir`.
        """
        rng = np.random.default_rng(seed)
        low = self.offset + self.offset_width * rng.random(devices)
        high = low + self.gain + self.gain_width * rng.random(devices)
        low, high = np.minimum(low, self.voltage), np.minimum(high, self.voltage)
        falls = rng.random(devices) < self.falling
        sign = np.where(rng.permutation(devices) < self.negative * devices, -1.0, 1.0)
        bench, env = bench or Bench(), env or Environment()
        if self.limit is not None:
            most = self.limit * rest_current(device, self.voltage, env)
            most = most if bench.compliance is None else min(most, float(bench.compliance))
            bench = replace(bench, compliance=jnp.asarray(most), compliance_negative=None)
        pause = {"rest": self.rest * self.hold, "rest_steps": 6} if self.rest > 0 else {}
        return Reservoir(
            device,
            rng.uniform(self.mask, 1.0, (devices, nodes)),
            sign * np.where(falls, low - high, high - low),
            sign * np.where(falls, high, low),
            hold=self.hold, bench=None if bench.bare else bench, env=env, **pause | settings,
        )  # fmt: skip


def rest_current(device: AbstractDevice, voltage: float, env: Environment) -> float:
    """Modulus of the current of a device at rest [A]."""
    current = abs(float(device.current(0.0, device.initial(env), jnp.asarray(voltage), env)))
    if not current > 0:
        raise BoundsError(
            f"no current at {voltage:g} V",
            where="a design with a limit",
            allowed="a device that conducts",
        )
    return current


Score = Callable[[Design, int], float]
"""Error of a design in a trial, which counts from 0; the noise of each trial is another one."""


def series_score(
    device: AbstractDevice,
    task: Series,
    *,
    devices: int,
    nodes: int,
    spread: Mapping[str, float] | None = None,
    train: int | None = None,
    seed: int = 1,
    **settings: Any,
) -> Score:
    """NRMSE of designs on the last 30 % of the steps before `train` (60 % of all by default).

    Parameters
    ----------
    device, devices, nodes, seed, **settings
        See `Design.reservoir`. The noise is on.
    task : Series
        Its steps from `train` on are not looked at.
    spread : mapping of str to float, optional
        From device to device.
    train : int, optional
        Steps of the training.
    """
    part, fitted = training_part(task, train)

    def score(design: Design, trial: int) -> float:
        one = design.reservoir(device, devices=devices, nodes=nodes, seed=seed, **settings)
        one = one.draw_devices(spread or {}, members=1, seed=seed + trial)
        states = np.asarray(one.states(jnp.asarray(part.inputs), seed=seed + trial)[0])
        return heldout_error(states, part, fitted)[0]

    return score


def image_score(
    device: AbstractDevice,
    task: Images,
    *,
    devices: int,
    nodes: int,
    spread: Mapping[str, float] | None = None,
    images: int = 600,
    seed: int = 1,
    **settings: Any,
) -> Score:
    """Squared error of classes by a ridge read-out on a third of some images, over that of a constant.

    Parameters
    ----------
    device, devices, nodes, seed, **settings
        See `Design.reservoir` and `image_states`. The noise is on.
    task : Images
        The task.
    spread : mapping of str to float, optional
        From device to device.
    images : int
        How many are looked at, drawn by the seed; those of the training only, where the set says which these are.
    """
    some = np.random.default_rng(seed).permutation(task.train or len(task.labels))[:images]
    wanted = np.eye(int(task.labels.max()) + 1)[task.labels[some]]
    cut = 2 * len(some) // 3

    def score(design: Design, trial: int) -> float:
        one = design.reservoir(device, devices=devices, nodes=nodes, seed=seed, **settings)
        states = image_states(one, task.pixels[some], spread=spread, seed=seed + trial)
        residual = fit_ridge(states[:cut], wanted[:cut])(states[cut:]) - wanted[cut:]
        return float(
            np.mean(residual**2) / np.mean((wanted[cut:] - wanted[:cut].mean(axis=0)) ** 2)
        )

    return score


def search_design(
    score: Score,
    start: Design,
    *,
    trials: int = 60,
    free: Sequence[str] = tuple(_RANGES),
    time: float | None = None,
    seed: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Design:
    """Seek the design of the smallest error, by mutation and recombination of the best.

    Parameters
    ----------
    score : callable
        Error of a design in a trial: `series_score` or `image_score`.
    start : Design
        The first that is tried; its voltage stays.
    trials : int
        Number of designs that are tried.
    free : sequence of str
        What is sought of a design.
    time : float, optional
        Time of the device about which hold times are sought [s]; that of the start by default.
    seed : int
        Of the search.
    progress : callable, optional
        Is told the number of trials, and the least error.
    """
    rng, ranges = np.random.default_rng(seed), _scales(start, time or start.hold)
    pool: list[tuple[float, Design]] = []
    for k in range(trials):
        design = start if k == 0 else _child(rng, [d for _, d in pool[:_POOL]], ranges, free, k)
        pool.append((score(design, k), design))
        pool.sort(key=lambda x: x[0])
        if progress is not None:
            progress(k + 1, pool[0][0])
    return pool[0][1] if pool else start


def _scales(start: Design, time: float) -> dict[str, tuple[float, float]]:
    """Ranges of the numbers of a design, in their units; of times and the limit their logarithms."""
    units = {"hold": time} | {n: start.voltage for n in _RANGES if n.startswith(("offset", "gain"))}

    def end(name: str, x: float) -> float:
        x = x * units.get(name, 1.0)
        return float(np.log(x)) if name in _LOGARITHMIC else x

    return {n: (end(n, low), end(n, high)) for n, (low, high) in _RANGES.items()}


def _child(
    rng: np.random.Generator,
    parents: list[Design],
    ranges: dict[str, tuple[float, float]],
    free: Sequence[str],
    trial: int,
) -> Design:
    """A new design: at first one at random in the ranges, later a parent with some numbers of another, and changed."""
    one, other = (parents[rng.integers(len(parents))] for _ in range(2))
    width = rng.choice([0.03, 0.1, 0.3])
    new: dict[str, float] = {}
    for f in fields(Design):
        if f.name not in free or f.name not in ranges:
            continue
        low, high = ranges[f.name]
        value = getattr(one if rng.random() < 0.7 else other, f.name)
        middle = np.log(max(value or 1.0, 1e-300)) if f.name in _LOGARITHMIC else value
        # Half at random while the pool fills: all would descend from the start otherwise.
        if trial < 2 * _POOL and rng.random() < 0.5:
            middle = rng.uniform(low, high)
        elif rng.random() < 0.5:
            middle = middle + width * (high - low) * rng.normal()
        middle = float(np.clip(middle, low, high))
        new[f.name] = float(np.exp(middle)) if f.name in _LOGARITHMIC else middle
    return replace(one, **new)

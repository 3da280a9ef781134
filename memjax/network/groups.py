"""Groups of a network: neurons that are circuits, and sources of spikes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace as replace_fields
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..circuit import Circuit
from ..core.fields import check_bounds
from ..core.params import replace
from ..core.system import Environment
from ..errors import NetworkError
from ..population import Population
from ..runtime.copies import copied, copy_arrays
from ..runtime.memory import check_size
from .checks import are_finite, is_number, require, require_kind, require_numbers, require_texts

_MEMBER = 100
"""Bytes of a member of a group at least: keys, counts, times of spikes, states."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """When a neuron fires: a signal rises above a level after it was below another one.

    Parameters
    ----------
    signal : str
        A state of the circuit, as ``gate.v``.
    level : float
        Level [unit of the signal].
    rearm : float, optional
        Level below which the signal has to fall before the next spike; by default `level`.
    sign : {1, -1}
        -1 for a signal that falls below `level` and re-arms above `rearm`.
    """

    signal: str
    level: float
    rearm: float | None = None
    sign: int = 1

    def __post_init__(self):
        rearm, where = (
            self.level if self.rearm is None else self.rearm,
            f"threshold of {self.signal}",
        )
        require_texts("Threshold", signal=self.signal)
        allowed = "one finite number for all neurons of a group"
        for name, x in {"level": self.level, "rearm": rearm, "sign": self.sign}.items():
            require(is_number(x), name, x, where=where, allowed=allowed)
        if self.sign not in (1, -1) or not self.sign * rearm <= self.sign * self.level:
            raise NetworkError(
                f"level = {self.level:g}, rearm = {rearm:g}, sign = {self.sign}",
                where=where,
                allowed="rearm on the near side of level, sign 1 or -1",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Neurons:
    """Circuits of one kind, each with its own noise and, where they differ, its own parameters.

    Parameters
    ----------
    name : str
        Name of the group.
    n : int
        How many.
    circuit : Circuit
        What each is, by default with the parameters of this one.
    spike : Threshold
        When it fires.
    bias : float or Float[np.ndarray, "n"] or mapping of str to these
        Value of the first driven source, or of each by its name, on top of which synapses act [V or A].
    values : mapping of str to Float[np.ndarray, "n"]
        Parameters that differ [SI].
    start : mapping of str to float or Float[np.ndarray, "n"]
        States at the beginning [SI], as the `states` of a `Recording` or the end of a trace; those that it does not
        name are at rest.
    env : Environment
        Temperature.

    See Also
    --------
    Neurons.drawn : parameters out of a population.
    """

    name: str
    n: int
    circuit: Circuit
    spike: Threshold
    bias: Any = 0.0
    values: Mapping[str, Float[np.ndarray, " n"]] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)
    env: Environment = field(default_factory=Environment)

    def __post_init__(self):
        copy_arrays(self, "bias")
        _check_count(self.name, self.n)
        where = f"group {self.name!r}"
        for key in ("values", "start"):
            # A trace's end has only keys and values.
            table = _table(getattr(self, key), f"{key} of {where}")
            object.__setattr__(self, key, copied(table))
        require_kind(Threshold, where, spike=self.spike)
        require_kind(Environment, where, env=self.env)
        if not isinstance(self.circuit, Circuit):
            raise NetworkError(
                f"a {type(self.circuit).__name__} as neuron", where=where, allowed="a Circuit"
            )
        states = [s.name for s in self.circuit.specs]
        if self.spike.signal not in states:
            raise NetworkError(
                f"no state {self.spike.signal!r} that could fire",
                where=where,
                allowed=", ".join(states),
            )
        unknown = sorted(set(self.start) - set(states))
        if unknown:
            raise NetworkError(
                f"no states {', '.join(unknown)}",
                where=f"start of {where}",
                allowed=", ".join(states),
            )
        for name, x in {**self.values, **self.start, **self.biases}.items():
            require(
                are_finite(x), name, x, where=where,
                allowed=f"finite numbers that do not change with time: one, or {self.n}",
                fix="what changes comes from spikes of another group",
            )  # fmt: skip
            if np.ndim(x) > 1 or (np.ndim(x) == 1 and len(x) not in (1, self.n)):
                raise NetworkError(
                    f"{np.shape(x)} numbers for {name}", where=where, allowed=f"one, or {self.n}"
                )
        for spec in self.circuit.specs:
            x, (low, high) = np.asarray(self.start.get(spec.name, spec.bounds[0])), spec.bounds
            if not np.all((x >= low) & (x <= high)):
                raise NetworkError(
                    f"{spec.name} = {np.min(x):g} to {np.max(x):g} {spec.unit}",
                    where=f"start of {where}",
                    allowed=f"{low:g} to {high:g} {spec.unit}",
                )
        if self.values:
            check_bounds(replace(self.circuit, dict(self.values), where=where, check=False))

    @property
    def biases(self) -> dict[str, Any]:
        """Value of each driven source [V or A]."""
        ports = self.circuit.ports
        bias = self.bias if isinstance(self.bias, Mapping) else {ports[0]: self.bias}
        unknown = sorted(set(bias) - set(ports))
        if unknown:
            raise NetworkError(
                f"no driven source {', '.join(unknown)}",
                where=f"bias of group {self.name!r}",
                allowed=", ".join(ports),
            )
        return {p: bias.get(p, 0.0) for p in ports}

    def outline(self) -> "Neurons":
        """The group without the numbers of single neurons: the largest of values that differ, biases and start states
        zero.
        """
        maxima = {k: np.max(x) for k, x in self.values.items()}
        return replace_fields(
            self, values=maxima, start={}, bias=dict.fromkeys(self.circuit.ports, 0.0)
        )

    @classmethod
    def drawn(cls, population: Population, *, n: int, seed: int = 0, **options: Any) -> "Neurons":
        """Neurons whose parameters are drawn from a population of circuits.

        Parameters
        ----------
        population : Population
            Its base is the circuit.
        n : int
            How many.
        seed : int
            Of the draw; parameters of neuron m depend on it and on m only.
        **options
            As for `Neurons`.
        """
        values = {k: np.asarray(x) for k, x in population.sample(seed, n).items()}
        if not isinstance(population.base, Circuit):
            kind = type(population.base).__name__
            raise NetworkError(f"a population of {kind}", allowed="one of circuits")
        return cls(n=n, circuit=population.base, values=values, **options)


def _table(x: Any, where: str) -> dict[str, Any]:
    """Numbers by name."""
    try:
        table: dict[Any, Any] | None = dict(x)
    except (TypeError, ValueError):
        table = None
    fine = table is not None and all(isinstance(name, str) for name in table)
    require(fine, "numbers by name", x, where=where, allowed="a mapping of names to numbers")
    return table or {}


def _check_count(name: str, n: int) -> None:
    """Refuse a group without a name or members."""
    # Names are those of groups in HDF5, where '/', '.' and '..' are paths.
    require_texts("a group", name=name)
    if not name or "/" in name or name in (".", "..") or not name.isprintable():
        raise NetworkError(
            f"a group named {name!r:.80}", allowed="a name of printable characters without '/', not '.' or '..'"
        )  # fmt: skip
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise NetworkError(f"n = {n!r}", where=f"group {name!r}", allowed="a whole number >= 1")
    check_members(n, where=f"n of group {name!r}")


def check_members(n: int, *, where: str) -> None:
    """Refuse more members of a group than memory holds, before any is drawn.

    Raises
    ------
    NetworkError
        It says how many would fit.
    """
    check_size(n, _MEMBER, what="members", where=where, error=NetworkError)


@dataclass(frozen=True, kw_only=True, eq=False)
class Poisson:
    """Sources that fire at random, independently of each other and of the past.

    Parameters
    ----------
    name : str
        Name of the group.
    n : int
        How many.
    rate : float or Float[np.ndarray, "n"] or Float[np.ndarray, "intervals n"]
        Rate [1/s]; with two axes one row per interval.
    interval : float, optional
        Length of the intervals [s]; after the last one there is nothing.

    Notes
    -----
    In each time step dt a source fires with probability rate dt, which has to be well below 1.
    """

    name: str
    n: int
    rate: Any
    interval: float | None = None

    def __post_init__(self):
        copy_arrays(self, "rate")
        _check_count(self.name, self.n)
        where = f"group {self.name!r}"
        fine = are_finite(self.rate) and bool(np.all(np.asarray(self.rate) >= 0))
        require(fine, "rate", self.rate, where=where, allowed=">= 0 1/s")
        require_numbers(where, interval=self.interval)
        rate = np.asarray(self.rate, float)
        if rate.shape not in {(), (self.n,)} and not (rate.ndim == 2 and rate.shape[1] == self.n):
            raise NetworkError(
                f"rates of shape {rate.shape}",
                where=where,
                allowed=f"one, {self.n}, or intervals times {self.n}",
            )
        if (rate.ndim == 2) != (self.interval is not None):
            raise NetworkError(
                f"rates of shape {rate.shape} with interval = {self.interval}",
                where=where,
                allowed="an interval with one row of rates each, or neither",
            )
        if self.interval is not None and not self.interval > 0:
            raise NetworkError(f"interval = {self.interval!r} s", where=where, allowed="> 0 s")

    def outline(self) -> "Poisson":
        """The same without its rates."""
        return replace_fields(self, rate=0.0 if self.interval is None else np.zeros((1, self.n)))


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeList:
    """Sources that fire at given times.

    Parameters
    ----------
    name : str
        Name of the group.
    n : int
        How many.
    source : Int[np.ndarray, "spikes"]
        Which one fires, from 0.
    time : Float[np.ndarray, "spikes"]
        And when [s], in any order; it is taken to the nearest end of a step, the first one at the earliest.
    """

    name: str
    n: int
    source: Int[np.ndarray, " spikes"]
    time: Float[np.ndarray, " spikes"]

    def __post_init__(self):
        copy_arrays(self, "source", "time")
        _check_count(self.name, self.n)
        where = f"group {self.name!r}"
        for name, x in {"source": self.source, "time": self.time}.items():
            require(are_finite(x), name, x, where=where, allowed="a list of finite numbers")
        source, time = np.asarray(self.source), np.asarray(self.time)
        if source.shape != time.shape or source.ndim != 1:
            raise NetworkError(
                f"{source.shape} sources for {time.shape} times",
                where=where,
                allowed="equally many",
            )
        if len(source) and not (source.min() >= 0 and source.max() < self.n):
            raise NetworkError(
                f"source {source.min()} to {source.max()}",
                where=where,
                allowed=f"0 to {self.n - 1}",
            )
        if np.any(source != np.rint(source)):
            raise NetworkError(
                "a source that is no whole number", where=where, allowed="numbers from 0"
            )
        if np.any(time < 0):
            raise NetworkError("a time that is negative", where=where, allowed=">= 0 s")

    def outline(self) -> "SpikeList":
        """The same without its spikes."""
        return replace_fields(self, source=np.zeros(0, np.int32), time=np.zeros(0))

    def steps(self, dt: float) -> Int[np.ndarray, " spikes"]:
        """Numbers of the steps at whose ends they fire."""
        steps = np.rint(np.asarray(self.time, float) / dt)
        return np.clip(steps - 1, 0, 2.0**53).astype(np.int64)


Group = Neurons | Poisson | SpikeList


def image_rates(
    images: Float[np.ndarray, "images ..."], *, low: float = 0.0, high: float = 100.0
) -> Float[np.ndarray, "images pixels"]:
    """Images as rates of `Poisson` sources, one interval per image and one source per pixel.

    Parameters
    ----------
    images : Float[np.ndarray, "images ..."]
        Brightness, from 0 to 1.
    low, high : float
        Rates of a dark and of a bright pixel [1/s].
    """
    return low + (high - low) * _pixels(images)


def on_off(images: Float[np.ndarray, "images ..."]) -> Float[np.ndarray, "images pixels"]:
    """Images as seen by ON and OFF cells: brightness of all pixels, then one minus it. All images are equally bright.

    Parameters
    ----------
    images : Float[np.ndarray, "images ..."]
        Brightness, from 0 to 1.
    """
    pixels = _pixels(images)
    return np.concatenate([pixels, 1 - pixels], axis=1)


def with_pauses(
    rates: Float[np.ndarray, "images pixels"], *, interval: float, pause: float
) -> tuple[Float[np.ndarray, "intervals pixels"], float]:
    """Rates of images with silence after each.

    Parameters
    ----------
    rates : Float[np.ndarray, "images pixels"]
        As of `image_rates` [1/s].
    interval, pause : float
        How long an image and the silence after it last [s].

    Returns
    -------
    rates : Float[np.ndarray, "intervals pixels"]
        One row per interval.
    interval : float
        Length of one [s]: the greatest that divides both times.

    Raises
    ------
    NetworkError
        If none of at least a fiftieth of `interval` does.
    """
    if not (np.isfinite(pause) and pause >= 0):
        raise NetworkError(f"pause = {pause!r} s", allowed="a finite number >= 0 s")
    ratio = Fraction(pause / interval).limit_denominator(50)
    if abs(float(ratio) * interval - pause) > 1e-6 * interval:
        raise NetworkError(
            f"pause = {pause:g} s after images of {interval:g} s",
            allowed="a simple fraction, or multiple, of interval",
        )
    images = np.asarray(rates, float)
    rows = np.repeat(images, ratio.denominator, axis=0).reshape(
        len(images), ratio.denominator, images.shape[1]
    )
    silence = np.zeros((len(images), ratio.numerator, images.shape[1]))
    together = np.concatenate([rows, silence], axis=1)
    return together.reshape(-1, images.shape[1]), interval / ratio.denominator


def image_latencies(
    images: Float[np.ndarray, "images ..."], *, interval: float, darkest: float = 0.05
) -> tuple[Int[np.ndarray, " spikes"], Float[np.ndarray, " spikes"]]:
    """Images as times of spikes of a `SpikeList`: the brighter a pixel, the earlier in its image's interval.

    Parameters
    ----------
    images : Float[np.ndarray, "images ..."]
        Brightness, from 0 to 1.
    interval : float
        Time for each image [s].
    darkest : float
        Brightness below which a pixel does not fire.

    Returns
    -------
    source : Int[np.ndarray, "spikes"]
        Number of the pixel.
    time : Float[np.ndarray, "spikes"]
        At ``(image + 1 - brightness) * interval`` [s].
    """
    image, source, brightness = bright_pixels(images, darkest)
    return source, (image + 1 - brightness) * interval


def bright_pixels(
    images: Float[np.ndarray, "images ..."], darkest: float
) -> tuple[Int[np.ndarray, " spikes"], Int[np.ndarray, " spikes"], Float[np.ndarray, " spikes"]]:
    """Pixels that are at least so bright: numbers of their images, of the pixels, and their brightness."""
    pixels = _pixels(images)
    image, pixel = np.nonzero(pixels >= darkest)
    return image, pixel, pixels[image, pixel]


def _pixels(images: Any) -> Float[np.ndarray, "images pixels"]:
    """One row per image."""
    x = np.asarray(images, float)
    if x.ndim < 2 or not (np.all(x >= 0) and np.all(x <= 1)):
        raise NetworkError(
            f"images of shape {x.shape}, from {x.min(initial=0):g} to {x.max(initial=0):g}",
            allowed="images first, then pixels; brightness from 0 to 1",
        )
    return x.reshape(len(x), -1)

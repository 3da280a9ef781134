"""What is done to a synapse between two drivers: pulses, pairs of spikes, rest; the weight is read off its device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from ..circuit import Circuit
from ..core.system import Environment
from ..errors import BoundsError, CircuitError
from ..observables import responses, weight_change
from ..simulate import Conditions, simulate
from ..simulate.policy import AbstractPolicy
from ..stimulus import Drives, Sampled

_LEAD = 1e-3
"""Rest before the first spike [s]."""

_READ_ROWS = 41
"""Rows within each pulse whose current is read."""

_ROUNDING = 1e-9
"""How far times may fall short of a limit, relatively."""

Points = Sequence[float | int] | Num[np.ndarray | Array, " _"]


@dataclass(frozen=True, kw_only=True)
class Spike:
    """Voltage that a neuron applies when it fires: a high pulse, then a low one. Values chosen here.

    Parameters
    ----------
    high, low : float
        Voltages [V].
    high_width, low_width : float
        From the start of each to the start of the next [s].
    edge : float
        Duration of each edge [s].
    """

    high: float = 1.4
    high_width: float = 5e-4
    low: float = 0.55
    low_width: float = 1e-2
    edge: float = 1e-6

    def __post_init__(self):
        numbers = np.array([self.high, self.low, self.high_width, self.low_width, self.edge])
        shortest = min(self.high_width, self.low_width)
        if not (np.isfinite(numbers).all() and 0 < self.edge < shortest):
            raise BoundsError(
                f"a spike with widths {self.high_width:g} and {self.low_width:g} s, edges {self.edge:g} s",
                allowed="finite voltages and times, 0 < edge < width",
            )

    @classmethod
    def pulse(cls, amplitude: float, width: float, *, edge: float = 1e-6) -> "Spike":
        """A single pulse of so many volts and seconds."""
        half = width / 2
        return cls(high=amplitude, low=amplitude, high_width=half, low_width=half, edge=edge)

    @property
    def duration(self) -> float:
        """Time from the start to the end of the last edge [s]."""
        return self.high_width + self.low_width + self.edge

    def at(self, starts: Points, *, also: Points = ()) -> Sampled:
        """A source that fires.

        Parameters
        ----------
        starts : sequence of float
            Starts of spikes [s] > 0, ascending; no spike may run into the next.
        also : sequence of float
            Times since the start of each spike [s], within it, on which steps land too.

        Raises
        ------
        BoundsError
            For starts that are none, or overlap.
        """
        starts = _ascending("starts of spikes", starts, 0.0)
        if np.any(np.diff(starts) <= self.duration):
            raise BoundsError(
                f"spikes {np.diff(starts).min():g} s apart", allowed=f"> {self.duration:g} s"
            )
        middle, end = self.high_width, self.high_width + self.low_width
        corners = np.array([0.0, self.edge, middle, middle + self.edge, end, end + self.edge])
        volts = np.array([0.0, self.high, self.high, self.low, self.low, 0.0])
        offsets = np.union1d(corners, np.asarray(also, float))
        volts = np.interp(offsets, corners, volts)
        times = (starts[:, None] + offsets).ravel()
        return Sampled(np.r_[0.0, times], np.r_[0.0, np.tile(volts, starts.size)])


SPIKE = Spike()
"""The spike of both neurons unless another is given."""

PULSE = Spike.pulse(0.8, 6e-3)
"""The pulse whose response is read: above the lower threshold of the default weight."""


def _ascending(name: str, values: Points, minimum: float) -> np.ndarray:
    """Finite times above a limit, ascending."""
    array = np.atleast_1d(np.asarray(values, float))
    good = array.ndim == 1 and array.size and np.isfinite(array).all() and (array > minimum).all()
    if not (good and np.all(np.diff(array) > 0)):
        raise BoundsError(f"{name} = {array}", allowed=f"finite, ascending, > {minimum:g} s")
    return array


def _positive(name: str, values: Points, unit: str) -> np.ndarray:
    """A column of finite positive numbers."""
    array = np.atleast_1d(np.asarray(values, float))
    if array.ndim != 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
        raise BoundsError(f"{name} = {array}", allowed=f"a list of finite numbers > 0 {unit}")
    return array


def _check_count(name: str, count: int, minimum: int) -> int:
    """A whole number that is large enough."""
    if count != int(count) or count < minimum:
        raise BoundsError(f"{name} = {count}", allowed=f"a whole number >= {minimum}")
    return int(count)


def _driver_names(circuit: Circuit, weight: str) -> tuple[str, str]:
    """Names of the two drivers of a synapse."""
    if circuit.quantities != ("voltage", "voltage"):
        raise CircuitError(
            f"a circuit driven by {', '.join(circuit.ports)} ({', '.join(circuit.quantities)})",
            where="synapse",
            allowed="two driven voltage sources, the presynaptic one first",
        )
    if weight not in circuit.devices:
        raise CircuitError(
            f"no device {weight!r} to hold the weight",
            where="synapse",
            allowed=", ".join(circuit.devices),
        )
    return circuit.ports[0], circuit.ports[1]


def conductance(
    circuit: Circuit,
    state: Mapping[str, Float[Array | np.ndarray, "..."]],
    *,
    weight: str = "weight",
    v_read: float = 0.05,
    env: Environment | None = None,
) -> Float[np.ndarray, "members rows"]:
    """Conductance of the device that holds the weight [S]: its own current at a small voltage, over that.

    Parameters
    ----------
    circuit : Circuit
        The synapse.
    state : mapping of str to Float[Array, "members rows"]
        States, as a `Trace` has them.
    weight : str
        Name of the device.
    v_read : float
        Voltage at which it is read [V]; its state does not move.
    env : Environment, optional
        Temperature.

    Raises
    ------
    CircuitError, BoundsError
        For a device that the circuit does not have, or a reading voltage of zero.
    """
    _driver_names(circuit, weight)
    if not (np.isfinite(v_read) and v_read != 0):
        raise BoundsError(f"v_read = {v_read} V", allowed="finite and not 0 V")
    device, environment = circuit.devices[weight], env or Environment()
    states = {s.name: jnp.asarray(state[f"{weight}.{s.name}"]) for s in device.states}
    kind = jnp.result_type(*states.values())
    v, t = jnp.asarray(v_read, kind), jnp.zeros((), kind)
    read = jax.jit(jax.vmap(jax.vmap(lambda x: device.current(t, x, v, environment) / v)))
    return np.asarray(read(states))


def _simulate_sweeps(circuit: Circuit, drives: list, rows: list, weight: str, options: dict):
    """Trace and weights (sweep, row) [S] of sweeps that each start from rest."""
    env = options["env"]
    trace = simulate(
        circuit, drives, save=rows, policy=options["policy"], seed=options["seed"],
        conditions=Conditions(env=env, carry_state=False),
    ).check()  # fmt: skip
    weights = conductance(circuit, trace.state, weight=weight, env=env)
    return trace, weights.reshape(len(rows), -1)


def _changes(circuit, pre: list, post: list, spike: Spike, weight: str, options: dict):
    """Relative changes of weight [1] of sweeps of spikes, from before the first to just after the last."""
    names = _driver_names(circuit, weight)
    drives = [Drives(dict(zip(names, (spike.at(a), spike.at(b))))) for a, b in zip(pre, post)]
    ends = [max(a[-1], b[-1]) + spike.duration for a, b in zip(pre, post)]
    # Weights are read with both sources at 0 V: before the first spike, and 1 ms after the last.
    rows = [np.array([0.5 * _LEAD, end + _LEAD]) for end in ends]
    _, weights = _simulate_sweeps(circuit, drives, rows, weight, options)
    return np.asarray(weight_change(weights[:, 0], weights[:, 1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Train:
    """Responses to trains of equal pulses.

    Parameters
    ----------
    intervals : Float[np.ndarray, "trains"]
        From the end of a pulse to the start of the next [s].
    current : Float[np.ndarray, "trains pulses"]
        Mean current during each pulse [A].
    before, after : Float[np.ndarray, "trains pulses"]
        Conductance of the weight at the start and the end of each pulse [S].
    """

    intervals: Float[np.ndarray, " trains"]
    current: Float[np.ndarray, "trains pulses"]
    before: Float[np.ndarray, "trains pulses"]
    after: Float[np.ndarray, "trains pulses"]

    @property
    def ratio(self) -> Float[np.ndarray, "trains pulses"]:
        """Responses over the first of their train [1]: above 1 facilitation, below 1 depression."""
        return self.current / self.current[:, :1]


def train(
    circuit: Circuit,
    intervals: Points,
    *,
    count: int = 2,
    pulse: Spike = PULSE,
    weight: str = "weight",
    policy: AbstractPolicy | None = None,
    env: Environment | None = None,
    seed: int = 0,
) -> Train:
    """Responses of a synapse to equal presynaptic pulses; two of them are the test of paired pulses.

    Parameters
    ----------
    circuit : Circuit
        Synapse between two driven voltage sources, the presynaptic one first; it is at rest at the
        start of each train.
    intervals : sequence of float
        From the end of a pulse to the start of the next [s]; one train each, all solved at once.
    count : int
        Pulses per train.
    pulse : Spike
        The pulse; the postsynaptic side stays at 0 V.
    weight : str
        Name of the device that holds the weight.
    policy, env, seed
        As `memjax.simulate` has them.

    Returns
    -------
    Train

    Raises
    ------
    BoundsError, CircuitError
        For intervals that are not positive, or a circuit that is no synapse.
    """
    pre, post = _driver_names(circuit, weight)
    intervals = _positive("intervals", intervals, "s")
    count = _check_count("count", count, 2)
    inside = np.linspace(pulse.edge, pulse.duration - pulse.edge, _READ_ROWS)
    drives, rows = [], []
    for interval in intervals:
        start = _LEAD + np.arange(count) * (pulse.duration + interval)
        rows.append((start[:, None] + inside).ravel())
        source = pulse.at(start, also=inside)
        drives.append(Drives({pre: source, post: _silent(pulse.at(start))}))
    options = {"policy": policy, "env": env, "seed": seed}
    trace, weights = _simulate_sweeps(circuit, drives, rows, weight, options)
    current = np.asarray(trace.i).reshape(len(intervals), -1)
    means = [
        responses(t, i, windows=[(w[0], w[-1]) for w in t.reshape(count, -1)])
        for t, i in zip(rows, current)
    ]
    weights = weights.reshape(len(intervals), count, -1)
    ends = {"before": weights[:, :, 0], "after": weights[:, :, -1]}
    return Train(intervals=intervals, current=np.stack(means), **ends)


def _silent(source: Sampled) -> Sampled:
    """The same corners, at 0 V."""
    return Sampled(source.times, np.zeros_like(np.asarray(source.values)))


def stdp(
    circuit: Circuit,
    dts: Points,
    *,
    spike: Spike = SPIKE,
    pairs: int = 1,
    pause: float = 1.0,
    weight: str = "weight",
    policy: AbstractPolicy | None = None,
    env: Environment | None = None,
    seed: int = 0,
) -> Float[np.ndarray, " points"]:
    """Change of weight against the time between a presynaptic and a postsynaptic spike that do not overlap.

    Parameters
    ----------
    circuit : Circuit
        Synapse between two driven voltage sources, the presynaptic one first.
    dts : sequence of float
        Start of the postsynaptic spike minus start of the presynaptic one [s]; all solved at once.
    spike : Spike
        The spike of both neurons.
    pairs : int
        Equal pairs one after the other.
    pause : float
        From the end of a pair to the start of the next [s].
    weight : str
        Name of the device that holds the weight.
    policy, env, seed
        As `memjax.simulate` has them.

    Returns
    -------
    Float[np.ndarray, "points"]
        Relative change of the weight's conductance [1], from rest to 1 ms after the last pair.

    Raises
    ------
    BoundsError, CircuitError
        For spikes that overlap, a pause <= 0 s, or a circuit that is no synapse.
    """
    dts = np.atleast_1d(np.asarray(dts, float))
    if dts.ndim != 1 or not dts.size or not (np.isfinite(dts) & (np.abs(dts) > 0)).all():
        raise BoundsError(f"dts = {dts}", allowed="a list of finite numbers other than 0 s")
    _check_apart(np.abs(dts).min(), spike)
    _positive("pause", [pause], "s")
    length = np.abs(dts) + spike.duration + pause
    start = _LEAD + np.arange(_check_count("pairs", pairs, 1)) * length[:, None]
    # The earlier spike of a pair stays at `start`; the other one follows by |dt|.
    pre, post = (start + np.maximum(sign * dts, 0.0)[:, None] for sign in (-1, 1))
    options = {"policy": policy, "env": env, "seed": seed}
    return _changes(circuit, list(pre), list(post), spike, weight, options)


def _check_apart(time: float, spike: Spike) -> None:
    """Raise where spikes overlap."""
    if not time > spike.duration * (1 - _ROUNDING):
        raise BoundsError(
            f"spikes {time:g} s apart overlap",
            allowed=f"at least {spike.duration:g} s, their length",
        )


def srdp(
    circuit: Circuit,
    rates: Points,
    *,
    spike: Spike = SPIKE,
    pairs: int = 5,
    phase: float = 0.5,
    weight: str = "weight",
    policy: AbstractPolicy | None = None,
    env: Environment | None = None,
    seed: int = 0,
) -> Float[np.ndarray, " points"]:
    """Change of weight against the rate at which both neurons fire, in turn.

    Parameters
    ----------
    circuit : Circuit
        Synapse between two driven voltage sources, the presynaptic one first.
    rates : sequence of float
        Spikes per second of each neuron [1/s]; all solved at once.
    spike : Spike
        The spike of both neurons.
    pairs : int
        Spikes of each neuron.
    phase : float
        Share of the period by which the postsynaptic spike follows the presynaptic one.
    weight : str
        Name of the device that holds the weight.
    policy, env, seed
        As `memjax.simulate` has them.

    Returns
    -------
    Float[np.ndarray, "points"]
        Relative change of the weight's conductance [1], from rest to 1 ms after the last spike.

    Raises
    ------
    BoundsError, CircuitError
        For rates at which spikes overlap, or a circuit that is no synapse.
    """
    rates = _positive("rates", rates, "1/s")
    if not 0 < phase < 1:
        raise BoundsError(f"phase = {phase}", allowed="between 0 and 1")
    _check_apart(min(phase, 1 - phase) / rates.max(), spike)
    pre = _LEAD + np.arange(_check_count("pairs", pairs, 1)) / rates[:, None]
    post = pre + phase / rates[:, None]
    options = {"policy": policy, "env": env, "seed": seed}
    return _changes(circuit, list(pre), list(post), spike, weight, options)


def retention(
    circuit: Circuit,
    times: Points,
    *,
    pulse: Spike = PULSE,
    weight: str = "weight",
    policy: AbstractPolicy | None = None,
    env: Environment | None = None,
) -> Float[np.ndarray, " times"]:
    """Weight at rest after one presynaptic pulse.

    Parameters
    ----------
    circuit : Circuit
        Synapse between two driven voltage sources, the presynaptic one first.
    times : sequence of float
        Ascending times after the end of the pulse [s], which may begin with 0.
    pulse : Spike
        What writes the weight; afterwards both neurons are at 0 V.
    weight : str
        Name of the device that holds the weight.
    policy, env
        As `memjax.simulate` has them.

    Returns
    -------
    Float[np.ndarray, "times"]
        Conductance [S]; `memjax.observables.retention` gives shares.

    Raises
    ------
    BoundsError, CircuitError
        For times that do not ascend or are negative, or a circuit that is no synapse.
    """
    pre, post = _driver_names(circuit, weight)
    # The limit is exclusive: the largest number below 0 admits 0 itself.
    delays = _ascending("times", times, -np.finfo(float).tiny)
    source = pulse.at([_LEAD])
    rows = _LEAD + pulse.duration + delays
    options = {"policy": policy, "env": env, "seed": 0}
    drives = [Drives({pre: source, post: _silent(source)})]
    return _simulate_sweeps(circuit, drives, [rows], weight, options)[1][0]

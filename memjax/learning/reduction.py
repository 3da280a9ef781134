"""From the circuit of a one-memristor neuron to its reduction, and how far the two are apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..circuit import Circuit
from ..core import params
from ..device import Diffusive1M1T1R
from ..errors import CircuitError, FitError
from ..network.neuron_program import member_keys
from ..observables import detect
from ..runtime.flags import check_flags
from ..simulate import simulate
from ..simulate.policy import Fixed
from ..solver import SemiImplicitEuler
from ..stimulus import Sampled
from .reduced_neuron import ReducedNeuron, draws

STEP = 5e-5
"""Step [s] at which the published neuron's intervals are within 5 % of the circuit's at all published resistances."""

CIRCUIT_STEP = 5e-7
"""Step of the circuit itself [s]."""

_ROWS = 5
"""Rows that are recorded of the circuit in a step of the reduced neuron; times of spikes are interpolated between."""

_NAMES = ("mu", "alpha", "beta", "gamma1", "gamma2", "lam", "r_on", "r_off")


@dataclass(frozen=True, kw_only=True)
class ReductionError:
    """How far a reduced neuron is from its circuit.

    Parameters
    ----------
    step : float
        Of the reduced neuron [s].
    steps_saved : float
        Steps of the circuit in one step of the reduced neuron.
    rate : tuple of float
        Mean rate under pulses of the circuit and of its reduction [1/s].
    interval : tuple of float
        Mean interval between spikes under pulses [s]; NaN where there is none.
    interval_error : float
        Standard error of the difference of the mean intervals, relative to the circuit's.
    random_rate : tuple of float
        Mean rate under random input [1/s].
    spike_time : float
        Median distance of a spike of the reduced neuron from the nearest of the circuit under the same random input,
        without noise, over the circuit's mean interval.
    missed : float
        Share of the circuit's spikes there that are farther than a tenth of the mean interval from any of the
        reduced neuron.
    """

    step: float
    steps_saved: float
    rate: tuple[float, float]
    interval: tuple[float, float]
    interval_error: float
    random_rate: tuple[float, float]
    spike_time: float
    missed: float

    def __str__(self) -> str:
        a, b = self.interval
        return (
            f"intervals {1e3 * a:.3g} ms, reduced {1e3 * b:.3g} ms ({b / a - 1:+.1%} +- {self.interval_error:.1%}); "
            f"random input: {self.random_rate[0]:.4g} and {self.random_rate[1]:.4g} spikes/s, median distance of a "
            f"spike {self.spike_time:.2%} of the interval, {self.missed:.1%} missed; "
            f"{self.steps_saved:.0f} times fewer steps"
        )


def reduce(circuit: Circuit, **options: Any) -> ReducedNeuron:
    """The reduction of a circuit of one diffusive memristor and one resistor at a gate.

    Parameters
    ----------
    circuit : Circuit
        `memjax.neuron.one_memristor`, with any parameters and with or without the output stage.
    **options
        `level`, `rearm`, `width`, `stretches` of `ReducedNeuron`.

    Raises
    ------
    CircuitError
        For any other circuit, or noise in the residue.

    See Also
    --------
    reduction_error : how far it is from the circuit.
    """
    elements = circuit.parts if isinstance(circuit, Circuit) else {}
    memristor = elements.get("memristor")
    if not (isinstance(memristor, Diffusive1M1T1R) and {"c_gate", "r_c"} <= set(elements)):
        raise CircuitError(
            f"no reduction of a {type(circuit).__name__} of {', '.join(elements) or 'no elements'}",
            where="reduce",
            allowed="the circuit 1m1t1r with a Diffusive1M1T1R",
        )
    if memristor.sigma2 is not None and bool(jnp.any(memristor.sigma2 > 0)):
        raise CircuitError("noise in the residue", where="memristor.sigma2", allowed="0")
    values = {n: getattr(memristor, n) for n in _NAMES}
    none = jnp.zeros_like(memristor.mu)
    return ReducedNeuron(
        **values,
        sigma1=none if memristor.sigma1 is None else memristor.sigma1,
        c=jnp.asarray(params.get(circuit, "c_gate.c")),
        r_c=jnp.asarray(params.get(circuit, "r_c.r")),
        gross=memristor.noise_form == "gross",
        **options,
    )


def spike_trains(
    neuron: ReducedNeuron,
    inputs: Float[Array, " steps"],
    *,
    dt: float,
    seed: int = 0,
    members: int = 1,
    deterministic: bool = False,
) -> list[Float[np.ndarray, " spikes"]]:
    """Spike times of a reduced neuron from rest [s], one train per member.

    Parameters
    ----------
    neuron : ReducedNeuron
        The neuron.
    inputs : Float[Array, "steps"]
        Input in each step [V].
    dt : float
        Step [s].
    seed, members, deterministic
        As of `memjax.simulate`.

    Raises
    ------
    FitError
        If a state is no longer finite.
    """
    check_flags({"deterministic": deterministic}, where="spike_trains")
    keys = member_keys(seed, 0, members)
    fired, time, gate = _run(neuron, jnp.asarray(inputs), dt, keys, deterministic)
    if not np.all(np.isfinite(gate)):
        raise FitError("a reduced neuron is not finite", where="spike_trains", fix="a shorter step")
    fired, time = np.asarray(fired) > 0, np.asarray(time)
    return [np.nonzero(row)[0] * dt + t[row] for row, t in zip(fired.T, time.T)]


@eqx.filter_jit
def _run(neuron: ReducedNeuron, inputs, dt, keys, deterministic: bool):
    """Spikes and their times in each step, and the gates at the end."""

    def step(state, at):
        number, u = at
        noise = draws(keys, number, state.f.dtype, neuron.stretches)
        state, out = neuron.step(state, u, dt, None if deterministic else noise)
        return state, (out.spikes, out.time)

    state, (fired, time) = jax.lax.scan(
        step, neuron.resting_state(keys[0].shape), (jnp.arange(len(inputs)), inputs)
    )
    return fired, time, state.v


def reduction_error(
    circuit: Circuit,
    *,
    step: float = STEP,
    circuit_step: float = CIRCUIT_STEP,
    duration: float = 0.6,
    members: int = 16,
    pulse: Mapping[str, float] | None = None,
    inputs: int = 8,
    seed: int = 0,
    **options: Any,
) -> ReductionError:
    """Run a circuit and its reduction under the same inputs.

    Parameters
    ----------
    circuit : Circuit
        See `reduce`.
    step : float
        Of the reduced neuron [s].
    circuit_step : float
        Of the circuit [s]. At a resistance of 1 Gohm its own intervals grow by 3 % from 0.5 to 0.25 us.
    duration : float
        Of each input [s]; spikes of the first third do not count, in which the residue builds up.
    members : int
        Runs with noise of their own.
    pulse : mapping of str to float, optional
        `height` [V], `width` [s] and `period` [s] of the pulses, by default the published 0.8 V, 1 ms every 2 ms.
        Random input has such pulses, a third higher, at the times of a Poisson process, off as often as on.
    inputs : int
        Random inputs of which spike times are compared, without noise; rates are those of the first one, with noise.
    seed : int
        Of noise and of the random input.
    **options
        As for `reduce`.
    """
    pulse = {"height": 0.8, "width": 1e-3, "period": 2e-3} | dict(pulse or {})
    neuron = reduce(circuit, **options)
    steps = round(duration / step)
    regular = (np.arange(steps) + 0.5) * step % pulse["period"] < pulse["width"]
    rng = np.random.default_rng(seed)
    width = round(pulse["width"] / step)
    # At this rate no pulse covers a time with probability exp(-ln 2), a half; those that overlap add up.
    starts = rng.random((inputs, steps)) < np.log(2) * step / pulse["width"]
    at_random = (
        4 / 3 * pulse["height"] * np.array([np.convolve(x, np.ones(width))[:steps] for x in starts])
    )
    noisy: dict[str, Any] = dict(seed=seed, members=members)
    both = circuit_step, step
    pair = _both(circuit, neuron, pulse["height"] * regular, both, **noisy)
    random_pair = _both(circuit, neuron, at_random[0], both, **noisy)
    exact = [_both(circuit, neuron, x, both, deterministic=True) for x in at_random]
    start = duration / 3
    counted = [[t[t > start] for t in trains] for trains in pair]
    gaps = [np.concatenate([np.diff(t) for t in trains]) for trains in counted]
    mean = [float(x.mean()) if len(x) else np.nan for x in gaps]
    errors = [x.std() / np.sqrt(max(len(x), 1)) for x in gaps]
    pairs = [(full[0], short[0]) for full, short in exact]
    interval = inputs * duration / max(sum(len(full) for full, _ in pairs), 1)
    near = np.concatenate([_distances(short, full) for full, short in pairs])
    far = np.concatenate([_distances(full, short) for full, short in pairs]) > 0.1 * interval
    rates = [[sum(map(len, x)) / (members * duration) for x in y] for y in (pair, random_pair)]
    return ReductionError(
        step=step,
        steps_saved=step / circuit_step,
        rate=(rates[0][0], rates[0][1]),
        interval=(mean[0], mean[1]),
        interval_error=float(np.hypot(*errors) / mean[0]),
        random_rate=(rates[1][0], rates[1][1]),
        spike_time=float(np.median(near) / interval),
        missed=float(np.mean(far)),
    )


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distance of each spike of a train from the nearest of another one [s]; infinite if there is none."""
    return np.abs(a[:, None] - b[None]).min(1, initial=np.inf)


def _both(
    circuit: Circuit, neuron: ReducedNeuron, inputs: np.ndarray, steps: tuple[float, float], **options: Any
):  # fmt: skip
    """Spike trains of the circuit and of its reduction, by the steps of the two."""
    circuit_step, step = steps
    t = step * np.arange(len(inputs))
    rows = step / _ROWS * np.arange(1, _ROWS * len(inputs) + 1)
    drive = Sampled(t, inputs, "staircase")
    trace = simulate(
        circuit, drive, policy=Fixed(circuit_step, method=SemiImplicitEuler()), save=rows, **options
    )
    gates = np.asarray(trace.check().state["gate.v"])
    trains = [detect(np.asarray(trace.t), g, level=neuron.level, rearm=neuron.rearm) for g in gates]
    return trains, spike_trains(neuron, jnp.asarray(inputs), dt=step, **options)

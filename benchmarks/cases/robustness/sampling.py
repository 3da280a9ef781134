"""Random parameter sets inside a model's bounds, and a random drive for each."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from memjax.core.fields import ParameterSpec, StateSpec, parameter_specs
from memjax.core.transforms import from_spec
from memjax.device import AbstractDevice
from memjax.noise import device_key, words

VOLTAGE = 3.0
"""Largest modulus of a drive [V]."""

MOTIFS = 3
"""Sweeps and pulses in a drive."""

PROBES = 16
"""States at which a model is asked how fast it is."""

_WIDE = 100.0
"""Ratio of bounds from which a parameter is drawn by its logarithm."""

_DECADES = 12
"""Decades below its upper bound over which a parameter that may be 0 is drawn by its logarithm."""

_EDGE = 0.05
"""Share of the sets in which a parameter is at its lower bound, and share at its upper one."""

_SHORT = 1e-3
"""Ramps of a pulse, and the top of a triangle, in parts of their motif."""


class Task(NamedTuple):
    """What a set is driven by.

    Parameters
    ----------
    times : Float[Array, "sets corners"]
        Corners of the drive as shares of its length.
    volts : Float[Array, "sets corners"]
        Voltages there [V].
    place : Float[Array, "sets"]
        0 to 1: where the length of the drive lies between the times that the model knows.
    key : tuple of UInt32[Array, "sets"]
        Words of the noise.
    """

    times: Float[Array, "*sets corners"]
    volts: Float[Array, "*sets corners"]
    place: Float[Array, "*sets"]
    key: tuple[UInt32[Array, "*sets"], UInt32[Array, "*sets"]]


class Sets(NamedTuple):
    """Parameter sets, a task for each; every leaf has a leading axis over the sets.

    Parameters
    ----------
    device : AbstractDevice
        Parameters [SI].
    slope : AbstractDevice
        Their derivative along a random direction in unconstrained coordinates, of which every
        component has a modulus between 0.5 and 1.5.
    task : Task
        Their drives and noise.
    """

    device: AbstractDevice
    slope: AbstractDevice
    task: Task

    def part(self, first: int, size: int) -> "Sets":
        """So many sets from one on."""
        return jax.tree.map(lambda x: x[first : first + size], self)


def draw_parameter(spec: ParameterSpec, rng: np.random.Generator, n: int) -> np.ndarray:
    """Values of a parameter in `n` sets [unit of the parameter].

    Notes
    -----
    Log-uniform where the bounds have one sign and lie a factor of 100 or more apart; log-uniform over
    the 12 decades below the upper bound where the lower one is 0 and the parameter is a strength of
    noise, or its upper bound is not between 0.01 and 100; else uniform. In a twentieth of the sets it is at its
    lower bound, and in a twentieth at its upper one.
    """
    low, high = spec.bounds
    near, far = sorted((abs(low), abs(high)))
    if low == 0 and (spec.noise or not 1 / _WIDE <= high < _WIDE):
        near = far * 10.0**-_DECADES
    if low * high >= 0 and near > 0 and far >= _WIDE * near:
        values = np.exp(rng.uniform(np.log(near), np.log(far), n)) * (1 if high > 0 else -1)
    else:
        values = rng.uniform(low, high, n)
    which = rng.uniform(size=n)
    values = np.where(which < _EDGE, low, np.where(which > 1 - _EDGE, high, values))
    return np.clip(values, low, high)


def _slope(spec: ParameterSpec, values: np.ndarray) -> np.ndarray:
    """Derivative of a parameter by its unconstrained coordinate, 0 at a bound; in float64 always."""
    transform = from_spec(spec)
    with jax.enable_x64(True):
        x = jnp.asarray(values)
        z = transform.forward(x)
        slope = np.asarray(jax.jvp(transform.inverse, (z,), (jnp.ones_like(z),))[1])
    low, high = spec.bounds
    return np.where((values > low) & (values < high), slope, 0.0)


def draw_drives(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners of `n` drives: times as shares of the length, voltages [V].

    Notes
    -----
    Three motifs, each a triangle or a pulse with equal chance, of an amplitude uniform in +-3 V; lengths
    of motifs and of the rests after them log-uniform over two decades.
    """
    pulse = rng.uniform(size=(n, MOTIFS, 1)) < 0.5
    up = rng.uniform(0.1, 0.9, (n, MOTIFS, 1))
    triangle = np.concatenate([up, np.full_like(up, _SHORT), 1 - up], axis=2)
    parts = np.where(pulse, [_SHORT, 1.0, _SHORT], triangle)
    length, rest = (10 ** rng.uniform(-2, 0, (n, MOTIFS, 1)) for _ in range(2))
    steps = np.concatenate([parts * length, rest], axis=2).reshape(n, -1)
    times = np.concatenate([np.zeros((n, 1)), np.cumsum(steps, axis=1)], axis=1)
    height = rng.uniform(-VOLTAGE, VOLTAGE, (n, MOTIFS, 1)) * np.array([0.0, 1.0, 1.0, 0.0])
    volts = np.concatenate([height.reshape(n, -1), np.zeros((n, 1))], axis=1)
    return times / times[:, -1:], volts


def draw_sets(model: AbstractDevice, n: int, *, seed: int = 0) -> Sets:
    """Parameter sets with their drives, in JAX's default precision.

    Parameters
    ----------
    model : AbstractDevice
        Says which parameters there are; its settings hold for all sets.
    n : int
        Number of sets.
    seed : int
        Of everything random. Set k of `n` is another one for another `n`.
    """
    rng = np.random.default_rng(seed)
    kind = jnp.result_type(float)
    specs = parameter_specs(model)
    values, slopes = [], []
    for spec in specs.values():
        drawn = draw_parameter(spec, rng, n)
        along = rng.uniform(0.5, 1.5, n) * rng.choice([-1.0, 1.0], n)
        slopes.append(jnp.asarray((_slope(spec, drawn) * along).astype(kind)))
        bounds = [np.asarray(b, kind) for b in spec.bounds]
        values.append(jnp.asarray(np.clip(drawn.astype(kind), *bounds)))
    pick = lambda d: [getattr(d, name) for name in specs]  # noqa: E731
    put = lambda x: eqx.tree_at(pick, model, x, is_leaf=lambda y: y is None)  # noqa: E731
    times, volts = draw_drives(rng, n)
    cast = lambda x: jnp.asarray(x.astype(kind))  # noqa: E731
    key = jax.vmap(lambda k: words(device_key(seed, member=k, sweep=0)))(jnp.arange(n))
    task = Task(cast(times), cast(volts), cast(rng.uniform(size=n)), key)
    return Sets(put(values), put(slopes), task)


def draw_states(model: AbstractDevice, n: int, *, seed: int = 0) -> dict[str, Array]:
    """Some states of a model's domain as it is declared, not projected [SI]."""
    rng = np.random.default_rng(seed)
    return {s.name: jnp.asarray(_draw_state(s, rng, n)) for s in model.states}


def _draw_state(spec: StateSpec, rng: np.random.Generator, n: int) -> np.ndarray:
    """Uniform between finite bounds; else at the lower one, or above it exponentially by the scale, half and half."""
    shape = (n,) if spec.size == 1 else (n, spec.size)
    low, high = spec.bounds
    if np.isfinite(low) and np.isfinite(high):
        values = rng.uniform(low, high, shape)
    elif np.isfinite(low):
        away = rng.exponential(1.0, shape) * rng.choice([0.0, 1.0], shape)
        values = low + spec.scale * away
    else:
        values = spec.scale * rng.standard_normal(shape)
    return values.astype(jnp.result_type(float))

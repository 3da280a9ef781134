"""What a model computes at random states and voltages, and its derivative: finite, pinched, passive."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

import memjax as mj
from memjax.circuit import BenchedDevice
from memjax.core.scaling import Scaled
from memjax.device import AbstractDevice


class Point(NamedTuple):
    """What is wrong with a parameter set at some states and voltages; all False where nothing is."""

    value: Bool[Array, "..."]
    slope: Bool[Array, "..."]
    pinched: Bool[Array, "..."]
    passive: Bool[Array, "..."]


def _vector(device: AbstractDevice, state: dict, v: Array) -> Array:
    """Scaled drift, amplitudes, intensities of jumps and the current."""
    scaled, zero = Scaled(BenchedDevice(device), mj.Environment()), jnp.zeros_like(v)
    z = scaled.pack(state)
    parts = [scaled.drift(zero, z, v), scaled.diffusion(zero, z, v).ravel()]
    if scaled.has_jumps:
        parts += [scaled.jumps(zero, z, v)[0], scaled.jumps(zero, z, v)[2].ravel()]
    return jnp.concatenate([*parts, device.current(zero, state, v, scaled.env)[None]])


@eqx.filter_jit
def look(device, slope, states: dict[str, Array], volts: Array) -> Point:
    """Every set of a batch at every one of some states, each at its own voltage."""

    def at(device, slope, state, v):
        state = device.project(state)
        along = {s.name: jnp.full_like(state[s.name], s.scale) for s in device.states}
        value, moved = jax.jvp(_vector, (device, state, v), (slope, along, jnp.ones_like(v)))
        still = device.current(jnp.zeros_like(v), state, jnp.zeros_like(v), mj.Environment())
        bad = lambda x: ~jnp.all(jnp.isfinite(x))  # noqa: E731
        return Point(bad(value), bad(moved), still != 0, value[-1] * v < 0)

    each = jax.vmap(at, (None, None, 0, 0))
    return jax.vmap(each, (0, 0, None, None))(device, slope, states, volts)

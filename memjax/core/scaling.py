"""The only place that knows both SI states and the order-one vectors that solvers see."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .system import AbstractSystem, Environment, State


class Scaled(eqx.Module):
    """A system as functions of a vector whose components are states over their scales.

    Parameters
    ----------
    system : AbstractSystem
        The equations in SI.
    env : Environment
        Its temperature.

    Notes
    -----
    What solvers call many times in one program is traced once: compiled functions inside a program are
    calls to XLA, which it inlines.
    """

    system: AbstractSystem
    env: Environment

    @property
    def scale(self) -> np.ndarray:
        """Scale of each component [SI]."""
        return np.concatenate([np.full(s.size, s.scale) for s in self.system.specs])

    @property
    def linear(self) -> tuple[str, ...]:
        """States whose rate is linear in themselves given the others."""
        return tuple(s.name for s in self.system.specs if s.linear)

    def pack(self, state: State) -> Float[Array, " n"]:
        """Vector of a state."""
        # Order one for solvers: one absolute tolerance fits all components, and float32 ends at
        # 1e-38.
        parts = [jnp.ravel(jnp.asarray(state[s.name]) / s.scale) for s in self.system.specs]
        return jnp.concatenate(parts)

    def unpack(self, z: Float[Array, " n"]) -> State:
        """State of a vector."""
        state, k = {}, 0
        for s in self.system.specs:
            state[s.name] = z[k] * s.scale if s.size == 1 else z[k : k + s.size] * s.scale
            k += s.size
        return state

    def initial(self) -> Float[Array, " n"]:
        """Vector at rest, in the domain: its derivatives are those of states that a solve can start from."""
        return self.pack(self.system.project(self.system.initial(self.env)))

    @eqx.filter_jit
    def drift(self, t, z: Float[Array, " n"], u) -> Float[Array, " n"]:
        """Rate of change of the vector [1/s]."""
        return self.pack(self.system.drift(t, self.unpack(z), u, self.env))

    @eqx.filter_jit
    def diffusion(self, t, z: Float[Array, " n"], u) -> Float[Array, "n channels"]:
        """Noise amplitudes [1/sqrt(s)], one column per channel."""
        amplitudes = self.system.amplitudes(t, self.unpack(z), u, self.env)
        rows = [
            jnp.reshape(amplitudes[s.name] / s.scale, (s.size, amplitudes[s.name].shape[-1]))
            for s in self.system.specs
        ]
        return jnp.concatenate(rows)

    def channels(self) -> tuple[str, ...]:
        """Names of the noise channels."""
        state = self.system.initial(self.env)
        zero = jnp.zeros((), jnp.result_type(*state.values()))
        return tuple(self.system.noise(zero, state, zero, self.env))

    def split(self, z: Float[Array, " n"]) -> State:
        """Scaled states, each by its name."""
        return {s.name: self.unpack(z)[s.name] / s.scale for s in self.system.specs}

    def join(self, parts: State) -> Float[Array, " n"]:
        """Vector of scaled states."""
        return jnp.concatenate([jnp.ravel(parts[s.name]) for s in self.system.specs])

    def _times_scale(self, parts: State, power: int) -> State:
        """States times their scale to some power."""
        return {s.name: parts[s.name] * s.scale**power for s in self.system.specs}

    def rates(self, t, parts: State, u) -> State:
        """Rates of change of scaled states [1/s], each by its name."""
        rates = self.system.drift(t, self._times_scale(parts, 1), u, self.env)
        return self._times_scale(rates, -1)

    def noise_increment(self, t, parts: State, u, w: Float[Array, " channels"]) -> State:
        """Return the change of each scaled state by Brownian increments [sqrt(s)]."""
        total = {k: jnp.zeros_like(x) for k, x in parts.items()}
        channels = self.system.noise(t, self._times_scale(parts, 1), u, self.env).values()
        for channel, dw in zip(channels, w, strict=True):
            total |= {k: total[k] + a * dw for k, a in channel.items()}
        return self._times_scale(total, -1)

    def project_parts(self, parts: State) -> State:
        """Nearest scaled states of the domain."""
        return self._times_scale(self.system.project(self._times_scale(parts, 1)), -1)

    def jumps(self, t, z: Float[Array, " n"], u) -> tuple[Array, Array, Array]:
        """Intensities and bounds [1/s] of all jumps, and the vectors after them, one row per jump."""
        state = self.unpack(z)
        jumps = self.system.jumps(t, state, u, self.env).values()
        intensities = jnp.stack([j.intensity for j in jumps])
        bounds = jnp.stack([j.bound for j in jumps])
        return intensities, bounds, jnp.stack([self.pack(state | j.after) for j in jumps])

    @property
    def has_jumps(self) -> bool:
        """Whether there are jumps at all."""
        state = self.system.initial(self.env)
        zero = jnp.zeros((), jnp.result_type(*state.values()))
        return bool(self.system.jumps(zero, state, zero, self.env))

    def project(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """Nearest vector of the domain."""
        return self.pack(self.system.project(self.unpack(z)))

    def confine(self, z: Float[Array, " n"], before: Float[Array, " n"], u) -> Float[Array, " n"]:
        """A Newton iterate, kept where the solution can lie."""
        return self.pack(self.system.confine(self.unpack(z), self.unpack(before), u))

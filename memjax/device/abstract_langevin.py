"""What Langevin particles share: drift in a potential and a field, thermal noise, Joule heat."""

import abc

import jax.numpy as jnp
from equinox import AbstractVar
from jaxtyping import Array, Float

from ..core.constants import ROOM_TEMPERATURE
from ..core.system import State
from .base import AbstractOhmicDevice
from .laws import joule_rate, safe_sqrt


class AbstractLangevin(AbstractOhmicDevice):
    """Particles at `x` in a potential, at a `temperature` that the power of the device raises."""

    q: AbstractVar[Float[Array, ""]]
    """Drift per volt [1/(V s)]."""
    d: AbstractVar[Float[Array, ""] | None]
    """Diffusivity at 300 K [1/s]."""
    heating: AbstractVar[Float[Array, ""]]
    """One over the heat capacity [K/J]."""
    kappa: AbstractVar[Float[Array, ""]]
    """One over the thermal time constant [1/s]."""

    @abc.abstractmethod
    def force(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Drift -U' of a particle without voltage [1/s]."""

    def drift(self, t, state, v, env):
        power = v * v / self.resistance(state, v, env)
        warm = joule_rate(
            state["temperature"], power, env.temperature, heating=self.heating, cooling=self.kappa
        )
        return {"x": self.force(state["x"]) + self.q * v, "temperature": warm}

    def _thermal(self, state: State) -> Float[Array, ""]:
        """Amplitude of the thermal noise of one particle [1/sqrt(s)]."""
        hot = jnp.maximum(state["temperature"], 1e-3) / ROOM_TEMPERATURE
        d = jnp.zeros_like(hot) if self.d is None else self.d
        return jnp.sqrt(2 * hot) * safe_sqrt(d, 1e-6)

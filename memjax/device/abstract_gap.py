"""What devices with a moving gap share: its range, and how its motion ends there."""

import abc

import jax.numpy as jnp
from equinox import AbstractVar
from jaxtyping import Array, Float

from ..core.system import Environment, State
from .base import AbstractDevice
from .laws import bound, nearest, past_rounding, stop_at_bounds

_EDGE = 1e-3
"""Width of the edges of the gap, as a share of its range."""


class AbstractGapDevice(AbstractDevice):
    """A device whose only state is a `gap` [m] between `gap_min` and `gap_max`, where it starts."""

    gap_min: AbstractVar[Float[Array, ""]]
    """Smallest gap [m]."""
    gap_max: AbstractVar[Float[Array, ""]]
    """Largest gap [m]; at least a hundredth above the smallest is taken."""

    @abc.abstractmethod
    def speed(self, state: State, v: Float[Array, ""], env: Environment) -> Float[Array, ""]:
        """Rate at which the gap opens away from the edges of its range [m/s]."""

    @property
    def _largest_gap(self) -> Float[Array, ""]:
        """Largest gap [m]; above the smallest."""
        return jnp.maximum(self.gap_max, 1.01 * self.gap_min)

    def _gap(self, state: State) -> Float[Array, ""]:
        """Gap, inside its range [m]."""
        return bound(state["gap"], self.gap_min, self._largest_gap)

    def initial(self, env):
        """See `AbstractDevice`: open."""
        return {"gap": self._largest_gap}

    def drift(self, t, state, v, env):
        low, high = self.gap_min, self._largest_gap
        edge = _EDGE * (high - low)
        speed = self.speed(state, v, env)
        return {"gap": stop_at_bounds(speed, state["gap"], *past_rounding(low, high), edge)}

    def project(self, state):
        return {"gap": nearest(state["gap"], self.gap_min, self._largest_gap)}

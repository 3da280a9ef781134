"""A decay interrupted by jumps, whose mean is known."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.core.system import AbstractSystem, Jump, NoNoise


class Decay(AbstractSystem):
    """df = -g f dt, and f -> (1 - eta) f at rate kappa: E f = exp(-(g + kappa eta) t)."""

    g: float = eqx.field(static=True, default=1.0)
    kappa: Float[Array, ""] | float = 20.0
    eta: float = eqx.field(static=True, default=0.2)

    @property
    def specs(self):
        return (mj.state("f", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Filament."),)

    @property
    def noise_structure(self):
        return NoNoise

    def initial(self, env):
        return {"f": jnp.ones(())}

    def drift(self, t, state, u, env):
        return {"f": -self.g * state["f"]}

    def noise(self, t, state, u, env):
        return {}

    def jumps(self, t, state, u, env):
        rate = self.kappa * jnp.ones(())
        return {"shrink": Jump(rate, rate, {"f": (1 - self.eta) * state["f"]})}

    def outputs(self, t, state, u, env):
        return {"v": u, "i": state["f"], "v_device": u, "i_device": state["f"]}

    def project(self, state):
        return state

    def confine(self, state, before, u):
        return state

    def slope(self, t: float) -> float:
        """Derivative of the mean at `t` by kappa."""
        kappa = float(jnp.asarray(self.kappa))
        return -self.eta * t * float(np.exp(-(self.g + kappa * self.eta) * t))

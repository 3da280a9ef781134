"""Devices whose solution, and its gradient, is known in closed form."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import memjax as mj
from memjax.device import AbstractDevice, AbstractOhmicDevice
from memjax.system import Additive, Diagonal, NoNoise


class OrnsteinUhlenbeck(AbstractOhmicDevice):
    """dx = -k (x - g V) dt + sigma dW; an ohmic resistor beside it makes it a device."""

    k: Float[Array, ""] | None = mj.param(
        3.0, unit="1/s", bounds=(1e-3, 1e9), doc="Rate of return."
    )
    g: Float[Array, ""] | None = mj.param(
        1.0, unit="1/V", bounds=(-1e3, 1e3), doc="Pull of the voltage."
    )
    sigma: Float[Array, ""] | None = mj.param(
        0.5, unit="s^-0.5", bounds=(0.0, 1e3), noise=True, doc="Noise."
    )
    x0: Float[Array, ""] | None = mj.param(1.0, unit="1", bounds=(-1e3, 1e3), doc="Start.")
    ohms: Float[Array, ""] | None = mj.param(1e3, unit="ohm", bounds=(1.0, 1e12), doc="Resistance.")

    name: ClassVar[str] = "ornstein-uhlenbeck"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar[type] = Additive
    references: ClassVar[tuple[str, ...]] = ("closed form",)
    states: ClassVar = (
        mj.state("x", unit="1", scale=2.0, bounds=(-np.inf, np.inf), doc="Position."),
    )

    def initial(self, env):
        return {"x": self.x0}

    def drift(self, t, state, v, env):
        return {"x": -self.k * (state["x"] - self.g * v)}

    def noise(self, t, state, v, env):
        return {"w": {"x": jnp.zeros_like(v) if self.sigma is None else self.sigma}}

    def resistance(self, state, v, env):
        return self.ohms

    def current(self, t, state, v, env):
        return v / self.ohms

    def mean(self, t, v):
        """Mean at time t under a constant voltage."""
        return self.g * v + (self.x0 - self.g * v) * jnp.exp(-self.k * t)

    def variance(self, t):
        """Variance at time t."""
        return self.sigma**2 * (1 - jnp.exp(-2 * self.k * t)) / (2 * self.k)


class Geometric(AbstractDevice):
    """dy = a y dt + b y dW: y = exp((a - b^2/2) t + b W) in the sense of Ito."""

    a: Float[Array, ""] | None = mj.param(-1.0, unit="1/s", bounds=(-1e9, 1e9), doc="Growth rate.")
    b: Float[Array, ""] | None = mj.param(
        1.0, unit="s^-0.5", bounds=(0.0, 1e3), noise=True, doc="Noise."
    )

    name: ClassVar[str] = "geometric"
    volatile: ClassVar[bool] = False
    noise_structure: ClassVar[type] = Diagonal
    references: ClassVar[tuple[str, ...]] = ("closed form",)
    states: ClassVar = (mj.state("y", unit="1", scale=1.0, bounds=(0.0, np.inf), doc="Size."),)

    def initial(self, env):
        return {"y": jnp.ones_like(self.a)}

    def drift(self, t, state, v, env):
        return {"y": self.a * state["y"]}

    def noise(self, t, state, v, env):
        return {"w": {"y": (0.0 if self.b is None else self.b) * state["y"]}}

    def current(self, t, state, v, env):
        return 1e-3 * v * state["y"]


class LinearDrift(AbstractOhmicDevice):
    """dw/dt = k i, R = r_off - (r_off - r_on) w: R^2 = R0^2 - 2 (r_off - r_on) k flux."""

    r_on: Float[Array, ""] | None = mj.param(
        1e2, unit="ohm", bounds=(1.0, 1e9), doc="Least resistance."
    )
    r_off: Float[Array, ""] | None = mj.param(
        1.6e4, unit="ohm", bounds=(1.0, 1e9), doc="Largest resistance."
    )
    k: Float[Array, ""] | None = mj.param(
        1e4, unit="1/C", bounds=(0.0, 1e9), doc="Drift per charge."
    )
    w0: Float[Array, ""] | None = mj.param(0.1, unit="1", bounds=(0.0, 1.0), doc="Start.")

    name: ClassVar[str] = "linear-drift"
    volatile: ClassVar[bool] = False
    noise_structure: ClassVar[type] = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1038/nature06932",)
    states: ClassVar = (mj.state("w", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Doped part."),)

    def initial(self, env):
        return {"w": self.w0}

    def drift(self, t, state, v, env):
        return {"w": self.k * v / self.resistance(state, v, env)}

    def noise(self, t, state, v, env):
        return {}

    def resistance(self, state, v, env):
        return self.r_off - (self.r_off - self.r_on) * state["w"]

    def current(self, t, state, v, env):
        return v / self.resistance(state, v, env)

    def exact(self, flux):
        """State w after a flux [V s]."""
        span = self.r_off - self.r_on
        r0 = self.r_off - span * self.w0
        return (self.r_off - jnp.sqrt(r0**2 - 2 * span * self.k * flux)) / span


class Resistor(AbstractOhmicDevice):
    """A resistor, with a state that does nothing."""

    ohms: Float[Array, ""] | None = mj.param(1e3, unit="ohm", bounds=(1.0, 1e12), doc="Resistance.")

    name: ClassVar[str] = "resistor"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar[type] = NoNoise
    references: ClassVar[tuple[str, ...]] = ("Ohm",)
    states: ClassVar = (mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Idle."),)

    def initial(self, env):
        return {"x": jnp.zeros_like(self.ohms)}

    def drift(self, t, state, v, env):
        return {"x": jnp.zeros_like(v)}

    def noise(self, t, state, v, env):
        return {}

    def resistance(self, state, v, env):
        return self.ohms

    def current(self, t, state, v, env):
        return v / self.ohms


class Cubic(AbstractDevice):
    """A conductor whose current is no multiple of its voltage: i = g v + c v^3."""

    g: Float[Array, ""] | None = mj.param(1e-3, unit="S", bounds=(0.0, 1e3), doc="Conductance.")
    c: Float[Array, ""] | None = mj.param(2e-3, unit="A/V^3", bounds=(0.0, 1e3), doc="Cubic part.")

    name: ClassVar[str] = "cubic"
    volatile: ClassVar[bool] = True
    noise_structure: ClassVar[type] = NoNoise
    references: ClassVar[tuple[str, ...]] = ("closed form",)
    states: ClassVar = (mj.state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Idle."),)

    def initial(self, env):
        return {"x": jnp.zeros_like(self.g)}

    def drift(self, t, state, v, env):
        return {"x": -state["x"]}

    def noise(self, t, state, v, env):
        return {}

    def current(self, t, state, v, env):
        return self.g * v + self.c * v**3

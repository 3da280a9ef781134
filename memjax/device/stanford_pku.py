"""Stanford-PKU oxide memory: a tunnel gap that field and heat move."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .abstract_gap import AbstractGapDevice
from .laws import activated_hopping, joule_temperature, sinh_conduction

_HOTTEST = 5000.0
"""Temperature beyond which the equations say nothing [K]."""


class StanfordPKU(AbstractGapDevice):
    r"""Non-volatile oxide memory of the Stanford-PKU model: `gap` between filament and electrode, Joule heat.

    Notes
    -----
    .. math::

        \dot g &= -v_0 e^{-E_a/kT}\sinh\frac{\gamma a_0 qV}{L\,kT}, \qquad \gamma = \gamma_0 - \beta
        (g/1\,\mathrm{nm})^{\alpha} \\ I &= I_0 e^{-g/g_0}\sinh(V/V_0), \qquad T = T_0 + R_{th}VI

    between `gap_min` and `gap_max`, where the motion ends over a thousandth of the range; T is at most
    5000 K. The field enhancement is not below 0. Read in a third party's port: g0, V0, v0, I0,
    gamma0, beta, alpha, Ea, a0; L, R_th and the range of the gap are common values, not verified.
    Passive, and pinched at 0 V.

    References
    ----------
    .. [1] Z. Jiang et al., IEEE Trans. Electron Devices 63, 1884 (2016), doi:10.1109/TED.2016.2545412
    """

    g0: Float[Array, ""] = param(
        0.25e-9, unit="m", bounds=(1e-11, 1e-8), symbol="g_0", doc="Decay length of tunnelling."
    )
    v0: Float[Array, ""] = param(
        0.25, unit="V", bounds=(5e-2, 10.0), symbol="V_0", doc="Curvature of the conduction."
    )
    velocity: Float[Array, ""] = param(
        10.0, unit="m/s", bounds=(1e-6, 1e6), symbol="v_0", doc="Prefactor of the growth."
    )
    i0: Float[Array, ""] = param(
        1e-3, unit="A", bounds=(1e-12, 1.0), symbol="I_0", doc="Prefactor of the current."
    )
    gamma0: Float[Array, ""] = param(
        16.0, unit="1", bounds=(0.0, 100.0), symbol=r"\gamma_0", doc="Field enhancement at gap 0."
    )
    beta: Float[Array, ""] = param(
        0.8,
        unit="1",
        bounds=(0.0, 10.0),
        symbol=r"\beta",
        doc="Loss of field enhancement with the gap.",
    )
    ea: Float[Array, ""] = param(
        0.6, unit="eV", bounds=(0.1, 3.0), symbol="E_a", doc="Barrier of migration."
    )
    a0: Float[Array, ""] = param(
        0.25e-9, unit="m", bounds=(1e-11, 1e-8), symbol="a_0", doc="Hopping distance."
    )
    length: Float[Array, ""] = param(
        12e-9, unit="m", bounds=(1e-9, 1e-6), symbol="L", doc="Thickness of the oxide."
    )
    r_th: Float[Array, ""] = param(
        2.1e3, unit="K/W", bounds=(0.0, 1e9), symbol="R_{th}", doc="Thermal resistance."
    )
    gap_min: Float[Array, ""] = param(
        0.2e-9, unit="m", bounds=(1e-11, 1e-8), symbol="g_{min}", doc="Smallest gap."
    )
    gap_max: Float[Array, ""] = param(
        1.7e-9, unit="m", bounds=(1e-11, 1e-8), symbol="g_{max}", doc="Largest gap, at the start."
    )
    alpha: int = setting(3, allowed=range(1, 7), symbol=r"\alpha", doc="Power of the gap in gamma.")

    name: ClassVar[str] = "stanford-pku"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1109/TED.2016.2545412",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (state("gap", unit="m", scale=1e-9, bounds=(0.0, math.inf), doc="Gap."),)

    def speed(self, state, v, env):
        power = v * self.current(0.0, state, v, env)
        hot = jnp.minimum(joule_temperature(power, env.temperature, self.r_th), _HOTTEST)
        nanometres = jnp.clip(state["gap"] / 1e-9, 0.0, 20.0)
        gamma = jnp.maximum(self.gamma0 - self.beta * nanometres**self.alpha, 0.0)
        field = gamma * (self.a0 / self.length) * v
        return -self.velocity * activated_hopping(self.ea, field, hot)

    def current(self, t, state, v, env):
        gap = jnp.maximum(state["gap"], 0.0)
        return sinh_conduction(v, self.v0, self.i0 * jnp.exp(-gap / self.g0))

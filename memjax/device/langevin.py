"""Diffusive memristor as one Langevin particle in a potential, with Joule heat."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, Partitioned
from .abstract_langevin import AbstractLangevin

_LEFT, _RIGHT = -0.985, 0.72
"""Walls that reflect the particle."""

_WALL = 100
"""Power of the wall on the right."""

_POTENTIAL = (0.0, 1e6)


class LangevinMemristor(AbstractLangevin):
    r"""Diffusive memristor whose silver is one particle at `x` between electrodes at -1 and 1, with Joule heat.

    Notes
    -----
    .. math::

        dx &= [-U'(x) + qV]\,dt + \sqrt{2d\,T/300\,\mathrm{K}}\;dW \\ dT &= [c\,V^2/R -
        \kappa(T - T_0)]\,dt, \qquad R = R_0\cosh(x/\lambda) \\ U &= \frac{u_1}{(x + 1)^2} -
        \frac{u_2}{x + 1} - \frac{u_3}{x - 1} + (1.2x + 0.168)^{100}/s

    (viscosity and half the gap are in the units of u, q, d). The resistance is that of two tunnel
    gaps. The particle is reflected at -0.985 and 0.72, between which U has its meaning.

    A canonical form with a potential that a third party transcribed: the equations and parameters of
    the papers were not found. Not claimed: any published figure. Defaults are a reconstruction in
    order-one units (V up to 40, R0 = 1).

    Passive, and pinched at 0 V.

    References
    ----------
    .. [1] R. Akther et al., arXiv:2407.18368 (form of the equations)
    .. [2] Y. Ushakov et al., Chaos Solitons Fractals 145, 110803 (2021), doi:10.1016/j.chaos.2021.110803
    """

    u1: Float[Array, ""] = param(
        0.05, unit="1/s", bounds=_POTENTIAL, symbol="u_1", doc="Repulsion of the left electrode."
    )
    u2: Float[Array, ""] = param(
        1.0, unit="1/s", bounds=_POTENTIAL, symbol="u_2", doc="Attraction of the left electrode."
    )
    u3: Float[Array, ""] = param(
        0.5, unit="1/s", bounds=_POTENTIAL, symbol="u_3", doc="Repulsion of the right electrode."
    )
    q: Float[Array, ""] = param(
        0.68, unit="1/(V s)", bounds=_POTENTIAL, symbol="q", doc="Drift per volt."
    )
    d: Float[Array, ""] | None = param(
        0.0, unit="1/s", bounds=(0.0, 1e3), symbol="d", noise=True, doc="Diffusivity at 300 K."
    )
    r0: Float[Array, ""] = param(
        1.0, unit="ohm", bounds=(1e-3, 1e12), symbol="R_0", doc="Resistance with the particle at 0."
    )
    lam: Float[Array, ""] = param(
        0.13,
        unit="1",
        bounds=(0.03, 5.0),
        symbol=r"\lambda",
        doc="Decay length of tunnelling over half the gap.",
    )
    heating: Float[Array, ""] = param(
        0.0, unit="K/J", bounds=(0.0, 1e18), symbol="c", doc="One over the heat capacity."
    )
    kappa: Float[Array, ""] = param(
        1.0,
        unit="1/s",
        bounds=(1e-6, 1e12),
        symbol=r"\kappa",
        doc="One over the thermal time constant.",
    )
    x0: Float[Array, ""] = param(
        -0.9, unit="1", bounds=(_LEFT, _RIGHT), symbol="x_0", doc="Position at rest."
    )

    name: ClassVar[str] = "langevin"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = Partitioned
    references: ClassVar[tuple[str, ...]] = ("arXiv:2407.18368", "doi:10.1016/j.chaos.2021.110803")
    single_precision: ClassVar[tuple[str, ...]] = SINGLE_PRECISION
    states: ClassVar = (
        state("x", unit="1", scale=1.0, bounds=(_LEFT, _RIGHT), doc="Position of the particle."),
        state("temperature", unit="K", scale=300.0, bounds=(0.0, math.inf), doc="Temperature."),
    )

    def initial(self, env):
        return {"x": self.x0, "temperature": jnp.full_like(self.x0, env.temperature)}

    def force(self, x):
        # Beyond the walls, where stages of a step may lie, short of the poles at -1 and 1.
        x = jnp.clip(x, -0.995, 0.75)
        left, right = x + 1, 1 - x
        wall = 1.2 * _WALL * (1.2 * x + 0.168) ** (_WALL - 1)
        return 2 * self.u1 / left**3 - self.u2 / left**2 - self.u3 / right**2 - wall

    def noise(self, t, state, v, env):
        return {"thermal": {"x": self._thermal(state)}}

    def resistance(self, state, v, env):
        return self.r0 * jnp.cosh(jnp.clip(state["x"], -1.0, 1.0) / self.lam)

"""Diffusive memristor as many Langevin particles with tunnelling between them."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, Partitioned
from .abstract_langevin import AbstractLangevin
from .laws import bound

_RATE = (0.0, 1e6)


class LangevinChain(AbstractLangevin):
    r"""Diffusive memristor of N silver particles at `x`, a chain of tunnel gaps, with Joule heat.

    Notes
    -----
    For each particle, between walls at -1 and 1:

    .. math::

        dx_i &= [-U'(x_i) + qV]\,dt + \sqrt{2d\,T/300\,\mathrm{K}}\;dW_i, \qquad dT = [c\,V^2/R -
        \kappa(T - T_0)]\,dt \\ U &= -w\,[e^{-(x + 1)^2/2l^2} + e^{-(x - 1)^2/2l^2}] -
        \frac{p}{\pi k}\cos(\pi k x), \qquad R = R_t\sum_{j=0}^{N} e^{\Delta_j/\lambda}

    with :math:`\Delta_j` the N + 1 distances between neighbours, electrodes included. w is the well
    at an electrode (interfacial energy), p the largest force of the k pinning sites.

    A canonical form (many particles, interfacial wells, periodic pinning, tunnelling in series);
    the published parameters were not found, and the attraction between particles that makes
    clusters is left out. Defaults illustrate: they are fitted to nothing.

    Passive, and pinched at 0 V.

    References
    ----------
    .. [1] Z. Wang et al., Nat. Mater. 16, 101 (2017), doi:10.1038/nmat4756 (idea of the simulation)
    """

    w: Float[Array, ""] = param(
        1.0, unit="1/s", bounds=_RATE, symbol="w", doc="Depth of the well at an electrode."
    )
    l: Float[Array, ""] = param(
        0.15, unit="1", bounds=(0.01, 1.0), symbol="l", doc="Width of the well at an electrode."
    )
    p: Float[Array, ""] = param(
        1.0, unit="1/s", bounds=_RATE, symbol="p", doc="Largest force of a pinning site."
    )
    q: Float[Array, ""] = param(
        10.0, unit="1/(V s)", bounds=_RATE, symbol="q", doc="Drift per volt."
    )
    d: Float[Array, ""] | None = param(
        0.05, unit="1/s", bounds=(0.0, 1e3), symbol="d", noise=True, doc="Diffusivity at 300 K."
    )
    r_t: Float[Array, ""] = param(
        1e3, unit="ohm", bounds=(1e-3, 1e9), symbol="R_t", doc="Resistance of a closed gap."
    )
    lam: Float[Array, ""] = param(
        0.1,
        unit="1",
        bounds=(0.04, 5.0),
        symbol=r"\lambda",
        doc="Decay length of tunnelling over half the distance of the electrodes.",
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
    particles: int = setting(6, allowed=range(2, 33), symbol="N", doc="Number of particles.")
    sites: int = setting(
        10, allowed=range(1, 101), symbol="k", doc="Pinning sites from one electrode to the other."
    )

    name: ClassVar[str] = "langevin-chain"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = Partitioned
    references: ClassVar[tuple[str, ...]] = ("doi:10.1038/nmat4756",)
    single_precision: ClassVar[tuple[str, ...]] = SINGLE_PRECISION

    @property
    def states(self):
        """Positions of all particles, and the temperature."""
        n = self.particles
        return (
            state("x", unit="1", scale=1.0, bounds=(-1.0, 1.0), doc="Positions.", size=n),
            state("temperature", unit="K", scale=300.0, bounds=(0.0, math.inf), doc="Temperature."),
        )

    def initial(self, env):
        """See `AbstractDevice`: all particles in the well of the left electrode."""
        first = self.w
        n = self.particles
        x = -1 + 0.5 * self.l / n * jnp.arange(1, n + 1, dtype=first.dtype)
        return {"x": x, "temperature": jnp.full_like(first, env.temperature)}

    def force(self, x):

        def pull(y):
            return -self.w * y / self.l**2 * jnp.exp(-0.5 * (y / self.l) ** 2)

        return pull(x + 1) + pull(x - 1) - self.p * jnp.sin(math.pi * self.sites * x)

    def noise(self, t, state, v, env):
        """See `AbstractDevice`: one channel per particle."""
        size = self._thermal(state)
        identity = jnp.eye(self.particles, dtype=size.dtype)
        return {f"thermal{k}": {"x": size * identity[k]} for k in range(self.particles)}

    def resistance(self, state, v, env):
        # Particles may pass one another: gaps are those of their order.
        x = jnp.sort(bound(state["x"], -1.0, 1.0))
        edge = jnp.ones((1,), x.dtype)
        gaps = jnp.diff(jnp.concatenate([-edge, x, edge]))
        return self.r_t * jnp.sum(jnp.exp(gaps / self.lam))

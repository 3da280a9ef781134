"""Metastable switches: a memristor as a collection of two-state switches."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.constants import BOLTZMANN_EV
from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, Diagonal
from .base import AbstractOhmicDevice
from .laws import bound, safe_sqrt

_VOLT = (1e-3, 10.0)


class MetastableSwitches(AbstractOhmicDevice):
    r"""Non-volatile memristor of N metastable switches, a share `x` of which is on.

    Notes
    -----
    .. math::

        dx &= [a(1 - x) - bx]\,dt + \sqrt{[a(1 - x) + bx]/N}\;dW, \qquad \frac1R = \frac{x}{R_{on}} +
        \frac{1 - x}{R_{off}} \\ a &= \frac1\tau\,\frac{1}{1 + e^{-(V - V_{on})/V_T}}, \qquad b =
        \frac1\tau\,\frac{1}{1 + e^{(V + V_{off})/V_T}}, \qquad V_T = kT/q

    The published step probabilities :math:`P = \Delta t\,a, \Delta t\,b` with their binomial variance, as
    an Ito equation. Off at a negative voltage below :math:`-V_{off}`; the form of b is from general
    knowledge of the model. Passive, and pinched at 0 V.

    References
    ----------
    .. [1] M. A. Nugent, T. W. Molter, PLoS ONE 9, e85175 (2014), doi:10.1371/journal.pone.0085175
    """

    r_on: Float[Array, ""] = param(
        500.0, unit="ohm", bounds=(1.0, 1e12), symbol="R_{on}", doc="Resistance with all on."
    )
    r_off: Float[Array, ""] = param(
        1500.0, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Resistance with all off."
    )
    v_on: Float[Array, ""] = param(
        0.27, unit="V", bounds=_VOLT, symbol="V_{on}", doc="Voltage of switching on."
    )
    v_off: Float[Array, ""] = param(
        0.27,
        unit="V",
        bounds=_VOLT,
        symbol="V_{off}",
        doc="Voltage of switching off, as a modulus.",
    )
    tau: Float[Array, ""] = param(
        1e-4, unit="s", bounds=(1e-12, 1e3), symbol=r"\tau", doc="Time of switching."
    )
    n: Float[Array, ""] = param(
        1e6, unit="1", bounds=(1.0, 1e15), symbol="N", doc="Number of switches."
    )
    noisy: Float[Array, ""] | None = param(
        1.0,
        unit="1",
        bounds=(0.0, 1.0),
        noise=True,
        doc="1 with the noise of N switches, 0 without.",
    )
    x0: Float[Array, ""] = param(
        0.0, unit="1", bounds=(0.0, 1.0), symbol="x_0", doc="Share on at the start."
    )

    name: ClassVar[str] = "mms"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = Diagonal
    references: ClassVar[tuple[str, ...]] = ("doi:10.1371/journal.pone.0085175",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("x", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Share of the switches that is on."),
    )

    def initial(self, env):
        return {"x": self.x0}

    def _fluxes(self, state: dict[str, Array], v: Float[Array, ""], env) -> tuple[Array, Array]:
        """Shares that switch on and off per time [1/s]."""
        x, thermal = state["x"], BOLTZMANN_EV * env.temperature
        on = jax.nn.sigmoid((v - self.v_on) / thermal) / self.tau
        off = jax.nn.sigmoid(-(v + self.v_off) / thermal) / self.tau
        return on * (1 - x), off * x

    def drift(self, t, state, v, env):
        on, off = self._fluxes(state, v, env)
        return {"x": on - off}

    def noise(self, t, state, v, env):
        on, off = self._fluxes(state, v, env)
        share = jnp.zeros_like(on) if self.noisy is None else self.noisy
        size = share * safe_sqrt((on + off) * self.tau, 1.0)
        return {"switching": {"x": size / jnp.sqrt(self.n) / jnp.sqrt(self.tau)}}

    def resistance(self, state, v, env):
        x = bound(state["x"], 0.0, 1.0)
        return 1 / (x / self.r_on + (1 - x) / self.r_off)

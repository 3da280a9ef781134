"""N two-state switches, event by event or as their chemical Langevin equation."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.constants import BOLTZMANN_EV
from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, Diagonal, Jump, NoNoise
from .base import AbstractOhmicDevice
from .laws import bound, joule_rate, safe_sqrt


class EventSwitches(AbstractOhmicDevice):
    r"""N two-state switches, a share `on` of which conducts: exact events, or their chemical Langevin equation.

    Notes
    -----
    A switch goes on and off at rates

    .. math::

        r_\pm = \nu\exp\Big\{-\frac{[V_a \mp (V_{off} + V)/2]}{V_T\Phi}\Big\}, \qquad V_T = kT_0/q,
        \qquad \Phi = \phi\,T/T_0

    (a barrier pulled below 0 is none, so that no rate exceeds :math:`\nu`), the volatility follows
    :math:`\dot\phi = [c|V| - (\phi - 1)]/\tau` and the temperature :math:`\dot T = c_T V^2/R - \kappa(T -
    T_0)`; the conductance is :math:`G_{par} + G_{step}\max(N\,on - n_{th}, 0)`.

    `form` = "events": each switch by itself, as jumps of 1/N, exact under `Stiff`; each waits for its
    time on a clock of rate 2 :math:`\nu N`, so that rates far below :math:`\nu` cost many candidates.
    `form` = "langevin": :math:`d\,on = [r_+(1 - on) - r_-\,on]\,dt + \sqrt{[r_+(1 - on) + r_-\,on]/N}\;dW`,
    which agrees in mean and variance where many switches are on and many off. "mean" leaves the
    noise out.

    The published text counts which of the two populations moves at which rate in a way that reads
    both ways; here a positive voltage turns on. Passive, and pinched at 0 V.

    References
    ----------
    .. [1] W. El-Geresy et al., https://github.com/sdpenguin/memristor-neuromorphic-model
    .. [2] D. T. Gillespie, J. Chem. Phys. 113, 297 (2000), doi:10.1063/1.481811
    """

    n: Float[Array, ""] = param(
        100.0, unit="1", bounds=(1.0, 1e6), symbol="N", doc="Number of switches."
    )
    nu: Float[Array, ""] = param(
        1.0, unit="1/s", bounds=(1e-9, 1e15), symbol=r"\nu", doc="Rate without a barrier."
    )
    v_a: Float[Array, ""] = param(
        0.40049, unit="V", bounds=(0.0, 3.0), symbol="V_a", doc="Barrier."
    )
    v_off: Float[Array, ""] = param(
        0.05, unit="V", bounds=(-3.0, 3.0), symbol="V_{off}", doc="Voltage that is there at rest."
    )
    factor: Float[Array, ""] = param(
        10.0, unit="1/V", bounds=(0.0, 1e3), symbol="c", doc="Volatility per volt."
    )
    tau: Float[Array, ""] = param(
        10.0, unit="s", bounds=(1e-9, 1e6), symbol=r"\tau", doc="Time constant of the volatility."
    )
    c_th: Float[Array, ""] = param(
        3.84e-14, unit="J/K", bounds=(1e-20, 1e-3), symbol="C_{th}", doc="Heat capacity."
    )
    r_th: Float[Array, ""] = param(
        4e4, unit="K/W", bounds=(1e-3, 1e9), symbol="R_{th}", doc="Thermal resistance."
    )
    g_par: Float[Array, ""] = param(
        1e-6, unit="S", bounds=(1e-15, 1.0), symbol="G_{par}", doc="Conductance with all off."
    )
    g_step: Float[Array, ""] = param(
        1e-6, unit="S", bounds=(0.0, 1e-1), symbol="G_{step}", doc="Conductance of a switch."
    )
    n_th: Float[Array, ""] = param(
        0.0, unit="1", bounds=(0.0, 1e6), symbol="n_{th}", doc="Number from which they conduct."
    )
    on0: Float[Array, ""] = param(
        0.0, unit="1", bounds=(0.0, 1.0), doc="Share that is on at the start."
    )
    form: str = setting(
        "events", allowed=("events", "langevin", "mean"), doc="Events, Langevin equation, or mean."
    )

    name: ClassVar[str] = "event-switches"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    references: ClassVar[tuple[str, ...]] = (
        "https://github.com/sdpenguin/memristor-neuromorphic-model",
        "doi:10.1063/1.481811",
    )
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state(
            "on", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Share of the switches that is on."
        ),
        state("phi", unit="1", scale=1.0, bounds=(0.0, math.inf), doc="Volatility by voltage."),
        state("temperature", unit="K", scale=300.0, bounds=(0.0, math.inf), doc="Temperature."),
    )

    @property
    def noise_structure(self):
        """Diagonal for the Langevin equation; jumps are no noise."""
        return Diagonal if self.form == "langevin" else NoNoise

    def initial(self, env):
        unit = jnp.ones_like(self.on0)
        return {"on": self.on0, "phi": unit, "temperature": env.temperature * unit}

    def rates(
        self, state: dict[str, Array], v: Float[Array, ""], env
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Rates at which one switch goes on and off [1/s]."""
        hot = jnp.maximum(state["phi"], 1e-3) * jnp.maximum(state["temperature"], 1.0)

        def barrier(push):
            return jnp.maximum(self.v_a - push / 2, 0.0)

        def rate(push):
            return self.nu * jnp.exp(-barrier(push) / (BOLTZMANN_EV * hot))

        return rate(self.v_off + v), rate(-self.v_off - v)

    def drift(self, t, state, v, env):
        power = v * v / self.resistance(state, v, env)
        heating = 1e12 / (self.c_th * 1e12)  # the square of a heat capacity in J/K is no float32
        warm = joule_rate(
            state["temperature"],
            power,
            env.temperature,
            heating=heating,
            cooling=heating / self.r_th,
        )
        up, down = self.rates(state, v, env)
        on = up * (1 - state["on"]) - down * state["on"]
        return {
            "on": jnp.zeros_like(on) if self.form == "events" else on,
            "phi": (self.factor * jnp.abs(v) - (state["phi"] - 1)) / self.tau,
            "temperature": warm,
        }

    def noise(self, t, state, v, env):
        if self.form != "langevin":
            return {}
        up, down = self.rates(state, v, env)
        on = bound(state["on"], 0.0, 1.0)
        flux = (up * (1 - on) + down * on) / self.nu
        return {"switching": {"on": safe_sqrt(flux, 1.0) * jnp.sqrt(self.nu) / jnp.sqrt(self.n)}}

    def jumps(self, t, state, v, env):
        """See `AbstractDevice`: one switch goes on, one goes off."""
        if self.form != "events":
            return {}
        up, down = self.rates(state, v, env)
        on, fastest = bound(state["on"], 0.0, 1.0), self.nu * self.n
        return {
            "on": Jump(
                intensity=up * self.n * (1 - on),
                bound=fastest,
                after={"on": jnp.minimum(on + 1 / self.n, 1.0)},
            ),
            "off": Jump(
                intensity=down * self.n * on,
                bound=fastest,
                after={"on": jnp.maximum(on - 1 / self.n, 0.0)},
            ),
        }

    def resistance(self, state, v, env):
        excess = bound(self.n * bound(state["on"], 0.0, 1.0) - self.n_th, 0.0, math.inf)
        return 1 / (self.g_par + self.g_step * excess)

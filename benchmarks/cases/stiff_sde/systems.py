"""Two systems of this benchmark's own: the oscillator of the peers, and a 1M1T1R neuron."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from memjax.core.fields import StateSpec, state
from memjax.core.system import (
    AbstractNoiseStructure,
    AbstractSystem,
    Diagonal,
    Environment,
    NoNoise,
    Partitioned,
    State,
)

_REAL = (-float("inf"), float("inf"))


def _passive(v: Float[Array, ""], before: Float[Array, ""], u) -> Float[Array, ""]:
    """A node voltage kept between ground, the source and where it was."""
    low = jnp.minimum(jnp.minimum(0.0, u), before)
    return jnp.clip(v, low, jnp.maximum(jnp.maximum(0.0, u), before))


class Oscillator(AbstractSystem):
    r"""Langevin particle, heat and RC circuit (LHN), without units.

    Notes
    -----
    .. math::

        dx &= [V - B - A(x^3 - x)]\,dt + \sqrt{2\varepsilon T}\,dW \\ dT &= [C_H V^2/R(x) -
        \kappa(T - T_0)]\,dt \\ \tau\,dV &= [(u - V)/R_{ext} - V/R(x)]\,dt, \quad R = \cosh(x/\lambda)
    """

    tau: Float[Array, ""] | float = 1e-5
    a: float = 2.0
    b: float = 1.5
    lam: float = 0.12
    eps: float = 0.05
    c_h: float = 5.0
    kappa: float = 8.0
    t0: float = 0.3
    r_ext: float = 5.0
    v_ext: float = 3.0
    noisy: bool = eqx.field(static=True, default=True)
    node: bool = eqx.field(static=True, default=True)
    """Whether V is declared linear, and so taken implicitly by semi-implicit steps."""

    @property
    def specs(self) -> tuple[StateSpec, ...]:
        docs = {"x": "Position.", "T": "Temperature.", "V": "Voltage."}
        linear = {"V"} if self.node else set()
        return tuple(
            state(k, unit="1", scale=1.0, bounds=_REAL, doc=text, linear=k in linear)
            for k, text in docs.items()
        )

    @property
    def noise_structure(self) -> type[AbstractNoiseStructure]:
        """See `AbstractSystem`: the amplitude depends on T only, which no channel drives."""
        return Partitioned if self.noisy else NoNoise

    def initial(self, env: Environment) -> State:
        return {"x": jnp.asarray(-1.0), "T": jnp.asarray(self.t0), "V": jnp.asarray(0.0)}

    def drift(self, t, state, u, env):
        x, temperature, v = state["x"], state["T"], state["V"]
        # One exponential; XLA would make two of a square of it that it can see through.
        e = jnp.minimum(jnp.exp(x / self.lam), 1e18)
        i = v * (2 * e / (e * e + 1))
        return {
            "x": v - self.b - self.a * (x**3 - x),
            "T": self.c_h * v * i - self.kappa * (temperature - self.t0),
            "V": ((u - v) / self.r_ext - i) / self.tau,
        }

    def noise(self, t, state, u, env):
        return {"heat": {"x": jnp.sqrt(2 * self.eps * state["T"])}} if self.noisy else {}

    def outputs(self, t, state, u, env):
        """See `AbstractSystem`: `i_device` is V / R(x)."""
        device = state["V"] / jnp.cosh(state["x"] / self.lam)
        return {"v": u, "i": (u - state["V"]) / self.r_ext, "i_device": device}

    def project(self, state):
        """See `AbstractSystem`: no bounds."""
        return state

    def confine(self, state, before, u):
        return state | {"V": _passive(state["V"], before["V"], u)}


class Neuron(AbstractSystem):
    r"""One diffusive memristor into the gate capacitance of a transistor, a resistor beside it (1M1T1R).

    Notes
    -----
    With :math:`x = F + R` and :math:`E = (u - V)/(\alpha + |1 - x|)` where the source is above the
    gate, else 0,

    .. math::

        dF &= a\,dt + \sqrt{\sigma_1|a|}\,dW, \quad a = \mu E - (\gamma_1 + \beta)F \\ dR &= (\beta
        F - \gamma_2 R)\,dt \\ C_g\,dV &= [(u - V)/R_d - V/R_c]\,dt \\ R_d &= \max\{R_{on}x +
        R_{off}(e^{(1-x)/\lambda} - 1)/(e^{1/\lambda} - 1),\; R_{on}\}

    with x clipped to [0, 1] in :math:`R_d` only: the overshoot beyond 1 is part of the model.
    Table 1 of the reference; sigma1 is not published (7e-3 is ours) and sigma2 = 0.

    References
    ----------
    .. [1] R. Zhao et al., Nat. Electron. 8, 1211 (2025), doi:10.1038/s41928-025-01488-x
    """

    mu: float = 150.0
    alpha: float = 0.01
    beta: float = 20.0
    gamma1: float = 600.0
    gamma2: float = 5.0
    lam: float = 0.2
    r_on: float = 1e6
    r_off: float = 1e12
    c_g: float = 10e-12
    r_c: float = 250e6
    sigma1: float = 7e-3

    @property
    def specs(self) -> tuple[StateSpec, ...]:
        return (
            state("f", unit="1", scale=1.0, bounds=_REAL, doc="Filament."),
            state("r", unit="1", scale=1.0, bounds=_REAL, doc="Residue."),
            state("v", unit="V", scale=0.2, bounds=_REAL, doc="Gate voltage; fires at 0.2 V."),
        )

    @property
    def noise_structure(self) -> type[AbstractNoiseStructure]:
        """See `AbstractSystem`: the amplitude depends on f itself and on r and v, without noise."""
        return Diagonal

    def initial(self, env: Environment) -> State:
        return {k: jnp.asarray(0.0) for k in ("f", "r", "v")}

    def _net(self, state: State, u) -> Float[Array, ""]:
        """Net drift of the filament [1/s]."""
        gap = jnp.abs(1 - state["f"] - state["r"])
        field = jnp.maximum(u - state["v"], 0.0) / (self.alpha + gap)
        return self.mu * field - (self.gamma1 + self.beta) * state["f"]

    def _resistance(self, state: State) -> Float[Array, ""]:
        """Resistance of the device [ohm]."""
        x = jnp.clip(state["f"] + state["r"], 0.0, 1.0)
        gap = jnp.expm1((1 - x) / self.lam) / jnp.expm1(1 / self.lam)
        return jnp.maximum(self.r_on * x + self.r_off * gap, self.r_on)

    def drift(self, t, state, u, env):
        through = (u - state["v"]) / self._resistance(state)
        return {
            "f": self._net(state, u),
            "r": self.beta * state["f"] - self.gamma2 * state["r"],
            "v": (through - state["v"] / self.r_c) / self.c_g,
        }

    def noise(self, t, state, u, env):
        """See `AbstractSystem`; where the net drift vanishes the derivative is taken as 0."""
        flux = self.sigma1 * jnp.abs(self._net(state, u))
        root = jnp.where(flux > 0, jnp.sqrt(jnp.where(flux > 0, flux, 1.0)), 0.0)
        return {"flux": {"f": root}}

    def outputs(self, t, state, u, env):
        i = (u - state["v"]) / self._resistance(state)
        return {"v": u, "i": i, "i_device": i}

    def project(self, state):
        """See `AbstractSystem`: no bounds; the model may pass x = 1."""
        return state

    def confine(self, state, before, u):
        return state | {"v": _passive(state["v"], before["v"], u)}

"""Second-order diffusive memristor: clusters that grow slowly lower the threshold."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, Diagonal
from .base import AbstractOhmicDevice
from .laws import bound, gap_ratio, safe_sqrt, stop_at_bounds

_CLOSING_WIDTH = 1e-3
_RATE = (0.0, 1e9)


class SecondOrderDiffusive(AbstractOhmicDevice):
    r"""Volatile threshold switch whose filament `f` leaves clusters `c`, which lower the barrier of the next growth.

    Notes
    -----
    .. math::

        df &= \Big[\frac{\mu|V|e^{\epsilon c}}{\alpha + 1 - f} - \gamma f\Big]dt + \sqrt{\sigma
        \gamma f}\;dW, \qquad \dot c = \beta f(1 - c) - c/\tau_c \\ R &= R_{on}f + R_{off}\,
        [e^{(1-f)/\lambda} - 1]/[e^{1/\lambda} - 1]

    with 0 <= f <= 1; growth ends over the last 1e-3 of the gap. :math:`\epsilon` is the lowering of the
    barrier by full clusters in units of kT, so that the threshold falls by a factor
    :math:`e^{-\epsilon c}`.

    A reconstruction: of the device (YSZ:Ag) its authors publish that the size of silver clusters is
    a second state which lowers the threshold; equations and parameters were not found. Defaults
    illustrate: they are fitted to nothing.

    Passive, and pinched at 0 V.

    References
    ----------
    .. [1] Y. Jiang et al., Adv. Sci. 10, 2301323 (2023), doi:10.1002/advs.202301323 (the idea)
    """

    alpha: Float[Array, ""] = param(
        0.05, unit="1", bounds=(1e-4, 1.0), symbol=r"\alpha", doc="Gap left when it closes."
    )
    lam: Float[Array, ""] = param(
        0.1,
        unit="1",
        bounds=(0.02, 5.0),
        symbol=r"\lambda",
        doc="Decay length of the gap resistance.",
    )
    r_on: Float[Array, ""] = param(
        1e4, unit="ohm", bounds=(1.0, 1e9), symbol="R_{on}", doc="Resistance of the closed channel."
    )
    r_off: Float[Array, ""] = param(
        1e10, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Resistance of the open gap."
    )
    mu: Float[Array, ""] = param(
        50.0, unit="1/(V s)", bounds=_RATE, symbol=r"\mu", doc="Growth of the filament by drift."
    )
    gamma: Float[Array, ""] = param(
        200.0, unit="1/s", bounds=_RATE, symbol=r"\gamma", doc="Decay rate of the filament."
    )
    beta: Float[Array, ""] = param(
        10.0,
        unit="1/s",
        bounds=_RATE,
        symbol=r"\beta",
        doc="Growth of the clusters by the filament.",
    )
    tau_c: Float[Array, ""] = param(
        1.0, unit="s", bounds=(1e-9, 1e6), symbol=r"\tau_c", doc="Lifetime of the clusters."
    )
    epsilon: Float[Array, ""] = param(
        1.0,
        unit="1",
        bounds=(0.0, 10.0),
        symbol=r"\epsilon",
        doc="Lowering of the barrier by full clusters over kT.",
    )
    sigma: Float[Array, ""] | None = param(
        0.0,
        unit="1",
        bounds=(0.0, 1.0),
        symbol=r"\sigma",
        noise=True,
        doc="Variance per decayed length: size of the ions.",
    )

    name: ClassVar[str] = "second-order"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1, -1)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = Diagonal
    references: ClassVar[tuple[str, ...]] = ("doi:10.1002/advs.202301323",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("f", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Filament."),
        state("c", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Clusters."),
    )

    def initial(self, env):
        return {"f": jnp.zeros_like(self.mu), "c": jnp.zeros_like(self.mu)}

    def drift(self, t, state, v, env):
        f, c = state["f"], state["c"]
        # Stages of a step may lie beyond 0 and 1, where the exponential would run away.
        barrier_factor = jnp.exp(self.epsilon * jnp.clip(c, -0.1, 1.1))
        growth = self.mu * jnp.abs(v) * barrier_factor / (self.alpha + bound(1 - f, 0.0, math.inf))
        return {
            "f": stop_at_bounds(growth - self.gamma * f, f, -1.0, 1.0, _CLOSING_WIDTH),
            "c": self.beta * f * (1 - c) - c / self.tau_c,
        }

    def noise(self, t, state, v, env):
        sigma = jnp.zeros_like(self.mu) if self.sigma is None else self.sigma
        root = safe_sqrt(self.gamma, 1e-6) * safe_sqrt(sigma, 1e-6)
        return {"decay": {"f": root * safe_sqrt(bound(state["f"], 0.0, math.inf), 1.0)}}

    def resistance(self, state, v, env):
        f = bound(state["f"], 0.0, 1.0)
        return self.r_on * f + self.r_off * gap_ratio(f, self.lam)

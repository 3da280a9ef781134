"""Diffusive memristor of the 1M1T1R neuron: the channel may overshoot the gap."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.params import is_none
from ..core.system import SINGLE_PRECISION, Diagonal, General
from .base import AbstractOhmicDevice
from .laws import bound, ensemble_sqrt, gap_ratio

_RATE = (0.0, 1e9)


class Diffusive1M1T1R(AbstractOhmicDevice):
    r"""Volatile switch of the one-memristor neuron: filament `f` and residue `r`, whose sum may overshoot the gap.

    Notes
    -----
    With :math:`x = f + r`:

    .. math::

        df &= a\,dt + \sqrt{\sigma_1|a|}\;dW_1, \qquad a = \mu E - \gamma_1 f - \beta f, \qquad E =
        \max(V, 0)/(\alpha + |1 - x|) \\ dr &= b\,dt + \sqrt{\sigma_2|b|}\;dW_2, \qquad b = \beta f -
        \gamma_2 r \\ R &= \max\Big\{R_{on}x + R_{off}\frac{e^{(1-x)/\lambda} - 1}{e^{1/\lambda} -
        1},\; R_{on}\Big\} \text{ with x clipped to } [0, 1]

    The overshoot of x beyond 1, where the field falls again, is part of the model: with x clipped the
    intervals between spikes do not converge. Two forms of the noise: `noise_form` = "net" takes the
    published variance, the net rate, which vanishes at every fixed point; "gross" takes the sum of
    fluxes, :math:`\mu E + (\gamma_1 + \beta) f` and :math:`\beta f + \gamma_2 r`, the chemical
    Langevin form. The values of sigma are not published; no single set is known that reproduces all
    published figures.

    Passive, and pinched at 0 V; a negative voltage does not grow.

    References
    ----------
    .. [1] R. Zhao et al., Nat. Electron. 8, 1211 (2025), doi:10.1038/s41928-025-01488-x
    """

    mu: Float[Array, ""] = param(
        150.0, unit="1/(V s)", bounds=(0.0, 1e10), symbol=r"\mu", doc="Growth by drift."
    )
    alpha: Float[Array, ""] = param(
        0.01, unit="1", bounds=(1e-4, 1.0), symbol=r"\alpha", doc="Gap left when it is closed."
    )
    beta: Float[Array, ""] = param(
        20.0,
        unit="1/s",
        bounds=_RATE,
        symbol=r"\beta",
        doc="Rate at which filament turns into residue.",
    )
    gamma1: Float[Array, ""] = param(
        600.0, unit="1/s", bounds=_RATE, symbol=r"\gamma_1", doc="Decay rate of the filament."
    )
    gamma2: Float[Array, ""] = param(
        5.0, unit="1/s", bounds=_RATE, symbol=r"\gamma_2", doc="Decay rate of the residue."
    )
    lam: Float[Array, ""] = param(
        0.2,
        unit="1",
        bounds=(0.02, 5.0),
        symbol=r"\lambda",
        doc="Decay length of the gap resistance.",
    )
    r_on: Float[Array, ""] = param(
        1e6,
        unit="ohm",
        bounds=(1.0, 1e12),
        symbol="R_{on}",
        doc="Resistance of the closed channel.",
    )
    r_off: Float[Array, ""] = param(
        1e12, unit="ohm", bounds=(1.0, 1e20), symbol="R_{off}", doc="Resistance of the open gap."
    )
    sigma1: Float[Array, ""] | None = param(
        0.0,
        unit="1",
        bounds=(0.0, 1.0),
        symbol=r"\sigma_1",
        noise=True,
        doc="Noise of the filament.",
    )
    sigma2: Float[Array, ""] | None = param(
        0.0,
        unit="1",
        bounds=(0.0, 1.0),
        symbol=r"\sigma_2",
        noise=True,
        doc="Noise of the residue.",
    )
    noise_form: str = setting(
        "net", allowed=("net", "gross"), doc="Variance of the noise: the net rate, or all fluxes."
    )

    name: ClassVar[str] = "diffusive-1m1t1r"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    rectifies: ClassVar[bool] = False
    references: ClassVar[tuple[str, ...]] = ("doi:10.1038/s41928-025-01488-x",)
    single_precision: ClassVar[tuple[str, ...]] = SINGLE_PRECISION
    states: ClassVar = (
        state("f", unit="1", scale=1.0, bounds=(0.0, math.inf), doc="Filament."),
        state("r", unit="1", scale=1.0, bounds=(0.0, math.inf), doc="Residue."),
    )

    @property
    def noise_structure(self):
        """Diagonal; but a residue with noise of its own changes the amplitude of the filament."""
        return Diagonal if is_none(self.sigma2) else General

    def initial(self, env):
        return {"f": jnp.zeros_like(self.mu), "r": jnp.zeros_like(self.mu)}

    def _fluxes(self, state: dict[str, Array], v: Float[Array, ""]) -> tuple[Array, ...]:
        """Growth, loss, conversion into residue, and loss of residue [1/s]."""
        f, r = state["f"], state["r"]
        # The field per volt first: a step needs it at two voltages, and divides once.
        field = 1.0 / (self.alpha + jnp.abs(1 - f - r))
        growth = self.mu * field * bound(v, 0.0, math.inf)
        return growth, self.gamma1 * f, self.beta * f, self.gamma2 * r

    def drift(self, t, state, v, env):
        growth, loss, conversion, residue_loss = self._fluxes(state, v)
        return {"f": growth - loss - conversion, "r": conversion - residue_loss}

    def noise(self, t, state, v, env):
        growth, loss, conversion, residue_loss = self._fluxes(state, v)
        net = self.noise_form == "net"
        f = growth - loss - conversion if net else growth + loss + conversion
        r = conversion - residue_loss if net else conversion + residue_loss
        channels = {"filament": ("f", self.sigma1, f), "residue": ("r", self.sigma2, r)}
        return {
            channel: {state: ensemble_sqrt(strength, 1e-6) * ensemble_sqrt(variance, 1.0)}
            for channel, (state, strength, variance) in channels.items()
            if strength is not None
        }

    def resistance(self, state, v, env):
        x = bound(state["f"] + state["r"], 0.0, 1.0)
        total = self.r_on * x + self.r_off * gap_ratio(x, self.lam)
        return jnp.where(total < self.r_on, self.r_on, total)

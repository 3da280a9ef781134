"""Diffusive memristor in its published SPICE form: growth cap, Poisson shrinkage, one-way current."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, Jump, NoNoise
from .base import AbstractDevice
from .laws import bound, gap_ratio, nearest, stop_at_bounds

_FASTEST = 1.0
"""Largest net growth of the filament [1/s], as published."""

_LARGEST = 10e-3
"""Largest current [A], as published."""

_CLOSING_WIDTH = 1e-3
"""Gap over which a closed channel stops growing (published: at f + r > 1)."""

_RATE = (0.0, 1e9)


class DiffusiveSpice(AbstractDevice):
    r"""Volatile threshold switch of the SPICE netlist: filament `f`, residue `r`, shrinkage in Poisson events.

    Notes
    -----
    With :math:`x = f + r \le 1`:

    .. math::

        a &= \min\{\mu|V|/(\alpha + 1 - x) - \gamma_1 f - \beta f,\; 1/s\}, \qquad b = \beta f -
        \gamma_2 r \\ \dot f &= a \text{ (} -b \text{ once closed, if } a + b > 0\text{)}, \qquad \dot
        r = b \\ I &= \min\{\max(V/R, 0),\; 10\,\mathrm{mA}\}, \qquad R = R_{on}x + R_{off}\,
        [e^{(1-x)/\lambda} - 1]/[e^{1/\lambda} - 1]

    A negative voltage grows the filament and carries no current. The filament shrinks to
    :math:`(1 - \eta) f` at rate :math:`\kappa f^m`: the limit, for short ticks, of the published
    draw per tick. Once the channel is closed its growth ends over the last 1e-3 of the gap, so that
    the drift is continuous. The 10 pF of the netlist across the device are the bench's
    (`parallel_capacitance`).

    Passive, and pinched at 0 V.

    References
    ----------
    .. [1] https://github.com/TongWang-USC/Memristor-Model, commit ef45e2a
    .. [2] T. Wang et al., IEEE Trans. Circuits Syst. Artif. Intell. 1, 141 (2024),
       doi:10.1109/TCASAI.2024.3484370
    """

    alpha: Float[Array, ""] = param(
        0.1, unit="1", bounds=(1e-4, 1.0), symbol=r"\alpha", doc="Gap left when the channel closes."
    )
    lam: Float[Array, ""] = param(
        0.1,
        unit="1",
        bounds=(0.02, 5.0),
        symbol=r"\lambda",
        doc="Decay length of the gap resistance.",
    )
    r_on: Float[Array, ""] = param(
        1.7e4,
        unit="ohm",
        bounds=(1.0, 1e9),
        symbol="R_{on}",
        doc="Resistance of the closed channel.",
    )
    r_off: Float[Array, ""] = param(
        1e10, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Resistance of the open gap."
    )
    mu: Float[Array, ""] = param(
        16.0, unit="1/(V s)", bounds=_RATE, symbol=r"\mu", doc="Growth of the filament by drift."
    )
    beta: Float[Array, ""] = param(
        0.35,
        unit="1/s",
        bounds=_RATE,
        symbol=r"\beta",
        doc="Rate at which filament turns into residue.",
    )
    gamma1: Float[Array, ""] = param(
        50.0, unit="1/s", bounds=_RATE, symbol=r"\gamma_1", doc="Decay rate of the filament."
    )
    gamma2: Float[Array, ""] = param(
        0.42, unit="1/s", bounds=_RATE, symbol=r"\gamma_2", doc="Decay rate of the residue."
    )
    eta: Float[Array, ""] = param(
        0.01, unit="1", bounds=(0.0, 1.0), symbol=r"\eta", doc="Share lost in a shrinkage event."
    )
    kappa: Float[Array, ""] = param(
        200.0,
        unit="1/s",
        bounds=(0.0, 1e6),
        symbol=r"\kappa",
        doc="Rate of shrinkage events of a full filament.",
    )
    m: int = setting(2, allowed=range(1, 9), symbol="m", doc="Power of f in the rate of events.")

    name: ClassVar[str] = "diffusive-spice"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    rectifies: ClassVar[bool] = True
    is_one_way: ClassVar[bool] = True
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = (
        "https://github.com/TongWang-USC/Memristor-Model",
        "doi:10.1109/TCASAI.2024.3484370",
    )
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (
        state("f", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Filament."),
        state("r", unit="1", scale=1.0, bounds=(0.0, 1.0), doc="Residue."),
    )

    def initial(self, env):
        return {"f": jnp.zeros_like(self.mu), "r": jnp.zeros_like(self.mu)}

    def drift(self, t, state, v, env):
        f, r = state["f"], state["r"]
        gap = 1 - f - r
        conversion = self.beta * f - self.gamma2 * r
        growth = self.mu * jnp.abs(v) / (self.alpha + bound(gap, 0.0, math.inf))
        growth = jnp.minimum(growth - self.gamma1 * f - self.beta * f, _FASTEST)
        channel = stop_at_bounds(growth + conversion, f + r, -1.0, 1.0, _CLOSING_WIDTH)
        return {"f": channel - conversion, "r": conversion}

    def jumps(self, t, state, v, env):
        f = bound(state["f"], 0.0, 1.0)
        rate = self.kappa * f**self.m
        return {"shrink": Jump(intensity=rate, bound=self.kappa, after={"f": (1 - self.eta) * f})}

    def current(self, t, state, v, env):
        x = bound(state["f"] + state["r"], 0.0, 1.0)
        resistance = self.r_on * x + self.r_off * gap_ratio(x, self.lam)
        return jnp.clip(v / resistance, 0.0, _LARGEST)

    def project(self, state):
        """See `AbstractDevice`: f, r >= 0, f + r <= 1; an excess is taken from the filament."""
        r = nearest(state["r"], 0.0, 1.0)
        return {"f": nearest(state["f"], 0.0, 1 - r), "r": r}

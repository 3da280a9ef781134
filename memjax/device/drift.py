"""Drift memristor of Zhuo 2022's lineage: a filament's length and a latch."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, setting, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractDevice
from .laws import bound, gap_ratio, nearest, past_rounding, stop_at_bounds

_H_EDGE = 1e-4
"""Width of the edges of the length, as a share of h_max: the published clamp lies 1e-4 above it."""

_S_EDGE = 1e-6
"""Width of the edges of the latch, as a share of s0."""

_S_LOWEST, _S_HIGHEST = 0.9999, 1.001
"""Range of the latch over s0: the published clamps."""

_S_UNIT = 1e-16
"""Unit of the latch [m^2] in which ratios are taken."""

_UNDERSHOOT = 1e-11
"""How far the length runs below 0 [m]: the published clamp."""


class DriftMemristor(AbstractDevice):
    r"""Bipolar memristor whose filament length `h` drifts, and is latched by `s` while that is above its rest value.

    Notes
    -----
    With :math:`G(h; h_k) = \exp\{-[(h - h_k)/\sigma]^2/2\}/(\sqrt{2\pi}\sigma)`:

    .. math::

        \dot h_0 &= \alpha V^n G(h; h_1) - \beta\,(h/h_{max})\,G(h; h_2), \qquad \dot s_0 = \eta V^m
        e^{-s} - \theta s \\ I &= \min\{V/R,\; i_{max}\}, \qquad R = R_{on}\frac{h}{h_{max}}
        \sqrt{s_0/s} + R_{off}\frac{e^{(h_{max} - h)/h_\lambda} - 1}{e^{h_{max}/h_\lambda} - 1}

    While :math:`h < h_{max}`, h follows :math:`\dot h_0` (and stops at i_max) and s rests. Once
    :math:`h = h_{max}`, s follows :math:`\dot s_0` up to 1.001 s0 (it starts at 0.9999 s0, as the netlist
    does), and h is held until s is back at s0. Each switch of the published code takes a narrow width here
    (1e-4 of h_max, 1e-6 of s0), so that the drift is continuous. A limit i_max that is reached within that
    width of h_max, as at 0.9 V and more in the volatile selector, does not keep the latch from
    charging: the published switches would, solved exactly; ngspice steps over it as this does.

    The published set forgets: at 0 V a set device is back at 1.66 kohm within 10 ms. V^n and V^m keep
    the sign of V, so that n and m are odd for a bipolar device (published: 3, 5) and even for the
    volatile selector of the same equations (2, 2).

    Passive, and pinched at 0 V.

    References
    ----------
    .. [1] https://github.com/TongWang-USC/Memristor-Model, commit ef45e2a
    .. [2] Y. Zhuo et al., Adv. Electron. Mater. 8, 2100696 (2022), doi:10.1002/aelm.202100696
    """

    h0: Float[Array, ""] = param(
        0.0, unit="m", bounds=(0.0, 1e-6), symbol="h_0", doc="Length at rest."
    )
    h_max: Float[Array, ""] = param(
        15e-9, unit="m", bounds=(1e-10, 1e-6), symbol="h_{max}", doc="Length that closes the gap."
    )
    h1: Float[Array, ""] = param(
        1e-9, unit="m", bounds=(0.0, 1e-6), symbol="h_1", doc="Length of the fastest drift."
    )
    h2: Float[Array, ""] = param(
        5e-9, unit="m", bounds=(0.0, 1e-6), symbol="h_2", doc="Length of the fastest decay."
    )
    h_lambda: Float[Array, ""] = param(
        1e-8,
        unit="m",
        bounds=(1e-10, 1e-6),
        symbol=r"h_\lambda",
        doc="Decay length of the gap resistance.",
    )
    s0: Float[Array, ""] = param(
        1e-16, unit="m^2", bounds=(1e-20, 1e-12), symbol="s_0", doc="Latch at rest."
    )
    alpha: Float[Array, ""] = param(
        1.329e-11,
        unit="m^2/s",
        bounds=(0.0, 1e-6),
        symbol=r"\alpha",
        doc="Strength of the drift, per volt to the power n.",
    )
    beta: Float[Array, ""] = param(
        2.659e-13, unit="m^2/s", bounds=(0.0, 1e-6), symbol=r"\beta", doc="Strength of the decay."
    )
    sigma: Float[Array, ""] = param(
        1.061e-8,
        unit="m",
        bounds=(1e-10, 1e-6),
        symbol=r"\sigma",
        doc="Range of lengths with fast drift and decay.",
    )
    eta: Float[Array, ""] = param(
        1.25e-16,
        unit="m^2/s",
        bounds=(0.0, 1e-9),
        symbol=r"\eta",
        doc="Growth of the latch, per volt to the power m.",
    )
    theta: Float[Array, ""] = param(
        0.32, unit="1/s", bounds=(0.0, 1e9), symbol=r"\theta", doc="Decay rate of the latch."
    )
    r_on: Float[Array, ""] = param(
        470.0, unit="ohm", bounds=(1.0, 1e9), symbol="R_{on}", doc="Resistance of the closed gap."
    )
    r_off: Float[Array, ""] = param(
        1.7e3, unit="ohm", bounds=(1.0, 1e16), symbol="R_{off}", doc="Resistance of the open gap."
    )
    i_max: Float[Array, ""] = param(
        1e-2,
        unit="A",
        bounds=(1e-12, 10.0),
        symbol="i_{max}",
        doc="Largest current, at which growth stops.",
    )
    n: int = setting(3, allowed=range(1, 10), symbol="n", doc="Power of the voltage in the drift.")
    m: int = setting(5, allowed=range(1, 10), symbol="m", doc="Power of the voltage in the latch.")

    name: ClassVar[str] = "drift"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = (
        "https://github.com/TongWang-USC/Memristor-Model",
        "doi:10.1002/aelm.202100696",
    )
    single_precision: ClassVar[tuple[str, ...]] = SINGLE_PRECISION
    states: ClassVar = (
        state(
            "h",
            unit="m",
            scale=1e-8,
            bounds=(-_UNDERSHOOT, math.inf),
            doc="Length of the filament.",
        ),
        state("s", unit="m^2", scale=1e-16, bounds=(0.0, math.inf), doc="Latch."),
    )

    def initial(self, env):
        return {"h": jnp.minimum(self.h0, self.h_max), "s": _S_LOWEST * self.s0}

    def _bell(self, h: Float[Array, ""], centre: Float[Array, ""]) -> Float[Array, ""]:
        """Gaussian weight of a length [1/m]."""
        z = (h - centre) / self.sigma
        return jnp.exp(-0.5 * z * z) / (math.sqrt(2 * math.pi) * self.sigma)

    def _latch_ratio(self, s: Float[Array, ""]) -> Float[Array, ""]:
        """Latch over its rest value; in a unit whose square is a float32."""
        return (s / _S_UNIT) / (self.s0 / _S_UNIT)

    def _resistance(self, h: Float[Array, ""], s: Float[Array, ""]) -> Float[Array, ""]:
        """Resistance [ohm]; of the closed gap also beyond h_max."""
        x = bound(bound(h, -_UNDERSHOOT, math.inf) / self.h_max, -math.inf, 1.0)
        area = jnp.sqrt(1 / jnp.maximum(self._latch_ratio(s), 0.5))
        # Below 0, which the clamp allows, the filament adds nothing: no negative resistance.
        return self.r_on * jnp.maximum(x, 0.0) * area + self.r_off * gap_ratio(
            x, self.h_lambda / self.h_max
        )

    def drift(self, t, state, v, env):
        h, s = state["h"], state["s"]
        edge = _H_EDGE * self.h_max
        ratio = self._latch_ratio(s)
        excess = (ratio - 1) / _S_EDGE
        closure = jnp.clip(2 - 2 * (self.h_max - h) / edge, 0.0, 1.0)
        free = self.alpha * v**self.n * self._bell(h, self.h1)
        free = free - self.beta * (h / self.h_max) * self._bell(h, self.h2)
        room = 1 - (v / self._resistance(h, s)) / self.i_max
        mobility = jnp.clip(room / 1e-3, 0.0, 1.0) * (1 - closure * jnp.clip(excess, 0.0, 1.0))
        latch = self.eta * v**self.m * jnp.exp(-jnp.maximum(s, 0.0)) - self.theta * s
        latch = jnp.where(latch < 0, latch * jnp.clip(excess, 0.0, 1.0), latch)
        latch = stop_at_bounds(latch, ratio, 0.0, _S_HIGHEST, _S_EDGE)
        return {
            "h": stop_at_bounds(mobility * free, h, *past_rounding(-_UNDERSHOOT, self.h_max), edge),
            "s": closure * latch,
        }

    def current(self, t, state, v, env):
        return jnp.minimum(v / self._resistance(state["h"], state["s"]), self.i_max)

    def project(self, state):
        """See `AbstractDevice`: h up to h_max, s between 0.9999 and 1.001 of s0."""
        h = nearest(state["h"], -_UNDERSHOOT, self.h_max)
        return {"h": h, "s": nearest(state["s"], _S_LOWEST * self.s0, _S_HIGHEST * self.s0)}

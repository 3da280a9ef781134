"""Silver filament that grows by ion migration and dissolves by surface diffusion."""

import math
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import param, state
from ..core.system import NoNoise
from .base import AbstractDevice
from .laws import arrhenius, bound, nearest, past_rounding, stop_at_bounds

_EDGE = 1e-3
"""Width of the edges of diameter and gap, as a share of their ranges."""

_BALANCE = 0.1
"""Share by which growth exceeds dissolution where the gap stops to open and closes."""

_OPEN = 1e-12
"""Opening [m] from which a break runs on: the published root of time has an infinite rate at 0."""

_NO_RATE = 1e-15
"""Growth or loss [m/s] that is none: an atom in a day."""

_SQUARE = 1e-18
"""A square nanometre [m^2]: the square of an area in m^2 is no float32."""

_CONTACT = 1e-9
"""Resistance in series with the bridge [ohm]: nothing to any filament, but its square is a float32."""

_LENGTH = (1e-11, 1e-6)


class _Electrics(NamedTuple):
    """Current [A], voltage of the gap [V], resistance of the rest [ohm], gap [m], areas [nm^2] of
    filament and gap, share of the gap that is bridged.
    """

    current: Array
    inside: Array
    stub: Array
    gap: Array
    area: Array
    section: Array
    bridge_share: Array


def _section(diameter: Float[Array, ""]) -> Float[Array, ""]:
    """Cross-section [nm^2] of a diameter [m]."""
    return 0.25 * math.pi * (diameter / 1e-9) ** 2


def _smooth_step(x: Float[Array, ""]) -> Float[Array, ""]:
    """0 below 0, 1 above 1, with a continuous slope: filament and gap rest at such edges, where the Jacobian of a step
    has to be that of its end.
    """
    x = jnp.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


class AgFilament(AbstractDevice):
    r"""Volatile silver filament of diameter `phi`, grown by ions, dissolved by surface diffusion, broken by a `gap`.

    Notes
    -----
    .. math::

        \dot\phi = A\,e^{-(E_{a0} - \alpha q|V_g|)/kT} - \frac{B}{\max(\phi, \phi_a)^3}
        \,e^{-E_{a1}/kT}, \qquad \text{so that at rest } t = \phi^4 e^{E_{a1}/kT}/4B

    below :math:`\phi_a` the filament is broken and the gap opens as :math:`gap_a + c\sqrt{t}` (here
    :math:`\dot g = c^2/2(g - gap_a)`: the published function of time since the break, as an
    equation of the state) up to the length L; while the diameter grows to :math:`\phi_a` the gap
    closes in proportion, which is our completion (the one gives way to the other as growth passes dissolution by
    a tenth, smoothly: filament and gap may rest where both are). A barrier that the field pulls below 0 is none.

    Conduction: a filament of length :math:`L - g` and resistivity
    :math:`\rho_m = \rho_{m0}\frac{(1 - p)\,l_f}{(1 + p)\,\phi}` in series with the gap, which is oxide of
    :math:`\rho_{ox0}/(1 + \gamma|V_g|/g)` over the largest cross-section, bridged by the filament above
    :math:`\phi_a` (over the next tenth of it, geometrically from oxide to metal). The voltage of the gap
    follows from a quadratic equation. Heat:
    :math:`T = T_0 + J^2\rho_{stub}(L^2 - g^2)/8k_m + J^2\rho_{gap}\,g^2/8k`, at once.

    Parameters ending in `_neg` hold at negative voltage. Rates are those that the published code
    has; cross-sections, which its transcription does not give, are ours. Passive, and pinched at 0 V.

    References
    ----------
    .. [1] W. Wang et al., Nat. Commun. 10, 81 (2019), doi:10.1038/s41467-018-07979-0
    .. [2] https://github.com/tanaypatni03/Volatile-Memristor-Models, wei_model.va
    """

    a: Float[Array, ""] = param(
        1e2, unit="m/s", bounds=(1e-6, 1e6), symbol="A", doc="Prefactor of the growth."
    )
    b: Float[Array, ""] = param(
        3e-26, unit="m^4/s", bounds=(1e-32, 1e-20), symbol="B", doc="Prefactor of the dissolution."
    )
    alpha: Float[Array, ""] = param(
        0.28,
        unit="1",
        bounds=(0.0, 3.0),
        symbol=r"\alpha",
        doc="Share of the gap's voltage that lowers the barrier of growth.",
    )
    ea0: Float[Array, ""] = param(
        0.99, unit="eV", bounds=(0.1, 2.0), symbol="E_{a0}", doc="Barrier of growth."
    )
    ea1: Float[Array, ""] = param(
        0.65, unit="eV", bounds=(0.1, 2.0), symbol="E_{a1}", doc="Barrier of surface diffusion."
    )
    alpha_neg: Float[Array, ""] | None = param(
        1.1, unit="1", bounds=(0.0, 3.0), doc="alpha at negative voltage."
    )
    ea0_neg: Float[Array, ""] | None = param(
        0.648, unit="eV", bounds=(0.1, 2.0), doc="ea0 at negative voltage."
    )
    ea1_neg: Float[Array, ""] | None = param(
        0.52, unit="eV", bounds=(0.1, 2.0), doc="ea1 at negative voltage."
    )
    phi_a: Float[Array, ""] = param(
        1e-10,
        unit="m",
        bounds=_LENGTH,
        symbol=r"\phi_a",
        doc="Diameter of an atom: it breaks below.",
    )
    phi_m: Float[Array, ""] = param(
        2e-9, unit="m", bounds=_LENGTH, symbol=r"\phi_m", doc="Largest diameter."
    )
    gap_a: Float[Array, ""] = param(
        2e-10, unit="m", bounds=_LENGTH, symbol="gap_a", doc="Gap when it breaks."
    )
    length: Float[Array, ""] = param(
        5e-9, unit="m", bounds=_LENGTH, symbol="L", doc="Thickness of the dielectric."
    )
    c: Float[Array, ""] = param(
        1e-9, unit="m/s^0.5", bounds=(1e-14, 1e-4), symbol="c", doc="Opening per root of time."
    )
    rho_m0: Float[Array, ""] = param(
        2e-6,
        unit="ohm m",
        bounds=(1e-9, 1e-2),
        symbol=r"\rho_{m0}",
        doc="Resistivity of the metal.",
    )
    l_f: Float[Array, ""] = param(
        28e-9, unit="m", bounds=_LENGTH, symbol="l_f", doc="Mean free path of electrons."
    )
    p: Float[Array, ""] = param(
        0.5, unit="1", bounds=(0.0, 0.99), symbol="p", doc="Share of specular reflection."
    )
    rho_ox0: Float[Array, ""] = param(
        2e4,
        unit="ohm m",
        bounds=(1e-3, 1e12),
        symbol=r"\rho_{ox0}",
        doc="Resistivity of the oxide.",
    )
    gamma: Float[Array, ""] = param(
        55e-9,
        unit="m/V",
        bounds=(0.0, 1e-6),
        symbol=r"\gamma",
        doc="Increase of the oxide's conduction with the field.",
    )
    k_m: Float[Array, ""] = param(
        5e3, unit="W/(m K)", bounds=(0.1, 1e5), symbol="k_m", doc="Heat conduction of the metal."
    )
    k_ox: Float[Array, ""] = param(
        1.0, unit="W/(m K)", bounds=(0.1, 1e3), symbol="k_{ox}", doc="Heat conduction of the oxide."
    )

    name: ClassVar[str] = "ag-filament"
    volatile: ClassVar[bool] = True
    sets_at: ClassVar[tuple[int, ...]] = (1, -1)
    has_sides: ClassVar[bool] = True
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = (
        "doi:10.1038/s41467-018-07979-0",
        "https://github.com/tanaypatni03/Volatile-Memristor-Models",
    )
    states: ClassVar = (
        state("phi", unit="m", scale=1e-9, bounds=(0.0, math.inf), doc="Diameter."),
        state("gap", unit="m", scale=1e-9, bounds=(0.0, math.inf), doc="Gap."),
    )

    def initial(self, env):
        """See `AbstractDevice`: no filament."""
        return {"phi": jnp.zeros_like(self.phi_a), "gap": jnp.maximum(self.length, self._break)}

    @property
    def _break(self) -> Float[Array, ""]:
        """Gap of a closed or just broken filament [m]: no longer than the dielectric."""
        return jnp.minimum(self.gap_a, self.length)

    @property
    def _widest(self) -> Float[Array, ""]:
        """Largest diameter [m]."""
        return jnp.maximum(self.phi_m, 1.5 * self.phi_a)

    def _electrics(self, state: dict[str, Array], v: Float[Array, ""]) -> _Electrics:
        """Return the conduction at a voltage across the device."""
        phi, gap = state["phi"], jnp.maximum(state["gap"], 1e-3 * self._break)
        wide = jnp.maximum(phi, self.phi_a)
        bridge_share = _smooth_step((phi / self.phi_a - 1) / 0.1)
        area, widest = _section(wide), _section(self._widest)
        metal = self.rho_m0 * (1 - self.p) / (1 + self.p) * (self.l_f / wide) / area / _SQUARE
        # A conductance: as a resistance it may be 1e30 ohm, whose square is no float32.
        oxide = widest * (_SQUARE / gap) / self.rho_ox0
        stub_length = bound(self.length - gap, 0.0, math.inf)
        stub = metal * stub_length
        # Geometrically between oxide and metal, which may be 1e30 apart: a start of a bridge is no short.
        metal_conductance = 1 / (metal * gap + _CONTACT)
        bridge = (
            bridge_share
            * metal_conductance
            * jnp.exp((1 - bridge_share) * jnp.log(oxide / (oxide + metal_conductance)))
        )
        linear = 1 + stub * oxide + stub * bridge
        nonlinearity = stub * oxide / linear * (self.gamma / gap) / linear
        share = 2 / (1 + jnp.sqrt(1 + 4 * nonlinearity * jnp.abs(v))) / linear
        inside = share * jnp.abs(v)
        current = v * share * ((1 + self.gamma / gap * inside) * oxide + bridge)
        section = bridge_share * area + (1 - bridge_share) * widest
        return _Electrics(current, inside, stub, gap, area, section, bridge_share)

    def _temperature(self, e: _Electrics, env) -> Float[Array, ""]:
        """Quasi-static temperature [K], at most 3000 K: the metal is gone long before."""
        k = e.bridge_share * self.k_m + (1 - e.bridge_share) * self.k_ox
        in_stub = e.current * (e.current * e.stub) / (8 * self.k_m)
        in_gap = jnp.abs(e.current) * e.inside / (8 * k)
        hot = in_stub * ((self.length + e.gap) / _SQUARE / e.area)
        hot = hot + in_gap * (e.gap / _SQUARE / e.section)
        return jnp.minimum(env.temperature + hot, 3000.0)

    def drift(self, t, state, v, env):
        phi, gap = state["phi"], state["gap"]
        electrics = self._electrics(state, v)
        hot = self._temperature(electrics, env)
        growth = self.a * arrhenius(
            self._by_polarity("ea0", v) - self._by_polarity("alpha", v) * electrics.inside, hot
        )
        wide = jnp.maximum(phi, self.phi_a) / self.phi_a
        loss = (
            self.b
            / self.phi_a
            / self.phi_a
            / self.phi_a
            * arrhenius(self._by_polarity("ea1", v), hot)
        )
        loss = loss / wide**3
        sizes, gaps = past_rounding(0.0, self._widest), past_rounding(self._break, self.length)
        change = stop_at_bounds(growth - loss, phi, *sizes, _EDGE * self.phi_a)
        break_share = _smooth_step((1.1 - phi / self.phi_a) / 0.1)
        opening_rate = 0.5 * self.c * (self.c / jnp.maximum(gap - self._break, _OPEN))
        share = growth * (1 / (growth + loss + _NO_RATE))
        growing = _smooth_step((2 * share - 1) / _BALANCE)
        closing_rate = (self.length - self._break) * growing * change / self.phi_a
        gap_rate = break_share * ((1 - growing) * opening_rate - closing_rate)
        return {
            "phi": change,
            "gap": stop_at_bounds(gap_rate, gap, *gaps, _EDGE * self._break),
        }

    def current(self, t, state, v, env):
        return self._electrics(state, v).current

    def project(self, state):
        gap = nearest(state["gap"], self._break, jnp.maximum(self.length, self._break))
        return {"phi": nearest(state["phi"], 0.0, self._widest), "gap": gap}

"""Electrochemical metallisation: Butler-Volmer at two interfaces, hopping between, tunnelling."""

import math
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.constants import BOLTZMANN_EV, FARADAY
from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .abstract_gap import AbstractGapDevice
from .laws import asinh_of_sinh, root_between, simmons

_TINY = 1e-6
"""Voltage below which the ionic current is taken as proportional to it [V]."""

_BRACKET = 45.0
"""Largest asinh(J / 2 j_fil): 3e19 times the exchange current, which nothing survives."""


class Ecm(AbstractGapDevice):
    r"""Electrochemical metallisation cell: a metal filament grows towards a `gap` through charge transfer and hopping.

    Notes
    -----
    One ionic current density J passes the active electrode, the gap and the filament's tip:

    .. math::

        V &= \eta_{ac} + \eta_{fil} + \eta_{hop}, \qquad J = j_{ac,fil}\,[e^{z\eta/2V_T} -
        e^{-z\eta/2V_T}], \qquad J = j_{hop}\sinh\frac{az\eta_{hop}}{2gV_T} \\ \dot g &= -\frac{V_m}
        {zF}J, \qquad I = AJ + I_{tunnel}(g, V)

    with transfer coefficients of 1/2 and Simmons' tunnel current at low voltage, solved for J by
    bisection and Newton's method, differentiated by the implicit function theorem. The motion ends at
    `gap_min` and `gap_max` over a thousandth of the range. Nucleation is left out.

    The form is that of the Juelich model; its parameters are not published where we looked, and the
    defaults are not its: they illustrate. Passive, and pinched at 0 V.

    References
    ----------
    .. [1] S. Menzel, U. Boettger, R. Waser, J. Appl. Phys. 111, 014501 (2012), doi:10.1063/1.3673239
    """

    j_ac: Float[Array, ""] = param(
        1e2,
        unit="A/m^2",
        bounds=(1e-4, 1e8),
        symbol="j_{ac}",
        doc="Exchange current, active electrode.",
    )
    j_fil: Float[Array, ""] = param(
        1e2, unit="A/m^2", bounds=(1e-4, 1e8), symbol="j_{fil}", doc="Exchange current, filament."
    )
    j_hop: Float[Array, ""] = param(
        1e4, unit="A/m^2", bounds=(1e-4, 1e10), symbol="j_{hop}", doc="Prefactor of hopping."
    )
    hop: Float[Array, ""] = param(
        0.25e-9, unit="m", bounds=(1e-11, 1e-9), symbol="a", doc="Hopping distance."
    )
    z: Float[Array, ""] = param(
        1.0, unit="1", bounds=(1.0, 3.0), symbol="z", doc="Elementary charges of an ion."
    )
    volume: Float[Array, ""] = param(
        1.03e-5, unit="m^3", bounds=(1e-6, 1e-4), symbol="V_m", doc="Volume of a mole of the metal."
    )
    radius: Float[Array, ""] = param(
        2e-9, unit="m", bounds=(1e-10, 1e-7), symbol="r", doc="Radius of the filament."
    )
    barrier: Float[Array, ""] = param(
        3.6, unit="eV", bounds=(0.5, 6.0), symbol=r"\Delta W", doc="Barrier of tunnelling."
    )
    gap_min: Float[Array, ""] = param(
        0.2e-9, unit="m", bounds=(5e-11, 1e-8), symbol="g_{min}", doc="Smallest gap."
    )
    gap_max: Float[Array, ""] = param(
        5e-9, unit="m", bounds=(1e-10, 1e-7), symbol="g_{max}", doc="Largest gap, at the start."
    )

    name: ClassVar[str] = "ecm"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (1,)
    resets_at: ClassVar[tuple[int, ...]] = (-1,)
    rectifies: ClassVar[bool] = False
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = ("doi:10.1063/1.3673239",)
    single_precision: ClassVar[tuple[str, ...]] = ("Stiff", *SINGLE_PRECISION)
    states: ClassVar = (state("gap", unit="m", scale=1e-9, bounds=(0.0, math.inf), doc="Gap."),)

    def _ions(self, gap: Float[Array, ""], v: Float[Array, ""], env) -> Float[Array, ""]:
        """Ionic current density [A/m^2]."""
        size = jnp.maximum(jnp.abs(v), _TINY)
        hot = env.temperature

        def excess(y: Float[Array, ""]) -> Float[Array, ""]:
            """Return what the overpotentials need beyond the voltage, over it, where asinh(J / 2 j_fil) is y.

            In units of 2 kT/z: of tip, active electrode and gap, inverse to `butler_volmer` and
            `mott_gurney`; J itself is not formed, for which at some y there is no float32.
            """
            transfer = asinh_of_sinh(self.j_fil / self.j_ac, y)
            hopping = gap / self.hop * asinh_of_sinh(2 * self.j_fil / self.j_hop, y)
            return (y + transfer + hopping) / upper - 1

        upper = size * self.z / (2 * BOLTZMANN_EV * hot)
        y = root_between(excess, jnp.zeros_like(upper), jnp.minimum(upper, _BRACKET))
        return 2 * self.j_fil * jnp.sinh(y) * (v / size)

    def speed(self, state, v, env):
        return -self.volume / (self.z * FARADAY) * self._ions(self._gap(state), v, env)

    def current(self, t, state, v, env):
        gap, area = self._gap(state), math.pi * (self.radius / 1e-9) ** 2
        electrons = simmons(v, gap=gap / 1e-9, area=area, barrier=self.barrier)
        return electrons + self._ions(gap, v, env) * (area * 1e-18)

"""JART VCM v1b: oxygen vacancies in the disc of a valence-change cell, implicit current."""

import math
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core.constants import BOLTZMANN_EV, ELEMENTARY_CHARGE
from ..core.fields import param, state
from ..core.system import SINGLE_PRECISION, NoNoise
from .base import AbstractDevice
from .laws import bound, nearest, root_between, schottky

_CHARGE = 2.0
"""Elementary charges of an oxygen vacancy."""

_EPSILON0 = 8.8541878128e-12
_PLANCK = 6.62607015e-34
_ELECTRON = 9.1093837015e-31
_DENSITY = 1e26
"""Unit of vacancy densities in the published tables [1/m^3]."""

_TUNNEL = _PLANCK / (4 * math.pi) * math.sqrt(_CHARGE * _DENSITY / (_ELECTRON * _EPSILON0))
"""W00 of a density of 1e26 1/m^3 and relative permittivity 1 [V]."""

_IMAGE = (ELEMENTARY_CHARGE / _EPSILON0) ** 0.75 * (_CHARGE * _DENSITY / (8 * math.pi**2)) ** 0.25
"""Lowering of a Schottky barrier by the image force, of such a density at 1 V [V]."""

_HOTTEST = 3000.0
_LEAST = 1e-30
"""Current that counts as none [A]."""

_TINY = 1e-6
"""Voltage below which the current is taken as proportional to it [V]."""


def _in_units(density: Float[Array, ""]) -> Float[Array, ""]:
    """A density in 1e26/m^3.

    XLA would square the density in 1/m^3, which is no float32, in derivatives of what is divided by it.
    """
    return lax.optimization_barrier(density / _DENSITY)


class _Electrons(NamedTuple):
    """Current [A], voltage of the barrier [V], temperature [K] at a share of the voltage."""

    current: Array
    barrier: Array
    temperature: Array


class JartVcm(AbstractDevice):
    r"""Non-volatile valence-change cell: field and heat move `n_disc`, the oxygen vacancies in the disc.

    Notes
    -----
    Electrons: Schottky barrier (thermionic emission at V > 0, thermionic field emission at V < 0, lowered by
    the image force), disc, plug, oxide and line in series:

    .. math::

        V = V_{Schottky} + I\,[R_{disc} + R_{plug} + R_{TiOx} + R_0(1 + R_0\alpha_{line}R_{th,line}
        I^2)], \qquad T = T_0 + R_{th}\,I\,(V - I R_{series})

    solved for the current (bisection, then Newton's method; derivatives by the implicit function
    theorem). Ions:

    .. math::

        \dot N_{disc} &= -\frac{c_{vo}\,a\,\nu_0}{l_{disc}}\,[e^{-\Delta W_{min}/kT} - e^{-\Delta
        W_{max}/kT}]\,F \\ \Delta W_{min,max} &= \Delta W_A[\sqrt{1 - \gamma^2} \mp \gamma\pi/2 +
        \gamma\arcsin\gamma], \qquad \gamma = zaE/(\pi\Delta W_A)

    Set (V < 0): :math:`E = V_{disc}/l_{disc}`, :math:`F = 1 - (N/N_{max})^{10}`. Reset (V > 0):
    :math:`E = (V - IR_{series})/l_{cell}`, :math:`F = 1 - (N_{min}/N)^{10}`, thermal resistance 0.27
    times that of set. T is at most 3000 K, \|gamma\| at most 0.99.

    Conduction as in the published Verilog-A, whose equations of the barrier are written here from
    general knowledge of it and not verified line by line; parameters as transcribed. The state is in
    the published unit, 1e26/m^3: in 1/m^3 its rate is no float32. Passive, and
    pinched at 0 V.

    References
    ----------
    .. [1] C. Bengel et al., IEEE Trans. Circuits Syst. I 67, 4618 (2020), doi:10.1109/TCSI.2020.3018502
    .. [2] https://github.com/vntinas/JART-TUD-VCM-memristor-model
    """

    epsilon: Float[Array, ""] = param(
        17.0, unit="1", bounds=(1.0, 1e3), symbol=r"\epsilon", doc="Static permittivity."
    )
    epsilon_phi: Float[Array, ""] = param(
        5.5,
        unit="1",
        bounds=(1.0, 1e3),
        symbol=r"\epsilon_{\phi B}",
        doc="Permittivity of the lowering of the barrier.",
    )
    phi_b: Float[Array, ""] = param(
        0.18, unit="eV", bounds=(0.01, 2.0), symbol=r"\phi_{Bn0}", doc="Schottky barrier."
    )
    phi_n: Float[Array, ""] = param(
        0.1, unit="eV", bounds=(0.0, 1.0), symbol=r"\phi_n", doc="Fermi level below the band."
    )
    mobility: Float[Array, ""] = param(
        4e-6, unit="m^2/(V s)", bounds=(1e-9, 1e-2), symbol=r"\mu_n", doc="Mobility of electrons."
    )
    n_max: Float[Array, ""] = param(
        20e26,
        unit="1/m^3",
        bounds=(1e24, 1e29),
        symbol="N_{max}",
        doc="Largest density in the disc.",
    )
    n_min: Float[Array, ""] = param(
        8e23,
        unit="1/m^3",
        bounds=(1e22, 1e28),
        symbol="N_{min}",
        doc="Smallest density in the disc.",
    )
    n_plug: Float[Array, ""] = param(
        20e26, unit="1/m^3", bounds=(1e24, 1e29), symbol="N_{plug}", doc="Density in the plug."
    )
    hop: Float[Array, ""] = param(
        0.25e-9, unit="m", bounds=(1e-11, 1e-9), symbol="a", doc="Hopping distance."
    )
    nu0: Float[Array, ""] = param(
        2e13, unit="Hz", bounds=(1e9, 1e15), symbol=r"\nu_0", doc="Attempt frequency."
    )
    barrier: Float[Array, ""] = param(
        1.35, unit="eV", bounds=(0.3, 3.0), symbol=r"\Delta W_A", doc="Barrier of migration."
    )
    r_th: Float[Array, ""] = param(
        15.72e6, unit="K/W", bounds=(0.0, 1e9), symbol="R_{th}", doc="Thermal resistance in set."
    )
    r_th_ratio: Float[Array, ""] = param(
        0.27, unit="1", bounds=(0.0, 10.0), doc="Thermal resistance in reset over that in set."
    )
    radius: Float[Array, ""] = param(
        45e-9, unit="m", bounds=(1e-9, 1e-6), symbol="r", doc="Radius of the filament."
    )
    l_cell: Float[Array, ""] = param(
        3e-9, unit="m", bounds=(5e-10, 1e-7), symbol="l_{cell}", doc="Length of disc and plug."
    )
    l_disc: Float[Array, ""] = param(
        0.4e-9, unit="m", bounds=(1e-10, 1e-8), symbol="l_{disc}", doc="Length of the disc."
    )
    r_tiox: Float[Array, ""] = param(
        650.0,
        unit="ohm",
        bounds=(0.0, 1e6),
        symbol="R_{TiOx}",
        doc="Resistance of the oxide layer.",
    )
    r_line: Float[Array, ""] = param(
        719.2437, unit="ohm", bounds=(0.0, 1e6), symbol="R_0", doc="Resistance of the line."
    )
    r_th_line: Float[Array, ""] = param(
        90471.47, unit="K/W", bounds=(0.0, 1e8), symbol="R_{th,line}", doc="Its thermal resistance."
    )
    alpha_line: Float[Array, ""] = param(
        3.92e-3,
        unit="1/K",
        bounds=(0.0, 0.1),
        symbol=r"\alpha_{line}",
        doc="Its temperature coefficient.",
    )
    richardson: Float[Array, ""] = param(
        6.01e5, unit="A/(m^2 K^2)", bounds=(1e3, 1e8), symbol="A^*", doc="Richardson constant."
    )

    name: ClassVar[str] = "jart-vcm"
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (-1,)
    resets_at: ClassVar[tuple[int, ...]] = (1,)
    rectifies: ClassVar[bool] = True
    noise_structure: ClassVar = NoNoise
    references: ClassVar[tuple[str, ...]] = (
        "doi:10.1109/TCSI.2020.3018502",
        "https://github.com/vntinas/JART-TUD-VCM-memristor-model",
    )
    single_precision: ClassVar[tuple[str, ...]] = SINGLE_PRECISION
    states: ClassVar = (
        state(
            "n_disc",
            unit="1",
            scale=1.0,
            bounds=(0.0, math.inf),
            doc="Vacancies in the disc [1e26/m^3].",
        ),
    )

    @property
    def _lowest_density(self) -> Float[Array, ""]:
        """Smallest density [1e26/m^3]."""
        return _in_units(self.n_min)

    @property
    def _highest_density(self) -> Float[Array, ""]:
        """Largest density [1e26/m^3]; above the smallest."""
        return jnp.maximum(_in_units(self.n_max), 1.1 * self._lowest_density)

    def initial(self, env):
        """See `AbstractDevice`: reset."""
        return {"n_disc": self._lowest_density}

    def _density(self, state: dict[str, Array]) -> Float[Array, ""]:
        """Density in the disc, inside its range [1e26/m^3]."""
        return bound(state["n_disc"], self._lowest_density, self._highest_density)

    def _bulk(self, n: Float[Array, ""]) -> tuple[Array, Array]:
        """Resistances of disc and plug [ohm]."""
        unit = 1 / (_CHARGE * ELEMENTARY_CHARGE * _DENSITY) / (math.pi * self.radius**2)
        per_length = unit / self.mobility
        plug = jnp.maximum(self.l_cell - self.l_disc, 0.0) * per_length / _in_units(self.n_plug)
        return self.l_disc * per_length / n, plug

    def _barrier_current(
        self, v: Float[Array, ""], hot: Float[Array, ""], n: Float[Array, ""], forward: Array
    ) -> Float[Array, ""]:
        """Current across the Schottky barrier [A] at a modulus of its voltage [V]."""
        thermal = BOLTZMANN_EV * hot
        height = jnp.maximum(self.phi_b - self.phi_n - jnp.where(forward, v, -v), 0.0)
        lowering = _IMAGE * jnp.sqrt(jnp.sqrt(n * height + 1e-12))
        phi = jnp.maximum(self.phi_b - lowering / self.epsilon_phi**0.75, 0.0)
        area = math.pi * self.radius**2
        emission = schottky(
            v, hot, saturation=area * (self.richardson * hot) * hot * jnp.exp(-phi / thermal)
        )
        w00 = _TUNNEL * jnp.sqrt(n / self.epsilon)
        ratio = w00 / thermal
        slope = jnp.tanh(ratio) / w00
        rise = (ratio - jnp.tanh(ratio)) / w00
        root = jnp.sqrt(math.pi * w00 * (v + phi / jnp.cosh(jnp.minimum(ratio, 40.0)) ** 2))
        tunnelling = area * (self.richardson * hot) / BOLTZMANN_EV * root
        tunnelling = tunnelling * jnp.exp(-phi * slope) * jnp.expm1(jnp.minimum(v * rise, 60.0))
        return jnp.where(forward, emission, tunnelling)

    def _electrons(self, state: dict[str, Array], v: Float[Array, ""], env) -> _Electrons:
        """Current, barrier voltage and temperature, as moduli, at a voltage across the cell."""
        n, forward = self._density(state), v > 0
        size = jnp.maximum(jnp.abs(v), _TINY)
        disc, plug = self._bulk(n)
        fixed = disc + plug + self.r_tiox + self.r_line
        nonlinearity = jnp.maximum(self.r_line**2 * self.alpha_line * self.r_th_line / fixed, 1e-12)
        r_th = jnp.where(forward, self.r_th * self.r_th_ratio, self.r_th)

        def electrons_at(w: Float[Array, ""]) -> _Electrons:
            """At a share sigmoid(w) of the voltage over the barrier."""
            linear_current = size * jax.nn.sigmoid(-w) / fixed
            # The real root of i + nonlinearity i^3 = linear_current, by sinh 3x = 3 sinh x + 4 sinh^3 x.
            k = jnp.sqrt(3 * nonlinearity)
            i = 2 / k * jnp.sinh(jnp.arcsinh(1.5 * k * linear_current) / 3)
            warm = 1 + self.r_line * self.alpha_line * self.r_th_line * i**2
            series = i * (self.r_tiox + self.r_line * warm)
            hot = env.temperature + r_th * i * jnp.maximum(size - series, 0.0)
            return _Electrons(i, size * jax.nn.sigmoid(w), jnp.minimum(hot, _HOTTEST))

        def excess(w: Float[Array, ""]) -> Float[Array, ""]:
            """Return the difference of the roots of the barrier's and the series current, over their sum: between
            -1 and 1.
            """
            e = electrons_at(w)
            barrier_current = self._barrier_current(e.barrier, e.temperature, n, forward)
            # Roots of the currents, which are equal where these are: derivatives divide by the square of the sum, and
            # the square of a current of 1e-30 A is no float32, nor are those of 100 A times a steep slope.
            barrier_root, series_root = (
                jnp.sqrt(barrier_current + _LEAST),
                jnp.sqrt(e.current + _LEAST),
            )
            return (barrier_root - series_root) / (barrier_root + series_root)

        edge = jnp.full_like(size, 40.0)
        current = electrons_at(root_between(excess, -edge, edge))
        share = jnp.abs(v) / size
        return current._replace(current=current.current * share, barrier=current.barrier * share)

    def drift(self, t, state, v, env):
        n = self._density(state)
        e = self._electrons(state, v, env)
        disc, plug = self._bulk(n)
        in_disc = e.current * disc / self.l_disc
        in_cell = (e.current * (disc + plug) + e.barrier) / self.l_cell
        field = jnp.where(v > 0, in_cell, in_disc)
        gamma = jnp.minimum(_CHARGE * (self.hop * field) / (math.pi * self.barrier), 0.99)
        flat = jnp.sqrt(1 - gamma**2) + gamma * jnp.arcsin(gamma)
        thermal = BOLTZMANN_EV * e.temperature
        energy = self.barrier / thermal
        tilt = energy * gamma * math.pi / 2
        hops = jnp.exp(-jnp.maximum(energy * flat - tilt, 0.0)) * -jnp.expm1(-2 * tilt)
        mean = 0.5 * (_in_units(self.n_plug) + n)
        rate = mean * (self.hop / self.l_disc) * self.nu0 * hops
        set_limit = 1 - (n / self._highest_density) ** 10
        reset_limit = 1 - (self._lowest_density / n) ** 10
        return {"n_disc": jnp.where(v > 0, -rate * reset_limit, rate * set_limit)}

    def current(self, t, state, v, env):
        return jnp.sign(v) * self._electrons(state, v, env).current

    def project(self, state):
        return {"n_disc": nearest(state["n_disc"], self._lowest_density, self._highest_density)}

"""A memristor whose conduction and rates are smooth functions that data teach, under laws that none can break."""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.constants import BOLTZMANN_EV
from ..core.fields import param, setting, state
from ..core.system import Diagonal
from .base import AbstractDevice
from .laws import bound, safe_exp, safe_sqrt
from .laws.splines import extrapolated

NODES = 11
"""Nodes of each function: one beyond either end of the range, the others from end to end, see `node_position`."""

FUNCTIONS = {
    "off": "Logarithm of the conductance in S when off",
    "gain": "Softplus of it is the logarithm of the ratio of the conductances when on and off",
    "set": "Logarithm of the rate of set in 1/s",
    "reset": "Logarithm of the rate of reset in 1/s",
}
"""The learned functions of the voltage by the names of their parameters, in order."""

_LIMIT = 100.0
"""Size of a logarithm that no device reaches: within a tenth of it a coordinate of a search is the value itself."""

_RATE_CAP = 30.0
"""Exponent beyond which rates go on as straight lines: 1e13/s is the frequency at which ions attempt to hop."""

_CONDUCTANCE_CAP = 20.0
"""Exponent beyond which a conductance goes on as a straight line: 5e8 S is beyond that of any device."""

_REFERENCE = 300.0
"""Temperature at which the functions hold as they are [K]."""

_STEEP = np.linspace(-1.25, 1.25, NODES)
_DEFAULTS = {
    "off": np.full(NODES, -13.0),
    "gain": np.full(NODES, 4.0),
    "set": -8.0 + 14.0 * _STEEP,
    "reset": -8.0 - 14.0 * _STEEP,
}


def node_names(function: str) -> tuple[str, ...]:
    """Names of the parameters of a learned function, from the lowest voltage to the highest."""
    return tuple(f"{function}{k}" for k in range(NODES))


def node_position(v: Any, low: Any, high: Any, skew: Any = 1.0) -> Any:
    """Where voltages [V] lie among the nodes of a range: 0 at its lowest end, where node 1 is.

    The middle node lies `skew` times as far from the lowest as from the highest voltage. Between, positions are
    fractions of the first degree, which rise throughout; beyond, they go on as straight lines.
    """
    share = (v - low) / (high - low)
    inner = bound(share, 0.0, 1.0)
    outside = (share - inner) * jnp.where(share < 0, 1 / skew, skew)
    return (inner / (inner + skew * (1 - inner)) + outside) * (NODES - 3)


def node_voltages(low: float, high: float, skew: float = 1.0) -> np.ndarray:
    """Voltages of all nodes of a range [V]: the inverse of `node_position`."""
    at = np.arange(-1, NODES - 1) / (NODES - 3)
    inner = np.clip(at, 0.0, 1.0)
    outside = (at - inner) * np.where(at < 0, skew, 1 / skew)
    return low + (high - low) * (skew * inner / (1 - inner + skew * inner) + outside)


def _node(function: str, k: int) -> Any:
    """Declare a node of a learned function as a parameter."""
    default = round(float(_DEFAULTS[function][k]), 3)
    symbol, doc = rf"{function[0].upper()}_{{{k}}}", f"{FUNCTIONS[function]}, node {k}."
    return param(default, unit="1", bounds=(-_LIMIT, _LIMIT), symbol=symbol, doc=doc)


class HybridDevice(AbstractDevice):
    r"""Memristor with learned conduction and kinetics: a state `x` between 0 and 1 that moves between two branches.

    Notes
    -----
    .. math::

        I &= V\,g\,e^{O(V) + c\ln(1 + e^{G(V)})\,s} \qquad s = x \text{, or } wx + (1 - w)y \text{ of two states} \\
        dx &= [a(1 - x) - bx]\,dt + \sigma\sqrt{x(1 - x)[a(1 - x) + bx]}\;dW \\
        a &= k_s\,e^{S(V) + px}, \qquad b = k_r\,e^{R(V) + n(1 - x)}

    O, G, S and R are cubic B-splines on nodes between the voltages `v_low` and `v_high`, equally spaced where `skew` is
    1, denser at high voltages where it is above. Beyond these
    the rates go on exponentially, the logarithm of the conductance when off as a straight line that rises outwards, and
    the ratio of the branches stays. A second state `y` moves by the same rates, e^-lag times as fast. Whatever the
    parameters, the current is pinched at 0 V, passive and rises with the state, and the state stays between 0 and 1.
    p and n are feedback of the state on its own rates: above some 4 a transition is abrupt. At another temperature
    than 300 K logarithms change by :math:`-E/k\,(1/T - 1/300\,\mathrm{K})`. Each of g, c, k_s and k_r moves a function
    as a whole: they are 1 but for the spread from cycle to cycle, and from device to device.

    The nodes are not published numbers but what `fitting` learns from data; the defaults illustrate. Learned models of
    memristors without such laws: [1]_, [2]_.

    References
    ----------
    .. [1] Lee et al., Micromachines 15, 253 (2024), doi:10.3390/mi15020253
    .. [2] Gaurav et al., J. Mater. Chem. C (2025), doi:10.1039/d4tc03696d
    """

    off0: Float[Array, ""] = _node("off", 0)
    off1: Float[Array, ""] = _node("off", 1)
    off2: Float[Array, ""] = _node("off", 2)
    off3: Float[Array, ""] = _node("off", 3)
    off4: Float[Array, ""] = _node("off", 4)
    off5: Float[Array, ""] = _node("off", 5)
    off6: Float[Array, ""] = _node("off", 6)
    off7: Float[Array, ""] = _node("off", 7)
    off8: Float[Array, ""] = _node("off", 8)
    off9: Float[Array, ""] = _node("off", 9)
    off10: Float[Array, ""] = _node("off", 10)
    gain0: Float[Array, ""] = _node("gain", 0)
    gain1: Float[Array, ""] = _node("gain", 1)
    gain2: Float[Array, ""] = _node("gain", 2)
    gain3: Float[Array, ""] = _node("gain", 3)
    gain4: Float[Array, ""] = _node("gain", 4)
    gain5: Float[Array, ""] = _node("gain", 5)
    gain6: Float[Array, ""] = _node("gain", 6)
    gain7: Float[Array, ""] = _node("gain", 7)
    gain8: Float[Array, ""] = _node("gain", 8)
    gain9: Float[Array, ""] = _node("gain", 9)
    gain10: Float[Array, ""] = _node("gain", 10)
    set0: Float[Array, ""] = _node("set", 0)
    set1: Float[Array, ""] = _node("set", 1)
    set2: Float[Array, ""] = _node("set", 2)
    set3: Float[Array, ""] = _node("set", 3)
    set4: Float[Array, ""] = _node("set", 4)
    set5: Float[Array, ""] = _node("set", 5)
    set6: Float[Array, ""] = _node("set", 6)
    set7: Float[Array, ""] = _node("set", 7)
    set8: Float[Array, ""] = _node("set", 8)
    set9: Float[Array, ""] = _node("set", 9)
    set10: Float[Array, ""] = _node("set", 10)
    reset0: Float[Array, ""] = _node("reset", 0)
    reset1: Float[Array, ""] = _node("reset", 1)
    reset2: Float[Array, ""] = _node("reset", 2)
    reset3: Float[Array, ""] = _node("reset", 3)
    reset4: Float[Array, ""] = _node("reset", 4)
    reset5: Float[Array, ""] = _node("reset", 5)
    reset6: Float[Array, ""] = _node("reset", 6)
    reset7: Float[Array, ""] = _node("reset", 7)
    reset8: Float[Array, ""] = _node("reset", 8)
    reset9: Float[Array, ""] = _node("reset", 9)
    reset10: Float[Array, ""] = _node("reset", 10)
    v_low: Float[Array, ""] = param(
        -1.5, unit="V", bounds=(-1e3, 0.0), symbol="V_l", doc="Lowest voltage of the nodes."
    )
    v_high: Float[Array, ""] = param(
        1.5, unit="V", bounds=(1e-3, 1e3), symbol="V_h", doc="Highest voltage of the nodes."
    )
    skew: Float[Array, ""] = param(
        1.0,
        unit="1",
        bounds=(0.05, 20.0),
        symbol="k",
        doc="Distance of the middle node from the lowest voltage over that from the highest.",
    )
    p: Float[Array, ""] = param(
        0.0, unit="1", bounds=(-30.0, 30.0), symbol="p", doc="Feedback of the state on set."
    )
    n: Float[Array, ""] = param(
        0.0, unit="1", bounds=(-30.0, 30.0), symbol="n", doc="Feedback of the state on reset."
    )
    x0: Float[Array, ""] = param(
        0.05, unit="1", bounds=(0.0, 1.0), symbol="x_0", doc="State at the start."
    )
    share: Float[Array, ""] = param(
        0.5, unit="1", bounds=(0.0, 1.0), symbol="w", doc="Share of the first of two states."
    )
    lag: Float[Array, ""] = param(
        3.0,
        unit="1",
        bounds=(0.0, 30.0),
        symbol="l",
        doc="Logarithm by which the second is slower.",
    )
    e_conduction: Float[Array, ""] = param(
        0.0, unit="eV", bounds=(-5.0, 5.0), symbol="E_c", doc="Activation energy of the conduction."
    )
    e_rates: Float[Array, ""] = param(
        0.0, unit="eV", bounds=(-5.0, 5.0), symbol="E_r", doc="Activation energy of the rates."
    )
    sigma: Float[Array, ""] = param(
        0.0, unit="1", bounds=(0.0, 10.0), symbol=r"\sigma", noise=True, doc="Noise of the ions."
    )
    g: Float[Array, ""] = param(
        1.0, unit="S", bounds=(1e-6, 1e6), symbol="g", doc="Factor of the conductance."
    )
    contrast: Float[Array, ""] = param(
        1.0,
        unit="1",
        bounds=(0.01, 10.0),
        symbol="c",
        doc="Factor of the logarithm of on over off.",
    )
    k_set: Float[Array, ""] = param(
        1.0, unit="1/s", bounds=(1e-9, 1e9), symbol="k_s", doc="Factor of the rate of set."
    )
    k_reset: Float[Array, ""] = param(
        1.0, unit="1/s", bounds=(1e-9, 1e9), symbol="k_r", doc="Factor of the rate of reset."
    )
    order: int = setting(1, allowed=(1, 2), doc="Number of states.")

    name: ClassVar[str] = "hybrid"
    functions: ClassVar[Mapping[str, tuple[str, ...]]] = {f: node_names(f) for f in FUNCTIONS}
    varying: ClassVar[tuple[str, ...]] = ("k_set", "k_reset", "g", "contrast")
    volatile: ClassVar[bool] = False
    sets_at: ClassVar[tuple[int, ...]] = (1, -1)
    resets_at: ClassVar[tuple[int, ...]] = (-1, 1)
    has_sides: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    noise_structure: ClassVar = Diagonal
    references: ClassVar[tuple[str, ...]] = (
        "doi:10.3390/mi15020253",
        "doi:10.1039/d4tc03696d",
    )
    single_precision: ClassVar[tuple[str, ...]] = ("DriftImplicitEuler",)

    @property
    def states(self):
        """One state or two."""
        word = ("", ", the fast one", ", the slow one")
        return tuple(
            state(n, unit="1", scale=1.0, bounds=(0.0, 1.0), doc=f"0 when off, 1 when on{word[k]}.")
            for n, k in (("x", self.order - 1), ("y", 2))[: self.order]
        )

    def initial(self, env):
        return {s.name: self.x0 for s in self.states}

    def drift(self, t, state, v, env):
        rates = self._rates(state, v, env)
        return {k: up * (1 - x) - down * x for k, (x, up, down) in rates.items()}

    def noise(self, t, state, v, env):
        """See `AbstractDevice`: one channel per state."""
        amplitudes: dict = {}
        if self.sigma is None:  # beside noisy devices of a circuit
            return amplitudes
        for k, (x, up, down) in self._rates(state, v, env).items():
            variance = x * (1 - x) * (up * (1 - x) + down * x)
            amplitudes[f"ions_{k}"] = {k: self.sigma * safe_sqrt(variance, 1.0)}
        return amplitudes

    def current(self, t, state, v, env):
        off, gain = self.conduction(v)
        x = bound(state["x"], 0.0, 1.0)
        if self.order == 2:
            x = self.share * x + (1 - self.share) * bound(state["y"], 0.0, 1.0)
        exponent = off + gain * x + self._heat(self.e_conduction, env)
        return v * safe_exp(exponent, _CONDUCTANCE_CAP)

    def conduction(self, v: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Logarithm of the conductance when off [S], and of the ratio of those when on and off, at 300 K."""
        value, line = self._at(("off", "gain"), v)
        # Outwards the conductance never falls: a current that rises with the voltage has one operating point.
        off = value[0] + bound(line[0], 0.0, _LIMIT) + jnp.log(self.g)
        return off, self.contrast * jax.nn.softplus(value[1])

    def log_rates(self, v: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Logarithms of the rates of set at x = 0 and of reset at x = 1 [1/s], at 300 K."""
        value, line = self._at(("set", "reset"), v)
        up, down = bound(value + line, -_LIMIT, _LIMIT)
        return up + jnp.log(self.k_set), down + jnp.log(self.k_reset)

    def _at(self, functions: tuple[str, ...], v: Float[Array, ""]):
        """Learned functions at a voltage, see `extrapolated`."""
        rows = [[getattr(self, n) for n in node_names(f)] for f in functions]
        u = node_position(v, self.v_low, self.v_high, self.skew)
        return extrapolated(jnp.stack([jnp.stack(row) for row in rows]), u)

    def _rates(self, state: Mapping[str, Any], v: Float[Array, ""], env: Any) -> dict[str, Any]:
        """States within their bounds with their rates of set and of reset [1/s]."""
        up, down = (x + self._heat(self.e_rates, env) for x in self.log_rates(v))
        out = {}
        for k in ("x", "y")[: self.order]:
            x = bound(state[k], 0.0, 1.0)
            slower = self.lag if k == "y" else 0.0
            exponents = up + self.p * x - slower, down + self.n * (1 - x) - slower
            out[k] = x, *(safe_exp(e, _RATE_CAP) for e in exponents)
        return out

    @staticmethod
    def _heat(energy: Float[Array, ""], env: Any) -> Float[Array, ""]:
        """What another temperature than that of reference adds to a logarithm."""
        return -energy / BOLTZMANN_EV * (1 / env.temperature - 1 / _REFERENCE)

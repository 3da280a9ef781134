"""Elements of circuits that are no devices: resistor, capacitor, sources, transistor, current limiter."""

import abc
from typing import TYPE_CHECKING, ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float

from ..core.constants import BOLTZMANN_EV
from ..core.fields import check_bounds, param, setting
from ..core.reprs import element_text
from ..core.system import Environment
from ..device import AbstractTwoTerminal
from .limiter import soft_limit

if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar

Volts = tuple[Float[Array, ""], ...]
Value = Float[Array, ""] | float
"""A parameter: a number that is made an array of."""

_ANY = (-1e6, 1e6)


class AbstractElement(eqx.Module):
    """An element without states of its own; its parameters are declared as a device's are."""

    name: AbstractClassVar[str]
    """What it is called in a branch that names its parts."""
    terminals: AbstractClassVar[tuple[str, ...]]
    """Its terminals, in the order of a netlist."""

    def __check_init__(self):
        check_bounds(self)

    def __repr__(self) -> str:
        return element_text(self)

    @abc.abstractmethod
    def currents(self, v: Volts, env: Environment) -> Volts:
        """Currents into the terminals [A] at their voltages [V]."""


class AbstractConductor(AbstractElement, AbstractTwoTerminal):
    """An element between two terminals whose current follows from the voltage across it."""

    @abc.abstractmethod
    def current(self, v: Float[Array, ""]) -> Float[Array, ""]:
        """Current [A] into the first terminal at a voltage [V]."""

    def currents(self, v, env):
        i = self.current(v[0] - v[1])
        return i, -i


class AbstractSource(AbstractElement, AbstractTwoTerminal):
    """A source: of the stimulus where it has no value, of a constant where it has one."""

    value: eqx.AbstractVar[Value | None]
    """Its constant value [V or A]."""
    quantity: AbstractClassVar[str]
    """What it imposes: "voltage" or "current"."""

    def currents(self, v, env):
        """See `AbstractElement`: what a source gives is the circuit's business."""
        return tuple(0.0 * x for x in v)


class Resistor(AbstractConductor):
    """Resistor.

    Parameters
    ----------
    r : Float[Array, ""]
        Resistance [ohm].
    """

    r: Value = param(1e3, unit="ohm", bounds=(1e-6, 1e18), symbol="R", doc="Resistance.")

    name: ClassVar[str] = "resistor"
    terminals: ClassVar[tuple[str, ...]] = ("p", "n")

    def current(self, v):
        return v / self.r


class CurrentLimiter(AbstractConductor):
    r"""Resistance that no current beyond a limit passes, smooth at the limit.

    Parameters
    ----------
    limit : Float[Array, ""]
        Largest current of either sign [A].
    r : Float[Array, ""]
        Resistance below it [ohm].

    Notes
    -----
    :math:`I = S(V/R)` with the `soft_limit` S of the bench's compliance.
    """

    limit: Value = param(1e-6, unit="A", bounds=(1e-15, 1e3), symbol="I_c", doc="Largest current.")
    r: Value = param(
        1.0, unit="ohm", bounds=(1e-6, 1e18), symbol="R", doc="Resistance below the limit."
    )

    name: ClassVar[str] = "limiter"
    terminals: ClassVar[tuple[str, ...]] = ("p", "n")

    def current(self, v):
        return soft_limit(v / self.r, self.limit)


class Capacitor(AbstractElement, AbstractTwoTerminal):
    """Capacitor: the circuit keeps its charge.

    Parameters
    ----------
    c : Float[Array, ""]
        Capacitance [F].
    v0 : Float[Array, ""]
        Voltage at the start [V].
    """

    c: Value = param(1e-12, unit="F", bounds=(1e-21, 1e3), symbol="C", doc="Capacitance.")
    v0: Value = param(0.0, unit="V", bounds=_ANY, symbol="V_0", doc="Initial voltage.")

    name: ClassVar[str] = "capacitor"
    terminals: ClassVar[tuple[str, ...]] = ("p", "n")

    def currents(self, v, env):
        """See `AbstractElement`: the displacement current is the circuit's business."""
        return tuple(0.0 * x for x in v)


class VoltageSource(AbstractSource):
    """Ideal voltage source.

    Parameters
    ----------
    value : Float[Array, ""] or None
        Voltage of the first terminal above the second [V]; None where the stimulus gives it.
    """

    value: Value | None = param(None, unit="V", bounds=_ANY, symbol="V", doc="Voltage.")

    name: ClassVar[str] = "source"
    terminals: ClassVar[tuple[str, ...]] = ("p", "n")
    quantity: ClassVar[str] = "voltage"


class CurrentSource(AbstractSource):
    """Ideal current source.

    Parameters
    ----------
    value : Float[Array, ""] or None
        Current that it drives out of its first terminal into the circuit [A]; None where the
        stimulus gives it.
    """

    value: Value | None = param(None, unit="A", bounds=_ANY, symbol="I", doc="Current.")

    name: ClassVar[str] = "source"
    terminals: ClassVar[tuple[str, ...]] = ("p", "n")
    quantity: ClassVar[str] = "current"


class Mosfet(AbstractElement):
    r"""Long-channel transistor after Enz, Krummenacher and Vittoz: weak to strong inversion in one equation.

    Notes
    -----
    With voltages from the bulk, those of a p channel reversed:

    .. math::

        I_D = 2n\beta U_T^2\,[\ln^2(1 + e^{(V_P - V_S)/2U_T}) - \ln^2(1 + e^{(V_P -
        V_D)/2U_T})], \qquad V_P = (V_G - V_T)/n, \qquad U_T = kT/q

    The gate takes no current; its capacitance is an element of its own. In saturation and strong
    inversion :math:`I_D = \beta(V_G - V_T)^2/2n`, with n = 1 that of SPICE's level 1 (KP =
    :math:`\beta`).

    References
    ----------
    .. [1] C. Enz, F. Krummenacher, E. Vittoz, Analog Integr. Circuits Signal Process. 8, 83 (1995),
       doi:10.1007/BF01239381
    """

    beta: Value = param(
        7.5e-4, unit="A/V^2", bounds=(1e-12, 10.0), symbol=r"\beta", doc="Transfer parameter."
    )
    v_t: Value = param(
        0.22,
        unit="V",
        bounds=(-10.0, 10.0),
        symbol="V_T",
        doc="Threshold, positive for both kinds.",
    )
    n: Value = param(
        1.0, unit="1", bounds=(1.0, 4.0), symbol="n", doc="Slope factor of weak inversion."
    )
    channel: str = setting("n", allowed=("n", "p"), doc="Kind of the channel.")

    name: ClassVar[str] = "mosfet"
    terminals: ClassVar[tuple[str, ...]] = ("drain", "gate", "source", "bulk")

    def currents(self, v, env):
        sign = 1.0 if self.channel == "n" else -1.0
        drain, gate, source = (sign * (x - v[3]) for x in v[:3])
        twice = 2 * BOLTZMANN_EV * env.temperature
        pinch = (gate - self.v_t) / self.n

        # Difference of a forward and a reverse current; the softplus joins weak and strong inversion.
        def log(x):
            return jax.nn.softplus((pinch - x) / twice) ** 2

        i = sign * 0.5 * self.n * self.beta * twice**2 * (log(source) - log(drain))
        return i, 0.0 * i, -i, 0.0 * i

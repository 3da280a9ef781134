"""What a device is: scalar, pure equations in SI of one device. `jax.vmap` makes many."""

import abc
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.fields import StateSpec, check_bounds
from ..core.html import device_html
from ..core.reprs import device_text
from ..core.system import AbstractNoiseStructure, Environment, Jump, State
from .algebra import AbstractTwoTerminal
from .laws import nearest

if TYPE_CHECKING:
    from typing import ClassVar as AbstractClassVar
else:
    from equinox import AbstractClassVar


class AbstractDevice(AbstractTwoTerminal):
    """Equations of one two-terminal device.

    Notes
    -----
    A concrete device declares its parameters with `memjax.param`, its `states` with `memjax.state`,
    and the class variables below. Parameters outside their bounds raise `BoundsError` when the
    device is made. ``device + Resistor(r)`` and ``device | Capacitor(c)`` are branches of a circuit.
    """

    name: AbstractClassVar[str]
    """Name on the command line."""
    states: AbstractClassVar[tuple[StateSpec, ...]]
    """The states, in order."""
    volatile: AbstractClassVar[bool]
    """Whether the device forgets between sweeps."""
    sets_at: ClassVar[tuple[int, ...] | None] = None
    """Signs of the voltage at which the conductance rises; None where that is not declared."""
    resets_at: ClassVar[tuple[int, ...]] = ()
    """Signs of the voltage at which the conductance falls, faster than it does by itself."""
    has_sides: ClassVar[bool] = False
    """Whether its kinetics have parameters of their own for either polarity, so that it may set at one alone."""
    rectifies: ClassVar[bool | None] = None
    """Whether the same state may conduct differently at both polarities; None where that is not declared."""
    is_one_way: ClassVar[bool] = False
    """Whether no current flows at negative voltage."""
    noise_structure: AbstractClassVar[type[AbstractNoiseStructure]]
    """How noise amplitudes depend on the state."""
    functions: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Functions of the voltage that data teach, and the parameters that are the nodes of each, by voltage."""
    varying: ClassVar[tuple[str, ...]] = ()
    """Parameters that a spread from cycle to cycle moves in place of those that a fit frees; () for these."""
    references: AbstractClassVar[tuple[str, ...]]
    """DOIs or addresses of the sources of the equations."""
    single_precision: ClassVar[tuple[str, ...]] = ()
    """Solves that were measured to give in float32 what they give in float64, see `AbstractSystem`."""

    def __check_init__(self):
        check_bounds(self)

    def __repr__(self) -> str:
        return device_text(self)

    def _repr_html_(self) -> str | None:
        return device_html(self)

    def single_precision_flaw(self) -> str | None:
        """Return what float32 does not resolve at these parameters, see `AbstractSystem`; None unless a device says
        so.
        """
        return None

    @abc.abstractmethod
    def initial(self, env: Environment) -> State:
        """State at rest [SI]."""

    @abc.abstractmethod
    def drift(self, t, state: State, v: Float[Array, ""], env: Environment) -> State:
        """Rate of change [SI/s] at device voltage `v` [V]."""

    def noise(self, t, state: State, v: Float[Array, ""], env: Environment) -> dict[str, State]:
        """Ito noise amplitudes [SI/sqrt(s)] by channel and state; none unless the device says so."""
        return {}

    def jumps(self, t, state: State, v: Float[Array, ""], env: Environment) -> dict[str, Jump]:
        """Sudden changes of state by name, see `memjax.core.system.Jump`; none unless the device says so."""
        return {}

    @abc.abstractmethod
    def current(self, t, state: State, v: Float[Array, ""], env: Environment) -> Float[Array, ""]:
        """Current [A] at device voltage `v` [V]."""

    def project(self, state: State) -> State:
        """Nearest state of the domain; the box of the declared bounds unless the device knows better."""
        return {s.name: nearest(state[s.name], *s.bounds) for s in self.states}

    def _by_polarity(self, name: str, v: Float[Array, ""]) -> Float[Array, ""]:
        """The parameter that holds at the sign of `v`: `name`, or `name` + "_neg" where that has a value."""
        positive, negative = getattr(self, name), getattr(self, name + "_neg")
        return positive if negative is None else jnp.where(v < 0, negative, positive)


class AbstractOhmicDevice(AbstractDevice):
    """A device whose current is proportional to its voltage at a given state.

    Notes
    -----
    Behind a series resistance or a compliance limit its voltage then follows in closed form,
    without a node.
    """

    @abc.abstractmethod
    def resistance(self, state: State, v: Float[Array, ""], env: Environment) -> Float[Array, ""]:
        """Resistance [ohm]; may depend on the sign of `v` only."""

    def current(self, t, state: State, v: Float[Array, ""], env: Environment) -> Float[Array, ""]:
        """Current [A] at device voltage `v` [V]."""
        return v / self.resistance(state, v, env)

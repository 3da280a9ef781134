"""What can be integrated: states, drift, noise channels, outputs, a domain."""

import abc
from collections.abc import Mapping

import equinox as eqx
from jaxtyping import Array, Float

from .constants import ROOM_TEMPERATURE
from .fields import StateSpec

State = dict[str, Float[Array, ""]]


class Environment(eqx.Module):
    """What surrounds a device.

    Parameters
    ----------
    temperature : float
        Ambient temperature [K].
    """

    temperature: float = ROOM_TEMPERATURE


class AbstractNoiseStructure:
    """Marker for how noise amplitudes depend on the state: decides which solvers are allowed."""


class NoNoise(AbstractNoiseStructure):
    """There is no noise."""


class Additive(AbstractNoiseStructure):
    """Amplitudes do not depend on the state: Ito and Stratonovich coincide."""


class Diagonal(AbstractNoiseStructure):
    """Each channel acts on one state only; its amplitude may depend on any state."""


class Commutative(AbstractNoiseStructure):
    """Channels commute: no Levy areas are needed for strong order one."""


class AbstractSystem(eqx.Module):
    """A stochastic differential equation in the sense of Ito, driven by a source.

    Notes
    -----
    dX = drift(t, X, u) dt + sum over channels of noise(t, X, u)[channel] dW_channel, with u the
    value of the source.
    """

    @property
    @abc.abstractmethod
    def specs(self) -> tuple[StateSpec, ...]:
        """The states, in order."""

    @property
    @abc.abstractmethod
    def noise_structure(self) -> type[AbstractNoiseStructure]:
        """Marker class of the noise."""

    @abc.abstractmethod
    def initial(self, env: Environment) -> State:
        """State at rest [SI]."""

    @abc.abstractmethod
    def drift(self, t, state: State, u, env: Environment) -> State:
        """Rate of change of each state [SI/s]."""

    @abc.abstractmethod
    def noise(self, t, state: State, u, env: Environment) -> dict[str, State]:
        """Amplitude of each noise channel on the states it acts on [SI/sqrt(s)]."""

    @abc.abstractmethod
    def outputs(self, t, state: State, u, env: Environment) -> Mapping[str, Float[Array, ""]]:
        """What can be seen: at least `v` [V] and `i` [A] at the instrument's terminals."""

    @abc.abstractmethod
    def project(self, state: State) -> State:
        """The nearest state of the domain."""

    @abc.abstractmethod
    def confine(self, state: State, before: State, u) -> State:
        """Keep a Newton iterate where the solution of a step from `before` can lie."""

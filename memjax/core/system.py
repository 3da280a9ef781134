"""The abstract system that solvers integrate: states, drift, noise channels, jumps, outputs, and a domain."""

import abc
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..runtime.arguments import check_known, number
from .constants import ROOM_TEMPERATURE
from .fields import StateSpec

State = dict[str, Float[Array, "..."]]

SINGLE_PRECISION = ("DriftImplicitEuler", "SemiImplicitEuler")
"""Methods of fixed steps under which most models hold in float32, see `AbstractSystem.single_precision`."""


class Environment(eqx.Module):
    """Surroundings of a device.

    Parameters
    ----------
    temperature : float
        Ambient temperature [K].
    """

    temperature: float = number(unit="K", where="Environment", sign=">", default=ROOM_TEMPERATURE)

    def __check_init__(self):
        check_known(self)


class AbstractNoiseStructure:
    """Marker for how noise amplitudes depend on the state: decides which solvers are allowed."""


class General(AbstractNoiseStructure):
    """Channels that need not commute: without Levy areas the strong order is one half."""


class Commutative(General):
    """Channels commute: no Levy areas are needed for strong order one."""


class Diagonal(Commutative):
    """Each channel acts on one state; its amplitude depends on that state and on states without noise only."""


class Partitioned(Commutative):
    """Amplitudes depend on time and on states that no channel acts on: Ito and Stratonovich coincide."""


class Additive(Partitioned):
    """Amplitudes depend on time at most."""


class NoNoise(Additive):
    """There is no noise."""


class Jump(NamedTuple):
    """A sudden change of state that happens at random times.

    Parameters
    ----------
    intensity : Float[Array, ""]
        Present rate of the jump [1/s].
    bound : Float[Array, ""]
        Rate that the intensity never exceeds [1/s]; depends on parameters only.
    after : dict of str to Float[Array, ""]
        Values after the jump of the states that it changes [SI].
    """

    intensity: Float[Array, ""]
    bound: Float[Array, ""]
    after: State


class AbstractSystem(eqx.Module):
    """A stochastic differential equation in the sense of Ito, driven by a source.

    Notes
    -----
    dX = drift(t, X, u) dt + sum over channels of noise(t, X, u)[channel] dW_channel, with u the
    value of the source; and `jumps` from X to another state.
    """

    single_precision: ClassVar[tuple[str, ...]] = ()
    """Solves that were measured to give in float32 what they give in float64: "Stiff" (without noise), and methods
    of `Fixed` by name, such as "DriftImplicitEuler"; none unless declared.
    """

    def single_precision_flaw(self) -> str | None:
        """Return what float32 does not resolve at these parameters, in words; None if nothing of that kind is known.

        Parameters may be arrays, of members: one that is not resolved suffices.
        """
        return None

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

    def amplitudes(self, t, state: State, u, env: Environment) -> State:
        """Amplitudes of all channels on each state [SI/sqrt(s)], with an axis over the channels after its shape."""
        channels = self.noise(t, state, u, env).values()
        zero = {k: jnp.zeros_like(x) for k, x in state.items()}
        if not channels:
            return {k: x[..., None][..., :0] for k, x in zero.items()}
        # A channel names only the states that it acts on: the others have amplitude 0.
        return {
            k: jnp.stack([jnp.asarray(c.get(k, x)) for c in channels], axis=-1)
            for k, x in zero.items()
        }

    def jumps(self, t, state: State, u, env: Environment) -> dict[str, Jump]:
        """Jumps by name; none unless the system says so."""
        return {}

    @abc.abstractmethod
    def outputs(self, t, state: State, u, env: Environment) -> Mapping[str, Float[Array, ""]]:
        """Outputs: `v` [V], `i` [A] at the instrument's terminals; `v_device`, `i_device` where they differ."""

    def visible_state(self, state: State, u) -> State:
        """The states as a trace shows them; by default the states themselves."""
        return state

    @abc.abstractmethod
    def project(self, state: State) -> State:
        """The nearest state of the domain."""

    @abc.abstractmethod
    def confine(self, state: State, before: State, u) -> State:
        """Keep a Newton iterate where the solution of a step from `before` can lie."""

"""Hard spikes, as the network engine makes them, with derivatives that are bounded by construction."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.lax import stop_gradient as detached
from jaxtyping import Array, Float

from ..neuron_program import NeuronProgram
from ..plan import State
from .program import AbstractEmission

_TINY = 1e-30
"""Floor of a signal whose logarithm is taken [unit of the signal]."""


class HardSpikes(AbstractEmission):
    """A spike where the signal rises above its level after it was below the re-arm level; no derivatives."""

    def begin(self, program: NeuronProgram, constants: State, parts: State, inputs: list) -> State:
        """Armed where the signal is below the re-arm level."""
        x = signal(program, constants, parts, inputs)
        return {"armed": x < program.rearm, "count": jnp.zeros((), program.dtype)}

    def step(
        self, program: NeuronProgram, constants: State, memory: State, **step_data: Any
    ) -> tuple:
        """One for a spike, else none."""
        x = signal(program, constants, step_data["after"], step_data["inputs"])
        spikes, armed = fires(program, x, memory["armed"])
        output = spikes.astype(program.dtype)
        return output, step_data["after"], {"armed": armed, "count": memory["count"] + output}


class SurrogateSpikes(AbstractEmission):
    r"""The same spikes; derivatives are those of times of spikes and of peaks that missed the level.

    Parameters
    ----------
    width : float
        Distance over which peaks below the level count [unit of the signal, or factors of e].
    logarithmic : bool
        Whether distances are those of the signal's logarithm.

    Notes
    -----
    See `surrogate_rates`. What is sent has the value of the spike and the derivative of
    :math:`\psi y`, with :math:`\psi` held fixed and y the signal or its logarithm.
    """

    width: float = eqx.field(static=True)
    logarithmic: bool = eqx.field(static=True)

    def begin(self, program: NeuronProgram, constants: State, parts: State, inputs: list) -> State:
        """Armed where the signal is below the re-arm level."""
        x = detached(signal(program, constants, parts, inputs))
        none = jnp.zeros((), bool)
        return {"armed": x < program.rearm, "count": jnp.zeros((), program.dtype), "rising": none}

    def step(
        self, program: NeuronProgram, constants: State, memory: State, **step_data: Any
    ) -> tuple:
        """One for a spike, with its surrogate derivative; states without derivatives until the neuron is re-armed."""
        x0, x = (
            signal(program, constants, step_data[k], step_data["inputs"])
            for k in ("before", "after")
        )
        spikes, armed = fires(program, x, memory["armed"])
        # On a plateau rounding would make a peak of every step.
        rounding = 16 * jnp.finfo(x.dtype).eps * jnp.abs(x0)
        rising = (x > x0 + rounding) | (memory["rising"] & ~(x < x0 - rounding))
        peak = memory["rising"] & ~rising & memory["armed"] & ~spikes
        output = spikes.astype(program.dtype)
        output = output + jnp.where(peak, self._near_miss(program, x0), 0)
        sooner = self._time_gain(program, x0, x, memory["count"], step_data["number"])
        output = output + jnp.where(spikes, sooner, 0)
        states = {k: jnp.where(armed, s, detached(s)) for k, s in step_data["after"].items()}
        return output, states, {"armed": armed, "count": memory["count"] + output, "rising": rising}

    def _near_miss(self, program: NeuronProgram, x: Array) -> Array:
        """Zero, with the derivative of the share of such peaks that reach the level."""
        y, level = x, jnp.asarray(program.level, program.dtype)
        if self.logarithmic:
            y, level = jnp.log(jnp.maximum(x, _TINY)), jnp.log(level)
        share = jax.nn.sigmoid(detached(y - level) / self.width)
        # Peaks are only seen below the level: on half of the kernel, whose weight is therefore doubled.
        return 2 * share * (1 - share) / self.width * (y - detached(y))

    def _time_gain(
        self, program: NeuronProgram, x0: Array, x: Array, count: Array, number: Array
    ) -> Array:
        """Zero, with the derivative of the number of spikes so far: rate times time gained, linear in the step."""
        rise = jnp.where(detached(x - x0) > 0, detached(x - x0), 1)
        share = jnp.clip(detached(jnp.asarray(program.level, x.dtype) - x0) / rise, 0, 1)
        shift = (1 - share) * (x0 - detached(x0)) + share * (x - detached(x))
        return detached(count + 1) / (number + 1).astype(x.dtype) * shift / rise


def signal(
    program: NeuronProgram, constants: State, parts: State, inputs: list
) -> Float[Array, ""]:
    """Signal of a neuron, with its sign: it fires where this rises above `NeuronProgram.level`."""
    spike = program.layout.group.spike
    return spike.sign * program.visible_state(constants, parts, inputs)[spike.signal]


def fires(program: NeuronProgram, x: Array, armed: Array) -> tuple[Array, Array]:
    """Whether a neuron fires, and whether it is armed afterwards, as in `NeuronProgram.chunk`."""
    spikes = armed & (x > program.level)
    return spikes, (armed & ~spikes) | (x < program.rearm)

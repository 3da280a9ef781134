"""Sine wave."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import StimulusError
from .base import AbstractStimulus, Number, check_numbers, is_traced

_CYCLES = 500
"""Cycles of which adaptive steps land on the zeros; later ones are met by chance."""


class Sine(AbstractStimulus):
    """Sine wave.

    Parameters
    ----------
    amplitude : float
        Peak value [V or A].
    frequency : float
        Frequency [Hz].
    cycles : float
        Number of periods.
    offset : float
        Constant added [V or A].
    quantity : {"voltage", "current"}
        What is imposed.
    """

    amplitude: Number
    frequency: Number
    cycles: Number = 1.0
    offset: Number = 0.0
    quantity: str = eqx.field(static=True, default="voltage")

    def __check_init__(self):
        check_numbers(
            "Sine", amplitude=self.amplitude, frequency=self.frequency, offset=self.offset
        )
        check_numbers("Sine", cycles=self.cycles)
        if isinstance(self.cycles, int | float) and not self.cycles > 0:
            raise StimulusError(f"{self.cycles} cycles", where="Sine", allowed="> 0")
        if isinstance(self.frequency, int | float) and not self.frequency > 0:
            raise StimulusError(f"a frequency of {self.frequency} Hz", allowed="> 0 Hz")

    def __call__(self, t):
        """See `AbstractStimulus`."""
        return self.offset + self.amplitude * jnp.sin(2 * math.pi * self.frequency * t)

    def breakpoints(self):
        """See `AbstractStimulus`: there are none."""
        return np.zeros(0)

    def nodes(self):
        """See `AbstractStimulus`: quarters of the periods, where they are known."""
        if any(map(is_traced, (self.frequency, self.cycles))):
            return np.zeros(0)
        return np.arange(math.floor(4 * self.cycles) + 1) / (4 * self.frequency)

    def zeros(self):
        """See `AbstractStimulus`; those of the first `_CYCLES` cycles, since the number of cycles may be traced."""
        # sin(x) = -offset / amplitude has two solutions in each cycle, or none.
        ratio = -jnp.asarray(self.offset, jnp.result_type(float)) / self.amplitude
        angle = jnp.arcsin(jnp.clip(ratio, -1.0, 1.0))
        each = jnp.sort(jnp.stack([angle % (2 * math.pi), (math.pi - angle) % (2 * math.pi)]))
        turns = np.repeat(np.arange(_CYCLES, dtype=float), 2) + jnp.tile(
            each / (2 * math.pi), _CYCLES
        )
        return jnp.where(jnp.abs(ratio) < 1, turns / self.frequency, jnp.inf)

    @property
    def duration(self):
        """See `AbstractStimulus`."""
        return self.cycles / self.frequency

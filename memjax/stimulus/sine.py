"""Sine wave."""

import functools
import math

import jax.numpy as jnp
import numpy as np

from ..errors import StimulusError
from ..runtime.arguments import check_known, number
from .base import AbstractStimulus, Number, is_traced, quantity_field

_number = functools.partial(number, where="Sine", error=StimulusError)

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

    amplitude: Number = _number(unit="V or A")
    frequency: Number = _number(unit="Hz", sign=">")
    cycles: Number = _number(unit="1", sign=">", default=1.0)
    offset: Number = _number(unit="V or A", default=0.0)
    quantity: str = quantity_field()

    def __check_init__(self):
        check_known(self)

    def __call__(self, t):
        return self.offset + self.amplitude * jnp.sin(2 * math.pi * self.frequency * t)

    def breakpoints(self):
        """See `AbstractStimulus`: there are none."""
        return np.zeros(0)

    def nodes(self):
        """See `AbstractStimulus`: quarters of the first `_CYCLES` periods, where they are known."""
        if any(map(is_traced, (self.frequency, self.cycles))):
            return np.zeros(0)
        quarters = math.floor(4 * min(float(self.cycles), _CYCLES))
        return np.arange(quarters + 1) / (4 * float(self.frequency))

    def zeros(self):
        """See `AbstractStimulus`; those of the first `_CYCLES` cycles, since the number of cycles may be traced."""
        # sin(x) = -offset / amplitude has two solutions in each cycle, or none.
        ratio = -jnp.asarray(self.offset, jnp.result_type(float)) / self.amplitude
        angle = jnp.arcsin(jnp.clip(ratio, -1.0, 1.0))
        angles = jnp.sort(jnp.stack([angle % (2 * math.pi), (math.pi - angle) % (2 * math.pi)]))
        turns = np.repeat(np.arange(_CYCLES, dtype=float), 2) + jnp.tile(
            angles / (2 * math.pi), _CYCLES
        )
        return jnp.where(jnp.abs(ratio) < 1, turns / self.frequency, jnp.inf)

    @property
    def duration(self):
        return self.cycles / self.frequency

"""Pulse train with finite edges."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import StimulusError
from .base import AbstractStimulus, Number, ascending, check_numbers


class PulseTrain(AbstractStimulus):
    """Pulses of equal height over a base value.

    Parameters
    ----------
    amplitude : float
        Value during a pulse [V or A].
    width : float
        Time from the start of the rising to the start of the falling edge [s].
    period : float
        Time between the starts of pulses [s]; at least width + edge.
    count : int
        Number of pulses.
    delay : float
        Start of the first pulse [s].
    edge : float
        Duration of each edge [s].
    base : float
        Value between pulses [V or A], a read voltage for example.
    after : float
        Further time at the base value after the last period [s].
    quantity : {"voltage", "current"}
        What is imposed.
    """

    amplitude: Number
    width: Number
    period: Number
    count: int = eqx.field(static=True, default=1)
    delay: Number = 0.0
    edge: Number = 1e-9
    base: Number = 0.0
    after: Number = 0.0
    quantity: str = eqx.field(static=True, default="voltage")

    def __check_init__(self):
        check_numbers(
            "PulseTrain",
            amplitude=self.amplitude,
            base=self.base,
            width=self.width,
            period=self.period,
        )
        check_numbers("PulseTrain", delay=self.delay, edge=self.edge, after=self.after)
        if not isinstance(self.count, int | np.integer):
            raise StimulusError(
                f"count = {self.count!r}", where="PulseTrain", allowed="an integer >= 1"
            )
        numbers = (self.width, self.period, self.delay, self.edge, self.after)
        if not all(isinstance(x, int | float) for x in numbers):
            return
        ok = (
            self.width > 0
            and self.edge > 0
            and self.period >= self.width + self.edge
            and self.count >= 1
        )
        if not ok or self.delay < 0 or self.after < 0 or self.edge > self.width:
            raise StimulusError(
                f"pulses of width {self.width} s, period {self.period} s, edge {self.edge} s, count {self.count}",
                allowed="0 < edge <= width, period >= width + edge, count >= 1, delay and after >= 0",
            )

    def __call__(self, t):
        """See `AbstractStimulus`."""
        elapsed = t - self.delay
        n = jnp.clip(jnp.floor(elapsed / self.period), 0, self.count - 1)
        phase = elapsed - n * self.period
        up, down = phase / self.edge, (self.width + self.edge - phase) / self.edge
        return self.base + (self.amplitude - self.base) * jnp.clip(jnp.minimum(up, down), 0.0, 1.0)

    def breakpoints(self):
        """See `AbstractStimulus`."""
        starts = self.delay + np.arange(self.count, dtype=float) * self.period
        corners = (0.0, self.edge, self.width, self.width + self.edge)
        return ascending([starts + c for c in corners])

    @property
    def duration(self):
        """See `AbstractStimulus`."""
        return self.delay + self.count * self.period + self.after

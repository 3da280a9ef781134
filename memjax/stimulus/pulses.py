"""Pulse train with finite edges."""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import StimulusError
from ..runtime.arguments import as_integer, check_known, holds, number
from .base import AbstractStimulus, Number, ascending, quantity_field

_number = functools.partial(number, where="PulseTrain", error=StimulusError)


def _as_count(x):
    """How many pulses there are."""
    return as_integer("count", x, where="PulseTrain", error=StimulusError, lowest=1)


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

    amplitude: Number = _number(unit="V or A")
    width: Number = _number(unit="s", sign=">")
    period: Number = _number(unit="s", sign=">")
    count: int = eqx.field(static=True, default=1, converter=_as_count)
    delay: Number = _number(unit="s", sign=">=", default=0.0)
    edge: Number = _number(unit="s", sign=">", default=1e-9)
    base: Number = _number(unit="V or A", default=0.0)
    after: Number = _number(unit="s", sign=">=", default=0.0)
    quantity: str = quantity_field()

    def __check_init__(self):
        check_known(self)
        ok = holds(np.less_equal, self.edge, self.width) and holds(
            lambda p, w, e: p >= w + e, self.period, self.width, self.edge
        )
        if not ok:
            raise StimulusError(
                f"pulses of width {self.width} s, period {self.period} s, edge {self.edge} s, count {self.count}",
                where="PulseTrain",
                allowed="edge <= width, period >= width + edge",
            )

    def __call__(self, t):
        elapsed = t - self.delay
        n = jnp.clip(jnp.floor(elapsed / self.period), 0, self.count - 1)
        phase = elapsed - n * self.period
        up, down = phase / self.edge, (self.width + self.edge - phase) / self.edge
        return self.base + (self.amplitude - self.base) * jnp.clip(jnp.minimum(up, down), 0.0, 1.0)

    def breakpoints(self):
        starts = self.delay + np.arange(self.count, dtype=float) * self.period
        corners = (0.0, self.edge, self.width, self.width + self.edge)
        return ascending([starts + c for c in corners])

    @property
    def duration(self):
        return self.delay + self.count * self.period + self.after

"""Sums and multiples of stimuli."""

import equinox as eqx
import jax
import numpy as np

from ..errors import StimulusError
from .base import AbstractStimulus, Number, ascending, latest


def _is_number(x: object) -> bool:
    """Whether this is a number of NumPy or JAX."""
    return isinstance(x, np.number | np.ndarray | jax.Array)


class Sum(AbstractStimulus):
    """Sum of stimuli of one quantity."""

    parts: tuple[AbstractStimulus, ...]
    quantity: str = eqx.field(static=True)

    def __init__(self, parts: tuple[AbstractStimulus, ...]):
        """Take the stimuli to add."""
        wrong = [p for p in parts if not isinstance(p, AbstractStimulus)]
        if wrong:
            raise StimulusError(
                f"a sum of a stimulus and a {type(wrong[0]).__name__}",
                allowed="stimuli of one quantity",
                fix="a constant is mj.Sampled(np.array([0.0, T]), np.full(2, value))",
            )
        kinds = {p.quantity for p in parts}
        if len(kinds) != 1:
            raise StimulusError(
                f"a sum of {' and '.join(sorted(kinds)) or 'nothing'}",
                allowed="stimuli of one quantity",
            )
        self.parts, self.quantity = parts, kinds.pop()

    def __call__(self, t):
        """See `AbstractStimulus`."""
        return sum(p(t) for p in self.parts)

    def breakpoints(self):
        """See `AbstractStimulus`."""
        return ascending([p.breakpoints() for p in self.parts])

    @property
    def duration(self):
        """See `AbstractStimulus`."""
        return latest([p.duration for p in self.parts])


class Product(AbstractStimulus):
    """A stimulus times a number."""

    part: AbstractStimulus
    factor: Number
    quantity: str = eqx.field(static=True)

    def __init__(self, part: AbstractStimulus, factor: Number):
        """Take the stimulus and its factor."""
        if not (isinstance(factor, int | float) or (np.ndim(factor) == 0 and _is_number(factor))):
            raise StimulusError(
                f"a stimulus times a {type(factor).__name__}",
                allowed="a number, which may be traced",
            )
        self.part, self.factor, self.quantity = part, factor, part.quantity

    def __call__(self, t):
        """See `AbstractStimulus`."""
        return self.factor * self.part(t)

    def breakpoints(self):
        """See `AbstractStimulus`."""
        return self.part.breakpoints()

    @property
    def duration(self):
        """See `AbstractStimulus`."""
        return self.part.duration

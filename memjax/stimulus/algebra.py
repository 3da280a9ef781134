"""Sums and multiples of stimuli."""

import equinox as eqx

from ..errors import StimulusError
from .base import AbstractStimulus, Number, ascending


class Sum(AbstractStimulus):
    """Sum of stimuli of one quantity."""

    parts: tuple[AbstractStimulus, ...]
    quantity: str = eqx.field(static=True)

    def __init__(self, parts: tuple[AbstractStimulus, ...]):
        """Take the stimuli to add."""
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
        return max(p.duration for p in self.parts)


class Product(AbstractStimulus):
    """A stimulus times a number."""

    part: AbstractStimulus
    factor: Number
    quantity: str = eqx.field(static=True)

    def __init__(self, part: AbstractStimulus, factor: Number):
        """Take the stimulus and its factor."""
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

"""Where ends of profiles lie, as multiples of a first move: below and above the threshold, for many lanes at once."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

CLOSE = 0.02
"""Share of the threshold's root within which an end counts as met."""

LOST = 3.0
"""Root of the rise from which on the other parameters have not followed the one that is held."""


class Reached(NamedTuple):
    """What a round of searches has shown of each lane: whether the others followed, and to below the threshold."""

    follows: Bool[np.ndarray, " lanes"]
    below: Bool[np.ndarray, " lanes"]


class Brackets:
    """Multiples between which ends lie.

    Parameters
    ----------
    farthest : Float[np.ndarray, "lanes"]
        Multiples beyond which an end is open.

    Notes
    -----
    `x` are the multiples to try next, `done` the lanes whose end is met. Near the best point the rise of chi squared is
    a parabola and its root a straight line, whose chords end soon. In a bent valley the others follow a short step:
    where they do not, half of the step is tried, and the multiple at which they were lost once more from there.
    """

    def __init__(self, farthest: Float[np.ndarray, " lanes"]):
        count = len(farthest)
        self.farthest, self.x = farthest, np.minimum(1.0, farthest)
        self.low, self.high = np.zeros(count), np.full(count, np.inf)
        self.root_low, self.root_high = np.zeros(count), np.full(count, np.inf)
        # Where, beyond `low`, the others did not follow.
        self.wall = np.full(count, np.inf)
        self.done = np.zeros(count, bool)

    def narrow(
        self, rise: Float[np.ndarray, " lanes"], converged: Bool[np.ndarray, " lanes"]
    ) -> Reached:
        """Take up the rise of chi squared at `x`, in units of the threshold, and choose the next ones."""
        x, root = self.x, np.sqrt(np.maximum(rise, 0.0))
        lost = ~(root < LOST)
        follows = ~lost & ~self.done
        # A search that goes on may still fall below the threshold: it stays at its value.
        below, goes_on = root < 1, follows & ~converged
        above = ~below & ~goes_on & ~lost
        self.low, self.root_low = np.where(below, (x, root), (self.low, self.root_low))
        self.high, self.root_high = np.where(above, (x, root), (self.high, self.root_high))
        past = np.where(self.wall > self.low, self.wall, np.inf)
        self.wall = np.where(lost & ~self.done, x, past)
        self.done |= (above | below) & (np.abs(root - 1) < CLOSE) | (below & (x >= self.farthest))
        self.done |= np.minimum(self.high, self.wall) - self.low < CLOSE * self.low
        further = np.where(lost, (self.low + x) / 2, self._further(root))
        self.x = np.where(self.done | goes_on & ~below, x, further)
        return Reached(follows, below)

    def _further(self, root: Float[np.ndarray, " lanes"]) -> Float[np.ndarray, " lanes"]:
        """The next multiples: on the chord of the root of the rise, inside what is known."""
        bracketed = np.isfinite(self.high)
        width = np.where(bracketed, self.high - self.low, 1.0)
        span = np.where(bracketed, self.root_high - self.root_low, 1.0)
        # Where the straight line between both roots is 1, which is the end.
        chord = (1 - self.root_low) / np.maximum(span, 1e-12)
        # No nearer to an end than a twentieth: the bracket shrinks whichever end stays.
        inside = self.low + np.clip(chord, 0.05, 0.95) * width
        # As if the root went on straight, four times as far at the most, since it may bend.
        beyond = self.x * np.clip(1 / np.maximum(root, 1e-12), 1.1, 4.0)
        return np.where(bracketed, inside, np.minimum(beyond, np.minimum(self.farthest, self.wall)))

    def ends(self) -> tuple[Float[np.ndarray, " lanes"], Bool[np.ndarray, " lanes"]]:
        """Multiples of the ends, and which of them are open.

        Where no round was left the end is beyond what was fitted last: the interval is rather too long.
        """
        bound = np.minimum(self.high, self.wall)
        x = np.where(self.done | ~np.isfinite(bound), self.x, bound)
        return x, (x >= self.farthest) & (self.low >= self.farthest)
